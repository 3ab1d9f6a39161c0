"""What active choice of pairs gives: the same number of answers, by the balanced plan and by active choice.

    python scripts/active_choice.py --runs 200 --jobs 2

simulates studies in which raters judge one pair of each picture, eight of them at once, and prints for both ways how
well the Bradley-Terry strengths of the report order the conditions (Kendall's tau with the truth), their error and the
width of their 95 % intervals in log odds, and how often those hold the truth. "No strengths" are
studies in which the likelihood has no finite maximum: their tau is that of the strengths under a prior.
docs/study-statistics.md has the figures; tests/study/test_active.py runs a short form.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from unmask.study.cap import deal  # noqa: E402
from unmask.study.statistics import active, ranking  # noqa: E402

AT_ONCE = 8  # raters who are there at the same time: each has a pair out while the others choose
SPREAD = 1.5  # standard deviation of the true strengths, log odds
# conditions, raters, pictures: each rater judges one pair of each picture
SIZES = ((3, 30, 10), (6, 30, 12), (12, 30, 20))

Figures = dict[str, float]


def in_turn(raters: int, pictures: int) -> Iterator[tuple[int, int, int]]:
    """(rater, picture, the rater's place among those who are there), AT_ONCE raters by turns until all are done."""
    for first in range(0, raters, AT_ONCE):
        group = range(first, min(first + AT_ONCE, raters))
        for picture in range(pictures):
            for rater in group:
                yield rater, picture, rater - first


def answers(strength: np.ndarray, raters: int, pictures: int, way: str, rng: np.random.Generator) -> list[tuple]:
    """(winner, loser, rater) of each pair that was asked, in the order in which they were answered."""
    n = len(strength)
    options = list(combinations(range(n), 2))
    wins, out, shown = np.zeros((3, n, n))
    waiting: dict[int, tuple[int, int]] = {}
    found = []

    def answer(place: int, rater: int) -> None:
        left, right = waiting.pop(place)
        first = rng.random() < 1 / (1 + np.exp(strength[right] - strength[left]))
        winner, loser = (left, right) if first else (right, left)
        out[left, right] -= 1
        wins[winner, loser] += 1
        found.append((winner, loser, rater))

    last: dict[int, int] = {}
    for rater, picture, place in in_turn(raters, pictures):
        if place in waiting:
            answer(place, last[place])
        if way == "active":
            left, right = active.next_pair(wins, rng, out, shown)
        else:  # as order._combine has it
            (_, before), *_ = [card for card in deal(pictures, pictures, rater) if card[0] == picture]
            left, right = rng.permutation(options[(before + picture) % len(options)])
        waiting[place], last[place] = (int(left), int(right)), rater
        out[left, right] += 1
        shown[left, right] += 1
    for place in list(waiting):
        answer(place, last[place])
    return found


def study(seed: int, conditions: int, raters: int, pictures: int) -> dict[str, Figures]:
    """Both ways to ask, on one truth: way -> tau, error, width, held, and whether there are strengths."""
    strength = np.random.default_rng([seed, conditions]).normal(0, SPREAD, conditions)
    strength -= strength.mean()
    figures = {}
    for way in ("balanced", "active"):
        said = answers(strength, raters, pictures, way, np.random.default_rng([seed, conditions, 1]))
        raters_of = [rater for *_, rater in said]
        fit = ranking.fit_strengths([(winner, loser) for winner, loser, _ in said], raters_of, conditions)
        given = fit["strength"].notna().all()
        wins = np.zeros((conditions, conditions))
        np.add.at(wins, tuple(np.array([row[:2] for row in said]).T), 1)
        order = fit["strength"] if given else active.posterior(wins)[0]
        mine = {"Kendall's tau": kendalltau(order, strength).statistic, "no strengths, %": 100 * (not given)}
        if given:
            mine["error, log odds"] = float(np.sqrt(np.mean((fit["strength"] - strength) ** 2)))
            mine["interval's width, log odds"] = float((fit["high"] - fit["low"]).mean())
            mine["interval held, %"] = 100 * float(((fit["low"] <= strength) & (strength <= fit["high"])).mean())
        figures[way] = mine
    return figures


def measure(runs: int, size: tuple[int, int, int], jobs: int = 1) -> pd.DataFrame:
    """Figure (row) by way (column), means over so many studies of (conditions, raters, pictures)."""
    conditions, raters, pictures = size
    one = partial(study, conditions=conditions, raters=raters, pictures=pictures)
    if jobs == 1:
        results = [one(seed) for seed in range(runs)]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            results = list(pool.map(one, range(runs), chunksize=5))
    ways = results[0]
    return pd.DataFrame({way: pd.DataFrame([each[way] for each in results]).mean() for way in ways})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    for size in SIZES:
        print(f"\n{size[0]} conditions, {size[1]} raters, {size[2]} pairs each")
        print(measure(args.runs, size, args.jobs).round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
