"""A study's answers as other programs read them: SUREAL's data sets of scores, arena-rank's tables of battles.

SUREAL (Netflix/sureal, `RawDatasetReader`) reads a Python file of `ref_videos` and `dis_videos`, where `os` holds the
opinion scores by observer; that it says "video" is its history. arena-rank (lmarena/arena-rank,
`PairDataset.from_pandas`) reads a table of `model_a`, `model_b` and `winner`: "model_a", "model_b" or "tie".
"""

from itertools import combinations
from pathlib import Path
from pprint import pformat

import pandas as pd

from unmask.study.statistics.data import JUDGED, StudyData

BATTLE_COLUMNS = ["model_a", "model_b", "winner", "picture", "rater_id"]


def write_formats(data: StudyData, folder: Path) -> list[Path]:
    """Write what there are answers for, and return the files' paths.

    sureal_dataset.py, sureal_dataset_2.py ... for further questions, arena_pairs and arena_rankings (CSV and Parquet).
    """
    written = []
    asked = [(data.ratings, data.scale_max)]
    asked += [(said, int(top)) for (_, top), said in data.statements.groupby(["question", "scale_max"], sort=False)]
    for number, (ratings, top) in enumerate(asked, 1):
        text = sureal_dataset(data.stimuli, ratings, top, data.title)
        if text:
            written.append(folder / f"sureal_dataset{'' if number == 1 else f'_{number}'}.py")
            written[-1].write_text(text, encoding="utf-8")
    for name, battles in (("arena_pairs", pair_battles(data)), ("arena_rankings", ranking_battles(data))):
        if len(battles):
            written += [folder / f"{name}.csv", folder / f"{name}.parquet"]
            battles.to_csv(written[-2], index=False)
            battles.to_parquet(written[-1], index=False)
    return written


def sureal_dataset(stimuli: pd.DataFrame, ratings: pd.DataFrame, scale_max: int, title: str) -> str:
    """One question's scores as SUREAL's Python file; empty where no picture that is judged has any.

    A photo is a content, and its hidden reference, where there is one, that content's reference.
    """
    items = stimuli[stimuli["role"].isin(JUDGED) & stimuli["item_id"].isin(ratings["item_id"])]
    if not len(items):
        return ""
    contents = {picture: number for number, picture in enumerate(dict.fromkeys(items["picture"]))}
    references = items[items["role"] == "reference"].set_index("picture")["item_id"].to_dict()
    scores = {item: dict(zip(said["rater_id"], said["score"])) for item, said in ratings.groupby("item_id")}
    originals = [
        {"content_id": number, "content_name": picture, "path": _path(references.get(picture, f"none-{number}"))}
        for picture, number in contents.items()
    ]
    shown = [
        {"content_id": contents[item.picture], "asset_id": number, "path": _path(item.item_id), "model": item.model}
        | {"os": {str(rater): int(score) for rater, score in scores[item.item_id].items()}}
        for number, item in enumerate(items.itertuples())
    ]
    lines = ["# Read by sureal.dataset_reader.RawDatasetReader", f"dataset_name = {title!r}", "yuv_fmt = 'notyuv'"]
    lines += [f"ref_score = {float(scale_max)}", f"ref_videos = {pformat(originals)}", f"dis_videos = {pformat(shown)}"]
    return "\n\n".join(lines) + "\n"


def pair_battles(data: StudyData) -> pd.DataFrame:
    """The side-by-side answers, a row each: BATTLE_COLUMNS."""
    of = data.stimuli.set_index("item_id")
    winners = {"left": "model_a", "right": "model_b", "tie": "tie"}
    rows = [
        (*of.loc[[each.left_item, each.right_item], "model"], winners[each.chosen])
        + (of.loc[each.left_item, "picture"], each.rater_id)
        for each in data.pairs.itertuples()
    ]
    return pd.DataFrame(rows, columns=BATTLE_COLUMNS)


def ranking_battles(data: StudyData) -> pd.DataFrame:
    """Each two pictures of each ranking, a row each, as they stood before they were ranked: BATTLE_COLUMNS.

    Those of one ranking are not independent: intervals of programs that take them for that are too narrow.
    """
    of = data.stimuli.set_index("item_id")
    rows = []
    for (rater, _), ranked in data.rankings.groupby(["rater_id", "question"]):
        for one, other in combinations(ranked.sort_values("shown").itertuples(), 2):
            winner = "model_a" if one.rank < other.rank else "model_b"
            names = of.loc[[one.item_id, other.item_id], "model"]
            rows.append((*names, winner, of.loc[one.item_id, "picture"], rater))
    return pd.DataFrame(rows, columns=BATTLE_COLUMNS)


def _path(item: str) -> str:
    return f"stimuli/{item}.png"
