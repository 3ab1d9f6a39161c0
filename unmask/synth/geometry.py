"""Where a face mask lies on a face: the face's own frame, smooth curves, and the outline of every kind of mask.

All lengths here are in "units": pixels of the 256 x 256 FFHQ frame, whatever the photo's size. Points are (x, y) in the
face's frame: origin midway between the eyes, x along the eye line to the picture's right, y down the face.
"""

from dataclasses import dataclass, field

import numpy as np

OVAL = slice(0, 36)
CHIN, BRIDGE, NOSE_TIP, NOSE_BASE, UPPER_LIP = 18, 36, 42, 45, 75
LEFT_EYE, RIGHT_EYE, MOUTH = slice(50, 56), slice(56, 62), slice(72, 92)
LEFT, RIGHT = -1, 1  # as seen in the picture


@dataclass(frozen=True)
class FaceFrame:
    """The similarity between a photo's pixels and the face's frame, and the landmarks in that frame."""

    origin: np.ndarray  # (2,) photo pixels
    x_axis: np.ndarray  # (2,) unit vector in the photo
    unit: float  # photo pixels per unit
    points: np.ndarray  # (92, 2) landmarks in the face's frame, units

    @classmethod
    def from_landmarks(cls, landmarks):
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
    def y_axis(self):
        return np.array([-self.x_axis[1], self.x_axis[0]])

    def to_photo(self, points):
        """Units (n, 2) -> photo pixels (n, 2)."""
        return self.origin + self.unit * (points @ np.stack([self.x_axis, self.y_axis]))

    def grid(self, x0, y0, x1, y1):
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
        self.reach = {LEFT: reach_l, RIGHT: reach_r}

    def mid(self, q, drop=0.0):
        """A point on the midline: q = 0 bridge, 1 nose tip, 2 mouth, 3 chin; then `drop` units down."""
        at = [np.interp(q, np.arange(4), self.midline[:, k]) for k in (0, 1)]
        return np.array([at[0], at[1] + drop])

    def rim(self, side, index, scale):
        """A point at `scale` times the way from the centre to the oval; index as on the right side (7 ear, 18 chin).

        On a turned head the far side's edge moves out to the silhouette and the near side's moves in, as a point at a
        fixed angle on a turning cylinder does.
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
        return self.centre + scale * (point - self.centre)


def spline(points, steps=8, closed=False):
    """Catmull-Rom curve through (n, 2) points: (m, 2)."""
    points = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    p0, p1, p2, p3 = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def ribbon(points, width):
    """The outline (2n, 2) of a band of the given width (a number, or (n,)) around a polyline (n, 2)."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    offset = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * np.reshape(width, (-1, 1)) / 2
    return np.concatenate([points + offset, (points - offset)[::-1]])


@dataclass
class MaskShape:
    """A mask's outline in units: four edges, and its straps."""

    top: np.ndarray  # (n, 2), left to right
    right: np.ndarray  # (n, 2), down
    bottom: np.ndarray  # (n, 2), left to right
    left: np.ndarray  # (n, 2), down
    straps: list[tuple[np.ndarray, float]] = field(default_factory=list)  # (curve, width)

    @property
    def outline(self):
        return np.concatenate([self.top, self.right[1:-1], self.bottom[::-1], self.left[::-1][1:-1]])

    def move(self, matrix, pivot, shift):
        """Turn and shift the mask, straps' free ends excepted: they stay at the ears."""
        for name in ("top", "right", "bottom", "left"):
            setattr(self, name, (getattr(self, name) - pivot) @ matrix.T + pivot + shift)
        moved = []
        for curve, width in self.straps:
            hold = np.linspace(0, 1, len(curve))[:, None]
            moved.append((((curve - pivot) @ matrix.T + pivot + shift) * (1 - hold) + curve * hold, width))
        self.straps = moved


@dataclass(frozen=True)
class Fit:
    """How one mask sits: drawn once per mask, read by every outline."""

    nose: float  # midline position of the top edge: 0 bridge, 1 tip
    drop: float  # the top edge's extra drop below that, units
    chin: float  # units that the lower edge lies below the chin
    width: float  # 1 = usual; scales how far the mask reaches across the cheeks
    height: float  # index shift of the lower side corners along the jaw
    lean: float  # asymmetry: left side this many units lower, right side higher


