"""Fixtures that tests of more than one folder use."""

import gc
import importlib.util
import os
import sys
from collections import Counter

# Two workers share two cores: threads of OpenMP that wait for each other's ends take seven times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read as torch is imported

import pytest
import torch

from tests.web.web_page import open_browser, visit


def pytest_collection_modifyitems(items):
    """Whatever uses the browser is marked, so that `make check` can leave it out; the longest files come first.

    Two workers that each take a file at a time then end together, and none waits for the other's longest one.
    """
    seconds = Counter()
    for item in items:
        if {"browser", "page"} & set(item.fixturenames):
            item.add_marker(pytest.mark.browser)
            # On a machine with other work a browser now and then draws too late. Who fails has a second try, and is
            # counted among the "rerun" at the end.
            item.add_marker(pytest.mark.flaky(reruns=1))
        slow, browser = (item.get_closest_marker(name) is not None for name in ("slow", "browser"))
        seconds[item.path] += 20 if slow else 8 if browser else 0.5
    items.sort(key=lambda item: -seconds[item.path])


def pytest_collection_finish():
    """What has been imported stays, and need not be looked through whenever Python collects garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def denormal_numbers():
    """Training rounds denormal numbers to zero, for its whole process: not for the tests that come after."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def playwright():
    """Its event loop runs in this thread until the end: a test that needs one of its own takes `run_in_thread`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright):
    with open_browser(playwright) as browser:
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
