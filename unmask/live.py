"""A camera's pictures, one after the other: the nearest face is followed, its mask taken off, and nothing flickers.

The face detector looks at the whole picture only until it has a face; then it looks whether there still is one in the
face's last crop, and the landmarks there say where it has moved to. Crop, mask and fill are smoothed over time, the
last two in the crop's own frame, in which a moving face stands still; nothing else is kept from picture to picture.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from unmask.blending.composite import composite
from unmask.blending.edge import Edge
from unmask.faces.alignment import CROP, align, mask_to_photo
from unmask.faces.detector import detect
from unmask.faces.face import Face, face_from_points, whole_photo
from unmask.faces.landmarks import five_points
from unmask.holes import FEATHER
from unmask.masks import share
from unmask.pipeline import SMALLEST, SMALLEST_FACE, THRESHOLD, Unmasker, mask_of
from unmask.registry import FACE_DETECTOR

MODEL = "ganmasker"
LOOK = 128  # px: the side at which the detector looks at the crop of a face that is followed
STILL_THERE = 0.3  # its score that is enough there
LOST = 0.3  # crop sides, or the logarithm of their ratio, or radians: landmarks never move a face so far at once
LONG_AGO = 1.0  # s without a picture, after which nothing is carried over
MASK_COMES, MASK_GOES, FILL_STAYS = 0.05, 0.25, 0.15  # s, time constants: a mask's first trace is to be covered at once


@dataclass(frozen=True)
class LiveResult:
    """What has become of one picture."""

    image: np.ndarray  # (H, W, 3) uint8; without a face or a mask, the picture as it came
    face: Face | None  # the face that is followed
    masked: bool  # whether it wears a mask, which was taken off


class OneEuroFilter:
    """Smooths a vector of signals: strongly while they rest, hardly while they move (Casiez et al. 2012).

    cutoff: Hz at rest. slope: by how many Hz it rises for each unit a second.
    """

    def __init__(self, cutoff: float, slope: float):
        self.cutoff, self.slope = cutoff, slope
        self.value: np.ndarray | None = None
        self._raw = self._speed = np.zeros(0)  # the last value as it came, and how fast it changes
        self._then = 0.0

    def reset(self) -> None:
        """Take the next value as it is."""
        self.value = None

    def __call__(self, value: np.ndarray, now: float) -> np.ndarray:
        """The smoothed value at the time `now`, in s."""
        if self.value is None:
            self.value, self._speed = value.astype(np.float64), np.zeros(len(value))
        else:
            seconds = max(now - self._then, 1e-3)
            speed = (value - self._raw) / seconds
            self._speed += self._weight(1.0, seconds) * (speed - self._speed)
            cutoff = self.cutoff + self.slope * np.abs(self._speed)
            self.value = self.value + self._weight(cutoff, seconds) * (value - self.value)
        self._raw, self._then = value, now
        return self.value

    @staticmethod
    def _weight(cutoff: float | np.ndarray, seconds: float) -> float | np.ndarray:
        """Of the new value, in an exponential average with this cut-off frequency."""
        return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))


class LiveUnmasker:
    """One camera's view, for one thread at a time; the models are the shared Unmasker's.

    model: the inpainting model. smooth: False shows each picture's result as it is found, to compare.
    """

    def __init__(self, unmasker: Unmasker, model: str = MODEL, smooth: bool = True):
        self.unmasker, self.model, self.smooth = unmasker, model, smooth
        self._place = OneEuroFilter(cutoff=0.5, slope=8.0)  # of the crop, in units of its side
        self._unit = 1.0  # px: that side when the face was first seen
        self.reset()

    def reset(self) -> None:
        """Forget the face."""
        self._face: Face | None = None  # as it was last seen, not smoothed
        self._then = -np.inf
        self._forget_picture()

    def _forget_picture(self) -> None:
        """Carry nothing over from earlier pictures."""
        self._place.reset()
        self._probability: torch.Tensor | None = None  # (S, S) float32, of the mask in the crop
        self._fill: np.ndarray | None = None  # (CROP, CROP, 3) float32, what was painted into it
        self._masked = False

    def __call__(self, picture: np.ndarray, now: float) -> LiveResult:
        """Take the mask off a picture (H, W, 3) uint8, taken at `now`, in s of any clock. Raises WeightsError."""
        seconds, self._then = now - self._then, now
        if seconds > LONG_AGO:
            self._forget_picture()
        seen = self._find(picture)
        if seen is None:
            self._forget_picture()
        elif self._face is None or _moved(self._face, seen) > LOST:
            self._forget_picture()
        self._face = seen
        if seen is None:
            return LiveResult(picture, None, False)
        face = self._smooth_place(seen, now) if self.smooth else seen
        crop = align(picture, face, CROP)
        mask = self._find_mask(crop, seconds)
        if mask is None:
            return LiveResult(picture, face, False)
        fill = self._smooth_fill(crop, self.unmasker.fill(self.model, crop, mask), mask, seconds)
        own = mask_to_photo(mask, face, picture.shape[:2])
        image = composite(picture, _to_picture(fill, face, picture.shape[:2]), own, FEATHER * face.side)
        return LiveResult(image, face, True)

    # ------------------------------------------------------------ the face

    def _find(self, picture: np.ndarray) -> Face | None:
        """The face that was followed, where it is now; otherwise the nearest one."""
        detector = self.unmasker.model(FACE_DETECTOR)
        if self._face is not None and detect(detector, align(picture, self._face, LOOK), STILL_THERE):
            if (face := self._by_landmarks(picture, self._face)) is not None:
                return face
        found = [face for face in detect(detector, picture, THRESHOLD) if face.size >= SMALLEST_FACE]
        return (self._by_landmarks(picture, found[0]) or found[0]) if found else None

    def _by_landmarks(self, picture: np.ndarray, face: Face) -> Face | None:
        """The face with its crop where the landmarks are that are found in `face`; None if they have lost it."""
        points = five_points(self.unmasker.landmarks(picture, face))
        new = face_from_points(points, face.box, face.score, face.masked)
        return new if _moved(face, new) < LOST else None

    def _smooth_place(self, face: Face, now: float) -> Face:
        """The face with its crop's place smoothed over time."""
        # In sides of the crop, which hardly changes: a face far away is not to tremble more than a near one.
        if self._place.value is None:
            self._unit = face.side
        unit = self._unit
        last = 0.0 if self._place.value is None else float(self._place.value[3])
        angle = last + math.remainder(face.angle - last, 2 * math.pi)  # the short way round
        place = np.array([*face.center, 0, 0]) / unit + [0, 0, np.log(face.side / unit), angle]
        x, y, size, angle = self._place(place, now)
        return replace(face, center=(x * unit, y * unit), side=float(np.exp(size) * unit), angle=float(angle))

    # ------------------------------------------------------------ mask and fill

    def _find_mask(self, crop: np.ndarray, seconds: float) -> np.ndarray | None:
        """The mask in the crop (CROP, CROP, 3), `seconds` after the last one: (CROP, CROP) uint8, None without one."""
        new = self.unmasker.mask_probability(crop)
        if self.smooth and self._probability is not None:
            comes, goes = (1 - np.exp(-seconds / each) for each in (MASK_COMES, MASK_GOES))
            change = new - self._probability
            new = self._probability + torch.where(change > 0, comes, goes) * change
        self._probability = new
        mask = mask_of(new, crop.shape[:2])
        # What has been a mask stays one a little longer: at the border of the two it would come and go.
        self._masked = share(mask) > SMALLEST / (2 if self._masked and self.smooth else 1)
        if not self._masked:
            self._fill = None
            return None
        return self.unmasker.with_margin(mask, crop, whole_photo(crop))

    def _smooth_fill(self, crop: np.ndarray, fill: np.ndarray, mask: np.ndarray, seconds: float) -> np.ndarray:
        """What was painted (CROP, CROP, 3) uint8, in the colours of the skin around it, mixed with what was before.

        It gets no grain and texture, as a photo's does: those are drawn anew for each picture, and would flicker.
        """
        new = fill + Edge(crop.astype(np.float32), mask).meet(fill)
        if self.smooth and self._fill is not None:
            new = cv2.addWeighted(self._fill, np.exp(-seconds / FILL_STAYS), new, 1 - np.exp(-seconds / FILL_STAYS), 0)
        self._fill = new
        picture: np.ndarray = np.rint(np.clip(new, 0, 255)).astype(np.uint8)
        return picture


def _to_picture(crop: np.ndarray, face: Face, shape: tuple[int, int]) -> np.ndarray:
    """The face's crop (S, S, 3) where it lies in a picture of `shape` (H, W); its border goes on outside."""
    matrix = cv2.invertAffineTransform(face.to_crop(len(crop)))
    matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5  # OpenCV's origin is the first pixel's middle
    return cv2.warpAffine(crop, matrix, shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _moved(old: Face, new: Face) -> float:
    """How far a crop has moved: the largest of its way in sides, the logarithm of its growth, and its turn in rad."""
    way = np.hypot(new.center[0] - old.center[0], new.center[1] - old.center[1]) / old.side
    turn = math.remainder(new.angle - old.angle, 2 * math.pi)  # upside down, it may jump from -pi to pi
    return float(max(way, abs(np.log(new.side / old.side)), abs(turn)))
