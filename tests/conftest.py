"""Fixtures that more than one file of tests uses."""

import importlib.util
import sys
import tempfile
import threading

import pytest
import study_maker
from web_page import open_browser, visit

from unmask.study.backup import Backup
from unmask.study.store import Store


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, demo):
    """The page of the file's own `demo`, newly opened."""
    with visit(browser, demo) as page:
        yield page


@pytest.fixture(scope="module")
def script(request):
    """The script at the file's own PATH, as a module."""
    path = request.module.PATH
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


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
