"""The study's statistics against published examples, numbers worked by hand, scipy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.power import TTestPower

from unmask.study import simulate, statistics
from unmask.study.statistics import StudyData

RATING_COLUMNS = ["rater_id", "item_id", "score", "position", "seconds", "simulated"]
PAIR_COLUMNS = ["rater_id", "left_item", "right_item", "chosen", "position", "seconds", "simulated"]
NO_PAIRS = pd.DataFrame(columns=PAIR_COLUMNS)


def stimuli_of(models: dict[str, int], repeats: int = 0, attention: int = 0) -> pd.DataFrame:
    """models: name -> number of pictures; "reference" and "anchor" have those roles. Repeats: the first's."""
    rows = []
    for model, pictures in models.items():
        role = model if model in ("reference", "anchor") else "test"
        rows += [(f"{model}-{i}", model, f"picture {i}", role, None, None, None) for i in range(pictures)]
    first = rows[0][1]
    for i in range(repeats):
        rows.append((f"again-{i}", first, f"picture {i}", "repeat", f"{first}-{i}", None, None))
    for i in range(attention):
        rows.append((f"ask-{i}", "attention", f"ask {i}", "attention", None, 3, 4))
    columns = ["item_id", "model", "picture", "role", "repeat_of", "expected_low", "expected_high"]
    return pd.DataFrame(rows, columns=columns)


def study(stimuli: pd.DataFrame, scores: dict[str, list], pairs: list | None = None, **options) -> StudyData:
    """scores: rater -> one for each stimulus, None where not rated, in the order in which they were seen."""
    rows = [
        (rater, item, score, position, 3.0, False)
        for rater, mine in scores.items()
        for position, (item, score) in enumerate(zip(stimuli["item_id"], mine, strict=True))
        if score is not None
    ]
    answers = [(*answer, i, 3.0, False) for i, answer in enumerate(pairs or [])]
    ratings = pd.DataFrame(rows, columns=RATING_COLUMNS)
    return StudyData(stimuli, ratings, pd.DataFrame(answers, columns=PAIR_COLUMNS), **options)