def draw_fit(rng, curves, wear, loose):
    """loose: 0 for a cup that fits closely, 1 for a bandana."""
    nose = rng.uniform(0.1, 0.68)
    drop = 0.0
    chin = rng.normal(5 + 3 * loose, 4)
    if wear == "under-nose":
        base, lip = curves.points[NOSE_BASE, 1], curves.points[UPPER_LIP, 1]
        nose, drop = 1.0, base - curves.mid(1.0)[1] + max(lip - base, 4) * rng.uniform(0.2, 0.85)
        chin += rng.uniform(2, 10)
    elif wear == "askew":
        nose = rng.uniform(0.1, 0.45)
    return Fit(
        nose=nose,
        drop=drop,
        chin=float(np.clip(chin, 1, 22)),
        width=float(np.clip(rng.normal(1, 0.05), 0.88, 1.1)),
        height=rng.normal(0, 0.5),
        lean=rng.normal(0, 1.0),
    )


def _sides(curves, fit, rng, index, scale, spread=0.35):
    """The same oval point on both sides, jittered a little: {LEFT: point, RIGHT: point}."""
    sag = 0.55 * fit.drop
    found = {}
    for side in (LEFT, RIGHT):
        point = curves.rim(side, index + rng.normal(0, spread), scale * fit.width if scale < 1 else scale)
        found[side] = point + np.array([0, sag - side * fit.lean])
    return found


def _top_edge(curves, fit, rng, corners, peak=1.0, bow=0.0):
    """From the left corner over the nose to the right one. peak: how sharply the nose sticks out; bow: sag of the cheeks."""
    nose = curves.mid(fit.nose, fit.drop)
    left, right = corners[LEFT], corners[RIGHT]
    points = [left]
    for side, corner in ((LEFT, left), (RIGHT, right)):
        span = abs(corner[0] - nose[0])
        near = nose + (corner - nose) * min(0.5, 9 / max(span, 1)) + [0, 1.2 * peak]
        far = nose + (corner - nose) * 0.55 + [0, 3.5 * peak + bow + rng.normal(0, 1)]
        points += [far, near] if side == LEFT else [nose, near, far]
    return spline([*points, right])


def _bottom_edge(curves, fit, corners, index, scale):
    """From the left corner under the chin to the right one."""
    chin = curves.mid(3, fit.chin)
    sides = [curves.rim(side, index, scale) + [0, 0.6 * fit.chin] for side in (LEFT, RIGHT)]
    return spline([corners[LEFT], sides[0], chin, sides[1], corners[RIGHT]])


def _side_edge(upper, lower, side, bend):
    """From an upper to a lower corner; bend > 0 bulges outwards, in units."""
    return spline([upper, (upper + lower) / 2 + [side * bend, 0], lower], steps=6)


def _ear_loops(curves, rng, upper, lower, width):
    """Two strands a side, from the mask's corners to where the ear begins."""
    straps = []
    for side in (LEFT, RIGHT):
        ear_top = curves.rim(side, rng.uniform(6.6, 7.7), rng.uniform(1.03, 1.1))
        ear_low = curves.rim(side, rng.uniform(8.0, 9.0), rng.uniform(1.03, 1.09))
        for start, end in ((upper[side], ear_top), (lower[side], ear_low)):
            inside = start + (curves.centre - start) * 0.06
            middle = (start + end) / 2 + [0, rng.uniform(-1.5, 2.5)]
            straps.append((spline([inside, middle, end], steps=6), width))
    return straps


def surgical(curves, fit, rng):
    upper = _sides(curves, fit, rng, 8.6, 0.93)
    lower = _sides(curves, fit, rng, 12.4 + fit.height, 0.98)
    bend = rng.normal(-2.0, 1.5)
    shape = MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak=rng.uniform(0.3, 1.2), bow=rng.normal(0, 1.5)),
        right=_side_edge(upper[RIGHT], lower[RIGHT], RIGHT, bend),
        bottom=_bottom_edge(curves, fit, lower, 15.4, rng.uniform(1.0, 1.09)),
        left=_side_edge(upper[LEFT], lower[LEFT], LEFT, bend),
    )
    shape.straps = _ear_loops(curves, rng, upper, lower, rng.uniform(1.1, 2.3))
    return shape


