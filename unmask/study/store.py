"""Answers, kept: on disk before they count as saved, one per rater and question, edits with their history.

No photo, name or address is stored: a rater is a random code. SQLite in the study's folder, or the database
that UNMASK_DATABASE_URL names (PostgreSQL), which several servers may share.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

import unmask
from unmask.study import asked
from unmask.study.backup import Backup
from unmask.study.database import insert, open_database, serialise, transaction
from unmask.study.order import (
    count_questions,
    order_contenders,
    order_pairs,
    order_rankings,
    order_screens,
)
from unmask.study.plan import Plan, Study, StudyError
from unmask.study.questions import pair_key, read_key
from unmask.study.tables import ANSWERS, ASKED_PAIRS, HISTORY, META, RATERS, AnswerRow, Key, Said
from unmask.study.tokens import Tokens
from unmask.types import Json

LONGEST = 3600  # seconds: whoever looked longer at a picture was not looking
CHOICES = ("left", "right", "tie")


@dataclass(frozen=True)
class Rater:
    """One person's part in a study: what to show, and what was answered so far."""

    rater_id: str
    number: int
    screens: list[list[str]]  # item ids
    pairs: list[tuple[str, str]]  # left and right item ids
    rankings: list[tuple[str, ...]]  # item ids as they are shown first
    answers: dict[str, str]  # question -> answer
    finished: bool  # whether all is answered


