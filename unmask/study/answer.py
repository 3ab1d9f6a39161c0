"""What a study found, in a sentence or two: who was liked more, by how much, how surely."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from unmask.registry import MODELS

LEVEL = 0.05  # of a p that is corrected for all pairs of models

Say = Callable[..., str]  # (English template, values by name) -> sentence, to have it in another language


def answer(summary: Mapping[str, pd.DataFrame], scale_max: int, say: Say = str.format) -> str:
    """The best model against the next: by like index, or, where nothing was scored, by rankings or pairs.

    After screening; before, where nobody is left. summary: what `summarise` gives. "More" is said where p < 0.05: of
    the paired t test between the two for these pictures, corrected by Holm over all pairs, or of their strengths'
    difference, corrected by Bonferroni. Plain text; empty where there is nothing to say it of.
    """
    models = summary["models"]
    models = models[models["role"] == "test"] if len(models) else models
    if len(models):
        rows, screening = _after_screening(models)
        said = _by_scores(summary["comparisons"], rows, screening, scale_max, say)
    elif len(strengths := next((summary[name] for name in ("placings", "preferences") if len(summary[name])), models)):
        rows, screening = _after_screening(strengths)
        kept = summary["raters"]["kept"]
        said = _by_strengths(rows, int(kept.sum() if screening == "after" else len(kept)), say)
    else:
        return ""
    if screening == "before":
        said += " " + say("No rater passed screening: this is what all said.")
    return said


def _after_screening(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    screening = "after" if (table["screening"] == "after").any() else "before"
    return table[table["screening"] == screening], screening


def _by_scores(comparisons: pd.DataFrame, models: pd.DataFrame, screening: str, top: int, say: Say) -> str:
    ranked = models.sort_values("like", ascending=False)
    likes = {_title(name): f"{like:.1f}" for name, like in zip(ranked["model"], ranked["like"])}
    best, *others = likes
    if not others:
        raters = _raters(ranked["raters"].iloc[0], say)
        return say("{best} has a like index of {like} of 100, by {raters}.", best=best, like=likes[best], raters=raters)
    said = _compare(comparisons, ranked["model"].tolist()[:2], likes, screening, top, say)
    rest = [f"{name} {likes[name]}" for name in others[1:]]
    if len(rest) == 1:
        said += " " + say("Then comes {others}.", others=rest[0])
    elif rest:
        said += " " + say("Then come {others}.", others=", ".join(rest))
    return said


def _compare(
    comparisons: pd.DataFrame, two: list[str], likes: Mapping[str, str], screening: str, top: int, say: Say
) -> str:
    """On two models' names, the better one first, and their (title -> like index)."""
    first, second = map(_title, two)
    row = next(
        (row for row in comparisons.to_dict("records")
         if {row["model_a"], row["model_b"]} == set(two) and row["screening"] == screening), None,
    )  # fmt: skip
    values = {"first": first, "second": second, "one": likes[first], "other": likes[second]}
    if row is None or np.isnan(row["p_t_holm"]):
        return say(
            "Whether {first} or {second} is liked more cannot be said yet: {one} against {other} of 100, "
            "and too few raters.",
            **values,
        )
    # The report's difference is in points and of a - b; the index is 100 / top times as much.
    sign = 1 if row["model_a"] == two[0] else -1
    difference, *interval = (sign * row[name] * 100 / top for name in ("difference", "low", "high"))
    low, high = sorted(interval)
    values |= {"difference": f"{difference:.1f}", "low": f"{low:.1f}", "high": f"{high:.1f}"}
    values["raters"] = _raters(row["raters"], say)
    if row["p_t_holm"] < LEVEL and difference > 0:
        return say(
            "{first} was liked more than {second}: {one} against {other} of 100, difference {difference}, "
            "95 % interval {low} to {high}, {raters}.",
            **values,
        )
    return say(
        "No difference was found between {first} and {second}: {one} against {other} of 100, difference {difference}, "
        "95 % interval {low} to {high}, {raters}.",
        **values,
    )


def _by_strengths(strengths: pd.DataFrame, raters: int, say: Say) -> str:
    """On the two strongest models, of a table as `ranking.fit_strengths` gives it."""
    best, second, *_ = strengths.sort_values("strength", ascending=False).to_dict("records")
    if np.isnan(best["lead_low"]):
        return say("Which one is preferred cannot be said yet: too few raters, or a model never lost to the others.")
    share, low, high = (100 / (1 + np.exp(-best[name])) for name in ("lead", "lead_low", "lead_high"))
    values = {"first": _title(best["model"]), "second": _title(second["model"]), "share": f"{share:.0f}"}
    values |= {"low": f"{low:.0f}", "high": f"{high:.0f}", "raters": _raters(raters, say)}
    if best["lead_p"] < LEVEL:
        return say(
            "{first} was preferred to {second}: in {share} of 100 comparisons, by all that were made, "
            "95 % interval {low} to {high}, {raters}.",
            **values,
        )
    return say(
        "No difference was found between {first} and {second}: {first} is preferred in {share} of 100 comparisons, "
        "by all that were made, 95 % interval {low} to {high}, {raters}.",
        **values,
    )


def _raters(count: int, say: Say) -> str:
    return say("1 rater") if count == 1 else say("{count} raters", count=count)


def _title(name: str) -> str:
    """A model's title without its note in brackets; a condition's name as it is."""
    return MODELS[name].title.split(" (")[0] if name in MODELS else name
