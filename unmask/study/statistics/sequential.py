"""May we stop? An interval that holds at every look, so that a study may end as soon as two models are told apart.

An ordinary 95 % interval is right for one look at a size fixed beforehand; who looks after every rater, and stops when
zero is outside, is wrong far more often. The confidence sequence here is wrong at any look ever with a chance of 5 %
at most: it inverts the t test's e-process for normal data of unknown spread, a scale-invariant likelihood ratio with a
normal mixture over effect sizes (Lai 1976; Wang & Ramdas 2025, "Anytime-valid t-tests and confidence sequences for
Gaussian means with unknown variance", Sequential Analysis; arXiv 2310.03722, theorem 4.7).

What it takes is one number a rater, his mean difference or his share of wins: a mean of many answers, so near normal.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from unmask.study.statistics.data import CONFIDENCE, StudyData, judged

EFFECT = 0.5  # the mixture's spread, in standard deviations between raters (Cohen's medium d_z): finds such soonest
FIRST_LOOK = 15  # raters, BT.500's smallest panel; of fewer coarse scores, a run of equal ones would decide


class Look(NamedTuple):
    """The mean, its interval at every look, and the e-value against 0: by how much the data speak against it."""

    mean: float
    low: float
    high: float
    evidence: float


def look(values: np.ndarray, alpha: float = 1 - CONFIDENCE) -> Look:
    """The confidence sequence after values (raters,), one a rater, in any order; infinite before FIRST_LOOK.

    With n values of mean m and variance s^2 (over n), and c = 1 / EFFECT^2, it is m +- s sqrt(q (n + c) / (n - q (n +
    c))) with q = 1 - (alpha^2 c / (n + c))^(1/n), or everything where the root has no value.
    """
    n = len(values)
    if n < FIRST_LOOK:
        return Look(float(np.mean(values)) if n else np.nan, -np.inf, np.inf, 1.0)
    mean, variance, c = float(np.mean(values)), float(np.var(values)), 1 / EFFECT**2
    q = 1 - (alpha**2 * c / (n + c)) ** (1 / n)
    left = n - q * (n + c)
    reach = float(np.sqrt(variance * q * (n + c) / left)) if left > 0 else np.inf
    squares, total = np.sum(np.square(values)), np.sum(values)
    with np.errstate(divide="ignore", over="ignore"):
        rest = 1 - total**2 / (n + c) / squares if squares > 0 else 1.0
        evidence = float(np.sqrt(c / (n + c)) * np.power(rest, -n / 2))
    return Look(mean, mean - reach, mean + reach, evidence)


def told_apart(data: StudyData) -> pd.DataFrame:
    """Every two models, by scores and side by side: may the study stop?

    Columns: measure ("score" or "wins, %"), model_a, model_b, raters, difference (of the mean score, a - b; or how far
    a's wins are above half, in percentage points, a tie being half a win), low, high, evidence, and decided: 0 is
    outside. The 5 % are divided among the pairs of models of a measure (Bonferroni), so that a false stop anywhere has
    that chance. There are no wins where pairs were chosen actively.
    """
    rows = []
    # Which models met, and how often, must not depend on who won: shares of wins would mean nothing.
    wins = {} if data.choose == "active" else _wins(data)
    for measure, by_rater in (("score", _differences(data)), ("wins, %", wins)):
        for (a, b), values in by_rater.items():
            found = look(values, (1 - CONFIDENCE) / len(by_rater))
            row = {"measure": measure, "model_a": a, "model_b": b, "raters": len(values), "difference": found.mean}
            row |= {"low": found.low, "high": found.high, "evidence": found.evidence}
            rows.append(row | {"decided": bool(found.low > 0 or found.high < 0)})
    columns = ["measure", "model_a", "model_b", "raters", "difference", "low", "high", "evidence", "decided"]
    return pd.DataFrame(rows, columns=columns)


def _differences(data: StudyData) -> dict[tuple[str, str], np.ndarray]:
    """Of every two models, each rater's mean difference on the pictures that he scored of both."""
    tests = judged(data).query("role == 'test'")
    scores = tests.pivot_table(index=["rater_id", "picture"], columns="model", values="score")
    return {
        (a, b): (scores[a] - scores[b]).dropna().groupby("rater_id").mean().to_numpy()
        for a, b in combinations(scores.columns, 2)
    }


def _wins(data: StudyData) -> dict[tuple[str, str], np.ndarray]:
    """Of every two models that met, each rater's share of wins of the first, in percent above half."""
    model = data.stimuli.set_index("item_id")["model"]
    left, right = data.pairs["left_item"].map(model), data.pairs["right_item"].map(model)
    lead = data.pairs["chosen"].map({"left": 50.0, "tie": 0.0, "right": -50.0}) * np.where(left < right, 1, -1)
    met = pd.DataFrame({"a": np.minimum(left, right), "b": np.maximum(left, right), "lead": lead})
    met = met.assign(rater=data.pairs["rater_id"])[met["a"] != met["b"]]
    return {pair: mine.groupby("rater")["lead"].mean().to_numpy() for pair, mine in met.groupby(["a", "b"])}
