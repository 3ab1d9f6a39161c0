"""Calls of the command line in this process, and the Unmasker that answers them."""

from pathlib import Path

import numpy as np

from unmask import PhotoError, WeightsError
from unmask.cli.main import main
from unmask.faces.face import Face

MASK = np.zeros((40, 50), np.uint8)
MASK[20:, 10:40] = 255


class FakeUnmasker:
    """Finds MASK in every photo but a black one, and fills it with a grey of its own per model."""

    calls, realisms, samples = [], [], []

    def __init__(self, device="auto", weights=None):
        self.calls.append(("device", device))

    def find(self, photo, aligned=False):
        self.calls.append(("find", aligned))
        if photo.max() == 0:
            return []
        points = ((1.0, 2.0),) * 5 if photo.mean() < 100 else None
        box = (np.float32(1.5), 2, 30, 39)
        return [Face(box, (16.0, 20.0), 40.0, points=points, score=np.float32(0.5), masked=np.float32(0.25))]

    def segment(self, photo, aligned=False, faces=None, model="mseg"):
        assert faces is not None or self.find(photo, aligned)
        self.calls.append(("segment", model))
        return MASK if photo.max() else np.zeros_like(MASK)

    def remove(self, photo, mask=None, models=(), aligned=False, faces=None, guide=None, realism=1.0, sample=0):
        assert faces or self.find(photo, aligned)
        self.calls += [("remove", list(models)), ("guide", guide)]
        self.realisms.append(realism)
        self.samples.append(sample)
        if "glcic" in models:
            raise WeightsError("The weights of glcic are missing: train it.")
        if not mask.any():
            raise PhotoError("No mask is marked: paint over the area to remove.")
        greys = {name: 10 * (i + 1) for i, name in enumerate(models)}
        return {name: np.where(mask[..., None] > 0, np.uint8(grey), photo) for name, grey in greys.items()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def status(*arguments: object) -> int:
    """The exit status of a call, also of one that argparse ends."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return ended.code
