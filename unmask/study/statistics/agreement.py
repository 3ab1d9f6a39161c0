"""How far raters agree: Krippendorff's alpha, intraclass correlations, and where a score's variance comes from."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from unmask.study.statistics.data import CONFIDENCE, RESAMPLES, Estimate, StudyData, judged, rater_by_item


def krippendorff_alpha(
    table: np.ndarray,
    metric: Literal["nominal", "ordinal", "interval"] = "ordinal",
    resamples: int = 0,
    seed: int = 0,
) -> Estimate:
    """Krippendorff's alpha of (raters, items), nan where missing: 1 is agreement, 0 is chance.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". The interval is the percentile one of
    resampling items: a rater drawn twice would agree with himself. It covers too little where items are few
    (Hughes 2022). nan where nothing varies. Own, because the libraries that have it are GPL or abandoned.
    """
    values = np.unique(table[~np.isnan(table)])  # V of them
    counts = np.array([(table == value).sum(0) for value in values], float).T  # (items, V)
    counts = counts[counts.sum(-1) > 1]
    if not len(counts):
        return Estimate(np.nan)

    def alpha(drawn: np.ndarray) -> np.ndarray:
        """Of samples (n, items), how often each item is in each: (n,).

        The coincidences, V x V for each sample, would not fit where scores are fine: their sums are taken item by item.
        """
        totals = drawn @ counts  # (n, V)
        n = totals.sum(-1)
        if metric == "nominal":
            alike = (counts * (counts - 1)).sum(-1) / (counts.sum(-1) - 1)  # of an item's pairs, each value with itself
            observed, expected = n - drawn @ alike, n**2 - (totals**2).sum(-1)
        else:
            # Between two ranks lie the values between them and half of each: a difference of middle ranks.
            scale = np.broadcast_to(values, totals.shape) if metric == "interval" else totals.cumsum(-1) - totals / 2
            scale = scale - (totals * scale).sum(-1, keepdims=True) / n[:, None]  # small squares keep their digits
            squares = (totals * scale**2).sum(-1)
            products = ((scale @ counts.T) ** 2 - scale**2 @ counts.T) / (counts.sum(-1) - 1)  # (n, items)
            observed, expected = 2 * (squares - (drawn * products).sum(-1)), 2 * n * squares
        varied = (totals > 0).sum(-1) > 1
        return np.where(varied, 1 - (n - 1) * observed / np.where(varied, expected, 1), np.nan)

    value = float(alpha(np.ones((1, len(counts))))[0])
    if not resamples:
        return Estimate(value)
    drawn = np.random.default_rng(seed).multinomial(len(counts), [1 / len(counts)] * len(counts), resamples)
    sample = alpha(drawn.astype(float))
    sample = sample[~np.isnan(sample)]
    tail = (1 - CONFIDENCE) / 2
    return Estimate(value, *(np.quantile(sample, [tail, 1 - tail]) if len(sample) else ()))


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


def agreement(data: StudyData, seed: int = 0) -> pd.DataFrame:
    """How far raters agree on the test items: measure, value, low, high, raters, items.

    Reference and anchor are left out, which all tell apart and which would flatter. The intraclass
    correlations and the standard deviations need complete tables: they take the raters who rated every item.
    """
    opinions = judged(data)
    opinions = opinions[opinions["role"] == "test"]
    table = rater_by_item(opinions)
    complete = table.dropna()
    ordinal = krippendorff_alpha(table.to_numpy(), "ordinal", RESAMPLES, seed)
    interval = krippendorff_alpha(table.to_numpy(), "interval", RESAMPLES, seed)
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
