"""Which model is better, against scipy, statsmodels and published examples."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from tests.study.study_tables import stimuli_of, study
from unmask.study.statistics import comparison


def two_way(seed: int, raters: int = 14, pictures: int = 9, tables: int = 1) -> np.ndarray:
    """Differences of mean 0 that vary by rater, by picture and by chance: (tables, raters, pictures)."""
    rng = np.random.default_rng(seed)
    by_picture = rng.normal(0, 1, (tables, 1, pictures))
    return by_picture + rng.normal(0, 0.5, (tables, raters, 1)) + rng.normal(0, 1, (tables, raters, pictures))


def test_two_way_error_is_that_of_statsmodels():
    differences = two_way(0)[0]
    differences[np.random.default_rng(1).random(differences.shape) < 0.2] = np.nan
    rater, picture = np.nonzero(~np.isnan(differences))
    values = differences[rater, picture]
    kinds = {"cov_type": "cluster", "cov_kwds": {"groups": np.column_stack([rater, picture])}}
    expected = OLS(values, np.ones(len(values))).fit(**kinds).bse[0]
    assert comparison.two_way_error(differences) == pytest.approx(expected)


def test_only_the_test_over_pictures_holds_for_new_pictures():
    differences = two_way(2, raters=20, pictures=12, tables=1500)
    over_raters = stats.ttest_1samp(differences.mean(2), 0, axis=1).pvalue
    t = differences.mean((1, 2)) / comparison.two_way_error(differences)
    over_both = 2 * stats.t.sf(abs(t), 11)
    assert (over_raters < 0.05).mean() > 0.3
    assert 0.02 < (over_both < 0.05).mean() < 0.08


def test_paired_tests_are_scipys():
    stimuli = stimuli_of({"a": 5, "b": 5, "c": 5})
    rng = np.random.default_rng(3)
    scores = {f"r{i}": list(rng.integers(1, 8, 15) + np.repeat([0, 1, 3], 5)) for i in range(16)}
    table = comparison.compare_models(study(stimuli, scores))
    means = np.array(list(scores.values())).reshape(16, 3, 5).mean(2)
    for row, (a, b) in zip(table.itertuples(), [(0, 1), (0, 2), (1, 2)], strict=True):
        t = stats.ttest_rel(means[:, a], means[:, b])
        interval = t.confidence_interval(0.95)
        assert (row.model_a, row.model_b) == ("abc"[a], "abc"[b])
        assert (row.raters, row.pictures, row.pairs) == (16, 5, 80)
        assert (row.low, row.high, row.p_t) == pytest.approx((interval.low, interval.high, t.pvalue))
        assert row.p_wilcoxon == pytest.approx(stats.wilcoxon(np.round(means[:, a] - means[:, b], 6)).pvalue)
        assert row.effect == pytest.approx(t.statistic / np.sqrt(16))
    for name in ("p_t", "p_wilcoxon", "p_pictures"):  # Holm, by hand: times 3, 2 and 1, never falling
        order = np.argsort(table[name])
        expected = np.minimum(np.maximum.accumulate(table[name].to_numpy()[order] * [3, 2, 1]), 1)
        assert table[f"{name}_holm"].to_numpy()[order] == pytest.approx(expected)


def test_models_are_compared_on_what_a_rater_saw_of_both():
    scores = {"r0": [5, None, 3, 9], "r1": [6, 7, 5, 6], "r2": [None, None, 1, 1]}
    row = comparison.compare_models(study(stimuli_of({"a": 2, "b": 2}), scores)).iloc[0]
    assert (row["raters"], row["pictures"], row["pairs"]) == (2, 2, 3)
    assert row["difference"] == pytest.approx((2 + (1 + 1) / 2) / 2)


def test_models_that_nobody_tells_apart():
    data = study(stimuli_of({"a": 2, "b": 2}), {rater: [5, 6, 5, 6] for rater in "xyz"})
    row = comparison.compare_models(data).iloc[0]
    assert (row["difference"], row["p_t"], row["p_wilcoxon"], row["p_pictures_holm"]) == (0, 1, 1, 1)
    apart = study(stimuli_of({"a": 1, "b": 1}), {"x": [5, None], "y": [None, 5]})
    assert np.isnan(comparison.compare_models(apart)["p_t"][0])
