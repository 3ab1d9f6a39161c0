"""How far raters agree: Krippendorff's alpha, intraclass correlations, and where a score's variance comes from."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from unmask.study.statistics.data import CONFIDENCE, Estimate, StudyData, judged, rater_by_item
from unmask.study.statistics.jackknife import squared_error

Metric = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(table: np.ndarray, metric: Metric = "ordinal") -> Estimate:
    """Krippendorff's alpha of (raters, items), nan where missing: 1 is agreement, 0 is chance.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"; nan where nothing varies. Own, because the
    libraries that have it are GPL or abandoned.

    Raters and items are both samples: the interval adds the squared errors of leaving each rater out and each item out
    (Gwet 2008; the jackknife: Hughes 2022), and is t with the smaller number of either - 1 degrees of freedom. It is
    taken on Fisher's (1925) scale for intraclass correlations, `log((1 + (k - 1) alpha) / (1 - alpha)) / 2` with k
    raters an item, on which errors hardly depend on alpha. None for two raters, or where all agree.
    """
    values = np.unique(table[~np.isnan(table)])
    given = table == values[:, None, None]  # (values, raters, items)
    counts = given.sum(1).T.astype(float)  # (items, values)
    value = _alpha(counts, values, metric)
    paired = counts.sum(1)[counts.sum(1) > 1]
    if np.isnan(value):
        return Estimate(value)
    k = paired.mean()

    def scaled(counts: np.ndarray) -> float:
        alpha = _alpha(counts, values, metric)
        with np.errstate(divide="ignore", invalid="ignore"):  # 1 is infinitely far
            return float(np.log((1 + (k - 1) * alpha) / np.float64(1 - alpha)) / 2)

    with np.errstate(invalid="ignore"):
        by_rater = squared_error(given.transpose(1, 2, 0), lambda some: scaled(some.sum(0)))
        error = np.sqrt(by_rater + squared_error(counts, scaled))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, min(len(table), len(paired)) - 1) * error
    low, high = (1 - k / (np.exp(2 * end) + k - 1) for end in (scaled(counts) - reach, scaled(counts) + reach))
    return Estimate(value, low, high)


def _alpha(counts: np.ndarray, values: np.ndarray, metric: Metric) -> float:
    """Of how often each value was given to each item, (items, values): from sums item by item, for the coincidences of
    each two values would not fit where scores are fine."""
    counts = counts[counts.sum(1) > 1]
    totals, pairs = counts.sum(0), counts.sum(1) - 1
    if (totals > 0).sum() < 2:
        return np.nan
    n = totals.sum()
    if metric == "nominal":
        alike = (counts * (counts - 1)).sum(1) / pairs  # of an item's pairs, each value with itself
        observed, expected = n - alike.sum(), n**2 - (totals**2).sum()
    else:
        # Between two ranks lie the values between them and half of each: a difference of middle ranks.
        scale = values if metric == "interval" else totals.cumsum() - totals / 2
        scale = scale - totals @ scale / n  # small squares keep their digits
        squares = totals @ scale**2
        products = ((counts @ scale) ** 2 - counts @ scale**2) / pairs
        observed, expected = 2 * (squares - products.sum()), 2 * n * squares
    return float(1 - (n - 1) * observed / expected)


class Components(NamedTuple):
    """Variances of a score: between items, between raters, and the rest."""

    item: float
    rater: float
    residual: float


def _mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    """Of items, raters and the rest, in a complete (raters, items)."""
    raters, items = table.shape
    by_item = table.mean(0, keepdims=True) - table.mean()
    by_rater = table.mean(1, keepdims=True) - table.mean()
    rest = table - table.mean() - by_item - by_rater
    return (
        raters * (by_item**2).sum() / (items - 1),
        items * (by_rater**2).sum() / (raters - 1),
        (rest**2).sum() / ((raters - 1) * (items - 1)),
    )


def variance_components(table: np.ndarray) -> Components:
    """Of a complete (raters, items), by two-way analysis of variance, cut at 0; nan for fewer than two."""
    if min(table.shape) < 2:
        return Components(np.nan, np.nan, np.nan)
    items, raters, rest = _mean_squares(table)
    return Components(max(items - rest, 0) / len(table), max(raters - rest, 0) / table.shape[1], rest)


def icc(table: np.ndarray) -> tuple[Estimate, Estimate]:
    """ICC(2,1) and ICC(2,k) of a complete (raters, items): agreement of single raters, and of their mean.

    Shrout & Fleiss 1979, with their intervals. Own, because the library that has it is GPL.
    """
    k, n = table.shape
    if min(k, n) < 2:
        return Estimate(np.nan), Estimate(np.nan)
    items, raters, rest = _mean_squares(table)
    spread = items + (k - 1) * rest + k * (raters - rest) / n
    if spread <= 0 or rest <= 0:  # nothing varies, or raters are at one
        one = 1.0 if items > 0 and raters == rest == 0 else np.nan
        return Estimate(one), Estimate(one)
    single = (items - rest) / spread
    ratio = raters / rest
    freedom = (k - 1) * (n - 1) * (k * single * ratio + n * (1 + (k - 1) * single) - k * single) ** 2
    freedom /= (n - 1) * (k * single * ratio) ** 2 + (n * (1 + (k - 1) * single) - k * single) ** 2
    upper = stats.f.ppf((1 + CONFIDENCE) / 2, n - 1, freedom)
    lower = stats.f.ppf((1 + CONFIDENCE) / 2, freedom, n - 1)
    low = n * (items - upper * rest) / (upper * (k * raters + (k * n - k - n) * rest) + n * items)
    high = n * (lower * items - rest) / (k * raters + (k * n - k - n) * rest + n * lower * items)
    mean = (items - rest) / (items + (raters - rest) / n)
    return Estimate(single, low, high), Estimate(mean, *(k * x / (1 + (k - 1) * x) for x in (low, high)))


def agreement(data: StudyData) -> pd.DataFrame:
    """How far raters agree on the test items: measure, value, low, high, raters, items.

    Reference and anchor are left out, which all tell apart and which would flatter. The intraclass
    correlations and the standard deviations need complete tables: they take the raters who rated every item.
    """
    opinions = judged(data)
    opinions = opinions[opinions["role"] == "test"]
    table = rater_by_item(opinions)
    complete = table.dropna()
    ordinal = krippendorff_alpha(table.to_numpy(), "ordinal")
    interval = krippendorff_alpha(table.to_numpy(), "interval")
    single, mean = icc(complete.to_numpy())
    models = opinions.drop_duplicates("item_id").groupby("model")["item_id"]
    parts = [variance_components(complete[list(items)].to_numpy()) for _, items in models]
    deviations = np.sqrt(np.mean(parts, axis=0)) if parts else [np.nan] * 3
    rows = [
        ("Krippendorff's alpha, ordinal", ordinal, table),
        ("Krippendorff's alpha, interval", interval, table),
        ("ICC(2,1), one rater", single, complete),
        ("ICC(2,k), the mean of all raters", mean, complete),
        ("SD between one model's items", Estimate(deviations[0]), complete),
        ("SD between raters", Estimate(deviations[1]), complete),
        ("SD of the rest", Estimate(deviations[2]), complete),
    ]
    return pd.DataFrame(
        [
            {"measure": name, "value": x.value, "low": x.low, "high": x.high}
            | {"raters": used.shape[0], "items": used.shape[1]}
            for name, x, used in rows
        ]
    )
