"""How good each model is where raters are weighed by how they score: rater_model and, as a second opinion, zrec."""

from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from unmask.study.statistics import rater_model, zrec
from unmask.study.statistics.data import JUDGED, StudyData, judged, rater_by_item
from unmask.study.statistics.jackknife import jackknife

METHODS = {"mle": rater_model.item_quality, "zrec": zrec.item_quality}


def weigh_models(data: StudyData) -> pd.DataFrame:
    """One row per model, as in describe_models: model, role, raters, items, and by each method quality and like index.

    mle, mle_low, mle_high, mle_like, mle_like_low, mle_like_high; the same with zrec. The quality of a model is the
    mean of its items'; intervals leave each rater out once, and are cut at the ends of the scale.
    """
    opinions, top = judged(data), data.scale_max
    scores = rater_by_item(opinions)
    rows, groups = [], []
    for (role, model), mine in sorted(opinions.groupby(["role", "model"]), key=lambda group: JUDGED.index(group[0][0])):
        groups.append(scores.columns.isin(mine["item_id"]))
        counts = {"raters": mine["rater_id"].nunique(), "items": mine["item_id"].nunique()}
        rows.append({"model": model, "role": role} | counts)
    table = pd.DataFrame(rows, columns=["model", "role", "raters", "items"])
    for name, (value, low, high) in _by_each_method(scores, groups, np.eye(len(groups))).items():
        low, high = np.clip([low, high], 1, top)
        for part, numbers in (("", value), ("_low", low), ("_high", high)):
            table[f"{name}{part}"], table[f"{name}_like{part}"] = numbers, 100 * numbers / top
    return table


def weigh_differences(data: StudyData) -> pd.DataFrame:
    """Every two models on the pictures shown of both: model_a, model_b, raters, pictures, and a - b by each method.

    mle, mle_low, mle_high; the same with zrec.
    """
    opinions = judged(data)
    scores, tests = rater_by_item(opinions), opinions[opinions["role"] == "test"]
    rows, groups = [], []
    for a, b in combinations(sorted(set(tests["model"])), 2):
        shown = [tests[tests["model"] == model] for model in (a, b)]
        both = set(shown[0]["picture"]) & set(shown[1]["picture"])
        shown = [mine[mine["picture"].isin(both)] for mine in shown]
        if both:
            raters = pd.concat(shown)["rater_id"].nunique()
            rows.append({"model_a": a, "model_b": b, "raters": raters, "pictures": len(both)})
            groups += [scores.columns.isin(mine["item_id"]) for mine in shown]
    table = pd.DataFrame(rows, columns=["model_a", "model_b", "raters", "pictures"])
    for name, columns in _by_each_method(scores, groups, np.kron(np.eye(len(rows)), [1, -1])).items():
        for part, numbers in zip(("", "_low", "_high"), columns):
            table[f"{name}{part}"] = numbers
    return table


def weigh_raters(data: StudyData) -> pd.DataFrame:
    """One row per rater: rater_id, ratings, all of rater_model.describe_raters, zrec_bias, zrec_inconsistency."""
    scores = rater_by_item(judged(data))
    if scores.empty:
        return pd.DataFrame(columns=["rater_id"])
    recovery = zrec.recover(scores.to_numpy(float))
    table = rater_model.describe_raters(scores)
    table.insert(0, "ratings", scores.notna().sum(axis=1))
    return table.assign(zrec_bias=recovery.bias, zrec_inconsistency=recovery.inconsistency).reset_index()


def _by_each_method(
    scores: pd.DataFrame, groups: list[np.ndarray], contrast: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By each method, contrast (n, groups) @ mean qualities of the groups (bool, (items,)): value, low, high (n,)."""
    if not groups:
        return {}

    def contrasts(item_quality: Callable[[np.ndarray], np.ndarray], some: np.ndarray) -> np.ndarray:
        quality = item_quality(some)
        rated = [quality[group & ~np.isnan(quality)] for group in groups]
        contrasts: np.ndarray = contrast @ np.array([mine.mean() if len(mine) else np.nan for mine in rated])
        return contrasts

    table = scores.to_numpy(float)
    return {name: jackknife(table, partial(contrasts, method)) for name, method in METHODS.items()}
