"""The demo's votes: what is kept of one, and what all of them together say."""

import sqlite3
from datetime import date

import numpy as np
import pandas as pd
import pytest

from unmask.study.votes import LEAST_OF_A_MODEL, LEAST_VOTES, Vote, VoteStore, rank_models


def made(*counts: tuple[str, str, str, int]) -> pd.DataFrame:
    """Votes, as (first, second, answer, how often)."""
    rows = [(first, second, answer) for first, second, answer, often in counts for _ in range(often)]
    return pd.DataFrame(rows, columns=["first", "second", "answer"])


def drawn(rng: np.random.Generator, strengths: dict[str, float], count: int) -> pd.DataFrame:
    """Votes as visitors would give them to models of these strengths, one vote in ten undecided."""
    rows = []
    for _ in range(count):
        first, second = rng.choice(list(strengths), 2, replace=False)
        wins = rng.random() < 1 / (1 + np.exp(strengths[second] - strengths[first]))
        rows.append((first, second, "tie" if rng.random() < 0.1 else "A" if wins else "B"))
    return pd.DataFrame(rows, columns=["first", "second", "answer"])


# ---------------------------------------------------------------- kept


def test_of_a_vote_nothing_else_is_kept(tmp_path):
    file = tmp_path / "new" / "votes.db"
    store = VoteStore(file)
    store.save(Vote("glcic", "pix2pix", "A", "own"))
    store.save(Vote("pix2pix", "ganmasker", "tie", "example"))
    with sqlite3.connect(file) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(votes)")]
        rows = connection.execute("SELECT * FROM votes").fetchall()
    assert columns == ["id", "first", "second", "answer", "source", "voted_on"]
    today = date.today().isoformat()
    assert rows == [(1, "glcic", "pix2pix", "A", "own", today), (2, "pix2pix", "ganmasker", "tie", "example", today)]


def test_examples_and_own_pictures_are_apart_and_outlive_a_restart(tmp_path):
    store = VoteStore(tmp_path / "votes.db")
    for source, often in (("own", 3), ("example", 2)):
        for _ in range(often):
            store.save(Vote("glcic", "pix2pix", "B", source))
    again = VoteStore(tmp_path / "votes.db")
    assert [len(again.read(source)) for source in ("own", "example")] == [3, 2]
    assert again.read("own").iloc[0].tolist() == ["glcic", "pix2pix", "B"]


@pytest.mark.parametrize("wrong", [("a", "b", "C", "own"), ("a", "b", "A", "mine"), ("a", "a", "A", "own")])
def test_what_is_no_vote_is_refused(wrong):
    with pytest.raises(ValueError, match="no vote"):
        Vote(*wrong)


# ---------------------------------------------------------------- said


def test_two_models_have_the_scores_of_their_shares():
    """Of two models the maximum is known: a difference of log(wins : losses), half of it from the average each."""
    table = rank_models(made(("a", "b", "A", 120), ("b", "a", "B", 30), ("a", "b", "B", 50), ("a", "b", "tie", 20)))
    assert table["model"].tolist() == ["a", "b"] and table["rank"].tolist() == [1, 2]
    won = 120 + 30 + 10  # a tie is half a win
    share = 1 / (1 + np.exp(-np.log(won / (220 - won)) / 2))
    assert table["preferred"].tolist() == pytest.approx([100 * share, 100 - 100 * share], abs=1e-4)
    assert (table["low"] < table["preferred"]).all() and (table["preferred"] < table["high"]).all()
    assert table[["comparisons", "wins", "ties", "losses"]].values.tolist() == [[220, 150, 20, 50], [220, 50, 20, 150]]


def test_sides_do_not_matter():
    one = rank_models(made(("a", "b", "A", 150), ("a", "b", "B", 90)))
    other = rank_models(made(("b", "a", "B", 150), ("b", "a", "A", 90)))
    pd.testing.assert_frame_equal(one, other)


def test_too_few_votes_rank_nothing():
    assert rank_models(made()).empty
    fair = (("a", "b", "A", LEAST_VOTES // 2), ("a", "b", "B", LEAST_VOTES // 2 - 1))
    assert rank_models(made(*fair)).empty
    assert len(rank_models(made(*fair, ("a", "b", "B", 1)))) == 2


def test_a_model_with_few_votes_is_left_out_with_them():
    fair = (("a", "b", "A", LEAST_VOTES // 2), ("a", "b", "B", LEAST_VOTES // 2))
    few = rank_models(made(*fair, ("a", "c", "A", LEAST_OF_A_MODEL - 1)))
    assert set(few["model"]) == {"a", "b"} and few["comparisons"].tolist() == [LEAST_VOTES] * 2
    enough = rank_models(made(*fair, ("a", "c", "A", LEAST_OF_A_MODEL - 1), ("c", "a", "A", 1)))
    assert set(enough["model"]) == {"a", "b", "c"}
    # Without c, which has too few, d has too few, too.
    chain = rank_models(made(*fair, ("c", "d", "A", 5), ("a", "d", "A", LEAST_OF_A_MODEL - 5)))
    assert set(chain["model"]) == {"a", "b"}


def test_models_that_cannot_be_told_apart_share_a_rank():
    even = rank_models(made(("a", "b", "A", 101), ("a", "b", "B", 99)))
    assert even["rank"].tolist() == [1, 1] and (even["low"] < 50).all() and (even["high"] > 50).all()


def test_who_wins_everything_has_no_finite_score():
    table = rank_models(made(("a", "b", "A", 250)))
    assert table["preferred"].isna().all() and table["wins"].tolist() == [250, 0]


def test_intervals_hold_what_they_promise_and_enough_votes_tell_models_apart():
    """What the comment at LEAST_VOTES claims, on fewer boards."""
    rng, strengths = np.random.default_rng(0), {"a": np.log(7 / 3), "b": 0.0, "c": 0.0, "d": 0.0}
    true = 100 / (1 + np.exp(np.mean(list(strengths.values())) - strengths["a"]))
    above = covered = 0
    for _ in range(40):
        table = rank_models(drawn(rng, strengths, LEAST_VOTES)).set_index("model")
        above += table.loc["b", "rank"] > table.loc["a", "rank"]
        covered += table.loc["a", "low"] <= true + 2 and table.loc["a", "high"] >= true - 2  # ties draw to the middle
    assert above > 22 and covered > 33
