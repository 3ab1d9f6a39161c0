"""The tables of a database of answers: who takes part, what was asked of whom, and what was said.

No photo, name or address is stored: a rater is a random code. A question is named by its key, as questions.py says.
"""

from typing import TypedDict

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem

META = sa.MetaData()


def _rater_columns() -> list[SchemaItem]:
    return [
        sa.Column("study_id", sa.String(32), primary_key=True),
        sa.Column("rater_id", sa.String(32), primary_key=True),
    ]


RATERS = sa.Table(
    "raters",
    META,
    *_rater_columns(),
    sa.Column("number", sa.Integer, nullable=False),  # 0, 1, ...: which order this rater sees
    sa.Column("consent", sa.String(16), nullable=False),  # digest of the text agreed to
    sa.Column("version", sa.String(32), nullable=False),  # of this program
    sa.Column("joined_at", sa.String(32), nullable=False),  # ISO 8601, UTC, as all times here
    sa.Column("withdrawn_at", sa.String(32)),  # set: a tombstone, all answers are deleted
    sa.UniqueConstraint("study_id", "number"),
)


def _answer_columns() -> list[SchemaItem]:
    return [
        sa.Column("position", sa.Integer, nullable=False),  # 0, 1, ...: when this rater saw it; pairs count anew
        sa.Column("answer", sa.String(8), nullable=False),  # a score, "left", "right" or "tie", or an order
        sa.Column("seconds", sa.Float),  # from seeing to answering, as the browser says
        sa.Column("answered_at", sa.String(32), nullable=False),
    ]


ANSWERS = sa.Table(
    "answers",
    META,
    *_rater_columns(),
    sa.Column("question", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),  # of the newest answer, which stands here
    *_answer_columns(),
)
HISTORY = sa.Table(
    "answer_history",
    META,
    *_rater_columns(),
    sa.Column("question", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    *_answer_columns(),
)
# What was chosen for a rater by what others had said, where a study chooses so; all else follows from the plan.
ASKED_PAIRS = sa.Table(
    "asked_pairs",
    META,
    *_rater_columns(),
    sa.Column("position", sa.Integer, primary_key=True),  # 0, 1, ...: of this rater's pairs
    sa.Column("question", sa.String(64), nullable=False),
)


class Key(TypedDict):
    """Which answer it is."""

    study_id: str
    rater_id: str
    question: str


class Said(TypedDict):
    """What was answered, as the columns say."""

    position: int
    answer: str
    seconds: float | None
    answered_at: str


class AnswerRow(Key, Said):
    """A row of ANSWERS or HISTORY."""

    version: int
