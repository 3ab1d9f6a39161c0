"""Planning a study, and raters that do not exist."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from tests.study.study_tables import NO_PAIRS, stimuli_of
from unmask.study.statistics import agreement, like_index, ranking, screening, simulate
from unmask.study.statistics.data import StudyData, check


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
    check(data)
    assert set(data.pairs["rater_id"]) == set(ratings["rater_id"])
    hasty = ratings.groupby("rater_id")["seconds"].median() < screening.FASTEST
    assert (hasty == hasty.index.str.endswith("-careless")).all()
    verdicts = screening.screen(data).set_index("rater_id")
    careless = verdicts.index.str.endswith("-careless")
    assert careless.sum() == 12
    assert not verdicts.loc[careless, "kept"].any()
    assert verdicts.loc[~careless, "kept"].mean() > 0.95
    kept = data.of_raters(verdicts.index[verdicts["kept"]])
    mos = like_index.describe_models(kept).set_index("model")["mos"]
    assert mos[["a", "b"]].tolist() == pytest.approx([5.0, 6.5], abs=0.5)
    assert mos["anchor"] < mos["a"] < mos["b"] < mos["reference"]
    strengths = ranking.bradley_terry(data).set_index("model")["strength"]
    assert strengths["b"] > 0 > strengths["a"]
    deviations = agreement.agreement(kept).set_index("measure")["value"]
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
    verdicts = screening.screen(StudyData(stimuli, ratings, NO_PAIRS, scale_max=5))
    assert verdicts["kept"].mean() > 0.9
