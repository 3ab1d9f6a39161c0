"""Fixtures of the library's tests. A file whose networks are other ones has its own of the same name."""

from pathlib import Path

import pytest

from tests.unmask.green_masks import FindGreen, FindGreenFaces, MeanFace, Paint
from tests.unmask.photo_collection import make_collection
from unmask import Unmasker
from unmask.registry import DEFAULT_MODELS


@pytest.fixture
def unmasker():
    """One that takes green for a mask, and paints it red."""
    unmasker = Unmasker("cpu")
    unmasker._models = {"mseg": FindGreen()} | {name: Paint() for name in DEFAULT_MODELS}
    unmasker._models |= {"face-detector": FindGreenFaces(), "landmarks": MeanFace()}
    for name, model in unmasker._models.items():
        model.size = 128 if name == "glcic" else 256
    return unmasker


@pytest.fixture
def collection(tmp_path: Path, monkeypatch) -> Path:
    """Photos, their masks, and small networks, whose weights are taken."""
    make_collection(tmp_path)
    monkeypatch.setenv("UNMASK_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path
