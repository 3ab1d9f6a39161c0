"""The statistics of a rating study: how good each model is, how sure that is, and whom to believe.

A score is an integer from 1 to scale_max (10). Ratings of one rater are never treated as independent: every
interval and test resamples, or clusters by, raters. 95 % throughout; a number that cannot be had is nan.
Own formulas stand only where no permissive, living library has them (Krippendorff's alpha, the intraclass
correlation, BT.500); docs/study-statistics.md writes the methods out.
"""

import dataclasses
from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse.csgraph import connected_components
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

JUDGED = ("test", "reference", "anchor")  # roles whose scores are opinions; a repeat would count one twice
RESAMPLES = 4999
CONFIDENCE = 0.95

# Screening beside BT.500. The first, on one item, is that of ITU-T P.808's crowd tests (microsoft/P.910,
# docs/results.md); the others are ours, mild on purpose, and named with every verdict they lead to.
ATTENTION_SHARE = 0.5  # of the attention items, failed: one slip among three or more is forgiven
REPEAT_DIFFERENCE, REPEATS_NEEDED = 0.4, 3  # of the scale's range, on average; random clicks come to a third
RUN_SHARE, RUN_LENGTH = 0.5, 10  # a run of one score over half of the items, and over ten
SAME_NEEDED = 6  # as many items, all scored the same
FASTEST = 1.0  # s, median; nobody looks at a face and decides in less


@dataclasses.dataclass(frozen=True)
class StudyData:
    """What a study holds, newest version of each rating only.

    stimuli: item_id, model ("reference" and "anchor" for the hidden ones), picture, role ("test",
    "reference", "anchor", "repeat", "attention"), repeat_of (item_id or None), expected_low and expected_high
    (the scores that an attention item allows, or NA).
    ratings: rater_id, item_id, score (1 to scale_max), position (from 0), seconds, simulated (bool).
    pairs: rater_id, left_item, right_item, chosen ("left", "right", "tie"), position, seconds, simulated.
    """

    stimuli: pd.DataFrame
    ratings: pd.DataFrame
    pairs: pd.DataFrame
    scale_max: int = 10
    title: str = "Rating study"

    @property
    def simulated(self) -> bool:
        """Whether all of it is simulated. Raises ValueError for a mixture, which no analysis may take."""
        marks = {bool(mark) for table in (self.ratings, self.pairs) for mark in table["simulated"]}
        if len(marks) > 1:
            raise ValueError("The study mixes real and simulated ratings: analyse them apart.")
        return marks == {True}

    def only(self, simulated: bool) -> "StudyData":
        """The real ratings alone, or the simulated ones."""
        return self._filtered(lambda table: table["simulated"].astype(bool) == simulated)

    def of_raters(self, raters: Sequence[str]) -> "StudyData":
        """The ratings of these raters alone."""
        return self._filtered(lambda table: table["rater_id"].isin(list(raters)))

    def _filtered(self, keep) -> "StudyData":
        ratings, pairs = self.ratings[keep(self.ratings)], self.pairs[keep(self.pairs)]
        return dataclasses.replace(self, ratings=ratings, pairs=pairs)


class Estimate(NamedTuple):
    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan  # of value = 0


def check(data: StudyData) -> None:
    """Raises ValueError, in one sentence, for data that no analysis may take."""
    ratings, pairs = data.ratings, data.pairs
    if not len(ratings) + len(pairs):
        raise ValueError("The study has no ratings yet.")
    _ = data.simulated  # raises for a mixture
    if data.stimuli["item_id"].duplicated().any():
        raise ValueError("Two stimuli have one item id.")
    rated = {*ratings["item_id"], *pairs["left_item"], *pairs["right_item"]}
    if unknown := rated - set(data.stimuli["item_id"]):
        raise ValueError(f"There are ratings of items that are not in the study, such as {min(unknown)}.")
    if ratings.duplicated(["rater_id", "item_id"]).any():
        raise ValueError("A rater has two ratings of one item: only the newest may be analysed.")
    if not ratings["score"].isin(range(1, data.scale_max + 1)).all():
        raise ValueError(f"There are scores that are not whole numbers from 1 to {data.scale_max}.")
    if not pairs["chosen"].isin(["left", "right", "tie"]).all():
        raise ValueError('A side-by-side answer is "left", "right" or "tie".')


