"""The database of the answers: SQLite in a file, or the PostgreSQL that UNMASK_DATABASE_URL names."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from unmask.settings import DATABASE_URL
from unmask.study.plan import StudyError
from unmask.types import Json

# What raters may read, whole sentences for the sake of their languages.
DISK_FULL = "This could not be done, because the disk is full: please try again later."
NO_ANSWER = "This could not be done, because the database does not answer: please try again later."
WAIT_FOR_LOCK = 30  # seconds that a writer waits for another process
_WRITER = threading.Lock()  # of this process' writers of SQLite


def open_database(file: Path, tables: sa.MetaData) -> sa.Engine:
    """The database with these tables: UNMASK_DATABASE_URL, or the SQLite `file`. Raises StudyError."""
    return _open_engine(DATABASE_URL.read() or f"sqlite:///{Path(file).resolve()}", tables)


@lru_cache(maxsize=64)
def _open_engine(url: str, tables: sa.MetaData) -> sa.Engine:
    try:
        address, options = _choose_driver(url)
        engine = sa.create_engine(address, connect_args=options, pool_pre_ping=True, pool_size=10, max_overflow=30)
    except (SQLAlchemyError, ImportError) as error:
        # Not the error's own words, which may hold the URL and its password: raters read this.
        what = "it names no database that we know, or its driver is not installed"
        raise StudyError(f"UNMASK_DATABASE_URL cannot be used: {what}.", 503) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    with transaction(engine, writes=True) as connection:
        serialise(connection, "create tables")
        tables.create_all(connection)
    return engine


def _choose_driver(url: str) -> tuple[sa.URL, Json]:
    """A URL as hosts hand it out, with the PostgreSQL driver that is installed, and what that must be told."""
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    made = sa.make_url(url)
    if made.drivername == "postgresql":
        made = made.set(drivername=f"postgresql+{'psycopg' if find_spec('psycopg') else 'pg8000'}")
    if made.get_driver_name() != "pg8000" or "sslmode" not in made.query:
        return made, {}
    # The one word of libpq's that hosts put into their URLs, and that pg8000 does not know.
    mode = made.query["sslmode"]
    context = {"disable": False, "allow": None, "prefer": None, "require": True}
    checked = ssl.create_default_context() if mode not in context else context[mode]
    return made.difference_update_query(["sslmode"]), {"ssl_context": checked}


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Safe on disk at every commit, readers beside one writer, and nothing left of what was deleted."""
    connection.isolation_level = None  # the driver would begin transactions late, and by itself
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        f"busy_timeout={1000 * WAIT_FOR_LOCK}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that begins by reading and goes on to write would fail when another has written meanwhile.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: sa.Engine, writes: bool = False) -> Iterator[sa.Connection]:
    """When the block is left, what was written is on disk; or StudyError says that it is not."""
    # SQLite has one writer at a time, for whom others would wait by asking again and again, in no order.
    turn = _WRITER if writes and engine.dialect.name == "sqlite" else nullcontext()
    try:
        with turn, _connect(engine.execution_options(writes=writes)) as connection, connection.begin():
            yield connection
    except (SQLAlchemyError, OSError) as error:  # a driver may pass on the network's
        full = "full" in str(error).lower()
        raise StudyError(DISK_FULL if full else NO_ANSWER, 503) from error


def _connect(engine: sa.Engine) -> sa.Connection:
    """A connection that works, where the database does: of those that it has cut, pg8000 passes on the network's error,
    which SQLAlchemy does not take for what it is."""
    try:
        return engine.connect()
    except OSError:
        engine.dispose()
        return engine.connect()


def serialise(connection: sa.Connection, what: str) -> None:
    """Let nobody else do `what` until this transaction ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(what))))


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ON CONFLICT, which SQLAlchemy has per dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
