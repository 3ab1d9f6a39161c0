"""Scores that know their raters: against the published example, the papers' formulas by hand, and simulated truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.study import sureal_example
from tests.study.study_tables import stimuli_of, study
from unmask.study.statistics import rater_model, weighed, zrec
from unmask.study.statistics.jackknife import jackknife

PATH = Path(__file__).resolve().parents[2] / "scripts" / "interval_coverage.py"


def test_the_published_example_of_alternating_projection():
    solution = rater_model.solve(sureal_example.SCORES)
    assert solution.quality == pytest.approx(sureal_example.QUALITY, abs=1e-4)
    assert solution.bias == pytest.approx(sureal_example.BIAS, abs=1e-4)
    assert solution.inconsistency == pytest.approx(sureal_example.INCONSISTENCY, abs=1e-4)
    # The first five press keys at random: each counts for less than a quarter of an average rater.
    table = rater_model.describe_raters(pd.DataFrame(sureal_example.SCORES))
    assert table["weight"][:5].max() < 0.25 < 0.5 < table["weight"][5:].min()
    assert table["weight"].mean() == pytest.approx(1)


def test_two_groups_by_hand():
    """Three agree but for their biases, -1, 0 and 1: qualities are their means, and nobody is inconsistent."""
    quality = np.array([2, 5, 9, 4.0])
    solution = rater_model.solve(quality + np.array([[-1], [0], [1]]))
    assert solution.quality == pytest.approx(quality)
    assert solution.bias == pytest.approx([-1, 0, 1])
    assert solution.inconsistency == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_careless_rater_is_weighed_down():
    rng = np.random.default_rng(0)
    quality = rng.uniform(2, 9, 30)
    scores = np.rint(quality + rng.normal(0, 1, (12, 30)))
    scores[0] = rng.integers(1, 11, 30)
    solution = rater_model.solve(scores)
    assert solution.weight[0] < 0.3 * solution.weight[1:].min()
    spread = lambda found: (found - quality - (found - quality).mean()).std()
    assert spread(solution.quality) < spread(scores.mean(0))


def test_missing_scores_and_hardly_any():
    scores = sureal_example.SCORES.copy()
    rng = np.random.default_rng(1)
    scores[rng.random(scores.shape) < 0.3] = np.nan
    assert rater_model.solve(scores).quality == pytest.approx(sureal_example.QUALITY, abs=0.5)
    # Who rated one item has no residual, and would be believed in everything.
    scores[3, 1:] = np.nan
    solution = rater_model.solve(scores)
    assert solution.weight[3] < 2 * solution.weight.mean() and np.isfinite(solution.quality).all()
    scores[:, 7] = np.nan
    assert np.isnan(rater_model.solve(scores).quality).tolist() == [i == 7 for i in range(79)]
    # Two raters tell nothing of each: they count alike.
    assert rater_model.solve(np.array([[1, 5, 9.0], [2, 4, 9]])).weight[0] == pytest.approx(
        rater_model.solve(np.array([[1, 5, 9.0], [2, 4, 9]])).weight[1]
    )


def test_raters_intervals_only_of_a_panel():
    table = pd.DataFrame(sureal_example.SCORES)
    told = rater_model.describe_raters(table)
    for name in ("bias", "inconsistency"):
        assert (told[f"{name}_low"] < told[name]).all() and (told[name] < told[f"{name}_high"]).all()
    few = rater_model.describe_raters(table[: rater_model.LEAST_PANEL - 1])
    assert few[["bias_low", "inconsistency_high"]].isna().all(axis=None) and few["bias"].notna().all()


def test_zrec_is_its_papers():
    """Reference values of the authors' formulas, worked out apart from this code on the same scores (numpy 2.4)."""
    found = zrec.recover(sureal_example.SCORES)
    assert found.quality[[0, 1, 2, 9, 68]] == pytest.approx([4.8674, 4.7876, 4.5991, 1.3846, 3.7247], abs=1e-4)
    assert found.bias[:5] == pytest.approx([-0.2864, -0.2587, 0.1379, 0.0279, 0.2156], abs=1e-4)
    assert found.inconsistency[:5] == pytest.approx([1.7260, 1.7305, 1.4163, 1.6436, 1.5989], abs=1e-4)


