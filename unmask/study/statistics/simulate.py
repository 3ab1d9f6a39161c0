"""How many raters and pictures a study needs, and a dry run with raters that do not exist.

One model of a score for both: a rater's leniency, plus an item's own quality, plus noise, rounded to the
scale. Whatever comes from here is marked simulated, and no analysis mixes it with ratings by people.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from unmask.study.statistics.comparison import two_way_error
from unmask.study.statistics.data import RANKING_COLUMNS

# Standard deviations in points of a scale of 10, until a pilot's own are at hand (the report's agreement).
RATER_SD = 1.2  # of raters' leniency
ITEM_SD = 0.8  # of one model's results around its mean
RESIDUAL_SD = 1.6  # of the rest: a rater's taste in this picture, and chance
PACE = 4.0  # s, the median time that an attentive rater takes
CARELESS = "-careless"  # how the ids of such raters end


def plan_size(
    effect: float,
    *,
    models: int = 3,
    rater_sd: float | None = None,
    item_sd: float | None = None,
    residual_sd: float | None = None,
    raters: Sequence[int] = (10, 15, 20, 30, 46, 60),
    pictures: Sequence[int] = (5, 10, 15, 20, 30),
    power: float = 0.8,
    alpha: float = 0.05,
    simulations: int = 400,
    scale_max: int = 10,
    centre: float | None = None,
    these_pictures: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """The power to tell two models apart, `effect` points of MOS from each other, for raters by pictures.

    Every rater rates every picture of every model. Counted is how often compare_models' test finds the
    better one better at alpha / (number of pairs of models), Holm's first and hardest step: p_pictures, or
    p_t if only `these_pictures` are meant, items then differing by their model alone. `centre` is the MOS
    half-way between the two (the scale's middle): near an end of the scale, less is seen.

    One row per cell: raters, pictures, ratings (by all raters, of all models), power and its 95 % Wilson
    interval low to high, enough, and smallest: the cell with the fewest ratings that is enough, if any.
    Raises ValueError for an effect not above 0, a deviation below 0, or fewer than two models, raters or
    pictures.
    """
    rater_sd, item_sd, residual_sd = _deviations(scale_max, rater_sd, item_sd, residual_sd)
    if effect <= 0 or min(rater_sd, item_sd, residual_sd) < 0:
        raise ValueError("An effect is above 0, and a standard deviation not below.")
    if models < 2 or min(*raters, *pictures) < 2:
        raise ValueError("Planning takes two models, raters and pictures, or more.")
    rng = np.random.default_rng(seed)
    middle = (1 + scale_max) / 2 if centre is None else centre
    level = alpha / (models * (models - 1) / 2)
    spread = 0 if these_pictures else item_sd
    found = np.zeros((len(raters), len(pictures)))
    for _ in range(simulations):
        # The small studies are the first raters and pictures of the large one, so power grows without jumps.
        scores = _draw(
            rng,
            middle + effect * np.array([0.5, -0.5])[:, None] + rng.normal(0, spread, (2, max(pictures))),
            rng.normal(0, rater_sd, max(raters)),
            residual_sd,
            scale_max,
        )
        differences = scores[:, 0] - scores[:, 1]  # (raters, pictures)
        for i, r in enumerate(raters):
            for j, p in enumerate(pictures):
                found[i, j] += _finds(differences[:r, :p], level, these_pictures)
    rows = []
    for i, r in enumerate(raters):
        for j, p in enumerate(pictures):
            low, high = proportion_confint(found[i, j], simulations, method="wilson")
            rows.append(
                {"raters": r, "pictures": p, "ratings": r * p * models}
                | {"power": found[i, j] / simulations, "low": low, "high": high}
            )
    table = pd.DataFrame(rows)
    table["enough"] = table["power"] >= power
    cheapest = table[table["enough"]].sort_values(["ratings", "raters"]).index[:1]
    table["smallest"] = table.index.isin(cheapest)
    return table


def _deviations(scale_max: int, *given: float | None) -> list[float]:
    """Of raters, items and the rest: the given ones in points of the scale, where None the usual ones."""
    usual = (RATER_SD, ITEM_SD, RESIDUAL_SD)
    return [sd * (scale_max - 1) / 9 if own is None else own for own, sd in zip(given, usual)]


def _draw(
    rng: np.random.Generator, quality: np.ndarray, leniency: np.ndarray, noise: float, scale_max: int
) -> np.ndarray:
    """Scores (raters, *items), whole numbers from 1 to scale_max, of items' quality and raters' leniency."""
    latent = quality + leniency.reshape(-1, *[1] * quality.ndim)
    scores: np.ndarray = np.clip(np.rint(latent + rng.normal(0, noise, latent.shape)), 1, scale_max)
    return scores


def _finds(differences: np.ndarray, level: float, these_pictures: bool) -> bool:
    """Whether the first model of (raters, pictures) is found the better one."""
    if these_pictures:
        error, freedom = stats.sem(differences.mean(1)), len(differences) - 1
    else:
        error, freedom = two_way_error(differences), min(differences.shape) - 1
    return bool(differences.mean() > error * stats.t.ppf(1 - level / 2, freedom))


def simulate_ratings(
    stimuli: pd.DataFrame,
    n_raters: int,
    seed: int = 0,
    *,
    means: Mapping[str, float] | None = None,
    rater_sd: float | None = None,
    item_sd: float | None = None,
    residual_sd: float | None = None,
    careless: float = 0.0,
    scale_max: int = 10,
) -> pd.DataFrame:
    """Ratings as StudyData holds them, simulated = True, each rater in an order of his own.

    means: MOS of a model; where it is not given, the hidden reference gets nine tenths of the scale, the
    anchor a quarter, and the models lie evenly from a half to three quarters, by name. A repeat has the
    quality of the item that it repeats. The share `careless` of the raters, whose ids end in "-careless",
    presses keys at random or one key throughout, by turns, and too fast. One seed gives the same ratings.
    """
    rater_sd, item_sd, residual_sd = _deviations(scale_max, rater_sd, item_sd, residual_sd)
    rng = np.random.default_rng(seed)
    quality = _qualities(stimuli, means or {}, item_sd, scale_max, seed)
    items = stimuli["item_id"].to_numpy()
    asked = (stimuli["role"] == "attention").to_numpy()
    lowest, highest = stimuli.loc[asked, ["expected_low", "expected_high"]].astype(int).to_numpy().T
    tables = []
    for number, rater in enumerate(_rater_ids(n_raters, careless)):
        scores = _draw(rng, quality, rng.normal(0, rater_sd, 1), residual_sd, scale_max)[0]
        scores[asked] = rng.integers(lowest, highest, endpoint=True)
        seconds = rng.lognormal(np.log(PACE), 0.4, len(items))
        if rater.endswith(CARELESS):
            one_key = np.full(len(items), rng.integers(1, scale_max, endpoint=True))
            scores = one_key if number % 2 else rng.integers(1, scale_max, len(items), endpoint=True)
            seconds /= 8
        position = rng.permutation(len(items))
        columns = {"rater_id": rater, "item_id": items, "score": scores.astype(int)}
        tables.append(pd.DataFrame(columns | {"position": position, "seconds": seconds, "simulated": True}))
    return pd.concat(tables, ignore_index=True).sort_values(["rater_id", "position"], ignore_index=True)


def simulate_pairs(
    stimuli: pd.DataFrame,
    n_raters: int,
    seed: int = 0,
    *,
    means: Mapping[str, float] | None = None,
    item_sd: float | None = None,
    residual_sd: float | None = None,
    ties: float = 0.1,
    careless: float = 0.0,
    scale_max: int = 10,
) -> pd.DataFrame:
    """Side-by-side answers as StudyData holds them, simulated = True: every two models, picture by picture.

    The better one on the scale of simulate_ratings wins, but for noise; the share `ties` is undecided. Raters
    and items are those of simulate_ratings with the same n_raters, seed and careless; the careless guess.
    """
    tests = stimuli[stimuli["role"] == "test"]
    couples = [pair for _, items in tests.groupby("picture")["item_id"] for pair in combinations(items, 2)]
    rng = np.random.default_rng(seed)
    spread = _spread(scale_max, item_sd, residual_sd)
    rows = []
    for seen in _look(stimuli, n_raters, couples, 2, rng, seed, means or {}, spread, careless, scale_max):
        chosen = "tie" if rng.random() < ties else "left" if seen.felt[0] > seen.felt[1] else "right"
        rows.append((seen.rater, *seen.items, chosen, seen.position, seen.seconds))
    columns = ["rater_id", "left_item", "right_item", "chosen", "position", "seconds"]
    return pd.DataFrame(rows, columns=columns).assign(simulated=True)


def simulate_rankings(
    stimuli: pd.DataFrame,
    n_raters: int,
    k: int,
    seed: int = 0,
    *,
    means: Mapping[str, float] | None = None,
    item_sd: float | None = None,
    residual_sd: float | None = None,
    careless: float = 0.0,
    scale_max: int = 10,
) -> pd.DataFrame:
    """Rankings of k models' results of each picture as StudyData holds them, simulated = True.

    In order is what is better on the scale of simulate_ratings, but for noise. Raters and items are those of
    simulate_ratings with the same n_raters, seed and careless; the careless rank by chance.
    """
    pictures = [list(items) for _, items in stimuli[stimuli["role"] == "test"].groupby("picture")["item_id"]]
    rng = np.random.default_rng(seed)
    spread = _spread(scale_max, item_sd, residual_sd)
    rows = []
    for seen in _look(stimuli, n_raters, pictures, k, rng, seed, means or {}, spread, careless, scale_max):
        question = f"{seen.rater} {seen.position}"
        for rank, place in enumerate(np.argsort(seen.felt)[::-1], 1):
            rows.append((seen.rater, question, seen.items[place], rank, place + 1, seen.position, seen.seconds))
    columns = [name for name in RANKING_COLUMNS if name != "simulated"]
    return pd.DataFrame(rows, columns=columns).assign(simulated=True)


class _Seen(NamedTuple):
    """Items that a rater compares at once."""

    rater: str
    position: int
    items: np.ndarray  # as they are shown
    felt: np.ndarray  # how good each seems to this rater now, on the scale
    seconds: float


def _look(
    stimuli: pd.DataFrame,
    n_raters: int,
    groups: Sequence[Sequence[str]],
    k: int,
    rng: np.random.Generator,
    seed: int,
    means: Mapping[str, float],
    spread: tuple[float, float],
    careless: float,
    scale_max: int,
) -> Iterator[_Seen]:
    """Each rater compares k of every group of items, all in random orders; the careless see no quality.

    spread: standard deviations of items and of the rest. Raters and items are those of simulate_ratings.
    """
    quality = dict(zip(stimuli["item_id"], _qualities(stimuli, means, spread[0], scale_max, seed)))
    for rater in _rater_ids(n_raters, careless):
        sees = 0 if rater.endswith(CARELESS) else 1
        for position, group in enumerate(rng.permutation(len(groups))):
            items = rng.permutation(groups[group])[:k]
            felt = np.array([sees * quality[item] for item in items]) + rng.normal(0, spread[1], len(items))
            yield _Seen(rater, position, items, felt, float(rng.lognormal(np.log(PACE), 0.4)))


def _spread(scale_max: int, item_sd: float | None, residual_sd: float | None) -> tuple[float, float]:
    """Of items and of the rest, as given or as usual."""
    _, of_items, of_rest = _deviations(scale_max, None, item_sd, residual_sd)
    return of_items, of_rest


def _rater_ids(n_raters: int, careless: float) -> list[str]:
    """The last ones, in the given share, are careless."""
    first = n_raters - round(careless * n_raters)
    return [f"simulated-{n + 1:03}" + (CARELESS if n >= first else "") for n in range(n_raters)]


def _qualities(
    stimuli: pd.DataFrame, means: Mapping[str, float], item_sd: float, scale_max: int, seed: int
) -> np.ndarray:
    """What each stimulus is worth on the scale: its model's mean and a deviation; a repeat, its first's."""
    tests = sorted(set(stimuli.loc[stimuli["role"] == "test", "model"]))
    usual = dict(zip(tests, np.linspace(0.5, 0.75, len(tests)) * scale_max))
    usual |= {"reference": 0.9 * scale_max, "anchor": 0.25 * scale_max}
    model_means = stimuli["model"].map(usual | dict(means)).fillna(scale_max / 2).to_numpy()
    quality = pd.Series(
        model_means + np.random.default_rng([seed, 1]).normal(0, item_sd, len(stimuli)), stimuli["item_id"]
    )
    originals = stimuli["repeat_of"].where(stimuli["repeat_of"].notna(), stimuli["item_id"])
    worth: np.ndarray = quality[originals].to_numpy()
    return worth
