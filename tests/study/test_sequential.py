"""The interval that may be looked at after every rater."""

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from tests.study.study_tables import stimuli_of, study
from unmask.study.statistics import sequential

PATH = Path(__file__).resolve().parents[2] / "scripts" / "interval_coverage.py"


def test_evidence_is_the_mixture_it_is_said_to_be():
    """The likelihood ratio of scale-invariant normal data, integrated over effect sizes by quadrature.

    Over sigma, with density 1 / sigma: the integral of sigma^(-n-1) exp(-sum (x / sigma - d)^2 / 2), here over u = 1 /
    sigma, for each effect size d.
    """
    values = np.random.default_rng(0).normal(0.4, 1, 16)
    squares, total, n = np.sum(values**2), values.sum(), len(values)

    def marginal(effect: float) -> float:
        inner = lambda u: u ** (n - 1) * np.exp(-(squares * u**2 - 2 * effect * total * u + n * effect**2) / 2)
        return quad(inner, 0, 6)[0]

    prior = lambda d: np.exp(-((d / sequential.EFFECT) ** 2) / 2) / sequential.EFFECT / np.sqrt(2 * np.pi)
    mixture = quad(lambda d: prior(d) * marginal(d), -4, 4)[0]
    assert sequential.look(values).evidence == pytest.approx(mixture / marginal(0), rel=1e-6)


def test_the_interval_ends_where_the_evidence_is_twenty():
    values = np.random.default_rng(1).normal(0.3, 2, 30)
    found = sequential.look(values)
    assert found.mean == pytest.approx(values.mean())
    for end in (found.low, found.high):
        assert sequential.look(values - end).evidence == pytest.approx(20)
    stricter = sequential.look(values, alpha=0.01)
    assert stricter.low < found.low < found.high < stricter.high
    assert sequential.look(values - stricter.high).evidence == pytest.approx(100)


def test_no_look_before_the_panel_is_there():
    few = sequential.look(np.full(sequential.FIRST_LOOK - 1, 3.0))
    assert (few.mean, few.low, few.high) == (3, -np.inf, np.inf)
    assert np.isnan(sequential.look(np.empty(0)).mean)
    alike = sequential.look(np.full(20, 3.0))
    assert alike.low == alike.high == 3
    nothing = sequential.look(np.zeros(20))
    assert (nothing.low, nothing.high) == (0, 0) and nothing.evidence < 1


def test_a_difference_is_found_as_soon_as_the_paper_says_it_can_be():
    """A t test planned for one look at d_z 0.8 takes 15 raters; looking after each costs a few more."""
    rng = np.random.default_rng(2)
    stopped = []
    for _ in range(100):
        values = rng.normal(0.8, 1, 100)
        looks = (n for n in range(sequential.FIRST_LOOK, 101) if sequential.look(values[:n]).low > 0)
        stopped.append(next(looks))
    assert np.median(stopped) < 25


def test_models_told_apart():
    rng = np.random.default_rng(3)
    stimuli = stimuli_of({"a": 4, "b": 4, "c": 4})
    mean = np.repeat([4, 4, 7], 4)
    scores = {f"r{i}": list(np.clip(np.rint(mean + rng.normal(0, 1, 12)), 1, 10).astype(int)) for i in range(20)}
    # b wins at the left and at the right; a tie is a half for each.
    pairs = [(f"r{i}", "a-0", "b-0", "right") for i in range(20)] + [(f"r{i}", "b-1", "a-1", "left") for i in range(20)]
    pairs += [(f"r{i}", "a-2", "b-2", "tie") for i in range(10)]
    table = sequential.told_apart(study(stimuli, scores, pairs)).set_index(["measure", "model_a", "model_b"])
    by_score = table.loc["score"]
    assert by_score["decided"].to_dict() == {("a", "b"): False, ("a", "c"): True, ("b", "c"): True}
    means = np.array(list(scores.values())).reshape(20, 3, 4).mean(2)
    expected = sequential.look(means[:, 0] - means[:, 2], 0.05 / 3)
    row = by_score.loc[("a", "c")]
    assert tuple(row[["difference", "low", "high", "evidence"]]) == pytest.approx(tuple(expected))
    won = table.loc[("wins, %", "a", "b")]
    assert won["difference"] == pytest.approx(-(50 * 10 + 100 / 3 * 10) / 20) and won["decided"]
    few = sequential.told_apart(study(stimuli, {rater: scores[rater] for rater in list(scores)[:10]}))
    assert not few["decided"].any() and np.isinf(few["high"]).all()
    assert sequential.told_apart(study(stimuli_of({"a": 1}), {"r": [5]})).empty


def test_false_stops_are_rare_however_often_one_looks(script):
    """The short form; a plain t interval, looked at as often, errs several times as often."""
    found = script.measure(script.stopping_study, 60)
    for name in ("scores", "wins"):
        assert found[f"every look, {name}"] > 0.9
    assert found["every look, scores, plain t: for comparison"] < 0.85
