"""Which pair to ask about next."""

from collections import Counter

import choix
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from scripts import active_choice
from unmask.study.statistics import active


def test_posterior_is_that_of_choix_with_its_penalty():
    wins = np.array([[0, 5, 3, 0], [2, 0, 4, 1], [1, 3, 0, 6], [0, 2, 2, 0]])
    answers = [(i, j) for i in range(4) for j in range(4) for _ in range(wins[i, j])]
    mean, covariance = active.posterior(wins)
    expected = choix.opt_pairwise(4, answers, alpha=1 / (2 * active.PRIOR_SD**2), tol=1e-10)
    assert mean == pytest.approx(expected, abs=1e-4)
    curvature = choix.opt.PairwiseFcts(answers, 1 / (2 * active.PRIOR_SD**2)).hessian(mean)
    assert covariance @ curvature == pytest.approx(np.eye(4), abs=1e-6)


def test_nothing_known_is_the_prior():
    mean, covariance = active.posterior(np.zeros((3, 3)))
    assert (mean == 0).all() and covariance == pytest.approx(np.eye(3) * active.PRIOR_SD**2)
    gain = active.expected_gain(np.zeros((3, 3)))
    assert np.ptp(gain[np.triu_indices(3, 1)]) < 1e-12 and (np.diag(gain) == 0).all()


def test_gain_is_the_information_of_the_answer():
    """Of two, by quadrature: the entropy of the answer less its mean entropy given the difference."""
    wins = np.array([[0, 3], [1, 0]])
    mean, covariance = active.posterior(wins)
    difference = norm(mean[0] - mean[1], np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    entropy = lambda p: -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    expect = lambda of: quad(lambda d: difference.pdf(d) * of(expit(d)), -15, 15)[0]
    gain = active.expected_gain(wins)
    assert gain[0, 1] == pytest.approx(entropy(expect(lambda p: p)) - expect(entropy), rel=1e-6)
    assert gain[0, 1] == pytest.approx(gain[1, 0]) and 0 < gain[0, 1] < 1


def test_what_is_settled_is_not_asked_again():
    """Of four, 0 beats all, always; 1 and 2 are close; 3 has hardly been seen."""
    wins = np.array([[0, 30, 30, 1], [0, 0, 6, 1], [0, 5, 0, 0], [0, 0, 1, 0]])
    gain = active.expected_gain(wins)
    assert gain[0, 1] < 0.5 * gain[1, 2] and gain[1, 2] < gain[1, 3]
    rng = np.random.default_rng(0)
    assert all(3 in active.next_pair(wins, rng) for _ in range(10))


def test_ties_are_broken_at_random_and_sides_are_balanced():
    rng = np.random.default_rng(1)
    asked = {active.next_pair(np.zeros((3, 3)), rng) for _ in range(100)}
    assert asked == {(i, j) for i in range(3) for j in range(3) if i != j}
    shown = np.zeros((3, 3))
    for _ in range(60):
        shown[active.next_pair(np.zeros((3, 3)), rng, shown=shown)] += 1
    assert np.abs(shown - shown.T).max() <= 1 and shown.sum() == 60


def test_only_what_a_picture_has_is_chosen_from():
    wins, rng = np.zeros((4, 4)), np.random.default_rng(2)
    assert {frozenset(active.next_pair(wins, rng, among=[3, 1])) for _ in range(10)} == {frozenset({1, 3})}
    for few in (np.zeros((1, 1)), wins):
        with pytest.raises(ValueError, match="two conditions"):
            active.next_pair(few, rng, among=[0])


def test_who_comes_while_others_answer_gets_another_pair():
    """Each pair that is out counts as asked: so many raters at once are asked about all of them."""
    wins, out, rng = np.zeros((5, 5)), np.zeros((5, 5)), np.random.default_rng(3)
    for _ in range(10):
        out[active.next_pair(wins, rng, out)] += 1
    assert ((out + out.T)[np.triu_indices(5, 1)] == 1).all()
    mean, covariance = active.posterior(wins, out)
    # What an answer tells does not depend on what it is, where both are as likely: as after a tie each.
    assert (mean == 0).all() and covariance == pytest.approx(active.posterior((out + out.T) / 2)[1])


def test_active_choice_is_better_with_the_same_answers():
    """A short form of scripts/active_choice.py, whose figures stand in docs/study-statistics.md."""
    figures = active_choice.measure(12, (8, 15, 14))
    assert figures.at["Kendall's tau", "active"] >= figures.at["Kendall's tau", "balanced"]
    assert figures.at["error, log odds", "active"] <= figures.at["error, log odds", "balanced"]
    assert figures.at["no strengths, %", "active"] <= figures.at["no strengths, %", "balanced"]
    assert figures.at["interval held, %", "active"] > 85


def test_both_ways_ask_as_much_and_every_picture_once():
    for way in ("active", "balanced"):
        said = active_choice.answers(np.linspace(-1, 1, 4), 10, 6, way, np.random.default_rng(4))
        assert Counter(rater for *_, rater in said) == dict.fromkeys(range(10), 6)
