"""Active choice of pairs: which one a rater is asked next is worked out when it is asked for, and kept.

A rater still judges one pair of each picture, the pictures in an order of the rater's own, so that no pair comes twice;
which two of a picture's results those are is what `statistics.active` says, by all that raters have answered or been
asked until then. Given that, the choice is fixed by the plan's seed. Nothing is locked while it is worked out: two
raters who ask at the same moment may get the same two models, of pictures that differ.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from unmask.study import order
from unmask.study.database import insert
from unmask.study.plan import Plan
from unmask.study.questions import pair_key, read_key
from unmask.study.statistics import active
from unmask.study.tables import ANSWERS, ASKED_PAIRS

SCORES = {"left": (1.0, 0.0), "right": (0.0, 1.0), "tie": (0.5, 0.5)}  # answer -> wins of left and right


class Said(NamedTuple):
    """All that was asked so far, of models as `models` has them; each (n, n)."""

    models: list[str]
    wins: np.ndarray  # how often row beat column, a tie being half a win for each
    out: np.ndarray  # how often row, at the left, and column wait for an answer
    shown: np.ndarray  # how often row stood left of column


def read(connection: sa.Connection, plan: Plan, rater_id: str) -> list[tuple[str, str]]:
    """The pairs (left, right) that a rater has been asked so far, in their order."""
    query = sa.select(ASKED_PAIRS.c.question).where(*_of(plan, rater_id)).order_by(ASKED_PAIRS.c.position)
    return [(left, right) for left, right in (read_key(key).items for key in connection.scalars(query))]


def find_position(
    connection: sa.Connection, plan: Plan, rater_id: str, number: int, question: str
) -> int | None:
    """When a rater, by id and number, is asked a question of any kind: 0, 1, ..., or None for never."""
    if plan.choose != "active" or read_key(question).kind != "pair":
        return order.find_position(plan, number, question)
    query = sa.select(ASKED_PAIRS.c.position).where(*_of(plan, rater_id), ASKED_PAIRS.c.question == question)
    return connection.scalar(query)


def read_said(connection: sa.Connection, plan: Plan) -> Said:
    """What all raters of the study were asked and have said."""
    model = {item.item_id: item.model for item in plan.stimuli}
    models = sorted({model[item] for items in plan.contenders() for item in items})
    number = {name: place for place, name in enumerate(models)}
    wins, out, shown = np.zeros((3, len(models), len(models)))
    same = [ANSWERS.c[name] == ASKED_PAIRS.c[name] for name in ("study_id", "rater_id", "question")]
    query = (
        sa.select(ASKED_PAIRS.c.question, ANSWERS.c.answer, sa.func.count())
        .select_from(ASKED_PAIRS.outerjoin(ANSWERS, sa.and_(*same)))
        .where(ASKED_PAIRS.c.study_id == plan.study_id)
        .group_by(ASKED_PAIRS.c.question, ANSWERS.c.answer)
    )
    for question, answer, count in connection.execute(query):
        left, right = (number[model[item]] for item in read_key(question).items)
        shown[left, right] += count
        if answer is None:
            out[left, right] += count
        else:
            of_left, of_right = SCORES[answer]
            wins[left, right] += of_left * count
            wins[right, left] += of_right * count
    return Said(models, wins, out, shown)


def choose(plan: Plan, number: int, position: int, said: Said) -> str:
    """The key of the pair that rater `number` is asked as the `position`-th: 0, 1, ..."""
    items = order.order_contenders(plan, number)[position]
    model = {item.item_id: item.model for item in plan.stimuli}
    place = {said.models.index(model[item]): item for item in items}
    seed = hashlib.sha256(f"{plan.seed}/active/{number}/{position}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:8]))
    left, right = active.next_pair(said.wins, rng, said.out, said.shown, list(place))
    return pair_key(place[left], place[right])


def keep(connection: sa.Connection, row: dict[str, object]) -> None:
    """Write down what a rater is asked: study_id, rater_id, position, question. What stands there already stays."""
    connection.execute(insert(connection, ASKED_PAIRS).values(**row).on_conflict_do_nothing())


def _of(plan: Plan, rater_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return ASKED_PAIRS.c.study_id == plan.study_id, ASKED_PAIRS.c.rater_id == rater_id
