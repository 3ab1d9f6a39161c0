"""How good each model is, and what the order did: against published examples, scipy, statsmodels and work by hand."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from tests.study.study_tables import NO_PAIRS, RATING_COLUMNS, stimuli_of, study
from unmask.study.statistics import like_index, order_effects, simulate
from unmask.study.statistics.data import StudyData, check


def clustered(seed: int, raters: int = 20, items: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Ratings of mean 5 by raters who differ: values and raters, both (raters * items,)."""
    rng = np.random.default_rng(seed)
    values = 5 + rng.normal(0, 1, (raters, 1)) + rng.normal(0, 1, (raters, items))
    return values.ravel(), np.repeat(np.arange(raters), items)


def test_like_index_of_the_first_paper():
    """46 raters whose mean is 9.55 on a scale of 10: 95.5, here with 20 pictures, 506 tens and 414 nines."""
    assert like_index.like_index([10] * 506 + [9] * 414, 10) == pytest.approx(95.5)
    scores = np.repeat([10, 9], [506, 414]).reshape(46, 20)
    data = study(stimuli_of({"pix2pix": 20}), {f"r{i}": list(row) for i, row in enumerate(scores)})
    row = like_index.describe_models(data).iloc[0]
    assert (row["raters"], row["ratings"]) == (46, 920)
    assert row["mos"] == pytest.approx(9.55)
    assert row["like"] == pytest.approx(95.5)
    assert row["rescaled"] == pytest.approx(95.0)  # 100 * 8.55 / 9
    assert (like_index.like_index([1], 10), like_index.rescaled_index(1, 10)) == (10, 0)  # the lowest of each


def test_t_interval_is_that_of_the_raters_means():
    values, raters = clustered(0)
    expected = stats.ttest_1samp(values.reshape(20, 6).mean(1), 0).confidence_interval(0.95)
    estimate = like_index.clustered_mean(values, raters)
    assert estimate[:3] == pytest.approx((values.mean(), expected.low, expected.high))


def test_t_interval_where_raters_rated_differently_much():
    """Two raters, three values and one: residuals sum to -1.5 and 1.5, so the error is sqrt(2 * 4.5) / 4."""
    estimate = like_index.clustered_mean(np.array([1, 2, 3, 4.0]), np.array(["a", "a", "a", "b"]))
    reach = stats.t.ppf(0.975, 1) * np.sqrt(2 * (1.5**2 + 1.5**2)) / 4
    assert estimate[:3] == pytest.approx((2.5, 2.5 - reach, 2.5 + reach))


def test_intervals_cover_the_truth_and_naive_ones_do_not():
    covered = {"t": 0, "naive": 0}
    studies = 250
    for seed in range(studies):
        values, raters = clustered(seed)
        naive = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        t = like_index.clustered_mean(values, raters)
        for name, interval in (("t", t), ("naive", naive)):
            covered[name] += interval.low <= 5 <= interval.high
    assert 0.91 < covered["t"] / studies < 0.985
    assert covered["naive"] / studies < 0.8


def test_intervals_stay_on_the_scale_and_bear_few_raters():
    table = like_index.describe_models(study(stimuli_of({"a": 2}), {"r0": [10, 10], "r1": [10, 8]}))
    assert table["t_high"][0] == 10 and table["like_high"][0] == 100
    one = like_index.describe_models(study(stimuli_of({"a": 2}), {"r0": [10, 7]})).iloc[0]
    assert one["mos"] == 8.5 and np.isnan([one["t_low"], one["like_low"]]).all()
    same = like_index.describe_models(study(stimuli_of({"a": 2}), {"r0": [7, 7], "r1": [7, 7]})).iloc[0]
    assert (same["t_low"], same["t_high"]) == (7, 7)


def test_dmos_against_the_hidden_reference():
    """7 beside 9 is 8; 10 beside 8 is 12; the second picture has no reference and does not count."""
    data = study(stimuli_of({"a": 2, "reference": 1}), {"r0": [7, 1, 9], "r1": [10, 1, 8]})
    table = like_index.describe_models(data).set_index("model")
    assert table.loc["a", "dmos"] == 10
    assert table.loc["a", "mos"] == 4.75
    assert np.isnan(table.loc["reference", "dmos"])
    assert list(table.index) == ["a", "reference"]


