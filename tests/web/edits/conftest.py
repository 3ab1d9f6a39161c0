"""One server for all tests of the mask's editor; its stand-in paints while it may."""

import pytest

from tests.web.edits.editing import Counting
from tests.web.web_page import serve


@pytest.fixture(scope="package")
def stand_in():
    return Counting()


@pytest.fixture(scope="package")
def demo(stand_in):
    with serve(stand_in) as demo:
        yield demo


@pytest.fixture(autouse=True)
def at_rest(stand_in):
    yield
    stand_in.go.set()
