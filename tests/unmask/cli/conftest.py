"""Fixtures of the command line's tests."""

from pathlib import Path

import pytest
from PIL import Image

import unmask
from tests.unmask.cli.calls import FakeUnmasker


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(unmask, "Unmasker", FakeUnmasker)
    monkeypatch.setattr(FakeUnmasker, "calls", [])
    monkeypatch.setattr(FakeUnmasker, "realisms", [])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two good photos, a broken one, and files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (50, 40), (200, 90, 60)).save(folder / "a.JPG", "JPEG")
    Image.new("RGB", (50, 40), (20, 90, 60)).save(folder / "c.webp", lossless=True)
    (folder / "b.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no photo")
    (folder / "inner").mkdir()
    return folder
