"""Fixtures of the page's tests. A file whose networks or pictures are other ones has its own of the same name."""

import httpx
import pytest

from tests.web.face_crowd import StandIn, write_pictures
from tests.web.web_page import serve


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def demo():
    """One server for all files that have none of their own."""
    with serve(StandIn()) as demo:
        yield demo


@pytest.fixture(scope="module")
def web(demo):
    """A caller of the file's own `demo` without a browser."""
    with httpx.Client(base_url=demo.local_url, timeout=60) as web:
        yield web
