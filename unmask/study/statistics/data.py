"""What a rating study gave: pictures, scores and side-by-side answers, and what counts as an opinion."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

JUDGED = ("test", "reference", "anchor")  # roles whose scores are opinions; a repeat would count one twice
CONFIDENCE = 0.95
STATEMENT_COLUMNS = ["question", "scale_max", "rater_id", "item_id", "score", "position", "seconds", "simulated"]
RANKING_COLUMNS = ["rater_id", "question", "item_id", "rank", "shown", "position", "seconds", "simulated"]


@dataclasses.dataclass(frozen=True)
class StudyData:
    """What a study holds, newest version of each rating only.

    stimuli: item_id, model ("reference" and "anchor" for the hidden ones), picture, role ("test",
    "reference", "anchor", "repeat", "attention"), repeat_of (item_id or None), expected_low and expected_high
    (the scores that an attention item allows, or NA).
    ratings: rater_id, item_id, score (1 to scale_max), position (from 0), seconds, simulated (bool).
    pairs: rater_id, left_item, right_item, chosen ("left", "right", "tie"), position, seconds, simulated.
    statements: what was asked beside the scores of `ratings`: their columns, question (its text) and scale_max, which
    score goes up to.
    rankings: rater_id, question (which answer of his), item_id, rank (from 1, the best), shown (from 1, its place
    before that), position, seconds, simulated; a row for each item that was ranked.
    """

    stimuli: pd.DataFrame
    ratings: pd.DataFrame
    pairs: pd.DataFrame
    scale_max: int = 10
    title: str = "Rating study"
    choose: str = "balanced"  # or "active": which pairs were asked depended on what had been answered
    rankings: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=RANKING_COLUMNS))
    statements: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=STATEMENT_COLUMNS))

    @property
    def simulated(self) -> bool:
        """Whether all of it is simulated. Raises ValueError for a mixture, which no analysis may take."""
        marks = {bool(mark) for table in self._answers() for mark in table["simulated"]}
        if len(marks) > 1:
            raise ValueError("The study mixes real and simulated ratings: analyse them apart.")
        return marks == {True}

    def only(self, simulated: bool) -> "StudyData":
        """The real ratings alone, or the simulated ones."""
        return self._filtered(lambda table: table["simulated"].astype(bool) == simulated)

    def of_raters(self, raters: Sequence[str]) -> "StudyData":
        """The ratings of these raters alone."""
        return self._filtered(lambda table: table["rater_id"].isin(list(raters)))

    def _answers(self) -> tuple[pd.DataFrame, ...]:
        return self.ratings, self.pairs, self.rankings, self.statements

    def _filtered(self, keep: Callable[[pd.DataFrame], pd.Series]) -> "StudyData":
        ratings, pairs, rankings, statements = (table[keep(table)] for table in self._answers())
        return dataclasses.replace(self, ratings=ratings, pairs=pairs, rankings=rankings, statements=statements)


class Estimate(NamedTuple):
    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan  # of value = 0


def check(data: StudyData) -> None:
    """Raises ValueError, in one sentence, for data that no analysis may take."""
    ratings, pairs, rankings = data.ratings, data.pairs, data.rankings
    if not len(ratings) + len(pairs) + len(rankings):
        raise ValueError("The study has no ratings yet.")
    _ = data.simulated  # raises for a mixture
    if data.stimuli["item_id"].duplicated().any():
        raise ValueError("Two stimuli have one item id.")
    rated = {*ratings["item_id"], *pairs["left_item"], *pairs["right_item"], *rankings["item_id"]}
    rated |= {*data.statements["item_id"]}
    if unknown := rated - set(data.stimuli["item_id"]):
        raise ValueError(f"There are ratings of items that are not in the study, such as {min(unknown)}.")
    if ratings.duplicated(["rater_id", "item_id"]).any():
        raise ValueError("A rater has two ratings of one item: only the newest may be analysed.")
    if not ratings["score"].isin(range(1, data.scale_max + 1)).all():
        raise ValueError(f"There are scores that are not whole numbers from 1 to {data.scale_max}.")
    for question, said in data.statements.groupby("question"):
        if said.duplicated(["rater_id", "item_id"]).any():
            raise ValueError(f"A rater has answered {question!r} twice of one item.")
        if not (said["score"].between(1, said["scale_max"]) & (said["score"] % 1 == 0)).all():
            raise ValueError(f"There are answers to {question!r} that are not on its scale.")
    if not pairs["chosen"].isin(["left", "right", "tie"]).all():
        raise ValueError('A side-by-side answer is "left", "right" or "tie".')
    places = rankings.groupby(["rater_id", "question"])["rank"]
    if any(sorted(ranks) != list(range(1, len(ranks) + 1)) for _, ranks in places):
        raise ValueError("A ranking gives each of its items a place of its own, from 1 on.")


def judged(data: StudyData) -> pd.DataFrame:
    """The ratings that are opinions, each with its item's model, picture and role; score is float."""
    items = data.stimuli.loc[data.stimuli["role"].isin(JUDGED), ["item_id", "model", "picture", "role"]]
    return data.ratings.merge(items, on="item_id").astype({"score": float})


def rater_by_item(ratings: pd.DataFrame) -> pd.DataFrame:
    """Scores as a table of raters (rows) by items (columns), nan where one did not rate."""
    return ratings.pivot(index="rater_id", columns="item_id", values="score").astype(float)
