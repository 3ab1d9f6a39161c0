"""Fixtures of the training code's tests. A file that changes its data draws a folder of its own."""

import pytest

from tests.train.drawn_faces import draw_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    draw_folder(root)
    return root


@pytest.fixture(autouse=True)
def short_calibration(monkeypatch):
    """A run of four steps need not measure its batch norms on forty batches."""
    monkeypatch.setattr("train.loop.CALIBRATION", 2)