class Store:
    """The answers of one study. Threads, processes and, with PostgreSQL, machines may share the database."""

    def __init__(self, study: Study, backup: Backup | None = None):
        self.study = study
        self.backup = backup
        self.tokens = Tokens(study.plan.study_id, study.secret)
        self.engine = open_database(study.folder / "ratings.db", META)

    # -------------------------------------------------------------- raters

    def join(self, consent: bool, invitation: str | None = None, participant: str | None = None) -> Rater:
        """Let somebody in who has agreed to the consent text. Raises StudyError.

        invitation: one of `tokens.invitations`. participant: how a panel such as Prolific knows this person; of it only
        a hash with the study's secret is kept. Whoever comes back with either is the same rater: it lets in one person.
        """
        plan = self.study.plan
        if not consent:
            raise StudyError("Please read the text and agree to it first.")
        self._check_open()
        if plan.by_invitation and not invitation:
            raise StudyError("This study is by invitation: open it by the link that you were sent.", 403)
        if invitation:
            rater_id = self.tokens.read_invitation(invitation)
        else:
            rater_id = self.tokens.sign("participant", participant) if participant else secrets.token_hex(16)
        with self._transaction(writes=True) as connection:
            serialise(connection, f"join {plan.study_id}")
            here = RATERS.c.study_id == plan.study_id
            if connection.scalar(sa.select(sa.func.count()).where(here, RATERS.c.rater_id == rater_id)):
                return self._rater(connection, rater_id)
            if self._count_finished(connection) >= plan.raters:
                raise StudyError("This study has all the raters that it needs. Thank you for coming!", 410)
            highest = connection.scalar(sa.select(sa.func.max(RATERS.c.number)).where(here))
            row = {
                "study_id": plan.study_id,
                "rater_id": rater_id,
                "number": 0 if highest is None else highest + 1,
                "consent": hashlib.sha256(plan.consent.encode()).hexdigest()[:16],
                "version": unmask.__version__,
                "joined_at": _now(),
            }
            connection.execute(sa.insert(RATERS), row)
        self._back_up("join", row)
        return self.rater(rater_id)

    def rater(self, rater_id: str) -> Rater:
        """Raises StudyError for somebody who never joined, or has withdrawn."""
        with self._transaction() as connection:
            return self._rater(connection, rater_id)

    def _rater(self, connection: sa.Connection, rater_id: str) -> Rater:
        plan, number = self.study.plan, self._number(connection, rater_id)
        query = sa.select(ANSWERS.c.question, ANSWERS.c.answer).where(
            ANSWERS.c.study_id == plan.study_id, ANSWERS.c.rater_id == rater_id
        )
        answers = {row.question: row.answer for row in connection.execute(query)}
        described = _describe(plan, rater_id, number, answers)
        if plan.choose == "active":
            return replace(described, pairs=asked.read(connection, plan, rater_id))
        return described

    def preview(self, key: str) -> Rater:
        """Somebody who does not exist, and of whom no answer is taken. Raises StudyError for a key that is not ours."""
        self.tokens.check_preview(key)
        return _describe(self.study.plan, "preview", 0, {})

    def ask_pair(self, rater_id: str) -> Rater:
        """Where pairs are chosen actively: the rater with one more pair, or as before while one waits for its answer.

        Raises StudyError when there is none left.
        """
        self._check_open()
        plan = self.study.plan
        with self._transaction() as connection:
            rater = self._rater(connection, rater_id)
            said = asked.read_said(connection, plan)
        position = len(rater.pairs)
        if any(pair_key(*pair) not in rater.answers for pair in rater.pairs):
            return rater
        if position >= len(order_contenders(plan, rater.number)):
            raise StudyError("You have been asked about all pairs.", 410)
        row = {"study_id": plan.study_id, "rater_id": rater_id, "position": position}
        row["question"] = asked.choose(plan, rater.number, position, said)
        with self._transaction(writes=True) as connection:
            self._number(connection, rater_id)  # who has withdrawn meanwhile leaves nothing
            asked.keep(connection, row)
            rater = self._rater(connection, rater_id)
        self._back_up("asked", row)
        return rater

    def withdraw(self, rater_id: str) -> None:
        """Delete all that a rater has answered, and leave a tombstone. Raises StudyError."""
        with self._transaction(writes=True) as connection:
            self._number(connection, rater_id)
            self._bury(connection, rater_id, when := _now())
        self._back_up("withdraw", {"rater_id": rater_id, "withdrawn_at": when})

    # -------------------------------------------------------------- answers

    def answer(
        self, token: str, answer: str | float, seconds: float | None = None, rater_id: str | None = None
    ) -> int:
        """Save an answer and return its version: 1, or more for an edit. It is on disk when this returns.

        token: what `tokens.of_question` gave for this rater and question. rater_id: who sends it, if that is
        known otherwise: it must be the token's. Raises StudyError, and nothing has changed.
        """
        owner, question = self.tokens.read_question(token)
        if rater_id not in (None, owner):
            raise StudyError("This item was handed to another rater.", 403)
        self._check_open()
        value = self._check_answer(question, answer)
        if seconds is not None:
            seconds = round(min(max(0.0, float(seconds)), LONGEST), 2)  # in this order NaN becomes 0
        key = Key(study_id=self.study.plan.study_id, rater_id=owner, question=question)
        with self._transaction(writes=True) as connection:
            number = self._number(connection, owner)
            position = asked.find_position(connection, self.study.plan, owner, number, question)
            if position is None:
                raise StudyError("This item is not among those that you were asked about.", 403)
            said = Said(position=position, answer=value, seconds=seconds, answered_at=_now())
            version, is_new = _save(connection, key, said)
        if is_new:
            self._back_up("answer", {**key, **said, "version": version})
        return version

    def _check_answer(self, question: str, answer: str | float) -> str:
        """The answer as it is stored."""
        value, asked = str(answer), read_key(question)
        if asked.kind == "pair":
            if value not in CHOICES:
                raise StudyError(f"The choice is one of {', '.join(CHOICES)}, not {value[:20]!r}.", 422)
            return value
        if asked.kind == "ranking":
            if sorted(value) != [str(place + 1) for place in range(len(asked.items))]:
                example = "".join(str(place) for place in range(len(asked.items), 0, -1))
                raise StudyError(f"An order names each place once, like {example}, not {value[:20]!r}.", 422)
            return value
        questions = self.study.plan.questions
        limit = questions[asked.question if asked.question < len(questions) else 0].scale_max
        if value not in {str(score) for score in range(1, limit + 1)}:
            raise StudyError(f"A score is a whole number from 1 to {limit}, not {value[:20]!r}.", 422)
        return value

    # -------------------------------------------------------------- looking at it

    def progress(self) -> dict[str, int]:
        """Counts: raters who `joined`, of them `finished` and `withdrawn`, and `answers`."""
        here = self.study.plan.study_id
        with self._transaction() as connection:
            joined, withdrawn = connection.execute(
                sa.select(sa.func.count(), sa.func.count(RATERS.c.withdrawn_at)).where(
                    RATERS.c.study_id == here
                )
            ).one()
            query = sa.select(sa.func.count()).select_from(ANSWERS).where(ANSWERS.c.study_id == here)
            answers = connection.execute(query).scalar_one()
            finished = self._count_finished(connection)
        return {"joined": joined, "finished": finished, "withdrawn": withdrawn, "answers": answers}

    def answers(self, history: bool = False) -> list[AnswerRow]:
        """The newest answers, or all versions of them, as plain rows in the order of rater and position."""
        table = HISTORY if history else ANSWERS
        query = sa.select(table).where(table.c.study_id == self.study.plan.study_id)
        query = query.order_by(table.c.rater_id, table.c.position, table.c.version)
        with self._transaction() as connection:
            return [_as_row(row) for row in connection.execute(query)]

    def replay(self, rows: Iterable[Json]) -> int:
        """Put back what a backup holds and this database lacks; how many rows there were for this study.

        In any order, and as often as one likes: raters who withdrew stay away.
        """
        rows = [row for row in rows if row.get("study_id") == self.study.plan.study_id]
        with self._transaction(writes=True) as connection:
            serialise(connection, f"join {self.study.plan.study_id}")
            for row in sorted(rows, key=lambda row: ("join", "asked", "answer", "withdraw").index(row["event"])):
                self._replay(connection, dict(row))
        return len(rows)

    def _replay(self, connection: sa.Connection, row: Json) -> None:
        event, rater_id = row.pop("event"), row["rater_id"]
        if event == "join":
            connection.execute(insert(connection, RATERS).values(**row).on_conflict_do_nothing())
        elif event == "withdraw":
            self._bury(connection, rater_id, row["withdrawn_at"])
        elif self._is_withdrawn(connection, rater_id):
            return
        elif event == "asked":
            asked.keep(connection, row)
        else:
            version = row.pop("version")
            key = {name: row.pop(name) for name in ("study_id", "rater_id", "question")}
            connection.execute(
                insert(connection, HISTORY).values(**key, version=version, **row).on_conflict_do_nothing()
            )
            newer = insert(connection, ANSWERS).values(**key, version=version, **row)
            connection.execute(
                newer.on_conflict_do_update(
                    index_elements=list(key),
                    set_=row | {"version": version},
                    where=ANSWERS.c.version < version,
                )
            )

    # -------------------------------------------------------------- inside

    def _check_open(self) -> None:
        if self.study.plan.draft:
            raise StudyError("This study has not begun yet: please come back later.", 403)
        if self.study.plan.ended:
            raise StudyError("This study has ended and takes no more answers. Thank you!", 410)

    def _number(self, connection: sa.Connection, rater_id: str) -> int:
        """The rater's place in the line. Raises StudyError for nobody, and for somebody who has withdrawn."""
        query = sa.select(RATERS.c.number, RATERS.c.withdrawn_at).where(
            RATERS.c.study_id == self.study.plan.study_id, RATERS.c.rater_id == rater_id
        )
        # Locked, where the database locks rows: nobody withdraws between this look and an answer.
        row = connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            raise StudyError("There is no such rater in this study.", 404)
        if row.withdrawn_at is not None:
            raise StudyError("You have withdrawn from this study: nothing of yours is kept in it.", 410)
        number: int = row.number
        return number

    def _is_withdrawn(self, connection: sa.Connection, rater_id: str) -> bool:
        return bool(
            connection.scalar(
                sa.select(sa.func.count(RATERS.c.withdrawn_at)).where(
                    RATERS.c.study_id == self.study.plan.study_id, RATERS.c.rater_id == rater_id
                )
            )
        )

    def _bury(self, connection: sa.Connection, rater_id: str, when: str) -> None:
        here = self.study.plan.study_id
        for table in (ANSWERS, HISTORY, ASKED_PAIRS):
            connection.execute(sa.delete(table).where(table.c.study_id == here, table.c.rater_id == rater_id))
        connection.execute(
            sa.update(RATERS)
            .where(RATERS.c.study_id == here, RATERS.c.rater_id == rater_id)
            .values(withdrawn_at=sa.func.coalesce(RATERS.c.withdrawn_at, when))
        )

    def _count_finished(self, connection: sa.Connection) -> int:
        """How many raters have answered all that they are asked."""
        per_rater = (
            sa.select(ANSWERS.c.rater_id)
            .where(ANSWERS.c.study_id == self.study.plan.study_id)
            .group_by(ANSWERS.c.rater_id)
            .having(sa.func.count() >= count_questions(self.study.plan))
        )
        return connection.execute(sa.select(sa.func.count()).select_from(per_rater.subquery())).scalar_one()

    @contextmanager
    def _transaction(self, writes: bool = False) -> Iterator[sa.Connection]:
        """When the block is left, what was written is on disk; or StudyError says that it is not."""
        with transaction(self.engine, writes) as connection:
            yield connection

    def _back_up(self, event: str, row: Json) -> None:
        if self.backup is not None:
            self.backup.append({"event": event, "study_id": self.study.plan.study_id} | row)


