"""The pixels a mask is drawn on: their place in the face's frame and on the mask, and antialiased shapes."""

import cv2
import numpy as np

from unmask.synth.geometry import LEFT, RIGHT, SIDES, FaceCurves, FaceFrame
from unmask.synth.outlines import MaskShape


class Canvas:
    """A box of the photo, its pixels' frame coordinates in units, and drawing finer than a pixel."""

    def __init__(self, frame: FaceFrame, box: tuple[int, int, int, int]):
        """box: x0, y0, x1, y1 in photo pixels, the end not included."""
        x0, y0, x1, y1 = box
        self.frame, self.unit = frame, frame.unit
        self.corner, self.shape = np.array([x0, y0]), (y1 - y0, x1 - x0)
        self.x, self.y = frame.grid(x0, y0, x1, y1)  # (h, w) float32 each

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Units (n, 2) -> this canvas's pixels (n, 2)."""
        pixels: np.ndarray = self.frame.to_photo(points) - self.corner
        return pixels

    def stencil(self, points: np.ndarray) -> np.ndarray:
        """Coverage of a polygon (n, 2) in units: (h, w) float32 in [0, 1]."""
        drawn = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(drawn, [np.round(self.pixels(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return drawn.astype(np.float32) * np.float32(1 / 255)

    def spot(self, centre: np.ndarray, radius_x: float, radius_y: float | None = None) -> np.ndarray:
        """Coverage of an ellipse: (h, w) float32 in [0, 1]."""
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = np.column_stack([radius_x * np.cos(turn), (radius_y or radius_x) * np.sin(turn)])
        return self.stencil(centre + ring)

    def lookup(self, at: np.ndarray, first: float, step: float, table: np.ndarray) -> np.ndarray:
        """Linear interpolation of a table sampled at first, first + step, ...: (h, w) float32."""
        column = (at - np.float32(first)) * np.float32(1 / step)
        row = np.asarray(table, dtype=np.float32)[None]
        return cv2.remap(
            row, column, np.zeros_like(column), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def blur(self, image: np.ndarray, sigma: float) -> np.ndarray:
        """Gaussian blur, sigma in units."""
        sigma *= self.unit
        return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.25 else image


class Surface:
    """Where each pixel of a canvas lies on the mask. All (h, w) float32.

    u: across, 0 on the face's midline, -1 and 1 at the head's silhouettes. v: down, 0 and 1 on the top and
    bottom edge. cloth: coverage in [0, 1]. edge: distance to the nearest edge, units, 0 outside. flank:
    distance to the nearer side edge along x, units.
    """

    def __init__(self, canvas: Canvas, curves: FaceCurves, shape: MaskShape):
        self.canvas = canvas
        x, y = canvas.x, canvas.y
        rows, columns = np.arange(-60.0, 261.0, 2.0), np.arange(-130.0, 131.0, 2.0)
        middle, half = _head_profile(curves, rows)
        across = x - canvas.lookup(y, rows[0], 2.0, middle)
        right, left = (canvas.lookup(y, rows[0], 2.0, half[side]) for side in (RIGHT, LEFT))
        self.u = across / np.where(across > 0, right, left)
        top, bottom = (np.interp(columns, *_ordered(edge, 0)) for edge in (shape.top, shape.bottom))
        top, bottom = (canvas.lookup(x, columns[0], 2.0, edge) for edge in (top, bottom))
        self.v = (y - top) / np.maximum(bottom - top, 4)
        left, right = (np.interp(rows, *_ordered(edge, 1)) for edge in (shape.left, shape.right))
        left, right = (canvas.lookup(y, rows[0], 2.0, edge) for edge in (left, right))
        self.flank = np.minimum(x - left, right - x)
        self.cloth = canvas.stencil(shape.outline)
        inside = cv2.distanceTransform((self.cloth > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        self.edge = inside * np.float32(1 / canvas.unit)


def _ordered(edge: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """An edge as a function along one axis: (positions rising, the other coordinate)."""
    order = np.argsort(edge[:, axis])
    return edge[order, axis], edge[order, 1 - axis]


def _head_profile(curves: FaceCurves, rows: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """The midline's x, and {side: the head's half width}, at heights `rows` (n,), units."""
    order = np.argsort(curves.midline[:, 1])
    middle = np.interp(rows, curves.midline[order, 1], curves.midline[order, 0])
    half = {}
    for side in SIDES:
        oval = curves.oval[3:19] if side == RIGHT else curves.oval[18:34][::-1]
        width = np.abs(np.interp(rows, np.maximum.accumulate(oval[:, 1]), oval[:, 0]) - middle)
        # Cloth spans the jaw instead of following it inwards, so below the cheeks it narrows only a little.
        cheek = width[np.searchsorted(rows, oval[8, 1]) - 1]
        low = rows > oval[8, 1]
        width[low] = np.maximum(width[low], cheek * (0.8 + 0.2 * np.exp(-(rows[low] - oval[8, 1]) / 25)))
        half[side] = np.maximum(width, 8) * 1.04
    return middle, half
