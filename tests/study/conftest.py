"""Fixtures of the tests of rating studies: databases, a store, and its copy on the Hub."""

import tempfile
import threading

import pytest

from tests.study import study_maker
from tests.study.rating_page import find, serve_studies
from unmask.study.backup import Backup
from unmask.study.store import Store


@pytest.fixture(scope="session")
def postgres():
    with study_maker.run_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path, monkeypatch):
    """A study's store with nobody in it, on either database."""
    if request.param == "postgresql":
        monkeypatch.setenv("UNMASK_DATABASE_URL", request.getfixturevalue("postgres"))
    return Store(study_maker.make_study(tmp_path / "study", pairs=True))


class FakeScheduler:
    """Takes what huggingface_hub's CommitScheduler takes, and pushes nothing."""

    def __init__(self, **options):
        self.options = options
        self.lock = threading.Lock()


@pytest.fixture
def backup(tmp_path, monkeypatch):
    """The copy of a study's ratings that would go to the Hub."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Backup("owner/ratings", "hf_token", FakeScheduler)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the studies that the server runs."""
    folder = tmp_path_factory.mktemp("studies")
    study_maker.make_study(folder / "single", pictures=2, pairs=True)
    study_maker.make_study(folder / "side", pictures=2, presentation="side-by-side", repeats=0, title="Side by side")
    return folder


@pytest.fixture(scope="module")
def demo(folder):
    """The app as `python app.py` starts it, on a free port, with these studies."""
    with serve_studies(folder) as demo:
        yield demo


@pytest.fixture(scope="module")
def single(folder):
    return find(folder, "A study")


@pytest.fixture(scope="module")
def side(folder):
    return find(folder, "Side by side")
