"""A face: where it is in a photo, and the square crop around it.

Coordinates are in pixels with the origin at the top-left corner of the top-left pixel.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class Face:
    """One face of a photo. The crop is the square of `side` px around `center`, turned by `angle`."""

    box: tuple[float, float, float, float]  # x0, y0, x1, y1 in the photo
    center: tuple[float, float]  # x, y of the crop's middle in the photo
    side: float  # the crop's side in photo pixels
    angle: float = 0.0  # radians, clockwise as seen: how far the crop's x axis is turned from the photo's
    points: tuple[tuple[float, float], ...] | None = None  # left eye, right eye, nose tip, mouth corners; as seen
    score: float = 1.0
    masked: float | None = None  # probability that it wears a mask, as the detector sees it; None where it did not look

    @property
    def size(self) -> float:
        """The box's size in photo px: the root of its area."""
        x0, y0, x1, y1 = self.box
        return float(np.sqrt(max(x1 - x0, 0) * max(y1 - y0, 0)))

    def to_crop(self, size: int) -> np.ndarray:
        """The (2, 3) float64 matrix that takes a point of the photo to the crop of size x size px."""
        scale = size / self.side
        cos, sin = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = np.full(2, size / 2) - turn @ np.array(self.center)
        return np.column_stack([turn, shift])

    def corners(self) -> np.ndarray:
        """The crop's corners in the photo, from its top left clockwise: (4, 2) float64, x and y."""
        unit = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], float)
        corners: np.ndarray = cv2.transform(unit, cv2.invertAffineTransform(self.to_crop(1)))[0]
        return corners

    def scaled(self, factor: float) -> "Face":
        """This face in the photo resized by a factor."""
        x0, y0, x1, y1 = (factor * each for each in self.box)
        x, y = self.center
        points = self.points and tuple((factor * px, factor * py) for px, py in self.points)
        return replace(
            self, box=(x0, y0, x1, y1), center=(factor * x, factor * y), side=factor * self.side, points=points
        )


def whole_photo(photo: np.ndarray) -> Face:
    """The whole photo (H, W, 3) as one face: the smallest square around it."""
    return whole_photo_of(photo.shape)


def whole_photo_of(shape: tuple[int, ...]) -> Face:
    """`whole_photo` of a photo of this shape, (H, W) or (H, W, 3)."""
    height, width = shape[:2]
    return Face(box=(0.0, 0.0, width, height), center=(width / 2, height / 2), side=max(height, width))


# In the 256 px crop of a face, the box from the forehead to the chin and from cheek to cheek has, on average, an area
# of (0.592 of the crop's side)^2 and its middle lies 0.091 of the side below the crop's.
BOX_SIDE, BOX_DROP = 0.592, 0.091


def face_from_box(box: tuple[float, float, float, float]) -> Face:
    """The upright face in a box (x0, y0, x1, y1) of a photo, drawn by hand around forehead, cheeks and chin."""
    x0, y0, x1, y1 = box
    side = float(np.sqrt((x1 - x0) * (y1 - y0))) / BOX_SIDE
    return Face(box, ((x0 + x1) / 2, (y0 + y1) / 2 - BOX_DROP * side), side)


def face_from_points(
    points: np.ndarray, box: tuple[float, float, float, float], score: float = 1.0, masked: float | None = None
) -> Face:
    """The face with these five points (5, 2) and its crop in the FFHQ frame (Karras et al. 2019, appendix C)."""
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    axis = across + down[::-1] * (1, -1)  # the eyes' direction, and the one at a right angle to the face's length
    axis *= max(2 * np.hypot(*across), 1.8 * np.hypot(*down)) / max(np.hypot(*axis), 1e-6)
    center = eyes + 0.1 * down
    return Face(
        box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        center=(float(center[0]), float(center[1])),
        side=2 * float(np.hypot(*axis)),
        angle=float(np.arctan2(axis[1], axis[0])),
        points=tuple((float(x), float(y)) for x, y in points),
        score=float(score),
        masked=masked,
    )