def kn95(curves, fit, rng):
    upper = _sides(curves, fit, rng, 9.0, 0.9)
    lower = _sides(curves, fit, rng, 11.6 + fit.height, 0.92)
    shape = MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak=rng.uniform(0.8, 2.0), bow=rng.normal(1, 1.5)),
        right=_side_edge(upper[RIGHT], lower[RIGHT], RIGHT, rng.normal(0, 1)),
        bottom=_bottom_edge(curves, fit, lower, 15.2, rng.uniform(0.95, 1.02)),
        left=_side_edge(upper[LEFT], lower[LEFT], LEFT, rng.normal(0, 1)),
    )
    shape.straps = _ear_loops(curves, rng, upper, lower, rng.uniform(1.2, 2.6))
    return shape


def n95(curves, fit, rng):
    reach = rng.uniform(0.74, 0.9)
    upper = _sides(curves, fit, rng, 9.8, reach)
    lower = _sides(curves, fit, rng, 12.2 + fit.height, reach + 0.02)
    nose = curves.mid(fit.nose, fit.drop)
    chin = curves.mid(3, min(fit.chin, 9) - 3)
    shoulder = {s: nose + (upper[s] - nose) * 0.55 - [0, 2.5] for s in (LEFT, RIGHT)}
    jaw = {s: curves.rim(s, 15.3, 0.92) + [0, 0.4 * fit.chin] for s in (LEFT, RIGHT)}
    ring = [upper[LEFT], shoulder[LEFT], nose, shoulder[RIGHT], upper[RIGHT]]
    ring += [lower[RIGHT], jaw[RIGHT], chin, jaw[LEFT], lower[LEFT]]
    curve = spline(ring, closed=True)  # 10 points, 8 steps each
    shape = MaskShape(top=curve[:33], right=curve[32:41], bottom=curve[40:73][::-1], left=np.r_[curve[72:], curve[:1]][::-1])
    width = rng.uniform(1.4, 3.0)
    for side in (LEFT, RIGHT):
        high, low = curves.rim(side, rng.uniform(5.2, 6.8), 1.06), curves.rim(side, rng.uniform(9.6, 11.2), 1.05)
        for start, end in ((upper[side], high), (lower[side], low)):
            inside = start + (curves.centre - start) * 0.1
            shape.straps.append((spline([inside, (start + end) / 2 + [0, rng.normal(0, 1)], end], steps=6), width))
    return shape


def cloth(curves, fit, rng):
    upper = _sides(curves, fit, rng, rng.uniform(8.4, 9.2), 0.93)
    lower = _sides(curves, fit, rng, rng.uniform(11.2, 12.8) + fit.height, 0.95)
    shape = MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak=rng.uniform(0.5, 2.4), bow=rng.normal(1.5, 2)),
        right=_side_edge(upper[RIGHT], lower[RIGHT], RIGHT, rng.normal(-1, 1.5)),
        bottom=_bottom_edge(curves, fit, lower, 15.4, rng.uniform(0.97, 1.04)),
        left=_side_edge(upper[LEFT], lower[LEFT], LEFT, rng.normal(-1, 1.5)),
    )
    shape.straps = _ear_loops(curves, rng, upper, lower, rng.uniform(1.5, 4.0))
    return shape


def neoprene(curves, fit, rng):
    upper = _sides(curves, fit, rng, 8.3, 0.99, spread=0.2)
    lower = _sides(curves, fit, rng, 11.8 + fit.height, 0.99)
    shape = MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak=rng.uniform(0.8, 2.0), bow=rng.normal(3.5, 2)),
        right=_side_edge(upper[RIGHT], lower[RIGHT], RIGHT, rng.normal(-2, 1)),
        bottom=_bottom_edge(curves, fit, lower, 15.2, rng.uniform(0.99, 1.03)),
        left=_side_edge(upper[LEFT], lower[LEFT], LEFT, rng.normal(-2, 1)),
    )
    width = rng.uniform(5, 11)  # the ear loops are cut from the same sheet
    shape.straps = [(c, np.linspace(width, 0.45 * width, len(c))) for c, _ in _ear_loops(curves, rng, upper, lower, 1)]
    return shape


