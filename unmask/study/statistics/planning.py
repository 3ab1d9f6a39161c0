"""How large a study must be, or what can be seen with what there is: an answer at once, and always one.

The power of compare_models' test for new pictures: a t with min(raters, pictures) - 1 degrees of freedom, whose squared
error is 2 item_sd^2 / pictures + 2 (residual_sd^2 + 1/12) / (raters * pictures), the twelfth being that of whole
scores; raters' leniency cancels. simulate.plan_size counts the same by simulation, the ends of the scale included.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from unmask.study.statistics.simulate import ITEM_SD, RESIDUAL_SD

LEAST_RATERS, LEAST_PICTURES = 15, 5  # BT.500's smallest panel; fewer pictures say little of others
USUAL_RATERS, MOST_RATERS = 30, 200
MOST_ITEMS = 300  # that one rater scores: some twenty minutes, of the half an hour that P.910 allows a session
BEYOND = 10**8  # pictures or raters: where a search gives up


@dataclasses.dataclass(frozen=True)
class Design:
    """What is known of a study beforehand; deviations in points of the scale, as the report of a pilot gives them.

    Raises ValueError, in one sentence, for what no study can be.
    """

    models: int = 3
    item_sd: float | None = None  # of one model's results around its mean; None: as usual
    residual_sd: float | None = None  # of the rest
    power: float = 0.8
    alpha: float = 0.05  # divided among the pairs of models
    scale_max: int = 10

    def __post_init__(self) -> None:
        if self.models < 2 or self.scale_max < 2:
            raise ValueError("A comparison takes two models and two steps of the scale, or more.")
        if not (0 < self.alpha < self.power < 1):
            raise ValueError("The power lies between alpha and 1, such as 0.8, and alpha above 0.")
        if min(self._deviations()) < 0 or not np.isfinite(self._deviations()).all():
            raise ValueError("A standard deviation is a number not below 0.")

    def _deviations(self) -> tuple[float, float]:
        usual = (self.scale_max - 1) / 9  # the usual ones are of a scale of 10
        item_sd = ITEM_SD * usual if self.item_sd is None else self.item_sd
        return item_sd, RESIDUAL_SD * usual if self.residual_sd is None else self.residual_sd

    def power_of(self, effect: float, raters: np.ndarray | int, pictures: np.ndarray | int) -> np.ndarray:
        """How often `effect` points are found, for raters and pictures (2 or more) that broadcast."""
        item_sd, residual_sd = self._deviations()
        error = np.sqrt(2 * item_sd**2 / pictures + 2 * (residual_sd**2 + 1 / 12) / raters / pictures)
        freedom = np.minimum(raters, pictures) - 1
        level = self.alpha / (self.models * (self.models - 1) / 2)
        limit = stats.t.ppf(1 - level / 2, freedom)
        with np.errstate(divide="ignore"):
            shift = effect / error
        far = shift > limit + 10 * np.maximum(limit, 1)  # found for sure, and slow to work out
        return np.where(far, 1.0, stats.nct.sf(limit, freedom, np.where(far, 0, shift)))

    def visible(self, raters: int, pictures: int) -> float:
        """The smallest difference, in points, that so many raters and pictures (2 or more) find often enough."""
        high = 1.0
        while self.power_of(high, raters, pictures) < self.power:
            high *= 2
        return float(brentq(lambda effect: self.power_of(effect, raters, pictures) - self.power, 0, high))

    def smallest(self, effect: float, raters: int | None = None, pictures: int | None = None) -> tuple[int, int] | None:
        """Raters and pictures with the fewest ratings that find `effect` points, of what one sitting holds; or None.

        What is given stays as it is.
        """
        some = np.arange(LEAST_RATERS, MOST_RATERS + 1) if raters is None else np.array([raters])
        most = max(MOST_ITEMS // self.models, LEAST_PICTURES)
        others = np.arange(LEAST_PICTURES, most + 1) if pictures is None else np.array([pictures])
        enough = self.power_of(effect, some[:, None], others) >= self.power
        if not enough.any():
            return None
        i, j = min(np.argwhere(enough), key=lambda at: (some[at[0]] * others[at[1]], some[at[0]]))
        return int(some[i]), int(others[j])

    def beyond(self, effect: float, raters: int) -> int | None:
        """How many pictures so many raters need for `effect` points, however many; None for more than anyone has."""
        low, high = 1, 2
        while self.power_of(effect, raters, high) < self.power:
            low, high = high, high * 2
            if high > BEYOND:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.power_of(effect, raters, middle) >= self.power else (middle, high)
        return high


def advise(
    design: Design,
    effect: float | None = None,
    raters: int | None = None,
    pictures: int | None = None,
    say: Callable[..., str] = str.format,
) -> str:
    """A sentence or two: how many raters and photos find `effect` points; or what can be seen with those given.

    say: (English template, values by name) -> sentence, to have it in another language. Raises ValueError, in one
    sentence, where nothing is asked, or what no study can be.
    """
    if effect is None and raters is None and pictures is None:
        raise ValueError("Say what difference is to be found, or how many raters or photos there are.")
    if effect is not None and not 0 < effect <= design.scale_max - 1:
        raise ValueError(f"A difference lies above 0 and not above {design.scale_max - 1}, the length of the scale.")
    if min(raters or 2, pictures or 2) < 2 or 0 in (raters, pictures):
        raise ValueError("Two raters and two photos are the least.")
    if effect is not None and (found := design.smallest(effect, raters, pictures)):
        return say(
            "Enough to find a mean difference of {effect}: {raters} raters and {photos} photos "
            "({ratings} ratings of {models} models in all; power {power}).",
            effect=f"{effect:g}",
            raters=found[0],
            photos=found[1],
            ratings=found[0] * found[1] * design.models,
            models=design.models,
            power=f"{float(design.power_of(effect, *found)):.2f}",
        )
    here = raters or (USUAL_RATERS if effect is None else MOST_RATERS)
    there = pictures or max(MOST_ITEMS // design.models, LEAST_PICTURES)
    seen = design.visible(here, there)
    answer = say(
        "{raters} raters and {photos} photos can show a mean difference of {seen} (power {power}).",
        raters=here,
        photos=there,
        seen=f"{seen:.2f}",
        power=f"{design.power:g}",
    )
    if seen > design.scale_max - 1:
        answer += " " + say("That is more than the scale holds.")
    if effect is None:
        return answer
    values = {"raters": here, "effect": f"{effect:g}"}
    if needed := design.beyond(effect, here):
        more = say(
            "To find {effect}, {raters} raters would need {photos} photos, or fewer models, or a lesser power.",
            photos=f"{needed:,}",
            **values,
        )
    else:
        more = say(
            "To find {effect}, {raters} raters would need more photos than anyone has, or fewer models, "
            "or a lesser power.",
            **values,
        )
    return f"{answer} {more}"
