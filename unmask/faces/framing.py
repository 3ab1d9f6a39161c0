"""Which square of the photo is looked at: the face's crop, or a larger one where a mask runs out of the crop.

A larger one holds the whole crop, and reaches further only where the mask does: the face stays as large in it as can
be, for networks know faces at the crop's scale.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from unmask.faces.alignment import shrink_first, warp
from unmask.faces.face import Face

LARGEST = 1.6  # sides of the face's crop: beyond, the networks see too small a face
ROOM = 4 / 256  # of the crop's side, left free around a mask that runs out of it
OVERLAP = 32 / 256  # of the crop's side, along its border, in which two fills go over into one another
ROUNDING = 1.5 / 256  # of the crop's side, by which a mask that ends at the crop's border may seem to run out of it


@dataclass(frozen=True)
class Glance:
    """How a face is held before an inpainting model."""

    degrees: float = 0.0  # by which its crop is turned, clockwise as seen
    zoom: float = 1.0  # how much larger the face is in it
    mirrored: bool = False


# A network that knows no chance paints another face when the crop is turned, larger or smaller, or mirrored: nothing
# under the mask says which is right. The mirrored one looks as real as the first, turned ones are a little softer
# (docs/faces.md); smaller faces, or crops moved up or down, look less real.
GLANCES = (Glance(), Glance(mirrored=True), Glance(5, 1.06), Glance(-5, 1.06, mirrored=True))


def held(face: Face, glance: Glance) -> Face:
    """The face with a crop turned and scaled about its middle as the glance says; mirroring is for the crop itself."""
    return replace(face, side=face.side / glance.zoom, angle=face.angle + math.radians(glance.degrees))


def cut_sides(mask: np.ndarray, frame: Face, shape: tuple[int, ...]) -> np.ndarray:
    """Where a mask (S, S) uint8 of the frame ends at the frame's border, though the photo of `shape` goes on there.

    bool (2, 2): left and right, top and bottom.
    """
    size = len(mask)
    along, to_photo = np.arange(size) + 0.5, cv2.invertAffineTransform(frame.to_crop(size))
    cut = np.zeros((2, 2), bool)
    for axis in (0, 1):
        for end, (inner, outer) in enumerate(((0, -1.0), (size - 1, size + 1.0))):
            beyond = np.full((size, 2), outer)  # the middles of the pixels that lie one further on
            beyond[:, 1 - axis] = along
            x, y = cv2.transform(beyond[None], to_photo)[0].T
            goes_on = (x > 0) & (x < shape[1]) & (y > 0) & (y < shape[0])
            cut[axis, end] = bool(((mask[:, inner] if axis == 0 else mask[inner])[goes_on] > 127).any())
    return cut


def widen(face: Face, sides: np.ndarray, scale: float) -> Face:
    """The face with a crop `scale` times as large, which grows towards the given sides; see `cut_sides`."""
    low, high = np.array(sides, float).T
    return _moved(face, 0.5 + (high - low) * (scale - 1) / 2, scale)


def fit(face: Face, mask: np.ndarray, frame: Face) -> Face:
    """The face with the smallest square that holds its crop and a mask (S, S) uint8 of a frame around it.

    It is the crop itself where the mask lies in it, and at most LARGEST times as large.
    """
    x, y, width, height = cv2.boundingRect(mask)
    to_photo = cv2.invertAffineTransform(frame.to_crop(len(mask)))
    corners = np.array([[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]], float)
    points = cv2.transform(cv2.transform(corners, to_photo), face.to_crop(1))[0]
    if width == 0 or (points.min() > -ROUNDING and points.max() < 1 + ROUNDING):
        return face
    low, high = np.minimum(points.min(axis=0) - ROOM, 0), np.maximum(points.max(axis=0) + ROOM, 1)
    scale = float(min((high - low).max(), LARGEST))
    return _moved(face, np.clip((low + high) / 2, 1 - scale / 2, scale / 2), scale)


def reframe(mask: np.ndarray, frame: Face, other: Face) -> np.ndarray:
    """A mask (S, S) uint8 of one frame as another frame shows it: (S, S) uint8 of 0 and 255."""
    size = len(mask)
    image, matrix = shrink_first(mask, from_frame_to_frame(frame, other, size))
    return (warp(image, matrix, (size, size), flags=cv2.INTER_LINEAR) > 127) * np.uint8(255)


def set_in(outer: np.ndarray, frame: Face, inner: np.ndarray, face: Face) -> np.ndarray:
    """A larger frame's picture with the face's crop in it, both (S, S, 3) uint8: (T, T, 3) uint8, at the crop's scale.

    Along the crop's border one goes over into the other.
    """
    size, across = len(inner), round(len(inner) * frame.side / face.side)
    outer = cv2.resize(outer, (across, across), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    matrix = frame.to_crop(across) @ np.vstack([cv2.invertAffineTransform(face.to_crop(size)), (0, 0, 1)])
    ramp = np.clip((0.5 - np.abs((np.arange(size) + 0.5) / size - 0.5)) / OVERLAP, 0, 1).astype(np.float32)
    weight = warp(np.minimum(ramp, ramp[:, None]), matrix, (across, across), flags=cv2.INTER_LINEAR)[..., None]
    placed = warp(inner.astype(np.float32), matrix, (across, across), flags=cv2.INTER_CUBIC)
    joined: np.ndarray = np.rint(np.clip(outer + weight * (placed - outer), 0, 255)).astype(np.uint8)
    return joined


def from_frame_to_frame(frame: Face, other: Face, size: int) -> np.ndarray:
    """The (2, 3) float64 matrix that takes a point of one frame to another frame, both of size x size px."""
    matrix: np.ndarray = other.to_crop(size) @ np.vstack([cv2.invertAffineTransform(frame.to_crop(size)), (0, 0, 1)])
    return matrix


def _moved(face: Face, center: np.ndarray, scale: float) -> Face:
    """The face with a crop around `center`, x and y in sides of its crop, `scale` times as large."""
    middle = cv2.transform(np.array([[center]], float), cv2.invertAffineTransform(face.to_crop(1)))[0, 0]
    return replace(face, center=(float(middle[0]), float(middle[1])), side=face.side * scale)
