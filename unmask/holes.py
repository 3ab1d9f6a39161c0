"""What is to be painted in a photo: one hole a face, and what every inpainting model is shown of it.

All of it depends on the photo, its mask and its faces alone, and is made once for however many models.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from unmask.blending.composite import Backdrop
from unmask.faces.alignment import CROP, align, align_mask
from unmask.faces.face import Face, whole_photo
from unmask.faces.framing import LARGEST, Glance, cut_sides, fit, held, set_in
from unmask.masks import binarise, check_mask, connected_to, grow, is_empty, part_of_face

AROUND = 2 * LARGEST - 1  # sides of the crop that hold any larger one, whichever way it grows
LARGE_FACE = 300  # px of a face's crop in the photo from which a crop of CROP px shows less than there is
STRAIGHT = Glance()
FEATHER = 2.5 / 256  # of the crop's side: the soft edge inside the mask


@dataclass(frozen=True)
class Look:
    """What a model is shown: the crop (S, S, 3) uint8 in a frame, and the mask in it, (S, S) uint8; S is CROP, or more
    for a large face."""

    frame: Face
    crop: np.ndarray
    mask: np.ndarray
    mirrored: bool = False  # whether the models are shown its mirror image

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Crop and mask as a model sees them."""
        return (cv2.flip(self.crop, 1), cv2.flip(self.mask, 1)) if self.mirrored else (self.crop, self.mask)

    def painted(self, fill: np.ndarray) -> np.ndarray:
        """What a model made of `shown`, (S, S, 3) uint8, as the frame has it."""
        return cv2.flip(fill, 1) if self.mirrored else fill


@dataclass(frozen=True)
class Hole:
    """The part of the mask that belongs to one face.

    looks: the face's crop alone, or, where the mask runs out of that, a larger frame and then the crop. Networks do
    best on a face at the crop's scale, so the larger frame only adds what lies beyond the crop.
    """

    looks: tuple[Look, ...]
    backdrop: Backdrop

    def blend(self, fills: Sequence[np.ndarray], onto: np.ndarray) -> None:
        """Put a model's fills, one for each look and of its size, into the hole of a picture of the photo's size."""
        outer, inner = self.looks[0].frame, self.looks[-1].frame
        filled = fills[0] if len(fills) == 1 else set_in(fills[0], outer, fills[1], inner)
        self.backdrop.paste(outer, filled, onto)


def find_holes(
    photo: np.ndarray, mask: np.ndarray, faces: Sequence[Face], large: int = CROP, glance: Glance = STRAIGHT
) -> list[Hole]:
    """The holes of a photo (H, W, 3) uint8 under a mask (H, W) uint8, above 127 = covered, one for each of the faces.

    What was painted outside of every face is a hole of its own, in the photo as a whole; it comes last. large: px of
    the crop that is shown of a face whose crop has LARGE_FACE px in the photo. glance: how the faces are held.

    Raises PhotoError when the mask is empty, covers everything, or has another size than the photo.
    """
    check_mask(mask, photo.shape)
    mask = left = binarise(mask)
    holes = []
    for index in range(len(faces) + 1):
        face = frame = whole_photo(photo)
        own = left
        if index < len(faces):
            face, frame = faces[index], frame_of(mask, faces, index, glance)
            own = left & part_of_face(mask, faces, index, frame)
            face = held(face, glance)
        if is_empty(own):
            continue
        left = left - own
        size = large if index < len(faces) and face.side >= LARGE_FACE else CROP
        looks = tuple(
            Look(each, align(photo, each, side), align_mask(mask, each, side, threshold=0), glance.mirrored)
            for each, side in {frame: CROP, face: size}.items()
        )
        holes.append(Hole(looks, Backdrop(photo, own, frame.side, FEATHER * face.side, hidden=mask)))
    return holes


def hole_of(mask: np.ndarray, side: float) -> np.ndarray:
    """What to paint where the mask (H, W) uint8 is known to the pixel, as a drawn one is: it and the width of a hole's
    soft edge around it. side: of the face's crop, px.

    In its soft edge a hole still shows the photo. With the mask alone as the hole, that is the mask's own outline.
    """
    return grow(mask, math.ceil(FEATHER * side + 1))  # one pixel more: there the fill has its full weight


def frame_of(mask: np.ndarray, faces: Sequence[Face], index: int, glance: Glance = STRAIGHT) -> Face:
    """One of the faces, with a larger crop where its part of the photo's mask (H, W) runs out of the crop."""
    face = held(faces[index], glance)
    if not cut_sides(align_mask(mask, face, CROP, threshold=0), face, mask.shape).any():
        return face
    around = replace(face, side=AROUND * face.side)
    part = align_mask(part_of_face(mask, faces, index, around), around, round(AROUND * CROP))
    seed = align_mask(part_of_face(mask, faces, index), around, round(AROUND * CROP))
    return fit(face, connected_to(part, seed), around)
