"""From a photo to a face's crop and back.

Coordinates are in pixels with the origin at the top-left corner of the top-left pixel.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from unmask.faces.face import Face, whole_photo
from unmask.imaging.tensors import shrink

CROP = 256  # px, the side of a face's crop as networks get it
AROUND = 4  # px of a crop: what a warp may look at beyond its edge
WHOLE_HALVES = 16  # px: sides that can be halved so often that nothing large is left


def upright_crop(face: Face, photo: np.ndarray) -> Face:
    """The face itself, or, where the photo (H, W, 3) already is about its crop, with the whole photo as the crop:
    nothing is then resampled."""
    whole = whole_photo(photo)
    away = np.hypot(face.center[0] - whole.center[0], face.center[1] - whole.center[1]) / whole.side
    fits = abs(np.log(face.side / whole.side)) < 0.12 and away < 0.05 and abs(face.angle) < 0.06
    return replace(face, center=whole.center, side=whole.side, angle=0.0) if fits else face


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], **options: Any) -> np.ndarray:
    """cv2.warpAffine with corner-based coordinates (cv2's own origin is the first pixel's centre). size: (W, H)."""
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    return cv2.warpAffine(image, matrix, size, **options)


def shrink_first(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average away what a warp that shrinks would alias; the matrix then takes the smaller image to the same place."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale >= 1:
        return image, matrix
    height, width = image.shape[:2]
    small = (max(round(width * scale), 1), max(round(height * scale), 1))
    matrix = matrix.copy()
    matrix[:, 0] *= width / small[0]
    matrix[:, 1] *= height / small[1]
    return shrink(image, small[::-1]), matrix


def cut_first(image: np.ndarray, matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut out of a photo what a warp to `size` x `size` px looks at; the matrix then takes that to the same place.

    Where the warp looks beyond the photo, the part ends where the photo ends, and holds what is mirrored there.
    """
    corners = np.array([[[0, 0], [size, 0], [size, size], [0, size]]], float)
    seen = cv2.transform(corners, cv2.invertAffineTransform(matrix))[0]
    margin = max(AROUND / float(np.hypot(*matrix[:, 0])), AROUND)
    box = []
    for axis, length in enumerate(image.shape[1::-1]):
        first, last = int(seen[:, axis].min() - margin), int(seen[:, axis].max() + margin) + 1
        start, end = min(first, 2 * length - last), max(last, -first)  # and what is mirrored
        start, end = max(start, 0), min(end, length)
        if start > 0:
            start = max(end - -(-(end - start) // WHOLE_HALVES) * WHOLE_HALVES, 0)
        elif end < length:
            end = min(-(-end // WHOLE_HALVES) * WHOLE_HALVES, length)
        box.append((start, end))
    (x0, x1), (y0, y1) = box
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (x0, y0)
    return image[y0:y1, x0:x1], matrix


def align(photo: np.ndarray, face: Face, size: int, pad: tuple[int, int, int] | None = None) -> np.ndarray:
    """The face's crop, (size, size, 3) uint8, from a photo (H, W, 3) uint8.

    What lies outside the photo is its mirror image, which networks take best, or the colour `pad`.
    """
    image, matrix = shrink_first(*cut_first(photo, face.to_crop(size), size))
    border = {"borderMode": cv2.BORDER_REFLECT} if pad is None else {"borderValue": pad}
    return warp(image, matrix, (size, size), flags=cv2.INTER_CUBIC, **border)


def align_mask(mask: np.ndarray, face: Face, size: int, threshold: int = 127) -> np.ndarray:
    """The mask (H, W) uint8 of a photo in the face's crop, (size, size) uint8 of 0 and 255; outside it is 0.

    A crop pixel counts as covered when its mean is above `threshold`: 0 covers all that the mask touches.
    """
    image, matrix = shrink_first(*cut_first(mask, face.to_crop(size), size))
    crop = warp(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return (crop > threshold) * np.uint8(255)


def mask_to_photo(mask_crop: np.ndarray, face: Face, shape: tuple[int, int]) -> np.ndarray:
    """The crop's mask (S, S) uint8 in the photo of `shape` (H, W): (H, W) uint8 of 0 and 255."""
    matrix = cv2.invertAffineTransform(face.to_crop(len(mask_crop)))
    photo_mask = np.zeros(shape, np.uint8)
    corners = face.corners()
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, shape[::-1])
    if x0 < x1 and y0 < y1:
        image, matrix = shrink_first(mask_crop, matrix)
        matrix[:, 2] -= x0, y0
        part = warp(image, matrix, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
        np.multiply(part > 127, np.uint8(255), out=photo_mask[y0:y1, x0:x1])
    return photo_mask