def test_repeats_and_attention_items_are_no_opinions():
    stimuli = stimuli_of({"a": 2}, repeats=1, attention=1)
    table = like_index.describe_models(study(stimuli, {"r0": [2, 4, 9, 3], "r1": [2, 4, 9, 3]}))
    assert list(table["mos"]) == [3]


# What the order did


def test_order_effects_are_found_and_are_those_of_a_regression():
    stimuli = stimuli_of({"a": 8, "b": 8})
    rng = np.random.default_rng(5)
    rows = []
    for rater in range(15):
        lenient, pace = rng.normal(0, 1), rng.normal(1, 0.2)
        for position, index in enumerate(rng.permutation(16)):
            score = np.clip(round(5 + lenient + 0.15 * position + rng.normal(0, 1)), 1, 10)
            seconds = np.exp(pace - 0.03 * position + rng.normal(0, 0.1))
            rows.append((f"r{rater}", stimuli["item_id"][index], score, position, seconds, False))
    ratings = pd.DataFrame(rows, columns=RATING_COLUMNS)
    table = order_effects.order_effects(StudyData(stimuli, ratings, NO_PAIRS)).set_index("effect")
    fit = smf.ols("score ~ position + C(rater_id) + C(item_id)", ratings).fit()
    later = table.loc["score, per 10 items later"]
    assert later["value"] == pytest.approx(10 * fit.params["position"])
    assert later["low"] < 1.5 < later["high"] and later["p"] < 0.001
    faster = table.loc["response time, % per 10 items later"]
    assert faster["low"] < 100 * (np.exp(-0.3) - 1) < faster["high"] < 0
    fixed = study(stimuli, {f"r{i}": list(rng.integers(1, 11, 16)) for i in range(4)})
    assert order_effects.order_effects(fixed)["value"].isna().all()  # one order for all: nothing can be told


def test_a_preference_for_one_side_is_found():
    lefts = [9, 8, 7, 6, 5] * 2  # of ten answers each rater's
    sides = [(f"r{i}", side) for i, left in enumerate(lefts) for side in ["left"] * left + ["right"] * (10 - left)]
    answers = [(rater, "a-0", "b-0", side) for rater, side in sides]
    row = order_effects.order_effects(study(stimuli_of({"a": 1, "b": 1}), {}, answers)).iloc[0]
    assert (row["effect"], row["answers"]) == ("left side chosen, %", 100)
    # A t test of the raters' shares against a half.
    expected = stats.ttest_1samp(10 * np.array(lefts), 50)
    interval = expected.confidence_interval(0.95)
    assert (row["value"], row["low"], row["high"]) == pytest.approx((70, interval.low, interval.high))
    assert row["low"] > 50 and row["p"] == pytest.approx(expected.pvalue)


# Real and simulated, right and wrong


def test_real_and_simulated_are_never_mixed():
    stimuli = stimuli_of({"a": 4, "b": 4})
    real = study(stimuli, {"r0": [5, 6, 7, 8, 1, 2, 3, 4]})
    drawn = simulate.simulate_ratings(stimuli, 3)
    both = StudyData(stimuli, pd.concat([real.ratings, drawn]), NO_PAIRS)
    with pytest.raises(ValueError, match="mixes real and simulated"):
        check(both)
    with pytest.raises(ValueError, match="mixes"):
        check(StudyData(stimuli, real.ratings, simulate.simulate_pairs(stimuli, 2)))
    assert set(both.only(simulated=False).ratings["rater_id"]) == {"r0"}
    assert both.only(simulated=True).simulated and not both.only(simulated=False).simulated
    assert len(both.only(simulated=True).ratings) == 24


@pytest.mark.parametrize(
    "scores, complaint",
    [
        ([("r", "a-0", 11)], "whole numbers from 1 to 10"),
        ([("r", "a-0", 0)], "whole numbers"),
        ([("r", "a-0", 2.5)], "whole numbers"),
        ([("r", "a-0", 5), ("r", "a-0", 6)], "two ratings of one item"),
        ([("r", "b-7", 5)], "not in the study, such as b-7"),
        ([], "no ratings yet"),
    ],
)
def test_wrong_data_are_refused(scores, complaint):
    rows = [(*row, 0, 3.0, False) for row in scores]
    ratings = pd.DataFrame(rows, columns=RATING_COLUMNS)
    with pytest.raises(ValueError, match=complaint):
        check(StudyData(stimuli_of({"a": 1}), ratings, NO_PAIRS))
