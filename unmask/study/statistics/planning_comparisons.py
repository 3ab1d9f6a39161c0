"""How large a study that only compares must be, or what it can show: of pairs and of rankings, without any score.

Whoever ranks k results of n models chooses from k, then from k - 1, and so on; a choice from m has, near equal
strengths, the information (I - 11' / m) / m (Plackett-Luce; of pairs, k = 2, Bradley-Terry). Over all choices of k of n
that is c (I - 11' / n) a ranking, with c = sum over m = 2 ... k of (1 - 1 / m), over n - 1; so the difference of two
strengths has after N rankings a variance of 2 / (N c). The test is the report's, a t with raters - 1 degrees of freedom
at 0.05 divided among the pairs of models. It speaks of the pictures shown, and of raters who have no taste of their
own, which only a pilot can tell: with taste, more raters are needed.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from unmask.study.statistics.planning import LEAST_PICTURES, LEAST_RATERS, MOST_RATERS, USUAL_RATERS

ALPHA, USUAL_POWER = 0.05, 0.8
MOST_COMPARISONS = 150  # that one rater makes: each takes some ten seconds, of the half an hour that P.910 allows


def information(models: int, at_once: int) -> float:
    """Of one ranking of `at_once` results, on each strength, as the module says."""
    return float(sum(1 - 1 / left for left in range(2, at_once + 1)) / (models - 1))


def power_of(
    lead: float, models: int, at_once: int, raters: np.ndarray | int, pictures: np.ndarray | int
) -> np.ndarray:
    """How often a difference of strengths, in log odds, is found; raters (2 or more) and pictures broadcast."""
    error = np.sqrt(2 / (raters * pictures * information(models, at_once)))
    freedom = np.asarray(raters) - 1
    limit = stats.t.ppf(1 - ALPHA / (models * (models - 1)), freedom)
    far = lead / error > limit + 10 * np.maximum(limit, 1)  # found for sure, and slow to work out
    power: np.ndarray = np.where(far, 1.0, stats.nct.sf(limit, freedom, np.where(far, 0, lead / error)))
    return power


def visible(models: int, at_once: int, raters: int, pictures: int, power: float = USUAL_POWER) -> float:
    """The smallest preference, percent of comparisons of two, that so many raters and pictures find often enough."""
    high = 0.1
    while power_of(high, models, at_once, raters, pictures) < power:
        high *= 2
    lead = brentq(lambda lead: power_of(lead, models, at_once, raters, pictures) - power, 0, high)
    return float(100 / (1 + np.exp(-lead)))


def smallest(
    preferred: float,
    models: int,
    at_once: int,
    raters: int | None = None,
    pictures: int | None = None,
    power: float = USUAL_POWER,
) -> tuple[int, int] | None:
    """Raters and pictures with the fewest comparisons that find this preference, of what one sitting holds; or None."""
    some = np.arange(LEAST_RATERS, MOST_RATERS + 1) if raters is None else np.array([raters])
    others = np.arange(LEAST_PICTURES, MOST_COMPARISONS + 1) if pictures is None else np.array([pictures])
    lead = float(np.log(preferred / (100 - preferred)))
    enough = power_of(lead, models, at_once, some[:, None], others) >= power
    if not enough.any():
        return None
    i, j = min(np.argwhere(enough), key=lambda at: (some[at[0]] * others[at[1]], some[at[0]]))
    return int(some[i]), int(others[j])


def advise(
    models: int,
    at_once: int,
    preferred: float | None = None,
    raters: int | None = None,
    pictures: int | None = None,
    power: float = USUAL_POWER,
    say: Callable[..., str] = str.format,
) -> str:
    """A sentence: how many raters and photos show that one of two is preferred so often, or what those given show.

    at_once: results of a photo that are compared at once, 2 for pairs. preferred: percent of comparisons, above 50.
    say: (English template, values by name) -> sentence. Raises ValueError, in one sentence, for what no study can be.
    """
    if not 2 <= at_once <= models:
        raise ValueError(f"Of {models} models' results, 2 to {models} can be compared at once, not {at_once}.")
    if preferred is not None and not 50 < preferred < 100:
        raise ValueError("A preference lies above 50 and below 100 of 100 comparisons.")
    if min(raters or 2, pictures or 1) < 1 or (raters or 2) < 2 or 0 in (raters, pictures):
        raise ValueError("Two raters and one photo are the least.")
    if not ALPHA < power < 1:
        raise ValueError(f"The power lies between {ALPHA} and 1, such as 0.8.")
    if preferred is not None and (found := smallest(preferred, models, at_once, raters, pictures, power)):
        return say(
            "Enough to show that one of two is preferred in {preferred} of 100 comparisons: {raters} raters and "
            "{photos} photos (power {power}).",
            preferred=f"{preferred:g}",
            raters=found[0],
            photos=found[1],
            power=f"{power:g}",
        )
    here = raters or (USUAL_RATERS if preferred is None else MOST_RATERS)
    there = pictures or (2 * LEAST_PICTURES if preferred is None else MOST_COMPARISONS)
    return say(
        "{raters} raters and {photos} photos can show that one of two is preferred in {preferred} of 100 comparisons "
        "(power {power}).",
        raters=here,
        photos=there,
        preferred=f"{visible(models, at_once, here, there, power):.1f}",
        power=f"{power:g}",
    )