def clustered(seed: int, raters: int = 20, items: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Ratings of mean 5 by raters who differ: values and raters, both (raters * items,)."""
    rng = np.random.default_rng(seed)
    values = 5 + rng.normal(0, 1, (raters, 1)) + rng.normal(0, 1, (raters, items))
    return values.ravel(), np.repeat(np.arange(raters), items)


# How good each model is


def test_like_index_of_the_first_paper():
    """46 raters whose mean is 9.55 on a scale of 10: 95.5, here with 20 pictures, 506 tens and 414 nines."""
    assert statistics.like_index([10] * 506 + [9] * 414, 10) == pytest.approx(95.5)
    scores = np.repeat([10, 9], [506, 414]).reshape(46, 20)
    data = study(stimuli_of({"pix2pix": 20}), {f"r{i}": list(row) for i, row in enumerate(scores)})
    row = statistics.describe_models(data).iloc[0]
    assert (row["raters"], row["ratings"]) == (46, 920)
    assert row["mos"] == pytest.approx(9.55)
    assert row["like"] == pytest.approx(95.5)
    assert row["rescaled"] == pytest.approx(95.0)  # 100 * 8.55 / 9
    assert (statistics.like_index([1], 10), statistics.rescaled_index(1, 10)) == (10, 0)  # the lowest of each


def test_t_interval_is_that_of_the_raters_means():
    values, raters = clustered(0)
    expected = stats.ttest_1samp(values.reshape(20, 6).mean(1), 0).confidence_interval(0.95)
    estimate = statistics.clustered_mean(values, raters)
    assert estimate[:3] == pytest.approx((values.mean(), expected.low, expected.high))


def test_t_interval_where_raters_rated_differently_much():
    """Two raters, three values and one: residuals sum to -1.5 and 1.5, so the error is sqrt(2 * 4.5) / 4."""
    estimate = statistics.clustered_mean(np.array([1, 2, 3, 4.0]), np.array(["a", "a", "a", "b"]))
    reach = stats.t.ppf(0.975, 1) * np.sqrt(2 * (1.5**2 + 1.5**2)) / 4
    assert estimate[:3] == pytest.approx((2.5, 2.5 - reach, 2.5 + reach))


def test_bootstrap_is_scipys_over_the_raters_means():
    values, raters = clustered(1)
    means = values.reshape(20, 6).mean(1)
    rng = np.random.default_rng(7)
    expected = stats.bootstrap((means,), np.mean, n_resamples=999, method="BCa", rng=rng).confidence_interval
    estimate = statistics.bootstrap_mean(values, raters, seed=7, resamples=999)
    assert estimate[:3] == pytest.approx((values.mean(), expected.low, expected.high))
    assert estimate == statistics.bootstrap_mean(values, raters, seed=7, resamples=999)
    assert estimate != statistics.bootstrap_mean(values, raters, seed=8, resamples=999)


def test_intervals_cover_the_truth_and_naive_ones_do_not():
    covered = {"t": 0, "bootstrap": 0, "naive": 0}
    studies = 250
    for seed in range(studies):
        values, raters = clustered(seed)
        naive = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        t = statistics.clustered_mean(values, raters)
        bootstrap = statistics.bootstrap_mean(values, raters, seed, resamples=300)
        for name, interval in (("t", t), ("bootstrap", bootstrap), ("naive", naive)):
            covered[name] += interval.low <= 5 <= interval.high
    assert 0.91 < covered["t"] / studies < 0.985
    assert 0.88 < covered["bootstrap"] / studies < 0.985  # known to be a little short (Hossfeld 2018)
    assert covered["naive"] / studies < 0.8


def test_intervals_stay_on_the_scale_and_bear_few_raters():
    table = statistics.describe_models(study(stimuli_of({"a": 2}), {"r0": [10, 10], "r1": [10, 8]}))
    assert table["t_high"][0] == 10 and table["like_high"][0] == 100
    one = statistics.describe_models(study(stimuli_of({"a": 2}), {"r0": [10, 7]})).iloc[0]
    assert one["mos"] == 8.5 and np.isnan([one["t_low"], one["bootstrap_low"], one["like_low"]]).all()
    same = statistics.describe_models(study(stimuli_of({"a": 2}), {"r0": [7, 7], "r1": [7, 7]})).iloc[0]
    assert (same["t_low"], same["bootstrap_low"], same["bootstrap_high"]) == (7, 7, 7)


def test_dmos_against_the_hidden_reference():
    """7 beside 9 is 8; 10 beside 8 is 12; the second picture has no reference and does not count."""
    data = study(stimuli_of({"a": 2, "reference": 1}), {"r0": [7, 1, 9], "r1": [10, 1, 8]})
    table = statistics.describe_models(data).set_index("model")
    assert table.loc["a", "dmos"] == 10
    assert table.loc["a", "mos"] == 4.75
    assert np.isnan(table.loc["reference", "dmos"])
    assert list(table.index) == ["a", "reference"]


def test_repeats_and_attention_items_are_no_opinions():
    stimuli = stimuli_of({"a": 2}, repeats=1, attention=1)
    table = statistics.describe_models(study(stimuli, {"r0": [2, 4, 9, 3], "r1": [2, 4, 9, 3]}))
    assert list(table["mos"]) == [3]


# Whom to believe

# Raw scores of Netflix's public set (79 videos by 26 observers, 1 to 5): Netflix/sureal, Apache-2.0,
# python/test/resource/NFLX_dataset_public_raw_PARTIAL.py.
NETFLIX = """
54555535555555555555555555 45555555454555555555555555 55555545344555555445554555 45555554454555455555555454
55555555555555555445554555 45555535555555555555555555 35454454454555355435554555 55555545553555555455445455
55455455355555555445554555 11121111131221112112111112 21233122232342122122311232 22232222243335222422222133
33444333353443223333323243 43544444454454334334334245 53555555555554454553544555 54555545555555454554445344
54355545555555455555544355 55455555555555555555545455 55555355554555555545555455 21332223133235112222121132
11332122132242312213221122 22431323342343312223332234 22433233353342323323232242 33444443353444434334334343
44554544455445555344554454 55555555455555545555555554 45555555455545555555455555 11111111111111111111111111
22222123131312222222122132 23353313143434333212233233 33434334344443333223434243 33554535454444454324443453
55554355454545454443444454 55445445454444555455545454 11111131122211111111111111 11223111123332211111211112
33454434244343233233232243 23444434344443433333433344 44555444455543554343434354 44545554455455555454544555
55555545454555455544554455 11312111142111111111111121 12324232253443233232322123 21235423443443243222422234
33525114443443324422433244 43425434453442345243543254 52335445554455544334434254 44455524555554545544434455
55545545554543555554554455 55445545554555555544555555 12321232142231232221221122 32524332444453342333323333
43443434443343333333332343 44444444454453454443443445 55554555554555554435544554 55555535555554555555555555
11112111121111111111111121 12322142131221212112212232 32343233143322322221322232 33234454352343222233333243
54534455354553554434444454 45355555454554354444544553 55445545554554555455555555 11111111121111111111111111
22413223122343222111222122 22324134243433332223223133 33343534353334334224332234 44335333354453533334434354
44444235453444434324434354 45453545553544545344353445 35345544454555555345554455 55555135354454545435444555
55555544454543455445554555 21221113131121112222121131 12223253343343322223222223 32443324344444322424323353
33533434143453343333233443 35535555255453445435434455 55435545455453545555545454
"""


def netflix_with_five_scrambled() -> pd.DataFrame:
    """Raters by items, the scores of the first five observers shuffled as sureal's own test does it."""
    scores = np.array([[int(score) for score in row] for row in NETFLIX.split()])
    legacy = np.random.RandomState(0)
    for observer in range(5):
        legacy.shuffle(scores[:, observer])
    return pd.DataFrame(scores.T.astype(float))


def test_bt500_decides_as_published():
    """sureal/test/subjective_model_test.py, test_mos_subjective_model_corruptdata_subjreject."""
    table = netflix_with_five_scrambled()
    assert table.to_numpy().mean() == pytest.approx(3.544790652385589)
    assert table.mean().var(ddof=0) == pytest.approx(0.95893305294535369)
    verdict = statistics.bt500(table, ddof=0)
    kept = table[~verdict["rejected"]]
    assert len(kept) < len(table)
    assert kept.to_numpy().mean() == pytest.approx(3.5611814345991566)
    assert kept.mean().var(ddof=0) == pytest.approx(1.1049505732699529)


def test_bt500_is_its_text():
    """BT.500-13, Annex 2, 2.3.1, one comparison after the other."""
    table = netflix_with_five_scrambled()
    observers, presentations = table.shape
    p, q = np.zeros(observers), np.zeros(observers)
    for _, u in table.items():
        mean, deviation = u.mean(), np.sqrt(((u - u.mean()) ** 2).sum() / (observers - 1))
        if deviation == 0:
            continue
        m2, m4 = ((u - mean) ** 2).sum() / observers, ((u - mean) ** 4).sum() / observers
        width = 2 if 2 <= m4 / m2**2 <= 4 else np.sqrt(20)
        p += (u >= mean + width * deviation).to_numpy()
        q += (u <= mean - width * deviation).to_numpy()
    verdict = statistics.bt500(table)
    assert (verdict["p"] == p).all() and (verdict["q"] == q).all()
    extreme = p + q
    often = [i for i in range(observers) if extreme[i] / presentations > 0.05]
    out = [i for i in often if abs((p - q)[i] / extreme[i]) < 0.3]
    assert list(np.flatnonzero(verdict["rejected"])) == out == [1]  # one of the five that were shuffled


@pytest.mark.parametrize(
    "high, low, items, rejected",
    [
        (1, 1, 20, True),  # 10 % extreme, as often high as low
        (2, 0, 20, False),  # as extreme, but always in one direction: lenient, not careless
        (1, 1, 40, False),  # 5 % is not more than 5 %
        (1, 1, 39, True),
        (2, 1, 20, False),  # |2 - 1| / 3 is 0.33
        (7, 4, 60, True),  # 3 / 11 is 0.27
    ],
)
def test_bt500_by_hand(high, low, items, rejected):
    """Nine agree on 3 to 7; a 10 beside them is 4.5 from the mean, beyond 2 S = 3.92; the kurtosis is 3.9."""
    others = np.array([3, 4, 4, 5, 5, 5, 6, 6, 7])
    columns = [[*others, 10]] * high + [[*(11 - others), 1]] * low + [[*others, 5]] * (items - high - low)
    verdict = statistics.bt500(pd.DataFrame(np.array(columns, float).T)).iloc[-1]
    assert (verdict["p"], verdict["q"], verdict["rejected"]) == (high, low, rejected)


def test_bt500_counts_what_lies_on_the_limit():
    """The mean is 3 and S is 2, the kurtosis 2.98: a 7 is extreme."""
    scores = pd.DataFrame({"item": [1, 1, 2, 2, 3, 4, 4, 7.0]})
    assert statistics.bt500(scores)["p"].tolist() == [0] * 7 + [1]
    assert statistics.bt500(8 - scores)["q"].tolist() == [0] * 7 + [1]


def test_bt500_of_a_lone_dissenter():
    """Nine fives and a ten: the kurtosis is 8.1, so only sqrt(20) * 1.58 = 7.07 would be extreme."""
    verdict = statistics.bt500(pd.DataFrame([[5.0]] * 9 + [[10.0]]))
    assert verdict["p"].sum() == 0
    unanimous = statistics.bt500(pd.DataFrame([[5.0]] * 9))  # mean + 2 * 0 <= 5, but nobody is extreme here
    assert not unanimous[["p", "q", "rejected"]].to_numpy().any()


def test_screening_gives_its_reasons():
    stimuli = stimuli_of({"a": 12, "b": 12}, repeats=3, attention=3)
    rng = np.random.default_rng(0)
    opinions = [list(rng.integers(4, 8, 24)) for _ in range(8)]
    slip = [3, 4, 9]  # one attention item of three
    honest = {f"good {i}": [*mine, *mine[:2], mine[2] + 3, *slip] for i, mine in enumerate(opinions[:4])}
    mine = opinions[4]
    others = {
        "inattentive": [*mine, *mine[:3], 3, 9, 2],
        "fickle": [*mine, mine[0] + 3, mine[1] + 4, mine[2] + 4, 3, 3, 3],
        "flat": [7] * 27 + [3, 3, 3],
        "stuck": [*mine[:8], *[6] * 16, *mine[:3], 3, 3, 3],
        "hasty": [*mine, *mine[:3], 3, 3, 3],
    }
    data = study(stimuli, honest | others)
    ratings = data.ratings
    ratings.loc[ratings["rater_id"] == "hasty", "seconds"] = 0.4
    verdicts = statistics.screen(data).set_index("rater_id")
    assert verdicts.loc[list(honest), "kept"].all()
    assert not verdicts.loc[list(others), "kept"].any()
    reasons = verdicts["reasons"]
    assert reasons["inattentive"] == "attention: 2 of 3 failed"
    assert reasons["fickle"] == "repeats differ by 3.7"  # 11 / 3 of 9, the limit is 3.6
    assert reasons["flat"] == "one score for everything; one score 27 times in a row"
    assert reasons["stuck"] in ("one score 16 times in a row", "one score 17 times in a row")
    assert reasons["hasty"] == "median of 0.4 s"
    assert verdicts.loc["good 0", ["repeats", "repeat_difference", "attention_failed"]].tolist() == [3, 1, 1]


def test_runs_go_by_what_was_seen_not_by_the_file():
    assert statistics.longest_run(np.array([1, 1, 2, 2, 2, 1])) == 3
    assert statistics.longest_run(np.array([])) == 0
    data = study(stimuli_of({"a": 4}), {"r": [5, 5, 6, 6]})
    data.ratings["position"] = [0, 2, 1, 3]
    assert statistics.screen(data)["longest_run"][0] == 1


# How far raters agree

KRIPPENDORFF = np.array(  # Krippendorff 2011, section C: four observers, twelve units
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
)


@pytest.mark.parametrize("metric, published", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_published_example(metric, published):
    estimate = statistics.krippendorff_alpha(KRIPPENDORFF, metric, resamples=500)
    assert estimate.value == pytest.approx(published, abs=5e-4)
    assert estimate.low < estimate.value < estimate.high <= 1


def test_krippendorffs_alpha_at_its_ends():
    agree = np.tile(np.arange(1, 6.0), (3, 1))
    assert statistics.krippendorff_alpha(agree).value == 1
    assert np.isnan(statistics.krippendorff_alpha(np.ones((3, 5))).value)  # nothing varies
    nothing_shared = np.array([[1, np.nan], [np.nan, 2]])
    assert np.isnan(statistics.krippendorff_alpha(nothing_shared).value)
    noise = np.random.default_rng(0).integers(1, 11, (40, 60)).astype(float)
    assert abs(statistics.krippendorff_alpha(noise).value) < 0.02
    # Ordinal, interval: the same for values that are evenly used ranks, whatever they are called.
    stretched = np.where(agree == 5, 50, agree)
    stretched[0, :2] = stretched[0, 1::-1]
    near = np.where(agree == 5, 6, agree)
    near[0, :2] = near[0, 1::-1]
    ordinal = [statistics.krippendorff_alpha(table, "ordinal").value for table in (stretched, near)]
    interval = [statistics.krippendorff_alpha(table, "interval").value for table in (stretched, near)]
    assert ordinal[0] == ordinal[1] and interval[0] > interval[1]


SHROUT_FLEISS = np.array(  # Shrout & Fleiss 1979, table 2, turned: four judges, six targets
    [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]], float
)


def test_icc_of_shrout_and_fleiss():
    single, mean = statistics.icc(SHROUT_FLEISS)
    assert single.value == pytest.approx(0.29, abs=5e-3)
    assert mean.value == pytest.approx(0.62, abs=5e-3)
    assert (single.low, single.high) == pytest.approx((0.019, 0.761), abs=5e-4)  # R's psych::ICC
    assert (mean.low, mean.high) == pytest.approx((0.071, 0.927), abs=5e-4)
    parts = statistics.variance_components(SHROUT_FLEISS)
    assert parts.item / sum(parts) == pytest.approx(single.value)


def test_icc_at_its_ends():
    assert statistics.icc(np.tile(np.arange(5.0), (3, 1)))[0].value == 1
    assert np.isnan(statistics.icc(np.ones((3, 5)))[0].value)
    assert np.isnan(statistics.icc(np.ones((1, 5)))[1].value)


def test_agreement_takes_complete_raters_where_it_must():
    scores = {f"r{i}": [*row] for i, row in enumerate(SHROUT_FLEISS)}
    scores = {rater: [*mine, 1] for rater, mine in scores.items()} | {"late": [5] + [None] * 6}
    data = study(stimuli_of({"a": 6, "anchor": 1}), scores)
    table = statistics.agreement(data).set_index("measure")
    assert table.loc["ICC(2,k), the mean of all raters", "value"] == pytest.approx(0.62, abs=5e-3)
    assert table["raters"].tolist() == [5, 5, 4, 4, 4, 4, 4]
    assert set(table["items"]) == {6}


# Which model is better


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
    assert statistics.two_way_error(differences) == pytest.approx(expected)


def test_only_the_test_over_pictures_holds_for_new_pictures():
    differences = two_way(2, raters=20, pictures=12, tables=1500)
    over_raters = stats.ttest_1samp(differences.mean(2), 0, axis=1).pvalue
    t = differences.mean((1, 2)) / statistics.two_way_error(differences)
    over_both = 2 * stats.t.sf(abs(t), 11)
    assert (over_raters < 0.05).mean() > 0.3
    assert 0.02 < (over_both < 0.05).mean() < 0.08


def test_paired_tests_are_scipys():
    stimuli = stimuli_of({"a": 5, "b": 5, "c": 5})
    rng = np.random.default_rng(3)
    scores = {f"r{i}": list(rng.integers(1, 8, 15) + np.repeat([0, 1, 3], 5)) for i in range(16)}
    table = statistics.compare_models(study(stimuli, scores))
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
    row = statistics.compare_models(study(stimuli_of({"a": 2, "b": 2}), scores)).iloc[0]
    assert (row["raters"], row["pictures"], row["pairs"]) == (2, 2, 3)
    assert row["difference"] == pytest.approx((2 + (1 + 1) / 2) / 2)


def test_models_that_nobody_tells_apart():
    data = study(stimuli_of({"a": 2, "b": 2}), {rater: [5, 6, 5, 6] for rater in "xyz"})
    row = statistics.compare_models(data).iloc[0]
    assert (row["difference"], row["p_t"], row["p_wilcoxon"], row["p_pictures_holm"]) == (0, 1, 1, 1)
    apart = study(stimuli_of({"a": 1, "b": 1}), {"x": [5, None], "y": [None, 5]})
    assert np.isnan(statistics.compare_models(apart)["p_t"][0])


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
    table = statistics.bradley_terry(pairs_of(wins)).set_index("model")
    strength = table["strength"] - table.loc["Biometrika", "strength"]
    published = {"Comm": -2.94907, "JASA": -0.47957, "JRSS-B": 0.26895}
    assert strength[list(published)].to_dict() == pytest.approx(published, abs=1e-5)
    assert table["strength"].sum() == pytest.approx(0, abs=1e-9)
    assert table.loc["Comm", ["wins", "losses"]].tolist() == [33 + 68 + 17, 730 + 813 + 276]


def test_bradley_terry_of_two_by_hand():
    """30 of 40: the log odds are log 3, the error sqrt(1/30 + 1/10), each strength has half of both."""
    table = statistics.bradley_terry(pairs_of({("a", "b"): 30, ("b", "a"): 10})).set_index("model")
    assert table.loc["a", "strength"] == pytest.approx(np.log(3) / 2)
    reach = stats.t.ppf(0.975, 39) * np.sqrt(1 / 30 + 1 / 10) / 2 * np.sqrt(40 / 39)
    assert table.loc["a", "high"] - table.loc["a", "strength"] == pytest.approx(reach, rel=1e-3)
    assert table.loc["b", "low"] == pytest.approx(-table.loc["a", "high"])
    few = statistics.bradley_terry(pairs_of({("a", "b"): 30, ("b", "a"): 10}, raters=1))
    assert few["strength"][0] == pytest.approx(np.log(3) / 2) and few["low"].isna().all()


def test_a_tie_is_half_a_win():
    stimuli = stimuli_of({"a": 1, "b": 1})
    decided = [(f"r{i}", "a-0", "b-0", side) for i, side in enumerate(["left"] * 5 + ["right"] * 3)]
    ties = [(f"r{i}", "a-0", "b-0", "tie") for i in range(4)]
    table = statistics.bradley_terry(study(stimuli, {}, decided + ties)).set_index("model")
    assert table.loc["a", "strength"] == pytest.approx(np.log(7 / 5) / 2)
    assert table.loc["a", ["comparisons", "wins", "ties", "losses"]].tolist() == [12, 5, 4, 3]


def test_strengths_without_a_finite_maximum_are_not_given():
    never_lost = {("a", "b"): 5, ("a", "c"): 5, ("b", "c"): 2, ("c", "b"): 3}
    table = statistics.bradley_terry(pairs_of(never_lost))
    assert table["strength"].isna().all() and table["wins"].tolist() == [10, 2, 3]
    never_met = {("a", "b"): 3, ("b", "a"): 3, ("c", "d"): 3, ("d", "c"): 3}
    assert statistics.bradley_terry(pairs_of(never_met))["strength"].isna().all()
    assert statistics.bradley_terry(study(stimuli_of({"a": 1}), {})).empty


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
    table = statistics.order_effects(StudyData(stimuli, ratings, NO_PAIRS)).set_index("effect")
    fit = smf.ols("score ~ position + C(rater_id) + C(item_id)", ratings).fit()
    later = table.loc["score, per 10 items later"]
    assert later["value"] == pytest.approx(10 * fit.params["position"])
    assert later["low"] < 1.5 < later["high"] and later["p"] < 0.001
    faster = table.loc["response time, % per 10 items later"]
    assert faster["low"] < 100 * (np.exp(-0.3) - 1) < faster["high"] < 0
    fixed = study(stimuli, {f"r{i}": list(rng.integers(1, 11, 16)) for i in range(4)})
    assert statistics.order_effects(fixed)["value"].isna().all()  # one order for all: nothing can be told


def test_a_preference_for_one_side_is_found():
    answers = [(f"r{i % 10}", "a-0", "b-0", "left" if i < 70 else "right") for i in range(100)]
    row = statistics.order_effects(study(stimuli_of({"a": 1, "b": 1}), {}, answers)).iloc[0]
    assert (row["effect"], row["value"]) == ("left side chosen, %", 70)
    assert row["low"] > 50 or row["p"] < 0.05


# Real and simulated, right and wrong


def test_real_and_simulated_are_never_mixed():
    stimuli = stimuli_of({"a": 4, "b": 4})
    real = study(stimuli, {"r0": [5, 6, 7, 8, 1, 2, 3, 4]})
    drawn = simulate.simulate_ratings(stimuli, 3)
    both = StudyData(stimuli, pd.concat([real.ratings, drawn]), NO_PAIRS)
    with pytest.raises(ValueError, match="mixes real and simulated"):
        statistics.check(both)
    with pytest.raises(ValueError, match="mixes"):
        statistics.check(StudyData(stimuli, real.ratings, simulate.simulate_pairs(stimuli, 2)))
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
        statistics.check(StudyData(stimuli_of({"a": 1}), ratings, NO_PAIRS))


# Planning


def test_power_is_that_of_the_t_test():
    """Pictures fixed, a rater's mean difference varies by 2 (residual^2 + 1/12 of rounding) / pictures."""
    size = {"raters": (12, 24), "pictures": (6,), "models": 2, "simulations": 800, "these_pictures": True}
    table = simulate.plan_size(0.6, **size, rater_sd=0.3, residual_sd=1.5)
    effect = 0.6 / np.sqrt(2 * (1.5**2 + 1 / 12) / 6)
    for row in table.itertuples():
        expected = TTestPower().power(effect, row.raters, 0.05)
        assert row.power == pytest.approx(expected, abs=0.05)
        assert row.low < row.power < row.high


def test_plan_finds_the_smallest_study():
    table = simulate.plan_size(1.0, raters=(10, 20, 40), pictures=(5, 15, 30), simulations=150)
    assert table["ratings"].tolist() == [r * p * 3 for r in (10, 20, 40) for p in (5, 15, 30)]
    power = table["power"].to_numpy().reshape(3, 3)
    assert (np.diff(power, axis=1) > 0).all() and power[0, 0] < 0.3 < 0.9 < power[-1, -1]
    best = table[table["smallest"]]
    assert len(best) == 1 and best["power"].item() >= 0.8
    assert best["ratings"].item() == table.loc[table["power"] >= 0.8, "ratings"].min()
    assert not simulate.plan_size(0.05, raters=(10,), pictures=(5,), simulations=50)["smallest"].any()
    # More raters are chosen before more ratings.
    cheap = simulate.plan_size(
        0.8, raters=(10, 40), pictures=(5, 60), simulations=100, these_pictures=True
    ).query("smallest")
    assert cheap[["raters", "pictures"]].to_numpy().tolist() == [[40, 5]]
    # Items that differ more, more models to correct for: less power.
    for harder in ({"item_sd": 1.6}, {"models": 8}):
        cell = simulate.plan_size(1.0, raters=(20,), pictures=(15,), simulations=150, **harder)
        assert cell["power"].item() < power[1, 1]


@pytest.mark.parametrize("wrong", [{"effect": 0}, {"models": 1}, {"raters": (1, 10)}, {"item_sd": -1}])
def test_what_cannot_be_planned_is_refused(wrong):
    with pytest.raises(ValueError):
        simulate.plan_size(**{"effect": 1} | wrong)


def test_simulated_raters_are_marked_careless_ones_screened():
    stimuli = stimuli_of({"a": 15, "b": 15, "reference": 15, "anchor": 3}, repeats=3, attention=3)
    options = {"means": {"a": 5.0, "b": 6.5}, "item_sd": 0.2, "careless": 0.2}
    ratings = simulate.simulate_ratings(stimuli, 60, seed=1, **options)
    assert ratings["simulated"].all() and ratings["rater_id"].str.startswith("simulated-").all()
    assert ratings.equals(simulate.simulate_ratings(stimuli, 60, seed=1, **options))
    assert not ratings.equals(simulate.simulate_ratings(stimuli, 60, seed=2, **options))
    for _, mine in ratings.groupby("rater_id"):
        assert sorted(mine["position"]) == list(range(len(stimuli)))
    data = StudyData(stimuli, ratings, simulate.simulate_pairs(stimuli, 60, seed=1, **options))
    statistics.check(data)
    assert set(data.pairs["rater_id"]) == set(ratings["rater_id"])
    hasty = ratings.groupby("rater_id")["seconds"].median() < statistics.FASTEST
    assert (hasty == hasty.index.str.endswith("-careless")).all()
    verdicts = statistics.screen(data).set_index("rater_id")
    careless = verdicts.index.str.endswith("-careless")
    assert careless.sum() == 12
    assert not verdicts.loc[careless, "kept"].any()
    assert verdicts.loc[~careless, "kept"].mean() > 0.95
    kept = data.of_raters(verdicts.index[verdicts["kept"]])
    mos = statistics.describe_models(kept).set_index("model")["mos"]
    assert mos[["a", "b"]].tolist() == pytest.approx([5.0, 6.5], abs=0.5)
    assert mos["anchor"] < mos["a"] < mos["b"] < mos["reference"]
    strengths = statistics.bradley_terry(data).set_index("model")["strength"]
    assert strengths["b"] > 0 > strengths["a"]
    deviations = statistics.agreement(kept).set_index("measure")["value"]
    assert deviations["SD between raters"] == pytest.approx(simulate.RATER_SD, abs=0.3)
    assert deviations["SD of the rest"] == pytest.approx(simulate.RESIDUAL_SD, abs=0.2)


def test_a_simulated_repeat_is_as_good_as_its_first():
    stimuli = stimuli_of({"a": 8}, repeats=8)
    scores = simulate.simulate_ratings(stimuli, 1, item_sd=2, residual_sd=0).set_index("item_id")["score"]
    first, again = (scores[[f"{kind}-{i}" for i in range(8)]].tolist() for kind in ("a", "again"))
    assert first == again and len(set(first)) > 2


def test_simulated_raters_fit_a_shorter_scale():
    """The usual deviations are of a scale of 10: on one of 5, honest raters would look careless."""
    stimuli = stimuli_of({"a": 10, "b": 10}, repeats=3)
    ratings = simulate.simulate_ratings(stimuli, 60, scale_max=5)
    assert ratings["score"].min() == 1 and ratings["score"].max() == 5
    verdicts = statistics.screen(StudyData(stimuli, ratings, NO_PAIRS, scale_max=5))
    assert verdicts["kept"].mean() > 0.9
