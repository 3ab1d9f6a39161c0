"""Which pair to ask about next."""

import choix
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm, spearmanr

from unmask.study.statistics import active


def drawn(strength: np.ndarray, answers: int, choose, seed: int) -> np.ndarray:
    """Wins (n, n) after so many answers to the pairs that choose(wins, rng) asks, in turn."""
    rng = np.random.default_rng(seed)
    wins = np.zeros((len(strength), len(strength)))
    while wins.sum() < answers:
        for left, right in choose(wins, rng):
            first = rng.random() < expit(strength[left] - strength[right])
            wins[(left, right) if first else (right, left)] += 1
    return wins


def one_by_one(wins: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    return [active.next_pair(wins, rng)]


def balanced(wins: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    pairs = np.array(np.triu_indices(len(wins), 1)).T
    return [tuple(pair) for pair in rng.permutation(pairs)]


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


def test_sides_are_random_and_ties_are_broken_at_random():
    rng = np.random.default_rng(1)
    asked = {active.next_pair(np.zeros((3, 3)), rng) for _ in range(100)}
    assert asked == {(i, j) for i in range(3) for j in range(3) if i != j}
    with pytest.raises(ValueError, match="two conditions"):
        active.next_pair(np.zeros((1, 1)), rng)
    with pytest.raises(ValueError, match="two conditions"):
        active.next_pairs(np.zeros((1, 1)), rng)


def test_a_batch_has_everyone_in_it():
    rng = np.random.default_rng(2)
    wins = drawn(np.linspace(-2, 2, 7), 60, balanced, 2)
    pairs = active.next_pairs(wins, rng)
    assert len(pairs) == 6 and {one for pair in pairs for one in pair} == set(range(7))
    gain = active.expected_gain(wins)
    assert np.mean([gain[pair] for pair in pairs]) > gain[np.triu_indices(7, 1)].mean()


@pytest.mark.parametrize("choose", [one_by_one, active.next_pairs], ids=["pair", "batch"])
def test_active_choice_orders_better_with_the_same_answers(choose):
    agreement = {"active": [], "balanced": []}
    for seed in range(30):
        strength = np.random.default_rng([seed, 1]).normal(0, 2, 8)
        for name, way in (("active", choose), ("balanced", balanced)):
            mean, _ = active.posterior(drawn(strength, 84, way, seed))
            agreement[name].append(spearmanr(mean, strength).statistic)
    assert np.mean(agreement["active"]) > np.mean(agreement["balanced"]) + 0.01
