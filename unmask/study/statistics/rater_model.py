"""Scores that know their raters: quality, bias and inconsistency together, by maximum likelihood.

Rater i's score of item j is taken for quality_j + bias_i + inconsistency_i * noise, the noise normal and independent.
So a careless rater, whose inconsistency is large, is weighed down instead of thrown out. Li, Bampis, Krasula, Janowski
& Katsavounidis 2020, "A simple model for subject behavior in subjective experiments" (arXiv 2004.02067); ITU-T P.910
(10/2023), annex E; solved by their alternating projection.

The biases sum to 0: the level is that of all raters alike, and what is weighed are the differences between items.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from unmask.study.statistics.data import CONFIDENCE

TOLERANCE, MOST_STEPS = 1e-8, 1000  # as in P.910's reference
# Whole numbers alone vary by 1/12 around what is meant. No rater counts as surer than that: without a limit, the
# likelihood is infinite where one rater is believed in everything.
ROUNDING = 1 / 12
LEAST_ITEMS = 3  # who rated fewer says nothing of his own inconsistency, and is taken for an average rater
LEAST_RATERS = 3  # the scores of two only say how inconsistent both are together
LEAST_PANEL = 15  # BT.500's smallest panel; with fewer, raters' intervals cover too little, and are not given


class Solution(NamedTuple):
    """quality (items,), in points of the scale, nan where nobody rated; bias, inconsistency, weight (raters,)."""

    quality: np.ndarray
    bias: np.ndarray
    inconsistency: np.ndarray
    weight: np.ndarray  # one over the squared inconsistency, within the limits above


def solve(scores: np.ndarray) -> Solution:
    """The likeliest quality, bias and inconsistency of scores (raters, items), nan where not rated.

    Every rater has a score or more.
    """
    there = ~np.isnan(scores)
    known, counts = np.where(there, scores, 0), there.sum(1)
    with np.errstate(invalid="ignore"):  # items that nobody rated: 0 / 0
        quality = known.sum(0) / there.sum(0)
    rated = ~np.isnan(quality)
    known, there, quality = known[:, rated], there[:, rated], quality[rated]
    bias = (known - there * quality).sum(1) / counts
    for _ in range(MOST_STEPS):
        variance = ((known - there * (quality + bias[:, None])) ** 2).sum(1) / counts
        weight = _weigh(variance, counts)
        before = quality
        quality = weight @ (known - there * bias[:, None]) / (weight @ there)
        bias = (known - there * quality).sum(1) / counts
        if np.linalg.norm(quality - before) < TOLERANCE:
            break
    every = np.full(len(rated), np.nan)
    every[rated] = quality + bias.mean()
    return Solution(every, bias - bias.mean(), np.sqrt(variance), weight)


def _weigh(variance: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """One over the variance, where it can be told; else over that of all raters together."""
    telling = (counts >= LEAST_ITEMS) & (len(counts) >= LEAST_RATERS)
    return 1 / np.maximum(np.where(telling, variance, np.average(variance, weights=counts)), ROUNDING)


def item_quality(scores: np.ndarray) -> np.ndarray:
    """Of scores (raters, items), the quality (items,): for jackknife."""
    return solve(scores).quality


def describe_raters(table: pd.DataFrame) -> pd.DataFrame:
    """One row per rater of scores as rater_by_item gives them: bias, inconsistency, intervals, weight.

    weight: 1 for the average rater. A rater's noise is his sum of squares over his degrees of freedom, which are his
    items - 1 less what the estimated qualities took; his inconsistency's interval is chi squared's with those, and his
    bias's is t's. P.910's own intervals leave out what was estimated beside, and come out narrower.
    """
    scores = table.to_numpy(float)
    there = ~np.isnan(scores)
    counts, raters = there.sum(1), len(scores)
    quality, bias, inconsistency, weight = solve(scores)
    share = (weight[:, None] * there / (weight @ there)).sum(1) / counts  # of the qualities of his own items
    freedom = (counts - 1) * (1 - share)
    squares = inconsistency**2 * counts
    result = {"bias": bias, "inconsistency": inconsistency, "weight": weight / weight.mean()}
    told = (counts >= LEAST_ITEMS) & (raters >= LEAST_PANEL)
    freedom = np.where(told, freedom, np.nan)
    error = squares / freedom / counts  # squared, of a rater's mean
    error = (1 - 2 / raters) * error + np.nansum(error) / raters**2
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(error)
    result |= {"bias_low": bias - reach, "bias_high": bias + reach}
    for name, level in (("inconsistency_low", (1 + CONFIDENCE) / 2), ("inconsistency_high", (1 - CONFIDENCE) / 2)):
        result[name] = np.sqrt(squares / stats.chi2.ppf(level, freedom))
    return pd.DataFrame(result, table.index)
