"""A small study for the tests, made without weights: noise for faces, and models that paint a shade each."""

import numpy as np

from unmask.study.plan import Picture, Study, create_study

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