def _as_row(row: sa.Row[tuple[Any, ...]]) -> AnswerRow:
    return AnswerRow(
        study_id=row.study_id,
        rater_id=row.rater_id,
        question=row.question,
        version=row.version,
        position=row.position,
        answer=row.answer,
        seconds=row.seconds,
        answered_at=row.answered_at,
    )


def _describe(plan: Plan, rater_id: str, number: int, answers: dict[str, str]) -> Rater:
    screens, pairs, rankings = order_screens(plan, number), order_pairs(plan, number), order_rankings(plan, number)
    finished = len(answers) >= count_questions(plan)
    return Rater(rater_id, number, screens, pairs, rankings, answers, finished)


def _save(connection: sa.Connection, key: Key, said: Said) -> tuple[int, bool]:
    """Insert or edit an answer: its version, and whether that is new.

    The same answer once more is no edit: it is a browser that lost our confirmation.
    """
    new = insert(connection, ANSWERS).values(**key, version=1, **said)
    statement = new.on_conflict_do_update(
        index_elements=list(key),
        set_={**said, "version": ANSWERS.c.version + 1},
        where=ANSWERS.c.answer != new.excluded.answer,
    ).returning(ANSWERS.c.version)
    version = connection.scalar(statement)
    if version is None:
        return connection.execute(sa.select(ANSWERS.c.version).filter_by(**key)).scalar_one(), False
    connection.execute(sa.insert(HISTORY), {**key, **said, "version": version})
    return version, True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
