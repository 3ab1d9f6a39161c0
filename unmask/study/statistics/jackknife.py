"""Intervals for whatever is estimated from a table of raters by items: leave each rater out once.

Tukey 1958; Efron & Stein 1981. Raters are what was sampled, and an estimate that weighs raters by their own scores has
no simple error: the jackknife repeats the weighing, too. It speaks of the pictures shown.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats

from unmask.study.statistics.data import CONFIDENCE


def jackknife(
    scores: np.ndarray, estimate: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, low and high (n,) of estimate, n numbers of scores (raters, items): at 95 %, t with raters - 1 degrees.

    Low and high are nan of one rater, and of a number for which all but one know nothing.
    """
    value, raters = np.asarray(estimate(scores)), len(scores)
    if raters < 2:
        return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
    error = np.sqrt(squared_error(scores, estimate))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, raters - 1) * error
    return value, value - reach, value + reach


def squared_error(sample: np.ndarray, estimate: Callable[[np.ndarray], np.ndarray | float]) -> np.ndarray:
    """Of estimate, one number or n, by leaving out each of sample's first axis."""
    without = np.array([estimate(np.delete(sample, i, axis=0)) for i in range(len(sample))])
    squared: np.ndarray = (len(sample) - 1) * without.var(axis=0)
    return squared
