"""Strengths from comparisons: against published examples, choix's own solvers, and work by hand."""

from itertools import permutations
from pathlib import Path

import choix
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.study.study_tables import stimuli_of, study
from unmask.study.statistics import ranking
from unmask.study.statistics.data import RANKING_COLUMNS, StudyData, check

PATH = Path(__file__).resolve().parents[2] / "scripts" / "interval_coverage.py"


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
    table = ranking.bradley_terry(pairs_of(wins)).set_index("model")
    strength = table["strength"] - table.loc["Biometrika", "strength"]
    published = {"Comm": -2.94907, "JASA": -0.47957, "JRSS-B": 0.26895}
    assert strength[list(published)].to_dict() == pytest.approx(published, abs=1e-5)
    assert table["strength"].sum() == pytest.approx(0, abs=1e-9)
    assert table.loc["Comm", ["wins", "losses"]].tolist() == [33 + 68 + 17, 730 + 813 + 276]


def test_bradley_terry_of_two_by_hand():
    """30 of 40: the log odds are log 3, the error sqrt(1/30 + 1/10), each strength has half of both."""
    table = ranking.bradley_terry(pairs_of({("a", "b"): 30, ("b", "a"): 10})).set_index("model")
    assert table.loc["a", "strength"] == pytest.approx(np.log(3) / 2)
    reach = stats.t.ppf(0.975, 39) * np.sqrt(1 / 30 + 1 / 10) / 2 * np.sqrt(40 / 39)
    assert table.loc["a", "high"] - table.loc["a", "strength"] == pytest.approx(reach, rel=1e-3)
    assert table.loc["b", "low"] == pytest.approx(-table.loc["a", "high"])
    few = ranking.bradley_terry(pairs_of({("a", "b"): 30, ("b", "a"): 10}, raters=1))
    assert few["strength"][0] == pytest.approx(np.log(3) / 2) and few["low"].isna().all()


def test_a_tie_is_half_a_win():
    stimuli = stimuli_of({"a": 1, "b": 1})
    decided = [(f"r{i}", "a-0", "b-0", side) for i, side in enumerate(["left"] * 5 + ["right"] * 3)]
    ties = [(f"r{i}", "a-0", "b-0", "tie") for i in range(4)]
    table = ranking.bradley_terry(study(stimuli, {}, decided + ties)).set_index("model")
    assert table.loc["a", "strength"] == pytest.approx(np.log(7 / 5) / 2)
    assert table.loc["a", ["comparisons", "wins", "ties", "losses"]].tolist() == [12, 5, 4, 3]


def test_strengths_without_a_finite_maximum_are_not_given():
    never_lost = {("a", "b"): 5, ("a", "c"): 5, ("b", "c"): 2, ("c", "b"): 3}
    table = ranking.bradley_terry(pairs_of(never_lost))
    assert table["strength"].isna().all() and table["wins"].tolist() == [10, 2, 3]
    never_met = {("a", "b"): 3, ("b", "a"): 3, ("c", "d"): 3, ("d", "c"): 3}
    assert ranking.bradley_terry(pairs_of(never_met))["strength"].isna().all()
    assert ranking.bradley_terry(study(stimuli_of({"a": 1}), {})).empty


def ranked(answers: list[tuple[str, ...]], raters: int = 0) -> StudyData:
    """Models, best first; each ranking by a new rater, or by so many."""
    rows = [
        (f"r{i % raters if raters else i}", i, f"{model}-0", place + 1, place + 1, i, 3.0, False)
        for i, answer in enumerate(answers)
        for place, model in enumerate(answer)
    ]
    data = study(stimuli_of(dict.fromkeys(sorted({model for answer in answers for model in answer}), 1)), {})
    return StudyData(data.stimuli, data.ratings, data.pairs, rankings=pd.DataFrame(rows, columns=RANKING_COLUMNS))


def test_plackett_luce_by_hand():
    """Weights 3 : 2 : 1 put a first in 30 of 60, b before c in 20 of those, and so on: 20, 10, 15, 5, 6 and 4 times.

    Where each order came up exactly as often as some weights say, these are the likeliest.
    """
    weight = {"a": 3, "b": 2, "c": 1}
    often = {
        order: 60 * weight[order[0]] / 6 * weight[order[1]] / (weight[order[1]] + weight[order[2]])
        for order in permutations("abc")
    }
    assert all(count == round(count) for count in often.values())
    answers = [order for order, count in often.items() for _ in range(round(count))]
    table = ranking.plackett_luce(ranked(answers)).set_index("model")
    assert np.exp(table["strength"] - table.loc["c", "strength"]).to_dict() == pytest.approx(weight, rel=1e-6)
    assert table["firsts"].to_dict() == {"a": 30, "b": 20, "c": 10}
    assert table["rankings"].tolist() == [60, 60, 60]
    assert table.loc["a", "mean_rank"] == pytest.approx(np.mean([answer.index("a") + 1 for answer in answers]))


def test_plackett_luce_is_choixs():
    rng = np.random.default_rng(0)
    strength = np.array([0.8, 0.1, -0.3, -0.6])
    answers = []
    for _ in range(150):  # of four, three each
        some = rng.choice(4, 3, replace=False)
        answers.append(tuple(int(one) for one in some[np.argsort(rng.exponential(np.exp(-strength[some])))]))
    expected = choix.ilsr_rankings(4, answers)
    table = ranking.plackett_luce(ranked([tuple("wxyz"[one] for one in answer) for answer in answers]))
    assert table["strength"].to_numpy() == pytest.approx(expected - expected.mean(), abs=1e-5)


def test_a_ranking_of_two_is_a_pair():
    wins = {("a", "b"): 12, ("b", "a"): 5, ("b", "c"): 9, ("c", "b"): 4, ("a", "c"): 8, ("c", "a"): 3}
    by_pairs = ranking.bradley_terry(pairs_of(wins, raters=12))
    answers = [pair for pair, count in wins.items() for _ in range(count)]
    by_rankings = ranking.plackett_luce(ranked(answers, raters=12))
    for column in ranking.STRENGTH_COLUMNS:
        assert by_rankings[column].to_numpy() == pytest.approx(by_pairs[column].to_numpy(), abs=1e-6, nan_ok=True)


def test_rankings_without_a_finite_maximum_and_wrong_ones():
    table = ranking.plackett_luce(ranked([("a", "b", "c"), ("a", "c", "b")]))
    assert table["strength"].isna().all() and table["mean_rank"].tolist() == [1, 2.5, 2.5]
    assert ranking.plackett_luce(study(stimuli_of({"a": 1}), {})).empty
    data = ranked([("a", "b", "c")])
    check(data)
    data.rankings.loc[0, "rank"] = 2
    with pytest.raises(ValueError, match="a place of its own"):
        check(data)


def test_intervals_of_strengths_hold_the_truth(script):
    """The short form of scripts/interval_coverage.py: it finds intervals that are too narrow alone."""
    found = script.measure(script.choices_study, 15)
    assert min(found["Bradley-Terry"], found["Plackett-Luce"]) > 0.85
