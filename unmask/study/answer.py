"""What a study found, in a sentence or two: who was liked more, by how much, how surely."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from unmask.registry import MODELS

LEVEL = 0.05  # of Holm's p


def answer(summary: Mapping[str, pd.DataFrame], scale_max: int) -> str:
    """The best model against the next, by like index after screening; before, where nobody is left.

    summary: what `summarise` gives. "More" is said where the paired t test between them, for these pictures and
    corrected by Holm over all pairs, has p < 0.05. Plain text; empty where no model has scores.
    """
    models = summary["models"]
    models = models[models["role"] == "test"] if len(models) else models
    if not len(models):
        return ""
    screening = "after" if (models["screening"] == "after").any() else "before"
    ranked = models[models["screening"] == screening].sort_values("like", ascending=False)
    likes = dict(zip(map(_title, ranked["model"]), ranked["like"]))
    best, *others = likes
    if not others:
        return f"{best} has a like index of {likes[best]:.1f} of 100, by {_raters(ranked['raters'].iloc[0])}."
    said = _compare(summary["comparisons"], ranked["model"].tolist()[:2], likes, screening, scale_max)
    if rest := others[1:]:
        verb = "comes" if len(rest) == 1 else "come"
        said += f" Then {verb} {', '.join(f'{name} {likes[name]:.1f}' for name in rest)}."
    if screening == "before":
        said += " No rater passed screening: this is what all said."
    return said


def _compare(comparisons: pd.DataFrame, two: list[str], likes: Mapping[str, float], screening: str, top: int) -> str:
    """On two models' names, the better one first, and their (title -> like index)."""
    first, second = map(_title, two)
    row = next(
        (row for row in comparisons.to_dict("records")
         if {row["model_a"], row["model_b"]} == set(two) and row["screening"] == screening), None,
    )  # fmt: skip
    against = f"{likes[first]:.1f} against {likes[second]:.1f} of 100"
    if row is None or np.isnan(row["p_t_holm"]):
        return f"Whether {first} or {second} is liked more cannot be said yet: {against}, and too few raters."
    # The report's difference is in points and of a - b; the index is 100 / top times as much.
    sign = 1 if row["model_a"] == two[0] else -1
    difference, *interval = (sign * row[name] * 100 / top for name in ("difference", "low", "high"))
    low, high = sorted(interval)
    if row["p_t_holm"] < LEVEL and difference > 0:
        said = f"{first} was liked more than {second}: {against}"
    else:
        said = f"No difference was found between {first} and {second}: {against}"
    amount = f"difference {difference:.1f}, 95 % interval {low:.1f} to {high:.1f}"
    return f"{said}, {amount}, {_raters(row['raters'])}."


def _raters(count: int) -> str:
    return f"{count} rater" if count == 1 else f"{count} raters"


def _title(name: str) -> str:
    """A model's title without its note in brackets; a condition's name as it is."""
    return MODELS[name].title.split(" (")[0] if name in MODELS else name
