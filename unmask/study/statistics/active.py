"""Which pair to ask about next: the one whose answer is expected to say most about the strengths.

After ASAP (Mikhailiuk, Wilmot, Perez-Ortiz, Yue & Mantiuk 2021, "Active sampling for pairwise comparisons via
approximate message passing and information gain maximization", ICPR; arXiv 2004.05691), and before it Crowd-BT (Chen,
Bennett, Collins-Thompson & Horvitz 2013, WSDM) and Hybrid-MST (Li, Mantiuk, Wang, Ling & Le Callet 2018, NeurIPS): all
answers so far give a normal posterior of the strengths, and a pair's expected information gain is the mean Kullback-
Leibler divergence by which its answer would move that posterior.

Two things are simpler here. The posterior is Laplace's of the Bradley-Terry likelihood under a normal prior. And the
gain is worked out as what it equals, the mutual information of answer and strengths (Houlsby, Huszar, Ghahramani &
Lengyel 2011, arXiv 1112.5745): with d the difference of two strengths, normal under the posterior, p = 1 / (1 + e^-d)
and H the entropy of a yes or no, it is H(E p) - E H(p), one integral a pair (Gauss-Hermite, 32 nodes) in place of a new
posterior for each possible answer.

Where many raters are there, some pairs are out, asked and not answered yet. Hybrid-MST and ASAP hand out a tree of n -
1 pairs at once for them. Here pairs that are out count in the posterior's precision, for what a Bradley-Terry answer
adds to it does not depend on what the answer is: nobody waits for a batch, and the next rater gets another pair.

Own, because no Python package does it: ASAP's authors published a script, and the Rust crate asap-ranking is no way
from here. An alternative to the balanced plan of `order`: which pairs are asked then depends on what was answered, so
shares of wins must not be read without Bradley-Terry.
"""

from collections.abc import Sequence

import numpy as np

PRIOR_SD = 1.5  # of a strength: two conditions of the prior differ by 2.1 log odds, a preference of 9 to 1
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
STEPS = 50


def posterior(wins: np.ndarray, out: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n,) and covariance (n, n) of the strengths, log odds, after wins (n, n): how often row beat column.

    A tie counts half a win for each. out (n, n): how often two were asked about without an answer so far, in either
    triangle; these narrow the covariance alone. Laplace's: the likeliest strengths, and the curvature there.
    """
    wins = np.asarray(wins, float)
    met, mean = wins + wins.T, np.zeros(len(wins))
    for _ in range(STEPS):
        gradient = (wins - met * _chance(mean)).sum(1) - mean / PRIOR_SD**2
        step = np.linalg.solve(_precision(met, mean), gradient)
        mean = mean + step / max(1.0, np.abs(step).max())  # a full step may overshoot far from the maximum
        if np.abs(step).max() < 1e-10:
            break
    asked = met if out is None else met + out + out.T
    return mean, np.linalg.inv(_precision(asked, mean))


def _chance(mean: np.ndarray) -> np.ndarray:
    """(n, n): of row against column."""
    chance: np.ndarray = 1 / (1 + np.exp(mean - mean[:, None]))
    return chance


def _precision(met: np.ndarray, mean: np.ndarray) -> np.ndarray:
    chance = _chance(mean)
    certain = met * chance * (1 - chance)
    precision: np.ndarray = np.diag(certain.sum(1) + PRIOR_SD**-2) - certain
    return precision


def expected_gain(wins: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(n, n): what one more answer on each pair is expected to say, in bits, from 0 to 1; 0 on the diagonal."""
    mean, covariance = posterior(wins, out)
    variance = np.diag(covariance)
    spread = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0))
    lead = (mean[:, None] - mean)[..., None] + spread[..., None] * NODES  # (n, n, nodes)
    chance = 1 / (1 + np.exp(-lead))
    gain = _entropy((chance * WEIGHTS).sum(-1)) - (_entropy(chance) * WEIGHTS).sum(-1)
    np.fill_diagonal(gain, 0)
    gains: np.ndarray = np.maximum(gain, 0)
    return gains


def _entropy(chance: np.ndarray) -> np.ndarray:
    """Of a yes or no, in bits."""
    both = np.clip(np.stack([chance, 1 - chance]), 1e-300, 1)
    bits: np.ndarray = -(both * np.log2(both)).sum(0)
    return bits


def next_pair(
    wins: np.ndarray,
    rng: np.random.Generator,
    out: np.ndarray | None = None,
    shown: np.ndarray | None = None,
    among: Sequence[int] | None = None,
) -> tuple[int, int]:
    """The pair with the greatest gain, one of them where several have it: (left, right).

    out: as `posterior` has it. shown (n, n): how often row has stood left of column; what of a pair has been left less
    often gets there, either at random where that is equal. among: the conditions to choose from, all by default.
    Raises ValueError for fewer than two.
    """
    few = np.arange(len(wins)) if among is None else np.array(sorted(among))
    if len(few) < 2:
        raise ValueError("A pair needs two conditions or more.")
    gain = np.triu(expected_gain(wins, out)[np.ix_(few, few)], 1)
    best = np.argwhere(gain >= gain.max() * (1 - 1e-9))
    best = best[best[:, 0] < best[:, 1]]
    one, other = (int(condition) for condition in few[rng.permutation(rng.choice(best))])
    if shown is not None and shown[one, other] > shown[other, one]:
        one, other = other, one
    return one, other