def judged(data: StudyData) -> pd.DataFrame:
    """The ratings that are opinions, each with its item's model, picture and role; score is float."""
    items = data.stimuli.loc[data.stimuli["role"].isin(JUDGED), ["item_id", "model", "picture", "role"]]
    return data.ratings.merge(items, on="item_id").astype({"score": float})


def rater_by_item(ratings: pd.DataFrame) -> pd.DataFrame:
    """Scores as a table of raters (rows) by items (columns), nan where one did not rate."""
    return ratings.pivot(index="rater_id", columns="item_id", values="score").astype(float)


# How good each model is


def like_index(scores: Sequence[float], scale_max: int) -> float:
    """The first paper's index, in percent: 100 * sum(l_i) / (n * m_r), from 100 / m_r to 100.

    The paper prints n + m_r below the line, with which its own 95.5 of 46 raters could not be reached.
    """
    return 100 * float(np.sum(scores)) / (len(scores) * scale_max)


def rescaled_index(mos: float, scale_max: int) -> float:
    """The mean score on a scale that begins at 0: 100 * (MOS - 1) / (m_r - 1)."""
    return 100 * (mos - 1) / (scale_max - 1)


def clustered_mean(values: np.ndarray, raters: np.ndarray) -> Estimate:
    """The mean of all values with its t interval over raters.

    Where every rater gave as many values it is the t interval of the raters' means; else the linearised one
    around the mean of all values (cluster-robust, raters - 1 degrees of freedom). p is that of a mean of 0.
    """
    values = np.asarray(values, float)
    groups = pd.factorize(np.asarray(raters))[0]
    if len(set(groups)) < 2:
        return Estimate(values.mean() if len(values) else np.nan)
    return _clustered_fit(values, np.ones(len(values)), groups)._replace(value=values.mean())


def _clustered_fit(outcome: np.ndarray, regressor: np.ndarray, groups: np.ndarray) -> Estimate:
    """The coefficient of one regressor, with errors clustered by the groups, two or more."""
    fit = OLS(outcome, regressor).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # all residuals may be 0
        return Estimate(fit.params[0], *fit.conf_int(1 - CONFIDENCE)[0], fit.pvalues[0])


