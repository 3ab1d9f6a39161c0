"""Which pair to ask about next: the one whose answer is expected to say most about the strengths.

After ASAP (Mikhailiuk, Wilmot, Perez-Ortiz, Yue & Mantiuk 2021, "Active sampling for pairwise comparisons via
approximate message passing and information gain maximization", ICPR; arXiv 2004.05691): all answers so far give a
normal posterior of the strengths, and a pair's expected information gain is how much its answer would move it. Two
things are simpler here: the posterior is Laplace's of the Bradley-Terry likelihood, and the gain is worked out as the
mutual information of answer and strengths (Houlsby, Huszar, Ghahramani & Lengyel 2011), which it is, and which takes
one integral a pair in place of a new posterior for each possible answer.

An alternative to the balanced plan of `order`: it tells many conditions apart with fewer answers, but which pairs are
asked then depends on what was answered, so that shares of wins must not be read without Bradley-Terry.
"""

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import entr, expit

PRIOR_SD = 1.5  # of a strength: two conditions of the prior differ by 2.1 log odds, a preference of 9 to 1
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
STEPS = 50


def posterior(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n,) and covariance (n, n) of the strengths, log odds, after wins (n, n): how often row beat column.

    A tie counts half a win for each. Laplace's: the likeliest strengths under a normal prior, and the curvature there.
    """
    wins = np.asarray(wins, float)
    met, mean = wins + wins.T, np.zeros(len(wins))
    for _ in range(STEPS):
        chance = expit(mean[:, None] - mean)
        gradient = (wins - met * chance).sum(1) - mean / PRIOR_SD**2
        certain = met * chance * (1 - chance)
        precision = np.diag(certain.sum(1) + PRIOR_SD**-2) - certain
        step = np.linalg.solve(precision, gradient)
        mean = mean + step / max(1.0, np.abs(step).max())  # a full step may overshoot far from the maximum
        if np.abs(step).max() < 1e-10:
            break
    return mean, np.linalg.inv(precision)


def expected_gain(wins: np.ndarray) -> np.ndarray:
    """(n, n): what one more answer on each pair is expected to say, in bits, from 0 to 1; 0 on the diagonal.

    The entropy of the answer less that which would be left if the strengths were known.
    """
    mean, covariance = posterior(wins)
    variance = np.diag(covariance)
    spread = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0))
    chance = expit((mean[:, None] - mean)[..., None] + spread[..., None] * NODES)  # (n, n, nodes)
    gain = _entropy((chance * WEIGHTS).sum(-1)) - (_entropy(chance) * WEIGHTS).sum(-1)
    np.fill_diagonal(gain, 0)
    gains: np.ndarray = np.maximum(gain, 0)
    return gains


def _entropy(chance: np.ndarray) -> np.ndarray:
    """Of a yes or no, in bits."""
    bits: np.ndarray = (entr(chance) + entr(1 - chance)) / np.log(2)
    return bits


def next_pair(wins: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """The pair with the greatest gain, one of them where several have it, on random sides: (left, right).

    Raises ValueError for fewer than two conditions.
    """
    if len(wins) < 2:
        raise ValueError("A pair needs two conditions or more.")
    gain = np.triu(expected_gain(wins), 1)
    best = np.argwhere(gain >= gain.max() * (1 - 1e-9))
    best = best[best[:, 0] < best[:, 1]]
    left, right = rng.permutation(rng.choice(best))
    return int(left), int(right)


def next_pairs(wins: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    """n - 1 pairs to ask at once, as when many raters are there: ASAP's minimum spanning tree of 1 / gain.

    Every condition is in one of them or more; sides and order are random. Raises ValueError as next_pair does.
    """
    if len(wins) < 2:
        raise ValueError("A pair needs two conditions or more.")
    cost = 1 / np.maximum(expected_gain(wins), 1e-12)
    cost *= 1 + 1e-6 * rng.random(cost.shape)  # equal gains at random
    tree = np.argwhere(minimum_spanning_tree(np.triu(cost, 1)).toarray())
    return [(int(left), int(right)) for left, right in (rng.permutation(pair) for pair in rng.permutation(tree))]
