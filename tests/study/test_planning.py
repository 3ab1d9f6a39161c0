"""How large a study must be: always an answer, and one that the simulation agrees with."""

import re

import numpy as np
import pytest
from scipy import stats

from unmask.cli.main import main
from unmask.study.statistics import simulate
from unmask.study.statistics.planning import Design, advise


@pytest.mark.parametrize("effect, raters, pictures", [(1.0, 15, 22), (0.8, 30, 20), (1.5, 10, 10)])
def test_power_is_that_of_the_simulation(effect, raters, pictures):
    cell = simulate.plan_size(effect, raters=(raters,), pictures=(pictures,), simulations=500)["power"].item()
    assert Design().power_of(effect, raters, pictures) == pytest.approx(cell, abs=0.05)


def test_power_by_hand():
    """Without noise but the pictures', it is that of a t test over pictures: error sqrt(2 / 16), 15 degrees."""
    design = Design(models=2, item_sd=1.0, residual_sd=0.0)
    shift = 1 / np.sqrt(2 / 16 + 2 / 12 / 16 / 10**6)
    expected = stats.nct.sf(stats.t.ppf(0.975, 15), 15, shift)
    assert design.power_of(1.0, 10**6, 16) == pytest.approx(expected)
    assert design.power_of(1000.0, 50, 50) == 1 and design.power_of(0.0, 50, 50) == pytest.approx(0.025)


def test_the_smallest_study_is_the_smallest():
    design = Design()
    raters, pictures = design.smallest(0.8)
    assert design.power_of(0.8, raters, pictures) >= 0.8
    assert design.power_of(0.8, raters, pictures - 1) < 0.8
    for fewer in range(15, raters):
        assert design.power_of(0.8, fewer, (raters * pictures - 1) // fewer) < 0.8
    assert design.smallest(0.8, raters=40)[0] == 40 and design.smallest(0.8, pictures=60)[1] == 60
    # Near the end of what one sitting holds, more raters help out.
    assert design.smallest(0.45)[0] > 15
    assert design.smallest(0.1) is None


def test_what_can_be_seen_is_just_found():
    design = Design(models=4, power=0.9)
    seen = design.visible(25, 12)
    assert design.power_of(seen, 25, 12) == pytest.approx(0.9)
    assert design.visible(50, 12) < seen and design.visible(25, 24) < seen
    needed = design.beyond(0.2, 30)
    assert design.power_of(0.2, 30, needed) >= 0.9 > design.power_of(0.2, 30, needed - 1)


@pytest.mark.parametrize(
    "asked, answer",
    [
        ({"effect": 1.0}, r"^Enough to find a mean difference of 1: 15 raters and 22 photos \(990 ratings of 3 models"),
        (
            {"effect": 0.1},
            r"^200 raters and 100 photos can show .* To find 0\.1, 200 raters would need 1,\d+ photos",
        ),
        ({"effect": 1e-5}, "would need more photos than anyone has"),
        (
            {"raters": 20, "pictures": 10},
            r"^20 raters and 10 photos can show a mean difference of 1\.52 \(power 0\.8\)\.$",
        ),
        ({"raters": 20}, "^20 raters and 100 photos can show"),
        ({"pictures": 10}, "^30 raters and 10 photos can show"),
        ({"effect": 0.5, "raters": 20, "pictures": 10}, "To find 0.5, 20 raters would need 76 photos"),
        ({"raters": 2, "pictures": 2}, "more than the scale holds"),
    ],
)
def test_there_is_always_an_answer(asked, answer):
    assert re.search(answer, advise(Design(), **asked))


@pytest.mark.parametrize(
    "design, asked, complaint",
    [
        ({}, {}, "Say what difference"),
        ({}, {"effect": 0}, "above 0"),
        ({}, {"effect": float("nan")}, "above 0"),
        ({}, {"effect": 9.5}, "not above 9"),
        ({}, {"raters": 1, "pictures": 5}, "the least"),
        ({}, {"raters": 0, "pictures": 5}, "the least"),
        ({"models": 1}, {"effect": 1}, "two models"),
        ({"power": 1.0}, {"effect": 1}, "power lies between"),
        ({"item_sd": -1.0}, {"effect": 1}, "not below 0"),
        ({"residual_sd": float("inf")}, {"effect": 1}, "not below 0"),
    ],
)
def test_what_no_study_can_be_is_one_sentence(design, asked, complaint):
    with pytest.raises(ValueError, match=complaint):
        advise(Design(**design), **asked)


def test_size_on_the_command_line(capsys):
    assert main(["study", "size", "--effect", "1.5", "--models", "2"]) == 0
    answer, simulated = capsys.readouterr().out.splitlines()
    assert answer.startswith("Enough to find") and simulated.startswith("Simulated")
    assert main(["study", "size", "--effect", "0.05"]) == 0
    assert "would need" in capsys.readouterr().out
    assert main(["study", "size", "--raters", "30", "--photos", "12", "--scale", "5"]) == 0
    assert "30 raters and 12 photos can show" in capsys.readouterr().out
    for wrong in (["--effect", "-1"], [], ["--effect", "1", "--models", "1"], ["--raters", "1"]):
        assert main(["study", "size", *wrong]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
