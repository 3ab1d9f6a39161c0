"""The statistics of a rating study: its data, how good each model is and how sure that is, and what the order did.

Whom to believe is `screening`'s, how far raters agree `agreement`'s, and which model is better `comparison`'s. In all
four a score is an integer from 1 to scale_max (10). Ratings of one rater are never treated as independent: every
interval and test resamples, or clusters by, raters. 95 % throughout; a number that cannot be had is nan. Own formulas
stand only where no permissive, living library has them (Krippendorff's alpha, the intraclass correlation, BT.500);
docs/study-statistics.md writes the methods out.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS

JUDGED = ("test", "reference", "anchor")  # roles whose scores are opinions; a repeat would count one twice
RESAMPLES = 4999
CONFIDENCE = 0.95
RANKING_COLUMNS = ["rater_id", "question", "item_id", "rank", "position", "seconds", "simulated"]


@dataclasses.dataclass(frozen=True)
class StudyData:
    """What a study holds, newest version of each rating only.

    stimuli: item_id, model ("reference" and "anchor" for the hidden ones), picture, role ("test",
    "reference", "anchor", "repeat", "attention"), repeat_of (item_id or None), expected_low and expected_high
    (the scores that an attention item allows, or NA).
    ratings: rater_id, item_id, score (1 to scale_max), position (from 0), seconds, simulated (bool).
    pairs: rater_id, left_item, right_item, chosen ("left", "right", "tie"), position, seconds, simulated.
    rankings: rater_id, question (which answer of his), item_id, rank (from 1, the best), position, seconds, simulated;
    a row for each item that was ranked.
    """

    stimuli: pd.DataFrame
    ratings: pd.DataFrame
    pairs: pd.DataFrame
    scale_max: int = 10
    title: str = "Rating study"
    rankings: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=RANKING_COLUMNS))

    @property
    def simulated(self) -> bool:
        """Whether all of it is simulated. Raises ValueError for a mixture, which no analysis may take."""
        marks = {bool(mark) for table in self._answers() for mark in table["simulated"]}
        if len(marks) > 1:
            raise ValueError("The study mixes real and simulated ratings: analyse them apart.")
        return marks == {True}

    def only(self, simulated: bool) -> "StudyData":
        """The real ratings alone, or the simulated ones."""
        return self._filtered(lambda table: table["simulated"].astype(bool) == simulated)

    def of_raters(self, raters: Sequence[str]) -> "StudyData":
        """The ratings of these raters alone."""
        return self._filtered(lambda table: table["rater_id"].isin(list(raters)))

    def _answers(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        return self.ratings, self.pairs, self.rankings

    def _filtered(self, keep) -> "StudyData":
        ratings, pairs, rankings = (table[keep(table)] for table in self._answers())
        return dataclasses.replace(self, ratings=ratings, pairs=pairs, rankings=rankings)


class Estimate(NamedTuple):
    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan  # of value = 0


def check(data: StudyData) -> None:
    """Raises ValueError, in one sentence, for data that no analysis may take."""
    ratings, pairs, rankings = data.ratings, data.pairs, data.rankings
    if not len(ratings) + len(pairs) + len(rankings):
        raise ValueError("The study has no ratings yet.")
    _ = data.simulated  # raises for a mixture
    if data.stimuli["item_id"].duplicated().any():
        raise ValueError("Two stimuli have one item id.")
    rated = {*ratings["item_id"], *pairs["left_item"], *pairs["right_item"], *rankings["item_id"]}
    if unknown := rated - set(data.stimuli["item_id"]):
        raise ValueError(f"There are ratings of items that are not in the study, such as {min(unknown)}.")
    if ratings.duplicated(["rater_id", "item_id"]).any():
        raise ValueError("A rater has two ratings of one item: only the newest may be analysed.")
    if not ratings["score"].isin(range(1, data.scale_max + 1)).all():
        raise ValueError(f"There are scores that are not whole numbers from 1 to {data.scale_max}.")
    if not pairs["chosen"].isin(["left", "right", "tie"]).all():
        raise ValueError('A side-by-side answer is "left", "right" or "tie".')
    places = rankings.groupby(["rater_id", "question"])["rank"]
    if any(sorted(ranks) != list(range(1, len(ranks) + 1)) for _, ranks in places):
        raise ValueError("A ranking gives each of its items a place of its own, from 1 on.")


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
