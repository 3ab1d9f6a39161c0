"""The demo's blind votes: what is kept of one, and what all of them together say. They are no study.

Of a vote is kept which two models were A and B, the answer, whether the photo was a built-in example, and the day:
nothing of the photo or of who voted. So nobody can tell whether two votes are one person's, and intervals take each for
another's: where few people vote often they are too narrow.
"""

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from unmask.study.database import open_database, transaction

ANSWERS = {"A": "left", "B": "right", "tie": "tie"}  # a vote's answer -> a study's
SOURCES = ("example", "own")  # one of the built-in examples, or a visitor's own picture
# Below these nothing is ranked. Of four models, one that wins 7 of 10 stands above another by then in 4 boards of 5:
# in 82 % of 300 simulated ones, and in 43 % with 100 votes.
LEAST_VOTES = 200
LEAST_OF_A_MODEL = 30  # a model with fewer is left out, with its votes

TABLES = sa.MetaData()
VOTES = sa.Table(
    "votes",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("first", sa.String(64), nullable=False),  # the model that was A
    sa.Column("second", sa.String(64), nullable=False),
    sa.Column("answer", sa.String(8), nullable=False),  # one of ANSWERS
    sa.Column("source", sa.String(8), nullable=False),  # one of SOURCES
    sa.Column("voted_on", sa.String(10), nullable=False),  # the day, ISO 8601
)


@dataclass(frozen=True)
class Vote:
    """What somebody said of two models' results."""

    first: str
    second: str
    answer: str
    source: str

    def __post_init__(self) -> None:
        if self.answer not in ANSWERS or self.source not in SOURCES or self.first == self.second:
            raise ValueError(f"{self} is no vote.")


class VoteStore:
    """The votes in an SQLite file, or in the database that UNMASK_DATABASE_URL names. Its methods raise StudyError."""

    def __init__(self, file: Path):
        file = file.expanduser()
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
        self.engine = open_database(file, TABLES)

    def save(self, vote: Vote) -> None:
        """Keep a vote: it is on disk when this returns."""
        with transaction(self.engine, writes=True) as connection:
            connection.execute(sa.insert(VOTES), asdict(vote) | {"voted_on": date.today().isoformat()})

    def read(self, source: str) -> pd.DataFrame:
        """Columns first, second and answer of all votes on these pictures."""
        query = sa.select(VOTES.c.first, VOTES.c.second, VOTES.c.answer).where(VOTES.c.source == source)
        with transaction(self.engine) as connection:
            return pd.DataFrame(connection.execute(query).all(), columns=["first", "second", "answer"])


def rank_models(votes: pd.DataFrame) -> pd.DataFrame:
    """What votes, as VoteStore.read gives them, say of each model; best first. Empty where they are too few.

    Columns: rank, model, preferred (percent of comparisons that it would win against an average model: Bradley-Terry, a
    tie is half a win), its 95 % interval low and high, comparisons, wins, ties, losses. A model's rank is 1 + the
    number of models whose interval lies above its own. preferred is nan where one has won, or lost, all: there is no
    finite score.
    """
    votes = _of_known_models(votes)
    if len(votes) < LEAST_VOTES:
        return pd.DataFrame()
    # scipy and choix take their time: not at the page's start.
    from unmask.study.statistics.data import StudyData
    from unmask.study.statistics.ranking import bradley_terry

    models = sorted({*votes["first"], *votes["second"]})
    pairs = pd.DataFrame({
        "rater_id": range(len(votes)), "left_item": votes["first"].to_numpy(), "right_item": votes["second"].to_numpy(),
        "chosen": votes["answer"].map(ANSWERS).to_numpy(),
    })  # fmt: skip
    stimuli = pd.DataFrame({"item_id": models, "model": models})
    table = bradley_terry(StudyData(stimuli, pd.DataFrame(), pairs))
    low, high = table["low"].to_numpy(), table["high"].to_numpy()
    table["rank"] = [1 + int((low > one).sum()) for one in high]
    table[["low", "high"]] = 100 / (1 + np.exp(-table[["low", "high"]]))
    table = table.sort_values(["preferred", "model"], ascending=[False, True], ignore_index=True)
    return table[["rank", "model", "preferred", "low", "high", "comparisons", "wins", "ties", "losses"]]


def _of_known_models(votes: pd.DataFrame) -> pd.DataFrame:
    """The votes on models that have enough of them; leaving one out may leave another with too few."""
    while len(votes):
        counts = pd.concat([votes["first"], votes["second"]]).value_counts()
        known = set(counts.index[counts >= LEAST_OF_A_MODEL])
        enough = votes["first"].isin(known) & votes["second"].isin(known)
        if enough.all():
            break
        votes = votes[enough]
    return votes
