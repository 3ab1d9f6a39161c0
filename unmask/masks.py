"""Masks: what covers the face. Every mask here is uint8 (H, W), 255 = covered, 0 = not."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from unmask.faces.face import Face
from unmask.imaging.reader import PhotoError, open_upright

FULL = 0.95  # a mask covering more leaves nothing to go by
STRIP = 256  # rows of a mask that are worked on at once; bounds the memory of a mask as large as the photo
NEXT_TO_NOTHING = 0.05  # of what moves where a mask's edge moves everywhere
ONE_COLOR = 8  # the most a channel of one brush colour varies, from a browser's rounding under alpha


def binarise(mask: np.ndarray, threshold: int = 127) -> np.ndarray:
    """Any mask -> uint8 (H, W), 0 or 255: covered where it is brighter than `threshold` of 255.

    `mask` is (H, W) or (H, W, C), of which the mean of at most three channels counts: bool, float in [0, 1],
    or integers in 0-255.
    """
    mask = np.asarray(mask)
    scale = 255 if mask.dtype == bool or np.issubdtype(mask.dtype, np.floating) else 1
    if mask.ndim == 3:
        channels = min(mask.shape[2], 3)
        # Added one by one, which takes a fifth of the time of a mean over the last axis.
        mask = sum((mask[..., i] for i in range(1, channels)), start=mask[..., 0].astype(np.float32)) / channels
    return (mask > threshold / scale) * np.uint8(255)


def read_mask(source: str | Path | bytes | BinaryIO, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode an untrusted mask picture: uint8 (H, W), 0 or 255.

    Brighter than 127 is covered and transparent is not. Strokes of one colour on a transparent picture, as an
    editor exports them, are covered whatever their colour. Raises PhotoError for a bad file, or when the mask
    is not of `size` = (height, width).
    """
    image = open_upright(source)
    if size is not None and image.size != (size[1], size[0]):
        raise _size_error((image.height, image.width), size)
    try:
        return _covered(image)
    except Exception as error:  # a palette fault that only shows on conversion; no memory left
        raise PhotoError("The mask file is damaged or incomplete.") from error


