"""A second opinion on quality, bias and inconsistency, from z-scores alone: ZREC.

Zhu, Ak, Le Callet, Sethuraman & Rahul 2023, "ZREC: robust recovery of mean and percentile opinion scores" (IEEE ICIP,
doi 10.1109/ICIP49359.2023.10222033). One pass, no iteration: z is a score's distance from its item's mean, in standard
deviations of that item; a rater's bias is the mean of his z, his inconsistency their standard deviation. Scores less
bias times the item's deviation are averaged with weights 1 / inconsistency^2. Unlike rater_model, it lets a bias grow
where opinions differ.
"""

from typing import NamedTuple

import numpy as np

from unmask.study.statistics.rater_model import LEAST_ITEMS, ROUNDING


class Recovery(NamedTuple):
    """quality (items,), nan where nobody rated; ambiguity (items,), the standard deviation between raters, both in
    points of the scale; bias and inconsistency (raters,), in standard deviations of an item."""

    quality: np.ndarray
    ambiguity: np.ndarray
    bias: np.ndarray
    inconsistency: np.ndarray


def recover(scores: np.ndarray) -> Recovery:
    """Of scores (raters, items), nan where not rated; every rater has a score or more.

    Where the paper is silent: items on which all agree say nothing of raters; who has fewer than three z is taken for
    the median rater, and who has none is unbiased; nobody counts as surer than whole numbers allow (rater_model).
    """
    there = ~np.isnan(scores)
    with np.errstate(invalid="ignore", divide="ignore"):  # items that nobody rated, or on which all agree
        mean = np.where(there, scores, 0).sum(0) / there.sum(0)
        ambiguity = np.sqrt(np.where(there, (scores - mean) ** 2, 0).sum(0) / there.sum(0))
        z = np.where(ambiguity > 0, (scores - mean) / ambiguity, np.nan)
    told = ~np.isnan(z)
    counts = told.sum(1)
    bias = np.where(told, z, 0).sum(1) / np.maximum(counts, 1)
    spread = np.sqrt(np.where(told, (z - bias[:, None]) ** 2, 0).sum(1) / np.maximum(counts, 1))
    telling = counts >= LEAST_ITEMS
    inconsistency = np.where(telling, spread, np.median(spread[telling]) if telling.any() else 1.0)
    if ambiguity[ambiguity > 0].size:
        inconsistency = np.maximum(inconsistency, np.sqrt(ROUNDING) / ambiguity[ambiguity > 0].mean())
    weight = there / inconsistency[:, None] ** 2
    unbiased = np.where(there, scores - bias[:, None] * ambiguity, 0)
    with np.errstate(invalid="ignore"):
        quality = (weight * unbiased).sum(0) / weight.sum(0)
    return Recovery(quality, ambiguity, bias, inconsistency)


def item_quality(scores: np.ndarray) -> np.ndarray:
    """Of scores (raters, items), the quality (items,): for jackknife."""
    return recover(scores).quality
