"""The face's own frame, its midline and oval as curves, and smooth curves in general.

All lengths here are in "units": pixels of the 256 x 256 FFHQ frame, whatever the photo's size. Points are
(x, y) in the face's frame: origin midway between the eyes, x along the eye line to the right, y down.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from unmask.faces.layout import BRIDGE, CHIN, LEFT_EYE, MOUTH, NOSE_TIP, OVAL, RIGHT_EYE

LEFT, RIGHT = SIDES = -1, 1  # as seen in the picture


@dataclass(frozen=True)
class FaceFrame:
    """The similarity between a photo's pixels and the face's frame, and the landmarks in that frame."""

    origin: np.ndarray  # (2,) photo pixels
    x_axis: np.ndarray  # (2,) unit vector in the photo
    unit: float  # photo pixels per unit
    points: np.ndarray  # (92, 2) landmarks in the face's frame, units

    @classmethod
    def from_landmarks(cls, landmarks: np.ndarray) -> Self:
        """landmarks: (92, 2) in photo pixels, x then y."""
        eye_l, eye_r = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
        mouth = landmarks[MOUTH].mean(0)
        eyes = eye_r - eye_l
        origin = (eye_l + eye_r) / 2
        # The side of FFHQ's crop is 2 * max(2 |eye to eye|, 1.8 |eyes to mouth|), and 256 units here.
        unit = 2 * max(2 * np.linalg.norm(eyes), 1.8 * np.linalg.norm(mouth - origin)) / 256
        x_axis = eyes / np.linalg.norm(eyes)
        rotation = np.stack([x_axis, [-x_axis[1], x_axis[0]]])  # rows: the frame's axes
        return cls(origin, x_axis, float(unit), (landmarks - origin) @ rotation.T / unit)

    @property
    def y_axis(self) -> np.ndarray:
        return np.array([-self.x_axis[1], self.x_axis[0]])

    def to_photo(self, points: np.ndarray) -> np.ndarray:
        """Units (n, 2) -> photo pixels (n, 2)."""
        pixels: np.ndarray = self.origin + self.unit * (points @ np.stack([self.x_axis, self.y_axis]))
        return pixels

    def grid(self, x0: int, y0: int, x1: int, y1: int) -> tuple[np.ndarray, np.ndarray]:
        """Frame coordinates of the photo's pixels in [x0, x1) x [y0, y1): two (H, W) float32 arrays."""
        dx = (np.arange(x0, x1) - self.origin[0]) / self.unit
        dy = (np.arange(y0, y1)[:, None] - self.origin[1]) / self.unit
        (ax, ay), (bx, by) = self.x_axis, self.y_axis
        along, down = (ax * dx).astype(np.float32), (bx * dx).astype(np.float32)
        return along + (ay * dy).astype(np.float32), down + (by * dy).astype(np.float32)


class FaceCurves:
    """Midline and face oval as curves one can ask for points, in units."""

    def __init__(self, frame: FaceFrame):
        points = frame.points
        self.points = points
        self.oval = points[OVAL]
        mouth = points[MOUTH].mean(0)
        self.midline = np.stack([points[BRIDGE], points[NOSE_TIP], mouth, points[CHIN]])
        self.centre = (points[NOSE_TIP] + mouth) / 2
        reach_r = max(self.oval[8, 0] - self.centre[0], 1.0)
        reach_l = max(self.centre[0] - self.oval[28, 0], 1.0)
        self.yaw = (reach_l - reach_r) / (reach_l + reach_r)  # > 0: the picture's right side is the far one

    def mid(self, q: float, drop: float = 0.0) -> np.ndarray:
        """A point on the midline: q = 0 bridge, 1 nose tip, 2 mouth, 3 chin; then `drop` units down."""
        at = [np.interp(q, np.arange(4), self.midline[:, k]) for k in (0, 1)]
        return np.array([at[0], at[1] + drop])

    def rim(self, side: int, index: float, scale: float) -> np.ndarray:
        """A point at `scale` times the way from the centre to the oval, which is 1.

        index: the oval's landmark on the right side (7 ear, 18 chin), or its mirror image on the left. On a
        turned head the far side's edge moves out to the silhouette and the near side's moves in, as a point
        at a fixed angle on a turning cylinder does.
        """
        i = (index if side == RIGHT else 36 - index) % 36
        low = int(i)
        point = self.oval[low] + (i - low) * (self.oval[(low + 1) % 36] - self.oval[low])
        away = side * self.yaw  # > 0 on the far side
        if scale < 1:
            scale = min(scale + 0.2 * away, 1.02)
        elif away > 0:
            scale = max(1.0, scale - 0.3 * away)
        else:
            scale -= 0.3 * away * min(1.0, (scale - 1) * 12)
        moved: np.ndarray = self.centre + scale * (point - self.centre)
        return moved


def spline(points: ArrayLike, steps: int = 8, closed: bool = False) -> np.ndarray:
    """Catmull-Rom curve through (n, 2) points: (m, 2)."""
    points = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    p0, p1, p2, p3 = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    square, cube = 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * p1 - p0 - 3 * p2 + p3
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + square * t**2 + cube * t**3).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def ribbon(points: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """The outline (2n, 2) of a band of the given width (a number, or (n,)) around a polyline (n, 2)."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    offset = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * np.reshape(width, (-1, 1)) / 2
    return np.concatenate([points + offset, (points - offset)[::-1]])