def test_zrec_by_hand():
    """z of 4, 6, 8: -1.2247, 0, 1.2247. Each rater's are constant but for the last item, on which the ends change."""
    scores = np.array([[4, 4, 4, 8.0], [6, 6, 6, 6], [8, 8, 8, 4]])
    found = zrec.recover(scores)
    assert found.ambiguity == pytest.approx(np.full(4, np.sqrt(8 / 3)))
    assert found.bias == pytest.approx(np.sqrt(1.5) * np.array([-0.5, 0, 0.5]))
    least = np.sqrt(1 / 12) / np.sqrt(8 / 3)  # nobody is surer than whole numbers are
    assert found.inconsistency == pytest.approx([np.sqrt(1.5 * 0.75), least, np.sqrt(1.5 * 0.75)])
    assert found.quality == pytest.approx([6, 6, 6, 6])


def test_zrec_where_all_agree():
    found = zrec.recover(np.full((3, 4), 7.0))
    assert (found.quality == 7).all() and (found.bias == 0).all() and (found.inconsistency == 1).all()


def test_jackknife_of_a_mean_is_the_t_interval():
    scores = np.random.default_rng(2).normal(5, 1, (12, 6))
    value, low, high = jackknife(scores, lambda some: some.mean(keepdims=True)[0])
    expected = stats.ttest_1samp(scores.mean(1), 0).confidence_interval(0.95)
    assert (value[0], low[0], high[0]) == pytest.approx((scores.mean(), expected.low, expected.high))
    assert np.isnan(jackknife(scores[:1], lambda some: some.mean(0))[1]).all()


def test_models_weighed():
    """Complete scores: the level is that of all raters alike, and only differences between models are weighed."""
    rng = np.random.default_rng(3)
    stimuli = stimuli_of({"a": 6, "b": 6, "reference": 6})
    mean = np.repeat([4, 6, 8], 6)
    scores = {f"r{i}": list(np.clip(np.rint(mean + rng.normal(0, 1, 18)), 1, 10).astype(int)) for i in range(20)}
    scores["r0"] = list(rng.integers(1, 11, 18))
    data = study(stimuli, scores)
    table = weighed.weigh_models(data).set_index("model")
    assert table["raters"].tolist() == [20, 20, 20] and table["items"].tolist() == [6, 6, 6]
    everything = np.mean(list(scores.values()))
    assert table["mle"].mean() == pytest.approx(everything)
    assert table["mle_like"].to_numpy() == pytest.approx(10 * table["mle"].to_numpy())
    plain = np.array(list(scores.values())).reshape(20, 3, 6).mean((0, 2))
    for method in ("mle", "zrec"):
        assert table.loc["reference", method] - table.loc["a", method] > plain[2] - plain[0]
        assert (table[f"{method}_low"] < table[method]).all() and (table[method] < table[f"{method}_high"]).all()
    row = weighed.weigh_differences(data).iloc[0]
    assert (row["model_a"], row["model_b"], row["pictures"], row["raters"]) == ("a", "b", 6, 20)
    assert row["mle"] == pytest.approx(table.loc["a", "mle"] - table.loc["b", "mle"])
    assert row["mle_high"] < 0
    raters = weighed.weigh_raters(data)
    assert raters.loc[raters["weight"].idxmin(), "rater_id"] == "r0" and raters["zrec_inconsistency"].idxmax() == 0


def test_like_index_of_the_first_paper_with_raters_weighed():
    """46 raters with a mean of 9.55, all of them alike: no weighing changes 95.5."""
    half = [10] * 11 + [9] * 9
    scores = {f"r{i}": half for i in range(46)}
    row = weighed.weigh_models(study(stimuli_of({"pix2pix": 20}), scores)).iloc[0]
    assert (row["mle_like"], row["zrec_like"]) == (pytest.approx(95.5), pytest.approx(95.5))
    assert (row["raters"], row["mle_like_low"], row["mle_like_high"]) == (46, pytest.approx(95.5), pytest.approx(95.5))


def test_one_rater_and_nobody():
    one = study(stimuli_of({"a": 3, "b": 3}), {"r": [5, 6, 7, 1, 2, 3]})
    table = weighed.weigh_models(one)
    assert table["mle"].tolist() == pytest.approx([6, 2]) and table["mle_low"].isna().all()
    nobody = study(stimuli_of({"a": 1, "b": 1}), {}, [("r", "a-0", "b-0", "left")])
    assert weighed.weigh_models(nobody).empty and weighed.weigh_raters(nobody).empty
    assert weighed.weigh_differences(nobody).empty


def test_intervals_hold_the_truth(script):
    """The short form of scripts/interval_coverage.py; docs/study-statistics.md has the long one's figures."""
    for name, share in script.measure(script.raters_study, 25).items():
        assert 0.9 < share < 0.99, name
