"""Which model is better, by scores on the same pictures."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from unmask.study.statistics.data import CONFIDENCE, StudyData, judged


def two_way_error(differences: np.ndarray) -> np.ndarray:
    """Standard error of the mean of (..., raters, pictures), nan where missing, clustered by both.

    Cameron, Gelbach & Miller 2011: by raters + by pictures - of single values, never less than one of the
    first two. The same as statsmodels' two-way clusters, for thousands of tables at once, as planning needs.
    """
    there = ~np.isnan(differences)
    n = there.sum((-2, -1))
    mean = np.where(there, differences, 0).sum((-2, -1)) / n
    rest = np.where(there, differences - mean[..., None, None], 0)

    def clustered(sums: np.ndarray, groups: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            variances: np.ndarray = (sums**2).sum(-1) * np.where(groups > 1, groups / (groups - 1), np.nan)
            return variances

    by_rater = clustered(rest.sum(-1), there.any(-1).sum(-1))
    by_picture = clustered(rest.sum(-2), there.any(-2).sum(-1))
    single = clustered(rest.reshape(*rest.shape[:-2], -1), n)
    errors: np.ndarray = np.sqrt(np.maximum(by_rater + by_picture - single, np.maximum(by_rater, by_picture))) / n
    return errors


def compare_models(data: StudyData) -> pd.DataFrame:
    """Every two models on the pictures that a rater scored of both: who is better, by how much, how surely.

    difference, low, high and p_t: paired t over the raters' mean differences, for these very pictures; effect
    is Cohen's d_z; p_wilcoxon is the signed-rank test of the same means. p_pictures takes the pictures, too,
    for a sample, which tests over raters alone do not (Clark 1973): a t with standard errors clustered both
    ways and min(raters, pictures) - 1 degrees of freedom. Each p has its column corrected by Holm.
    """
    opinions = judged(data)
    opinions = opinions[opinions["role"] == "test"]
    scores = opinions.pivot_table(index=["rater_id", "picture"], columns="model", values="score")
    rows = []
    for a, b in combinations(scores.columns, 2):
        differences = (scores[a] - scores[b]).dropna()
        means = differences.groupby("rater_id").mean()
        row = {"model_a": a, "model_b": b, "raters": len(means)}
        both = differences.unstack("picture")  # raters by pictures
        row |= {"pictures": both.shape[1], "pairs": len(differences)}
        rows.append(row | _paired_tests(means.to_numpy(), both.to_numpy()))
    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["model_a", "model_b"])
    for name in ("p_t", "p_wilcoxon", "p_pictures") if rows else ():
        known = table[name].notna()
        table[f"{name}_holm"] = np.nan
        if known.any():
            table.loc[known, f"{name}_holm"] = multipletests(table.loc[known, name], method="holm")[1]
    return table


def _paired_tests(means: np.ndarray, differences: np.ndarray) -> dict[str, float]:
    """Of the raters' mean differences (raters,) and all of them (raters, pictures)."""
    row = {"difference": means.mean() if len(means) else np.nan, "low": np.nan, "high": np.nan}
    row |= {"effect": np.nan, "p_t": np.nan, "p_wilcoxon": np.nan, "p_pictures": np.nan}
    if len(means) < 2:
        return row
    if not means.any():  # nobody sees any difference: no test has anything to work on
        same = dict.fromkeys(["low", "high", "effect"], 0.0)
        return row | same | dict.fromkeys(["p_t", "p_wilcoxon", "p_pictures"], 1.0)
    row["p_wilcoxon"] = stats.wilcoxon(means.round(9)).pvalue  # equal means tie, whatever the last digit
    if np.ptp(means) > 0:
        t = stats.ttest_1samp(means, 0)
        row["low"], row["high"] = t.confidence_interval(CONFIDENCE)
        row |= {"effect": means.mean() / means.std(ddof=1), "p_t": t.pvalue}
    error = two_way_error(differences)
    if error > 0:
        row["p_pictures"] = 2 * stats.t.sf(abs(np.nanmean(differences)) / error, min(differences.shape) - 1)
    return row