def bootstrap_mean(
    values: np.ndarray, raters: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """The mean of all values with the BCa interval (Efron 1987) of resampling whole raters."""
    by_rater = pd.Series(np.asarray(values, float)).groupby(np.asarray(raters))
    sums, counts = by_rater.sum().to_numpy(), by_rater.count().to_numpy()
    if len(sums) < 2:
        return Estimate(sums.sum() / counts.sum() if len(sums) else np.nan)
    mean = sums.sum() / counts.sum()
    if np.ptp(sums / counts) == 0:  # BCa's acceleration is 0 / 0
        return Estimate(mean, mean, mean)
    interval = stats.bootstrap(
        (sums, counts),
        lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(mean, interval.low, interval.high)


def describe_models(data: StudyData, seed: int = 0) -> pd.DataFrame:
    """One row per model: numbers of raters and ratings; MOS, like index, rescaled index, DMOS; intervals.

    t_low and t_high are cut at the ends of the scale, which a studentised interval may leave (Hossfeld 2018).
    DMOS is ITU-T P.910's ACR-HR: score - score of the same picture's hidden reference + scale_max, rater by
    rater, not crushed, so that a result liked better than the truth exceeds scale_max; nan for the reference.
    """
    scores, top = judged(data), data.scale_max
    reference = scores[scores["role"] == "reference"].groupby(["rater_id", "picture"])["score"].mean()
    rows = []
    for (role, model), mine in scores.groupby(["role", "model"]):
        mos = clustered_mean(mine["score"], mine["rater_id"])
        bootstrap = bootstrap_mean(mine["score"], mine["rater_id"], seed)
        t_low, t_high = np.clip([mos.low, mos.high], 1, top)
        row = {"model": model, "role": role, "raters": mine["rater_id"].nunique(), "ratings": len(mine)}
        row |= {"mos": mos.value, "sd": mine["score"].std(), "t_low": t_low, "t_high": t_high}
        row |= {"bootstrap_low": bootstrap.low, "bootstrap_high": bootstrap.high}
        row |= {"like": like_index(mine["score"], top)}
        row |= {"like_low": 100 * t_low / top, "like_high": 100 * t_high / top}
        row |= {"rescaled": rescaled_index(mos.value, top)}
        row |= {"rescaled_low": rescaled_index(t_low, top), "rescaled_high": rescaled_index(t_high, top)}
        truth = reference.iloc[:0] if role == "reference" else reference
        beside = mine.join(truth.rename("truth"), on=["rater_id", "picture"]).dropna(subset="truth")
        dmos = clustered_mean(beside["score"] - beside["truth"] + top, beside["rater_id"])
        row |= {"dmos": dmos.value, "dmos_low": dmos.low, "dmos_high": dmos.high}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["model", "role"])
    order = {role: i for i, role in enumerate(JUDGED)}
    return table.sort_values("role", key=lambda roles: roles.map(order), kind="stable", ignore_index=True)


# Whom to believe


def bt500(table: pd.DataFrame, ddof: int = 1) -> pd.DataFrame:
    """ITU-R BT.500's screening of observers (BT.500-13, Annex 2, section 2.3.1), once, over raters by items.

    An item's scores with a kurtosis of 2 to 4 pass for normal and are extreme from 2 standard deviations on,
    others from sqrt(20). P and Q count a rater's high and low extremes; rejected is who has more than 5 % of
    them, about as many high as low: |P - Q| / (P + Q) < 0.3. The standard deviation is the Recommendation's,
    over n - 1 (Netflix's sureal divides by n: ddof 0). Columns p, q, rejected. Where the text is silent: the
    5 % are of what the rater did rate, nobody is extreme on an item on which all agree, and P + Q = 0 rejects
    nobody.
    """
    deviation = table - table.mean()
    second, fourth = (deviation**2).mean(), (deviation**4).mean()
    kurtosis = fourth / second**2
    limit = table.std(ddof=ddof) * np.where(kurtosis.between(2, 4), 2, np.sqrt(20))
    limit = limit.where(limit > 0)  # a comparison with nan is false
    p, q = deviation.ge(limit).sum(axis=1), deviation.le(-limit).sum(axis=1)
    rejected = ((p + q) / table.notna().sum(axis=1) > 0.05) & ((p - q).abs() < 0.3 * (p + q))
    return pd.DataFrame({"p": p, "q": q, "rejected": rejected})


def screen(data: StudyData) -> pd.DataFrame:
    """One row per rater: what was measured, kept (bool), and the reasons where not. Rules stand alone."""
    opinions = judged(data)
    if len(opinions):
        observers = bt500(rater_by_item(opinions))
    else:
        observers = pd.DataFrame(columns=["p", "q", "rejected"])
    stimuli = data.stimuli.set_index("item_id")
    everyone = pd.unique(pd.concat([data.ratings["rater_id"], data.pairs["rater_id"]]))
    in_order = data.ratings.sort_values("position", kind="stable")
    rows = []
    for rater in sorted(everyone):
        mine = in_order[in_order["rater_id"] == rater].set_index("item_id")
        kinds = stimuli["role"].reindex(mine.index)
        scores = mine["score"].astype(float)
        failed, attention = _attention(scores[kinds == "attention"], stimuli)
        difference, correlation, repeats = _repeats(scores, stimuli)
        run = longest_run(scores[kinds != "attention"].to_numpy())
        freely = scores[kinds.isin(JUDGED)]
        seconds = mine["seconds"].astype(float).median()
        p, q, inconsistent = observers.loc[rater] if rater in observers.index else (0, 0, False)
        reasons = {
            "BT.500": inconsistent,
            f"attention: {failed} of {attention} failed": attention and failed / attention >= ATTENTION_SHARE,
            f"repeats differ by {difference:.1f}": repeats >= REPEATS_NEEDED
            and difference > REPEAT_DIFFERENCE * (data.scale_max - 1),
            "one score for everything": len(freely) >= SAME_NEEDED and freely.nunique() == 1,
            f"one score {run} times in a row": run > max(RUN_LENGTH, RUN_SHARE * len(scores)),
            f"median of {seconds:.1f} s": seconds < FASTEST,
        }
        row = {"rater_id": rater, "ratings": len(mine), "mean": freely.mean(), "sd": freely.std()}
        row |= {"p": int(p), "q": int(q), "attention_items": attention, "attention_failed": failed}
        row |= {"repeats": repeats, "repeat_difference": difference, "repeat_correlation": correlation}
        row |= {"longest_run": run, "median_seconds": seconds}
        given = [reason for reason, holds in reasons.items() if holds]
        rows.append(row | {"kept": not given, "reasons": "; ".join(given)})
    return pd.DataFrame(rows)


def _attention(scores: pd.Series, stimuli: pd.DataFrame) -> tuple[int, int]:
    """Attention items failed, and seen."""
    expected = stimuli.loc[scores.index, ["expected_low", "expected_high"]].astype(float)
    passed = scores.between(expected["expected_low"], expected["expected_high"])
    return int((~passed).sum()), len(scores)


def _repeats(scores: pd.Series, stimuli: pd.DataFrame) -> tuple[float, float, int]:
    """Mean absolute difference and correlation (of three or more) of repeats and firsts, and how many."""
    first = stimuli["repeat_of"].reindex(scores.index).dropna()
    first = first[first.isin(scores.index)]
    again, before = scores[first.index].to_numpy(), scores[first].to_numpy()
    if not len(again):
        return np.nan, np.nan, 0
    varied = len(again) > 2 and again.std() > 0 and before.std() > 0
    correlation = float(np.corrcoef(again, before)[0, 1]) if varied else np.nan
    return float(np.abs(again - before).mean()), correlation, len(again)


def longest_run(scores: np.ndarray) -> int:
    """How often one score came in a row, at most."""
    if not len(scores):
        return 0
    changes = np.flatnonzero(np.diff(scores)) + 1
    return int(np.diff([0, *changes, len(scores)]).max())


# How far raters agree


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
    counts = (table[:, :, None] == values).sum(0)  # (items, V)
    counts = counts[counts.sum(1) > 1]
    if not len(counts):
        return Estimate(np.nan)
    pairs = counts[:, :, None] * (counts[:, None, :] - np.eye(len(values)))  # (items, V, V)
    coincidences = pairs / (counts.sum(1) - 1)[:, None, None]

    def alpha(coincidences: np.ndarray) -> np.ndarray:  # (..., V, V) -> (...)
        totals = coincidences.sum(-1)  # (..., V)
        if metric == "nominal":
            distance = 1 - np.eye(len(values))
        else:
            # Between two ranks lie the values between them and half of each: a difference of middle ranks.
            scale = values if metric == "interval" else totals.cumsum(-1) - totals / 2
            distance = (scale[..., :, None] - scale[..., None, :]) ** 2
        observed = (coincidences * distance).sum((-2, -1))
        expected = (totals[..., :, None] * totals[..., None, :] * distance).sum((-2, -1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(expected > 0, 1 - (totals.sum(-1) - 1) * observed / expected, np.nan)

    value = float(alpha(coincidences.sum(0)))
    if not resamples:
        return Estimate(value)
    drawn = np.random.default_rng(seed).multinomial(len(counts), [1 / len(counts)] * len(counts), resamples)
    sample = alpha((drawn @ coincidences.reshape(len(counts), -1)).reshape(-1, *coincidences.shape[1:]))
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


# Which model is better


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
            return (sums**2).sum(-1) * np.where(groups > 1, groups / (groups - 1), np.nan)

    by_rater = clustered(rest.sum(-1), there.any(-1).sum(-1))
    by_picture = clustered(rest.sum(-2), there.any(-2).sum(-1))
    single = clustered(rest.reshape(*rest.shape[:-2], -1), n)
    return np.sqrt(np.maximum(by_rater + by_picture - single, np.maximum(by_rater, by_picture))) / n


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


def bradley_terry(data: StudyData) -> pd.DataFrame:
    """Each model's strength in the side-by-side question: the log odds of being preferred, summing to 0.

    Bradley & Terry 1952 as a binomial regression; a tie is half a win for each. Intervals and p (of being
    average) from standard errors clustered by rater. preferred: percent against an average model. Strengths
    are nan where likelihood has no finite maximum (Ford 1957): where some models never lost to the rest, or
    never met it.
    """
    model, pairs = data.stimuli.set_index("item_id")["model"], data.pairs
    pairs = pairs.assign(left=pairs["left_item"].map(model), right=pairs["right_item"].map(model))
    pairs = pairs[pairs["left"] != pairs["right"]]
    columns = ["model", "comparisons", "wins", "ties", "losses", "strength", "low", "high", "p", "preferred"]
    models = sorted(set(pairs["left"]) | set(pairs["right"]))
    if not models:
        return pd.DataFrame(columns=columns)
    left, right = (pd.Categorical(pairs[side], models).codes for side in ("left", "right"))
    won = pairs["chosen"].map({"left": 1.0, "tie": 0.5, "right": 0.0}).to_numpy()
    one_hot = np.eye(len(models))
    wins = (one_hot[left] * (won == 1)[:, None] + one_hot[right] * (won == 0)[:, None]).sum(0)
    ties = ((one_hot[left] + one_hot[right]) * (won == 0.5)[:, None]).sum(0)
    met = (one_hot[left] + one_hot[right]).sum(0)
    table = pd.DataFrame({"model": models, "comparisons": met, "wins": wins, "ties": ties})
    table["losses"] = met - wins - ties
    table = table.astype(dict.fromkeys(["comparisons", "wins", "ties", "losses"], int))
    table = table.reindex(columns=columns).astype(dict.fromkeys(columns[5:], float))

    beat = np.zeros((len(models), len(models)))
    np.add.at(beat, (left, right), won)
    np.add.at(beat, (right, left), 1 - won)
    if connected_components(beat, connection="strong")[0] > 1:
        return table
    raters = pd.factorize(pairs["rater_id"])[0]
    design = (one_hot[left] - one_hot[right])[:, :-1]  # the last model's strength is 0 while fitting
    clusters = {"cov_type": "cluster", "cov_kwds": {"groups": raters}, "use_t": True} if raters.max() else {}
    fit = GLM(won, design, family=Binomial()).fit(**clusters)
    centre = (one_hot - 1 / len(models))[:, :-1]  # from "the last is 0" to "the sum is 0"
    table["strength"] = centre @ fit.params
    table["preferred"] = 100 / (1 + np.exp(-table["strength"]))
    if raters.max():  # two raters or more
        error = np.sqrt(np.einsum("ij,jk,ik->i", centre, fit.cov_params(), centre))
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, raters.max()) * error
        table["low"], table["high"] = table["strength"] - reach, table["strength"] + reach
        table["p"] = 2 * stats.t.sf(np.abs(table["strength"]) / error, raters.max())
    return table


# What the order did


def order_effects(data: StudyData) -> pd.DataFrame:
    """What came of showing an item later, or at the left: effect, value, low, high, p, answers.

    Scores and log response times are regressed on the position with one constant per rater and one per item,
    standard errors clustered by rater; the left side is tested against a half, a tie being one.
    """
    opinions = judged(data)
    timed = opinions[opinions["seconds"].astype(float) > 0]
    pace = _slope(timed, np.log(timed["seconds"].astype(float).to_numpy()))
    as_percent = [100 * np.expm1(10 * x) for x in pace[:3]]
    score = _slope(opinions, opinions["score"].to_numpy())
    left = data.pairs["chosen"].map({"left": 50.0, "tie": 0.0, "right": -50.0}).to_numpy(float)
    side = clustered_mean(left, data.pairs["rater_id"].to_numpy())
    effects = {
        "score, per 10 items later": (Estimate(*(10 * x for x in score[:3]), score.p), len(opinions)),
        "response time, % per 10 items later": (Estimate(*as_percent, pace.p), len(timed)),
        "left side chosen, %": (Estimate(*(50 + x for x in side[:3]), side.p), len(left)),
    }
    return pd.DataFrame(
        [{"effect": name} | x._asdict() | {"answers": n} for name, (x, n) in effects.items() if n],
        columns=["effect", *Estimate._fields, "answers"],
    )


def _slope(ratings: pd.DataFrame, outcome: np.ndarray) -> Estimate:
    """Of the outcome per position, rater and item held fixed; nan where the order was the same for all."""
    if ratings["rater_id"].nunique() < 2:
        return Estimate(np.nan)
    constants = pd.get_dummies(ratings[["rater_id", "item_id"]].astype(str), dtype=float).to_numpy()
    columns = np.column_stack([outcome, ratings["position"].astype(float)])
    columns = columns - constants @ np.linalg.lstsq(constants, columns, rcond=None)[0]
    if np.abs(columns[:, 1]).max() < 1e-6:  # of whole positions: numerical noise
        return Estimate(np.nan)
    groups = pd.factorize(ratings["rater_id"])[0]
    return _clustered_fit(columns[:, 0], columns[:, 1], groups)