def bandana(curves, fit, rng):
    upper = _sides(curves, fit, rng, rng.uniform(7.2, 8.8), 0.995, spread=0.2)
    jaw_y = curves.oval[CHIN, 1]
    neck = {s: curves.rim(s, 13.5, 1.0) for s in (LEFT, RIGHT)}
    middle = curves.mid(3)[0]
    if rng.random() < 0.55:  # a triangle tied behind the head
        tip = np.array([middle + rng.normal(0, 6), jaw_y + rng.uniform(14, 60)])
        lower = {s: curves.rim(s, 11.3, 1.02) + [0, rng.uniform(0, 8)] for s in (LEFT, RIGHT)}
        flank = {s: lower[s] + (tip - lower[s]) * 0.5 + [s * rng.uniform(-2, 7), 4] for s in (LEFT, RIGHT)}
        bottom = spline([lower[LEFT], flank[LEFT], tip, flank[RIGHT], lower[RIGHT]])
    else:  # a tube down to the collar
        end = jaw_y + rng.uniform(30, 70)
        lower = {s: np.array([0.9 * neck[s][0] + 0.1 * middle + s * rng.uniform(-4, 6), end]) for s in (LEFT, RIGHT)}
        bottom = spline([lower[LEFT], [middle, end + rng.uniform(2, 12)], lower[RIGHT]])
    shape = MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak=rng.uniform(0.3, 1.6), bow=rng.normal(1, 2)),
        right=spline([upper[RIGHT], curves.rim(RIGHT, 10.5, 1.03), curves.rim(RIGHT, 12.3, 1.02), lower[RIGHT]][:: 1]),
        bottom=bottom,
        left=spline([upper[LEFT], curves.rim(LEFT, 10.5, 1.03), curves.rim(LEFT, 12.3, 1.02), lower[LEFT]]),
    )
    if lower[RIGHT][1] < curves.rim(RIGHT, 12.3, 1.02)[1]:  # the triangle's side ends above the jaw's corner
        shape.right = spline([upper[RIGHT], (upper[RIGHT] + lower[RIGHT]) / 2 + [2, 0], lower[RIGHT]])
        shape.left = spline([upper[LEFT], (upper[LEFT] + lower[LEFT]) / 2 - [2, 0], lower[LEFT]])
    for side in (LEFT, RIGHT):  # the knot's ends run on over the ears
        end = curves.rim(side, 7.6, 1.06)
        start = (shape.right if side == RIGHT else shape.left)[: 8].mean(0)
        shape.straps.append((spline([start + (curves.centre - start) * 0.08, end], steps=6), np.linspace(16, 7, 7)))
    return shape


OUTLINES = {"surgical": surgical, "kn95": kn95, "n95": n95, "cloth": cloth, "neoprene": neoprene, "bandana": bandana}
LOOSENESS = {"surgical": 0.6, "kn95": 0.2, "n95": 0.0, "cloth": 0.5, "neoprene": 0.1, "bandana": 1.0}


def draw_shape(curves, kind, wear, rng):
    """One mask of a kind, worn in one way, on this face: MaskShape in units."""
    fit = draw_fit(rng, curves, wear, LOOSENESS[kind])
    shape = OUTLINES[kind](curves, fit, rng)
    if wear == "askew":
        angle = np.radians(rng.uniform(4, 11) * rng.choice([-1, 1]))
        shift = np.array([rng.uniform(3, 9) * rng.choice([-1, 1]), rng.uniform(-2, 4)])
    else:
        angle, shift = np.radians(rng.normal(0, 1.2)), rng.normal(0, 1.2, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    shape.move(np.array([[cos, -sin], [sin, cos]]), curves.centre, shift)
    return shape
