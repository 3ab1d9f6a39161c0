"""A study's answers as tables: for the statistics, as files, and of raters that do not exist."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.study.plan import Study
from unmask.study.questions import SHORT, read_key
from unmask.study.store import Store
from unmask.study.tables import HISTORY

if TYPE_CHECKING:
    from unmask.study.statistics.data import StudyData

RATING_COLUMNS = ["rater_id", "item_id", "score", "position", "seconds", "simulated", "question"]
PAIR_COLUMNS = ["rater_id", "left_item", "right_item", "chosen", "position", "seconds", "simulated"]


def load(study: Study) -> "StudyData":
    """What the study has gathered so far, for the statistics: real ratings only, the newest of each."""
    import pandas as pd  # here, because a server that only takes answers needs neither it nor scipy

    from unmask.study.statistics.data import RANKING_COLUMNS, STATEMENT_COLUMNS, StudyData

    plan = study.plan
    ratings, statements, pairs, rankings = [], [], [], []
    items = {item.item_id[:SHORT]: item.item_id for item in plan.stimuli}
    for row in Store(study).answers():
        asked = read_key(row["question"])
        common = {name: row[name] for name in ("rater_id", "position", "seconds")} | {"simulated": False}
        if asked.kind == "pair":
            left, right = asked.items
            pairs.append(common | {"left_item": left, "right_item": right, "chosen": row["answer"]})
        elif asked.kind == "ranking":
            shown = [items[short] for short in asked.items]
            ranking = common | {"question": row["question"]}
            for rank, place in enumerate(row["answer"], 1):
                rankings.append(ranking | {"item_id": shown[int(place) - 1], "rank": rank, "shown": int(place)})
        else:
            question = plan.questions[asked.question]
            score = common | {"item_id": asked.items[0], "score": int(row["answer"]), "question": question.text}
            if asked.question:
                statements.append(score | {"scale_max": question.scale_max})
            else:
                ratings.append(score)
    return StudyData(
        stimuli=pd.DataFrame([asdict(item) for item in plan.stimuli]),
        ratings=pd.DataFrame(ratings, columns=RATING_COLUMNS),
        pairs=pd.DataFrame(pairs, columns=PAIR_COLUMNS),
        statements=pd.DataFrame(statements, columns=STATEMENT_COLUMNS),
        rankings=pd.DataFrame(rankings, columns=RANKING_COLUMNS),
        scale_max=plan.scale_max,
        title=plan.title,
        choose=plan.choose,
    )


def simulated(study: Study, raters: int, seed: int = 0, careless: float = 0.0) -> "StudyData":
    """A dry run of the analysis with raters that do not exist, marked so. Nothing of it is ever stored.

    careless: share of them who press keys at random.
    """
    import pandas as pd

    from unmask.study.statistics.simulate import simulate_pairs, simulate_rankings, simulate_ratings

    data = load(study)
    pairs, rankings, rank, top = data.pairs[:0], data.rankings[:0], study.plan.rank, data.scale_max
    if study.plan.pairs:
        pairs = simulate_pairs(data.stimuli, raters, seed, careless=careless, scale_max=top)
    if rank:
        rankings = simulate_rankings(data.stimuli, raters, rank, seed, careless=careless, scale_max=top)
    ratings, *others = (
        simulate_ratings(data.stimuli, raters, seed + number, careless=careless, scale_max=question.scale_max).assign(
            question=question.text
        )
        for number, question in enumerate(study.plan.questions)
    )
    checks = data.stimuli.loc[data.stimuli["role"] == "attention", "item_id"]
    others = [
        table[~table["item_id"].isin(checks)].assign(scale_max=question.scale_max)
        for table, question in zip(others, study.plan.further)
    ]
    if study.plan.presentation == "none":
        ratings = data.ratings[:0]
    statements = pd.concat(others, ignore_index=True)[list(data.statements)] if others else data.statements[:0]
    return replace(data, ratings=ratings, pairs=pairs, statements=statements, rankings=rankings)


def export_study(study: Study, out: Path) -> list[Path]:
    """Write what was gathered into the folder `out`: tables as CSV and Parquet, every version, the plan.

    Beside them what SUREAL and arena-rank read, as `formats` says.
    """
    import pandas as pd

    from unmask.study.formats import write_formats

    data = load(study)
    tables = {"stimuli": data.stimuli, "ratings": data.ratings, "statements": data.statements, "pairs": data.pairs}
    tables["rankings"] = data.rankings
    columns = [column.name for column in HISTORY.columns]
    tables["history"] = pd.DataFrame(Store(study).answers(history=True), columns=columns)
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "plan.json"]
    study.plan.write(written[0])
    for name, table in tables.items():
        written += [out / f"{name}.csv", out / f"{name}.parquet"]
        table.to_csv(written[-2], index=False)
        table.to_parquet(written[-1], index=False)
    return written + write_formats(data, out)
