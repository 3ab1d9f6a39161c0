"""What the order did to the scores: fatigue, and what was seen before."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from unmask.study.statistics.data import Estimate, StudyData, judged
from unmask.study.statistics.like_index import clustered_fit, clustered_mean


def order_effects(data: StudyData) -> pd.DataFrame:
    """What came of showing an item later, or at the left: effect, value, low, high, p, answers.

    Scores and log response times are regressed on the position with one constant per rater and one per item,
    standard errors clustered by rater; the left side is tested against a half, a tie being one.
    """
    opinions = judged(data)
    timed = opinions[opinions["seconds"].astype(float) > 0]
    pace = _slope(timed, np.log(timed["seconds"].astype(float).to_numpy()))
    score = _slope(opinions, opinions["score"].to_numpy())
    left = data.pairs["chosen"].map({"left": 50.0, "tie": 0.0, "right": -50.0}).to_numpy(float)
    side = clustered_mean(left, data.pairs["rater_id"].to_numpy())
    effects = {
        "score, per 10 items later": (_changed(score, lambda x: 10 * x), len(opinions)),
        "response time, % per 10 items later": (_changed(pace, lambda x: 100 * math.expm1(10 * x)), len(timed)),
        "left side chosen, %": (_changed(side, lambda x: 50 + x), len(left)),
    }
    return pd.DataFrame(
        [{"effect": name} | x._asdict() | {"answers": n} for name, (x, n) in effects.items() if n],
        columns=["effect", *Estimate._fields, "answers"],
    )


def _changed(estimate: Estimate, change: Callable[[float], float]) -> Estimate:
    """The same in other units; p stays."""
    value, low, high, p = estimate
    return Estimate(change(value), change(low), change(high), p)


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
    return clustered_fit(columns[:, 0], columns[:, 1], groups)
