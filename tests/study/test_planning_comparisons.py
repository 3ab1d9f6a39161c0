"""How large a study that only compares must be."""

from itertools import permutations

import numpy as np
import pytest
from choix.opt import Top1Fcts
from scipy import stats

from unmask.cli.main import main
from unmask.study.statistics import planning_comparisons as planning


@pytest.mark.parametrize(("models", "at_once"), [(2, 2), (4, 2), (4, 3), (5, 5)])
def test_information_is_the_curvature_of_choix_at_equal_strengths(models, at_once):
    rankings = list(permutations(range(models), at_once))
    curvature = Top1Fcts.from_rankings(rankings, penalty=0).hessian(np.zeros(models)) / len(rankings)
    expected = planning.information(models, at_once) * (np.eye(models) - 1 / models)
    assert curvature == pytest.approx(expected, abs=1e-9)


def test_power_of_two_models_is_that_of_a_share():
    """100 raters, 4 pairs each: a share's error is 0.5 / sqrt(400) = 0.025, its log odds' four times that, 0.1."""
    lead = float(np.log(0.57 / 0.43))
    expected = stats.nct.sf(stats.t.ppf(0.975, 99), 99, lead / 0.1)
    assert planning.power_of(lead, 2, 2, 100, 4) == pytest.approx(expected)
    assert planning.visible(2, 2, 100, 4, float(expected)) == pytest.approx(57)


def test_more_at_once_needs_fewer_raters_and_the_answer_is_the_smallest():
    pairs, fours = (planning.smallest(60, 6, at_once, pictures=10) for at_once in (2, 4))
    assert fours[0] < pairs[0] and pairs[1] == fours[1] == 10
    lead = float(np.log(0.6 / 0.4))
    assert planning.power_of(lead, 6, 2, *pairs) >= 0.8 > planning.power_of(lead, 6, 2, pairs[0] - 1, 10)
    assert planning.smallest(50.1, 6, 2) is None


def test_the_command_always_answers(capsys):
    def said(*args) -> str:
        assert main(["study", "size", *map(str, args)]) == 0
        return capsys.readouterr().out

    found = said("--compare", 4, "--models", 6, "--preferred", 60)
    assert found.startswith("Enough to show that one of two is preferred in 60 of 100 comparisons: ")
    shown = said("--compare", 2, "--raters", 30, "--photos", 10)
    assert shown.startswith("30 raters and 10 photos can show that one of two is preferred in ")
    assert "200 raters and 150 photos can show" in said("--compare", 2, "--preferred", 50.1)
    for wrong in (["--compare", 5], ["--compare", 2, "--preferred", 40], ["--compare", 2, "--raters", 1]):
        assert main(["study", "size", *map(str, wrong)]) == 1
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
