"""From a photo to a face's crop and back.

Coordinates are in pixels with the origin at the top-left corner of the top-left pixel.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from unmask.faces.face import Face, whole_photo

CROP = 256  # px, the side of a face's crop as networks get it


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
    return cv2.resize(image, small, interpolation=cv2.INTER_AREA), matrix


def align(photo: np.ndarray, face: Face, size: int, pad: tuple[int, int, int] | None = None) -> np.ndarray:
    """The face's crop, (size, size, 3) uint8, from a photo (H, W, 3) uint8.

    What lies outside the photo is its mirror image, which networks take best, or the colour `pad`.
    """
    image, matrix = shrink_first(photo, face.to_crop(size))
    border = {"borderMode": cv2.BORDER_REFLECT} if pad is None else {"borderValue": pad}
    return warp(image, matrix, (size, size), flags=cv2.INTER_CUBIC, **border)


def align_mask(mask: np.ndarray, face: Face, size: int, threshold: int = 127) -> np.ndarray:
    """The mask (H, W) uint8 of a photo in the face's crop, (size, size) uint8 of 0 and 255; outside it is 0.

    A crop pixel counts as covered when its mean is above `threshold`: 0 covers all that the mask touches.
    """
    image, matrix = shrink_first(mask, face.to_crop(size))
    crop = warp(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return (crop > threshold) * np.uint8(255)


def mask_to_photo(mask_crop: np.ndarray, face: Face, shape: tuple[int, int]) -> np.ndarray:
    """The crop's mask (S, S) uint8 in the photo of `shape` (H, W): (H, W) uint8 of 0 and 255."""
    matrix = cv2.invertAffineTransform(face.to_crop(len(mask_crop)))
    image, matrix = shrink_first(mask_crop, matrix)
    photo_mask = warp(image, matrix, shape[::-1], flags=cv2.INTER_LINEAR)
    return (photo_mask > 127) * np.uint8(255)
