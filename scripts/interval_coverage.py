"""How often a rating study's intervals hold the truth, and how often its stopping rule stops for nothing.

    python scripts/interval_coverage.py --runs 1000 --jobs 2

simulates as many studies, with raters who differ in leniency and in care, and prints for each interval of the report
the percentage of times that it held what the simulation had put there. Nominal is 95; docs/study-statistics.md has the
figures. tests/ run a short form of it.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from unmask.study.statistics import (  # noqa: E402
    agreement,
    comparison,
    like_index,
    order_effects,
    ranking,
    rater_model,
    sequential,
    weighed,
    zrec,
)
from unmask.study.statistics.data import RANKING_COLUMNS, StudyData  # noqa: E402
from unmask.study.statistics.jackknife import jackknife  # noqa: E402

RATERS, PICTURES, MODELS = 30, 20, {"a": 5.0, "b": 5.6, "reference": 6.6}
QUESTIONS = 10  # pairs, and rankings, that each rater answers
BIAS_SD, CARELESS = 1.0, 0.1  # of raters' leniency; the share that hardly looks
HORIZON = 200  # raters, after each of whom the stopping rule is asked
RATING_COLUMNS = ["rater_id", "item_id", "score", "position", "seconds", "simulated"]
PAIR_COLUMNS = ["rater_id", "left_item", "right_item", "chosen", "position", "seconds", "simulated"]

Held = dict[str, float]  # interval -> the share of its values that held the truth in this study


def study_stimuli(models: dict[str, float], pictures: int) -> pd.DataFrame:
    rows = [
        (f"{model}-{i}", model, f"picture {i}", model if model == "reference" else "test", None, None, None)
        for model in models
        for i in range(pictures)
    ]
    columns = ["item_id", "model", "picture", "role", "repeat_of", "expected_low", "expected_high"]
    return pd.DataFrame(rows, columns=columns)


def panel(rng: np.random.Generator, raters: int) -> tuple[np.ndarray, np.ndarray]:
    """Bias and inconsistency (raters,), in points; the careless are four times as inconsistent as others."""
    inconsistency = rng.lognormal(np.log(1.2), 0.3, raters) * np.where(rng.random(raters) < CARELESS, 4, 1)
    return rng.normal(0, BIAS_SD, raters), inconsistency


def held(low: object, high: object, truth: object) -> float:
    return float(np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high))))


def scores_study(seed: int) -> Held:
    """A study of scores, on a scale long enough not to be cut off: the t and jackknife intervals."""
    rng = np.random.default_rng([seed, 0])
    stimuli = study_stimuli(MODELS, PICTURES)
    quality = 50 + stimuli["model"].map(MODELS).to_numpy() + rng.normal(0, 0.8, len(stimuli))
    bias, inconsistency = panel(rng, RATERS)
    noise = inconsistency[:, None] * rng.normal(0, 1, (RATERS, len(stimuli)))
    table = np.rint(quality + bias[:, None] + noise).clip(1, 100)
    order = np.argsort(rng.random(table.shape), axis=1)
    rows = [
        (f"r{i}", stimuli["item_id"][j], table[i, j], order[i, j], rng.lognormal(1, 0.4), False)
        for i, j in np.ndindex(table.shape)
    ]
    pairs = pd.DataFrame(columns=PAIR_COLUMNS)
    data = StudyData(stimuli, pd.DataFrame(rows, columns=RATING_COLUMNS), pairs, scale_max=100)
    truth = pd.Series(quality).groupby(stimuli["model"]).mean()

    models = like_index.describe_models(data).set_index("model")
    expected = truth[models.index]
    found = {"MOS, t": held(models["t_low"], models["t_high"], expected)}
    found["like index"] = held(models["like_low"], models["like_high"], expected)  # of 100, as the scale is here
    found["rescaled index"] = held(models["rescaled_low"], models["rescaled_high"], 100 * (expected - 1) / 99)
    tests = models.index != "reference"
    dmos = (expected - truth["reference"] + 100)[tests]
    found["DMOS, t"] = held(models["dmos_low"][tests], models["dmos_high"][tests], dmos)
    pair = comparison.compare_models(data).iloc[0]
    found["difference, t"] = held(pair["low"], pair["high"], truth["a"] - truth["b"])
    by_models, by_pairs = weighed.weigh_models(data).set_index("model"), weighed.weigh_differences(data).iloc[0]
    for name in weighed.METHODS:
        low, high = by_models[f"{name}_low"], by_models[f"{name}_high"]
        found[f"model, {name}"] = held(low, high, truth[by_models.index])
        found[f"difference, {name}"] = held(by_pairs[f"{name}_low"], by_pairs[f"{name}_high"], truth["a"] - truth["b"])
    for name, effect in order_effects.order_effects(data).set_index("effect").iterrows():
        found[f"order: {name}"] = held(effect["low"], effect["high"], 0)
    return found


def raters_study(seed: int) -> Held:
    """What is said of items and raters, of unrounded scores by a panel whose truth is known."""
    rng = np.random.default_rng([seed, 1])
    quality = rng.uniform(3, 8, 2 * PICTURES)
    bias, inconsistency = panel(rng, RATERS)
    scores = quality + bias[:, None] + inconsistency[:, None] * rng.normal(0, 1, (RATERS, len(quality)))
    raters = rater_model.describe_raters(pd.DataFrame(scores))
    found = {"rater's bias": held(raters["bias_low"], raters["bias_high"], bias - bias.mean())}
    low, high = raters["inconsistency_low"], raters["inconsistency_high"]
    found["rater's inconsistency"] = held(low, high, inconsistency)
    found["item, mle"] = held(*jackknife(scores, rater_model.item_quality)[1:], quality)
    found["item, zrec"] = held(*jackknife(scores, zrec.item_quality)[1:], quality)
    return found


def agreement_study(seed: int) -> Held:
    """Raters and items both drawn from normal populations, as the intraclass correlation has it."""
    rng = np.random.default_rng([seed, 2])
    scores = rng.normal(0, 1, 40) + rng.normal(0, 1, (RATERS, 1)) + rng.normal(0, 1, (RATERS, 40))
    scores = scores.round(1)  # too fine to matter, and far fewer values for alpha to go through
    single, mean = agreement.icc(scores)
    found = {"ICC(2,1)": held(single.low, single.high, 1 / 3)}
    found |= {"ICC(2,k)": held(mean.low, mean.high, 1 / (1 + 2 / RATERS))}
    # Of ranks, what is left of a normal correlation of 1/3 (Pearson 1907).
    for metric, truth in (("interval", 1 / 3), ("ordinal", 6 / np.pi * np.arcsin(1 / 6))):
        alpha = agreement.krippendorff_alpha(scores, metric)
        found[f"alpha, {metric}"] = held(alpha.low, alpha.high, truth)
    return found


def choices_study(seed: int) -> Held:
    """Side-by-side answers and rankings by raters who each have a taste of their own, of whom there are many."""
    rng = np.random.default_rng([seed, 3])
    models = {"a": -0.8, "b": 0.0, "c": 0.8}
    stimuli, strength = study_stimuli(models, QUESTIONS), np.array(list(models.values()))
    names, pairs, rankings = list(models), [], []
    for i in range(RATERS):
        for j in range(QUESTIONS):
            # The best of exponential clocks: Luce's choices. Every third pair of pictures is of each two models.
            left, right = rng.permutation(list(combinations(range(3), 2))[(i + j) % 3])
            first = rng.random() < 1 / (1 + np.exp(strength[right] - strength[left]))
            items = (f"{names[left]}-{j}", f"{names[right]}-{j}", "left" if first else "right")
            pairs.append((f"r{i}", *items, j, 3.0, False))
            placed = np.argsort(rng.exponential(np.exp(-strength)))
            for rank, k in enumerate(placed, 1):
                rankings.append((f"r{i}", j, f"{names[k]}-{j}", rank, k + 1, j, 3.0, False))
    ratings = pd.DataFrame(columns=RATING_COLUMNS)
    tables = pd.DataFrame(pairs, columns=PAIR_COLUMNS), pd.DataFrame(rankings, columns=RANKING_COLUMNS)
    data = StudyData(stimuli, ratings, tables[0], rankings=tables[1])
    by_pairs, by_rankings = ranking.bradley_terry(data), ranking.plackett_luce(data)
    side = order_effects.order_effects(data).iloc[0]
    return {
        "Bradley-Terry": held(by_pairs["low"], by_pairs["high"], strength),
        "Plackett-Luce": held(by_rankings["low"], by_rankings["high"], strength),
        "order: left side": held(side["low"], side["high"], 50),
    }


def stopping_study(seed: int, horizon: int = HORIZON) -> Held:
    """Two models alike, asked about after every rater: whether the interval ever leaves 0 out, and a naive one does."""
    rng = np.random.default_rng([seed, 4])
    _, inconsistency = panel(rng, horizon)
    scores = np.rint(5.5 + inconsistency[:, None, None] * rng.normal(0, 1, (horizon, 2, 5))).clip(1, 10)
    values = {"scores": (scores[:, 0] - scores[:, 1]).mean(1), "wins": 100 * rng.binomial(5, 0.5, horizon) / 5 - 50}
    found = {}
    for name, all_of_them in values.items():
        some = range(sequential.FIRST_LOOK, horizon + 1)
        looks = [sequential.look(all_of_them[:n]) for n in some]
        found[f"every look, {name}"] = float(all(look.low <= 0 <= look.high for look in looks))
        naive = [abs(np.mean(all_of_them[:n])) * n**0.5 / np.std(all_of_them[:n], ddof=1) for n in some]
        limits = student.ppf(0.975, np.array(some) - 1)
        found[f"every look, {name}, plain t: for comparison"] = float((np.array(naive) <= limits).all())
    return found


STUDIES = (scores_study, raters_study, agreement_study, choices_study, stopping_study)


def measure(study, runs: int, jobs: int = 1) -> pd.Series:
    """Interval -> the share of `runs` simulated studies (of its values in them) in which it held the truth."""
    if jobs == 1:
        results = [study(seed) for seed in range(runs)]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            results = list(pool.map(study, range(runs), chunksize=10))
    return pd.DataFrame(results).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    for study in STUDIES:
        for name, share in measure(study, args.runs, args.jobs).items():
            print(f"{100 * share:6.1f}  {name}", flush=True)


if __name__ == "__main__":
    main()
