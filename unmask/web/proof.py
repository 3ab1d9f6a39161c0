"""Proofs: photo, mask and faces as small as results are looked at, so that no model paints pixels that nobody sees.

As a photographer's proof, it is for looking: what is downloaded is painted anew, in the photo's own size.
"""

from dataclasses import dataclass

import numpy as np

from unmask.faces.face import Face
from unmask.imaging.tensors import shrink
from unmask.masks import binarise, is_empty
from unmask.web.pictures import SHOWN, View, views_of


@dataclass(frozen=True)
class Proof:
    """A photo (H, W, 3) uint8, its mask (H, W) uint8 and its faces, all of one size, and the view of each face."""

    photo: np.ndarray
    mask: np.ndarray
    faces: list[Face]
    views: dict[int, View]

    @classmethod
    def of(cls, photo: np.ndarray, mask: np.ndarray, faces: list[Face]) -> "Proof":
        """The proof of a photo: a whole number of times smaller, such that no view has less than SHOWN px to show."""
        views = views_of(mask, faces)
        step = min((max(view.shape) for view in views.values()), default=0) // SHOWN
        if step > 1:
            small_mask = binarise(_shrunk(mask, step))
            if not is_empty(small_mask):  # of a few dots nothing may be left
                faces = [face.scaled(1 / step) for face in faces]
                return cls(_shrunk(photo, step), small_mask, faces, views_of(small_mask, faces))
        return cls(photo, mask, faces, views)


def _shrunk(image: np.ndarray, step: int) -> np.ndarray:
    """A picture of which each pixel is the mean of `step` x `step`; what is left over at two edges is cut off."""
    height, width = image.shape[0] // step, image.shape[1] // step
    return shrink(image[: height * step, : width * step], (height, width))
