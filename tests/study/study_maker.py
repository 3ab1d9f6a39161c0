"""A small study for the tests, made without weights: noise for faces, and models that paint a shade each.

And a PostgreSQL to keep its answers in, for a session of tests.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from unmask.study.create import create_study
from unmask.study.pictures import Picture
from unmask.study.plan import Study

MODELS = ("ganmasker", "pix2pix", "glcic")
SIZE = 64


class PainterUnmasker:
    """Fills the hole with one shade per model; needs no weights."""

    def remove(self, photo, mask=None, models=()):
        return {name: np.where(mask[..., None] > 0, np.uint8(40 + 10 * len(name)), photo) for name in models}


def make_picture(number: int, side: int = SIZE) -> Picture:
    """A masked "face" whose truth is known, different for every number."""
    truth = np.random.default_rng(number).integers(60, 200, (side, side, 3), np.uint8)
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2 :, side // 4 : -side // 4] = 255
    return Picture(f"face-{number}", np.where(mask[..., None] > 0, np.uint8(250), truth), mask, truth)


def make_study(folder, pictures: int = 3, **options) -> Study:
    options = {"repeats": 1, "attention": 1, "title": "A study", "size": SIZE} | options
    return create_study(
        [make_picture(n) for n in range(pictures)], folder, MODELS, PainterUnmasker(), **options
    )


@contextmanager
def run_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own, on a socket in a temporary folder; skips where there is none."""
    driver = next(filter(find_spec, ("psycopg", "pg8000")), None)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    programs = found[-1] if found else Path(shutil.which("postgres") or "/nowhere").parent
    if driver is None or not (programs / "initdb").exists():
        pytest.skip("there is no PostgreSQL, or no driver for it")
    as_user = []
    if sys.platform != "win32" and os.getuid() == 0:  # it refuses to run as root
        if not shutil.which("setpriv"):
            pytest.skip("PostgreSQL will not run as root")
        as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
    folder = Path(tempfile.mkdtemp(prefix="unmask-pg-", dir="/tmp"))  # a socket's path must be short
    if as_user:
        shutil.chown(folder, "nobody")
    initdb = [programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "unmask", "--no-sync"]
    subprocess.run([*as_user, *initdb], check=True, cwd=folder, capture_output=True)
    server = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while subprocess.run([programs / "pg_isready", "-q", "-h", folder]).returncode:
            assert server.poll() is None, "PostgreSQL did not start"
            threading.Event().wait(0.1)
        socket = f"host={folder}" if driver == "psycopg" else f"unix_sock={folder}/.s.PGSQL.5432"
        yield f"postgresql+{driver}://unmask@/postgres?{socket}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
        shutil.rmtree(folder)


def token(store, rater, question=None):
    return store.tokens.of_question(rater.rater_id, question or rater.screens[0][0])


def answer_all(store, rater, score=6):
    for question in [item for screen in rater.screens for item in screen]:
        store.answer(token(store, rater, question), score)
    for pair in rater.pairs:
        store.answer(token(store, rater, "-".join(pair)), "left")