def _covered(image: Image.Image) -> np.ndarray:
    """What a mask picture marks as covered: uint8 (H, W), 0 or 255."""
    if not image.has_transparency_data:
        return binarise(np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB")))
    rgba = image.convert("RGBA")
    alpha = np.array(rgba.getchannel("A"))
    if alpha.min() < 255:
        drawn = alpha > alpha.max() // 2
        if drawn.any() and np.ptp(np.array(rgba)[drawn], axis=0)[:3].max() <= ONE_COLOR:
            return binarise(drawn)
    flat = Image.new("RGB", image.size, "black")
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return binarise(np.asarray(flat))


def grow(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Move the mask's edge outwards by `pixels`, inwards if negative. The picture's border is no edge."""
    # Distances give an exact disk, in a time that does not depend on its radius.
    if pixels >= 0:
        return binarise(_distance(mask <= 127) <= pixels)
    return binarise(_distance(mask > 127) > -pixels)


def grow_towards_face(mask: np.ndarray, oval: np.ndarray, pixels: float, beyond: float) -> np.ndarray:
    """Move the edge of a found mask outwards: by `pixels` inside the face's oval, by `beyond` outside of it.

    oval: (N, 2), x and y in px of the mask. What is left of fabric lies under the eyes and beside the nose, where skin
    is easily invented; past the jaw there is hair, collar or background, of which as little as can be is to be painted.
    From the oval inwards the reach rises by a pixel a pixel, so that a mask which ends inside the jaw stays inside it.
    """
    return _grow_towards(mask, [oval], pixels, beyond)


def move_edge(mask: np.ndarray, ovals: Sequence[np.ndarray], pixels: int) -> np.ndarray:
    """Move the edge of a mask (H, W) uint8 outwards by `pixels`, inwards if negative: inside the faces' ovals alone, as
    `grow_towards_face` does, and everywhere once that changes next to nothing, or where there is no oval.
    """
    everywhere = grow(mask, pixels)
    if pixels > 0:
        inside = _grow_towards(mask, ovals, pixels, 0)
    else:  # what is free moves towards the face
        inside = 255 - _grow_towards(255 - binarise(mask), ovals, -pixels, 0)
    covered = mask > 127
    moved, most = (np.count_nonzero((each > 127) != covered) for each in (inside, everywhere))
    return inside if moved > NEXT_TO_NOTHING * most else everywhere


def _grow_towards(mask: np.ndarray, ovals: Sequence[np.ndarray], pixels: float, beyond: float) -> np.ndarray:
    """`grow_towards_face` for the ovals, each (N, 2), of several faces."""
    inside = np.zeros_like(mask)
    for oval in ovals:
        cv2.fillPoly(inside, [np.rint(oval).astype(np.int32)], 255)
    reach = np.clip(beyond + _distance(inside > 127), beyond, pixels)
    return binarise(_distance(mask <= 127) <= reach)


def connected_to(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Those connected parts of a mask (H, W) uint8 that have a pixel in common with `seed` (H, W) uint8."""
    _, labels = cv2.connectedComponents(binarise(mask))
    kept = np.zeros(labels.max() + 1, bool)
    kept[labels[seed > 127]] = True
    kept[0] = False  # label 0 is what the mask leaves free
    return binarise(kept[labels])


def _distance(inside: np.ndarray) -> np.ndarray:
    """bool (H, W) -> float32: each inside pixel's distance to the nearest outside one, in pixels."""
    return cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def clean(mask: np.ndarray, smallest: float = 0.001, strap: float = 4 / 256) -> np.ndarray:
    """Drop specks and fill pinholes below the share `smallest` of the picture, and fill holes of any size that the
    mask's body encloses, such as valves and prints; meant for a face crop.

    strap: half the width, in sides of the crop, of what is no body: a strap around an ear encloses a cheek.
    """
    mask = binarise(mask)
    pixels = smallest * mask.size
    mask[_specks(mask, pixels)] = 0
    mask[_specks(255 - mask, pixels)] = 255
    reach = round(strap * mask.shape[1])
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    mask[_enclosed(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disk))] = 255
    return mask


def _enclosed(mask: np.ndarray) -> np.ndarray:
    """bool (H, W): what is free, but from where the picture's border cannot be reached without crossing the mask."""
    _, labels = cv2.connectedComponents(np.pad(255 - mask, 1, constant_values=255), connectivity=4)
    enclosed: np.ndarray = (labels[1:-1, 1:-1] != labels[0, 0]) & (mask == 0)
    return enclosed


def _specks(mask: np.ndarray, pixels: float) -> np.ndarray:
    """bool (H, W): the connected parts of the mask with fewer than `pixels` pixels."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask)
    small = statistics[:, cv2.CC_STAT_AREA] < pixels
    small[0] = False  # label 0 is what the mask leaves free
    specks: np.ndarray = small[labels]
    return specks


def share(mask: np.ndarray) -> float:
    """The share of the picture that is covered, in [0, 1]."""
    return float(np.count_nonzero(mask > 127) / mask.size)


def is_empty(mask: np.ndarray) -> bool:
    """True when no pixel is covered."""
    return not (mask > 127).any()


def part_of_face(mask: np.ndarray, faces: Sequence[Face], index: int, frame: Face | None = None) -> np.ndarray:
    """Those pixels of a mask (H, W) uint8 that belong to one of the faces: within its crop, and no other face nearer.

    Nearness is measured in the crop's side, so that a small face keeps its own beside a large one. frame: another
    square than the face's crop to look in.
    """
    frame = frame or faces[index]
    reach = 0.5 * frame.side * (abs(np.cos(frame.angle)) + abs(np.sin(frame.angle)))
    x0, y0 = (max(int(middle - reach), 0) for middle in frame.center)
    x1, y1 = (max(int(middle + reach) + 2, 0) for middle in frame.center)
    matrix = frame.to_crop(1)
    if len(faces) == 1:  # mostly all of it is this face's, which the corners of its box tell at once
        covered = binarise(mask)
        left, top, width, height = cv2.boundingRect(covered)
        right, bottom = left + width, top + height
        corners = np.array([[left, right, right, left], [top, top, bottom, bottom]], float)
        if np.abs(matrix[:, :2] @ corners + matrix[:, 2:] - 0.5).max() <= 0.5:
            return covered
    part = np.zeros_like(mask)
    for top in range(y0, min(y1, len(mask)), STRIP):
        ys, xs = np.nonzero(mask[top : min(top + STRIP, y1), x0:x1] > 127)
        points = np.stack([xs + x0 + 0.5, ys + top + 0.5])  # (2, N)
        within = np.abs(matrix[:, :2] @ points + matrix[:, 2:] - 0.5).max(axis=0) <= 0.5
        own = within
        if len(faces) > 1:
            away = [np.hypot(*(points - np.reshape(face.center, (2, 1)))) / face.side for face in faces]
            own &= away[index] <= np.min(away, axis=0)
        part[ys[own] + top, xs[own] + x0] = 255
    return part


def check_mask(mask: np.ndarray, photo_shape: tuple[int, ...]) -> None:
    """Raise PhotoError unless the mask has the photo's size and covers some of it, but not nearly all."""
    if mask.shape != tuple(photo_shape[:2]):
        raise _size_error(mask.shape, photo_shape)
    if is_empty(mask):
        raise PhotoError("No mask is marked: paint over the area to remove.")
    if share(mask) > FULL:
        raise PhotoError("The mask covers nearly the whole picture: leave some of the face free.")


def _size_error(mask_shape: tuple[int, ...], photo_shape: tuple[int, ...]) -> PhotoError:
    return PhotoError(
        "The mask is {width} x {height} pixels, but the photo is {photo_width} x {photo_height}.",
        width=mask_shape[1],
        height=mask_shape[0],
        photo_width=photo_shape[1],
        photo_height=photo_shape[0],
    )
