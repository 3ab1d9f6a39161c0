"""Small studies as the statistics take them, for the tests: tables of stimuli, ratings and side-by-side answers."""

import pandas as pd

from unmask.study.statistics.data import StudyData

RATING_COLUMNS = ["rater_id", "item_id", "score", "position", "seconds", "simulated"]
PAIR_COLUMNS = ["rater_id", "left_item", "right_item", "chosen", "position", "seconds", "simulated"]
NO_PAIRS = pd.DataFrame(columns=PAIR_COLUMNS)


def stimuli_of(models: dict[str, int], repeats: int = 0, attention: int = 0) -> pd.DataFrame:
    """models: name -> number of pictures; "reference" and "anchor" have those roles. Repeats: the first's."""
    rows = []
    for model, pictures in models.items():
        role = model if model in ("reference", "anchor") else "test"
        rows += [(f"{model}-{i}", model, f"picture {i}", role, None, None, None) for i in range(pictures)]
    first = rows[0][1]
    for i in range(repeats):
        rows.append((f"again-{i}", first, f"picture {i}", "repeat", f"{first}-{i}", None, None))
    for i in range(attention):
        rows.append((f"ask-{i}", "attention", f"ask {i}", "attention", None, 3, 4))
    columns = ["item_id", "model", "picture", "role", "repeat_of", "expected_low", "expected_high"]
    return pd.DataFrame(rows, columns=columns)


def study(stimuli: pd.DataFrame, scores: dict[str, list], pairs: list | None = None, **options) -> StudyData:
    """scores: rater -> one for each stimulus, None where not rated, in the order in which they were seen."""
    rows = [
        (rater, item, score, position, 3.0, False)
        for rater, mine in scores.items()
        for position, (item, score) in enumerate(zip(stimuli["item_id"], mine, strict=True))
        if score is not None
    ]
    answers = [(*answer, i, 3.0, False) for i, answer in enumerate(pairs or [])]
    ratings = pd.DataFrame(rows, columns=RATING_COLUMNS)
    return StudyData(stimuli, ratings, pd.DataFrame(answers, columns=PAIR_COLUMNS), **options)
