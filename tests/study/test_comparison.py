"""Which model is better, against scipy, statsmodels and published examples."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from tests.study.study_tables import stimuli_of, study
from unmask.study.statistics import comparison
from unmask.study.statistics.data import StudyData


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


def pairs_of(wins: dict[tuple[str, str], int], raters: int = 0) -> StudyData:
    """(winner, loser) -> how often, by turns left and right; each answer by a new rater, or by so many."""
    answers = []
    for (winner, loser), count in wins.items():
        for i in range(count):
            sides = (f"{winner}-0", f"{loser}-0", "left") if i % 2 else (f"{loser}-0", f"{winner}-0", "right")
            answers.append((f"r{len(answers) % raters if raters else len(answers)}", *sides))
    models = dict.fromkeys(sorted({model for pair in wins for model in pair}), 1)
    return study(stimuli_of(models), {}, answers)


def test_bradley_terry_of_the_citations():
    """Stigler's citations between statistics journals, as fitted in R's BradleyTerry2 (Biometrika = 0)."""
    wins = {("Biometrika", "Comm"): 730, ("Comm", "Biometrika"): 33, ("Biometrika", "JASA"): 498}
    wins |= {("JASA", "Biometrika"): 320, ("Biometrika", "JRSS-B"): 221, ("JRSS-B", "Biometrika"): 284}
    wins |= {("Comm", "JASA"): 68, ("JASA", "Comm"): 813, ("Comm", "JRSS-B"): 17, ("JRSS-B", "Comm"): 276}
    wins |= {("JASA", "JRSS-B"): 142, ("JRSS-B", "JASA"): 325}
    table = comparison.bradley_terry(pairs_of(wins)).set_index("model")
    strength = table["strength"] - table.loc["Biometrika", "strength"]
    published = {"Comm": -2.94907, "JASA": -0.47957, "JRSS-B": 0.26895}
    assert strength[list(published)].to_dict() == pytest.approx(published, abs=1e-5)
    assert table["strength"].sum() == pytest.approx(0, abs=1e-9)
    assert table.loc["Comm", ["wins", "losses"]].tolist() == [33 + 68 + 17, 730 + 813 + 276]


def test_bradley_terry_of_two_by_hand():
    """30 of 40: the log odds are log 3, the error sqrt(1/30 + 1/10), each strength has half of both."""
    table = comparison.bradley_terry(pairs_of({("a", "b"): 30, ("b", "a"): 10})).set_index("model")
    assert table.loc["a", "strength"] == pytest.approx(np.log(3) / 2)
    reach = stats.t.ppf(0.975, 39) * np.sqrt(1 / 30 + 1 / 10) / 2 * np.sqrt(40 / 39)
    assert table.loc["a", "high"] - table.loc["a", "strength"] == pytest.approx(reach, rel=1e-3)
    assert table.loc["b", "low"] == pytest.approx(-table.loc["a", "high"])
    few = comparison.bradley_terry(pairs_of({("a", "b"): 30, ("b", "a"): 10}, raters=1))
    assert few["strength"][0] == pytest.approx(np.log(3) / 2) and few["low"].isna().all()


def test_a_tie_is_half_a_win():
    stimuli = stimuli_of({"a": 1, "b": 1})
    decided = [(f"r{i}", "a-0", "b-0", side) for i, side in enumerate(["left"] * 5 + ["right"] * 3)]
    ties = [(f"r{i}", "a-0", "b-0", "tie") for i in range(4)]
    table = comparison.bradley_terry(study(stimuli, {}, decided + ties)).set_index("model")
    assert table.loc["a", "strength"] == pytest.approx(np.log(7 / 5) / 2)
    assert table.loc["a", ["comparisons", "wins", "ties", "losses"]].tolist() == [12, 5, 4, 3]


def test_strengths_without_a_finite_maximum_are_not_given():
    never_lost = {("a", "b"): 5, ("a", "c"): 5, ("b", "c"): 2, ("c", "b"): 3}
    table = comparison.bradley_terry(pairs_of(never_lost))
    assert table["strength"].isna().all() and table["wins"].tolist() == [10, 2, 3]
    never_met = {("a", "b"): 3, ("b", "a"): 3, ("c", "d"): 3, ("d", "c"): 3}
    assert comparison.bradley_terry(pairs_of(never_met))["strength"].isna().all()
    assert comparison.bradley_terry(study(stimuli_of({"a": 1}), {})).empty
