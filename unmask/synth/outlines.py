"""The outline of every kind of mask on a given face, and how it is worn. Units and frame as in `geometry`."""

from dataclasses import dataclass, field

import numpy as np

from unmask.faces.layout import CHIN, NOSE_BASE, UPPER_LIP
from unmask.synth.geometry import LEFT, RIGHT, SIDES, FaceCurves, spline

Strap = tuple[np.ndarray, float | np.ndarray]  # curve (n, 2), and width: one, or (n,)
Corners = dict[int, np.ndarray]  # side: point (2,)


@dataclass
class MaskShape:
    """A mask's outline as four edges, and its straps. Points in units."""

    top: np.ndarray  # (n, 2), left to right
    right: np.ndarray  # (n, 2), down
    bottom: np.ndarray  # (n, 2), left to right
    left: np.ndarray  # (n, 2), down
    straps: list[Strap] = field(default_factory=list)

    @property
    def outline(self) -> np.ndarray:
        """The closed outline, (n, 2)."""
        return np.concatenate([self.top, self.right[1:-1], self.bottom[::-1], self.left[::-1][1:-1]])

    def move(self, angle: float, pivot: np.ndarray, shift: np.ndarray) -> None:
        """Turn by `angle` (radians) about `pivot` and shift; the straps' far ends stay at the ears."""
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        for name in ("top", "right", "bottom", "left"):
            setattr(self, name, (getattr(self, name) - pivot) @ turn + pivot + shift)
        moved = []
        for curve, width in self.straps:
            hold = np.linspace(0, 1, len(curve))[:, None]
            moved.append((((curve - pivot) @ turn + pivot + shift) * (1 - hold) + curve * hold, width))
        self.straps = moved

    def stand_off(self, distance: float, centre: np.ndarray) -> None:
        """Move the sides and the lower edge `distance` units away from `centre`, as cloth that hangs free of the face.

        The top edge stays on the nose and the cheeks; from there down the cloth leaves the face ever more, so that it
        is wider than the jaw and ends below the chin. The straps' far ends stay at the ears.
        """
        middle = self.top[len(self.top) // 2, 1]
        depth = max(self.bottom[:, 1].max() - middle, 1.0)

        def away(points: np.ndarray) -> np.ndarray:
            ray = points - centre
            ray = ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-6)
            share = np.clip((points[:, 1] - middle) / depth, 0, 1)[:, None]
            shift: np.ndarray = distance * np.sqrt(share) * ray
            return shift

        straps = []
        for curve, width in self.straps:
            hold = np.linspace(1, 0, len(curve))[:, None]
            straps.append((curve + away(curve[:1]) * hold, width))
        self.straps = straps
        self.right, self.bottom, self.left = (edge + away(edge) for edge in (self.right, self.bottom, self.left))
        # The corners at the straps move with the sides, and the top edge's ends with them.
        self.top = self.top + away(self.top) * np.linspace(-1, 1, len(self.top))[:, None] ** 2


@dataclass(frozen=True)
class Fit:
    """How one mask sits: drawn once per mask, read by every outline."""

    nose: float  # where the top edge crosses the midline: 0 bridge, 1 tip
    drop: float  # how much lower still, units
    chin: float  # how far below the chin the lower edge lies, units
    width: float  # 1 = usual; scales how far the mask reaches across the cheeks
    height: float  # shift of the lower side corners along the jaw, in landmarks
    lean: float  # the left side sits this much lower and the right side higher, units


def draw_fit(rng: np.random.Generator, curves: FaceCurves, wear: str, loose: float) -> Fit:
    """loose: 0 for a cup that fits closely .. 1 for a bandana."""
    nose, drop, chin = float(np.clip(rng.normal(0.42, 0.17), 0.12, 0.8)), 0.0, rng.normal(4 + 3 * loose, 4)
    if wear == "under-nose":
        base, lip = curves.points[NOSE_BASE, 1], curves.points[UPPER_LIP, 1]
        nose, drop = 1.0, base - curves.mid(1.0)[1] + max(lip - base, 4) * rng.uniform(0.2, 0.85)
        chin += rng.uniform(2, 10)
    elif wear == "askew":  # high enough that the nose's tip stays covered on the lower side
        nose = min(nose, 0.5)
    return Fit(
        nose=nose,
        drop=drop,
        chin=float(np.clip(chin, 3, 22)),
        width=float(np.clip(rng.normal(1, 0.04), 0.88, 1.06)),
        height=rng.normal(0, 0.5),
        lean=rng.normal(0, 1.0),
    )


def _sides(
    curves: FaceCurves, fit: Fit, rng: np.random.Generator, index: float, scale: float, spread: float = 0.3
) -> Corners:
    """The same place on both sides of the oval, jittered: {LEFT: point, RIGHT: point}."""
    sag = 0.5 * fit.drop  # a mask that hangs low at the nose hangs low at the sides too
    found = {}
    for side in SIDES:
        point = curves.rim(side, index + rng.normal(0, spread), scale * fit.width if scale < 1 else scale)
        found[side] = point + np.array([0, sag - side * fit.lean])
    return found


def _top_edge(
    curves: FaceCurves, fit: Fit, rng: np.random.Generator, corners: Corners, peak: float, bow: float
) -> np.ndarray:
    """Left corner, over the nose, right corner. peak: how steeply it falls beside the nose; bow: sag."""
    nose = curves.mid(fit.nose, fit.drop)
    points = {}
    for side in SIDES:
        reach = corners[side] - nose
        near = nose + reach * min(0.5, 10 / max(abs(reach[0]), 1)) + [0, 0.8 * peak]
        far = nose + reach * rng.uniform(0.5, 0.62) + [0, 3.2 * peak + bow + rng.normal(0, 0.8)]
        points[side] = (near, far)
    (near_l, far_l), (near_r, far_r) = points[LEFT], points[RIGHT]
    return spline([corners[LEFT], far_l, near_l, nose, near_r, far_r, corners[RIGHT]])


def _bottom_edge(curves: FaceCurves, fit: Fit, corners: Corners, scale: float) -> np.ndarray:
    """From the left corner under the chin to the right one; scale: how far the cloth stands off the jaw."""
    chin = curves.mid(3, fit.chin)
    jaw = {side: curves.rim(side, 15.4, scale) + np.array([0, 0.55 * fit.chin]) for side in SIDES}
    return spline([corners[LEFT], jaw[LEFT], chin, jaw[RIGHT], corners[RIGHT]])


def _side_edge(upper: np.ndarray, lower: np.ndarray, side: int, bend: float) -> np.ndarray:
    """From an upper to a lower corner; bend > 0 bulges outwards, units."""
    return spline([upper, (upper + lower) / 2 + [side * bend, 0], lower], steps=6)


def _body(
    curves: FaceCurves, fit: Fit, rng: np.random.Generator, upper: Corners, lower: Corners, peak: float, bow: float,
    stand_off: float, bend: float,
) -> MaskShape:  # fmt: skip
    """The four edges of a mask with two corners on each side."""
    return MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak, bow),
        right=_side_edge(upper[RIGHT], lower[RIGHT], RIGHT, bend + rng.normal(0, 0.5)),
        bottom=_bottom_edge(curves, fit, lower, stand_off),
        left=_side_edge(upper[LEFT], lower[LEFT], LEFT, bend + rng.normal(0, 0.5)),
    )


def _strap_sides(curves: FaceCurves) -> list[int]:
    """The sides whose straps show: on a head turned away the far ear is out of sight."""
    return [side for side in SIDES if side * curves.yaw < 0.4]


def _ear_loops(
    curves: FaceCurves, rng: np.random.Generator, upper: Corners, lower: Corners, width: float
) -> list[Strap]:
    """Two strands a side, from the mask's corners to where the ear begins."""
    straps: list[Strap] = []
    spread = rng.uniform(1.01, 1.08)
    for side in _strap_sides(curves):
        ear_top = curves.rim(side, rng.uniform(6.8, 7.8), spread)
        ear_low = curves.rim(side, rng.uniform(8.2, 9.2), spread)
        for start, end in ((upper[side], ear_top), (lower[side], ear_low)):
            inside = start + (curves.centre - start) * 0.06
            middle = (start + end) / 2 + [0, rng.uniform(-1.5, 2.5)]
            straps.append((spline([inside, middle, end], steps=6), width))
    return straps


def surgical(curves: FaceCurves, fit: Fit, rng: np.random.Generator) -> MaskShape:
    upper = _sides(curves, fit, rng, 8.2, rng.uniform(0.9, 0.99))
    lower = _sides(curves, fit, rng, 12.3 + fit.height, rng.uniform(0.95, 0.999))
    shape = _body(
        curves,
        fit,
        rng,
        upper,
        lower,
        peak=rng.uniform(0.2, 1.3),
        bow=rng.normal(0, 1.5),
        stand_off=rng.uniform(1.0, 1.1),
        bend=rng.normal(-2, 1.3),
    )
    shape.straps = _ear_loops(curves, rng, upper, lower, rng.uniform(1.1, 2.3))
    return shape


def kn95(curves: FaceCurves, fit: Fit, rng: np.random.Generator) -> MaskShape:
    upper = _sides(curves, fit, rng, 8.6, rng.uniform(0.88, 0.97))
    lower = _sides(curves, fit, rng, 11.4 + fit.height, rng.uniform(0.92, 0.99))
    shape = _body(
        curves,
        fit,
        rng,
        upper,
        lower,
        peak=rng.uniform(0.6, 2.0),
        bow=rng.normal(1, 1.5),
        stand_off=rng.uniform(0.97, 1.06),
        bend=rng.normal(0, 1),
    )
    shape.straps = _ear_loops(curves, rng, upper, lower, rng.uniform(1.2, 2.6))
    return shape


def cloth(curves: FaceCurves, fit: Fit, rng: np.random.Generator) -> MaskShape:
    upper = _sides(curves, fit, rng, rng.uniform(8.0, 8.9), rng.uniform(0.9, 0.99))
    lower = _sides(curves, fit, rng, rng.uniform(11.0, 12.6) + fit.height, rng.uniform(0.94, 0.999))
    shape = _body(
        curves,
        fit,
        rng,
        upper,
        lower,
        peak=rng.uniform(0.3, 2.4),
        bow=rng.normal(1.5, 2),
        stand_off=rng.uniform(0.98, 1.08),
        bend=rng.normal(-1, 1.5),
    )
    shape.straps = _ear_loops(curves, rng, upper, lower, rng.uniform(1.5, 4.0))
    return shape


def neoprene(curves: FaceCurves, fit: Fit, rng: np.random.Generator) -> MaskShape:
    upper = _sides(curves, fit, rng, 8.1, rng.uniform(0.95, 0.999), spread=0.2)
    lower = _sides(curves, fit, rng, 11.6 + fit.height, rng.uniform(0.96, 0.999))
    shape = _body(
        curves,
        fit,
        rng,
        upper,
        lower,
        peak=rng.uniform(0.6, 2.0),
        bow=rng.normal(3.5, 2),
        stand_off=rng.uniform(0.99, 1.05),
        bend=rng.normal(-2, 1),
    )
    width = rng.uniform(4, 10)  # the ear loops are cut from the same sheet
    loops = _ear_loops(curves, rng, upper, lower, 1)
    shape.straps = [(curve, np.linspace(width, 0.45 * width, len(curve))) for curve, _ in loops]
    return shape


def n95(curves: FaceCurves, fit: Fit, rng: np.random.Generator) -> MaskShape:
    """A moulded cup: a rounded ring, and two straps around the head."""
    reach = rng.uniform(0.76, 0.92)
    upper = _sides(curves, fit, rng, 9.4, reach)
    lower = _sides(curves, fit, rng, 12.4 + fit.height, reach + 0.03)
    nose, chin = curves.mid(fit.nose, fit.drop), curves.mid(3, np.clip(fit.chin - 3, 2.5, 7))
    lift = rng.uniform(1, 6)  # how round the shoulders beside the nose are
    shoulder = {s: nose + (upper[s] - nose) * 0.52 - [0, lift] for s in SIDES}
    stand_off = rng.uniform(0.95, 1.02)
    jaw = {s: curves.rim(s, 15.0, stand_off) + np.array([0, 0.4 * fit.chin]) for s in SIDES}
    ring = [upper[LEFT], shoulder[LEFT], nose, shoulder[RIGHT], upper[RIGHT]]
    ring += [lower[RIGHT], jaw[RIGHT], chin, jaw[LEFT], lower[LEFT]]
    curve = spline(ring, steps=8, closed=True)  # 8 points for each of the ring's 10
    shape = MaskShape(
        top=curve[:33],
        right=curve[32:41],
        bottom=curve[40:73][::-1],
        left=np.concatenate([curve[72:], curve[:1]])[::-1],
    )
    width = rng.uniform(1.4, 3.0)
    for side in _strap_sides(curves):
        high = curves.rim(side, rng.uniform(5.2, 6.8), 1.06)
        low = curves.rim(side, rng.uniform(9.6, 11.2), 1.05)
        for start, end in ((upper[side], high), (lower[side], low)):
            inside = start + (curves.centre - start) * 0.1
            middle = (start + end) / 2 + [0, rng.normal(0, 1)]
            shape.straps.append((spline([inside, middle, end], steps=6), width))
    return shape


def bandana(curves: FaceCurves, fit: Fit, rng: np.random.Generator) -> MaskShape:
    """A scarf over the ears' lower half: a triangle tied behind the head, or a tube down to the collar."""
    ear = rng.uniform(1.01, 1.07)
    upper = _sides(curves, fit, rng, rng.uniform(7.4, 8.8), ear, spread=0.2)
    jaw_y, middle = curves.oval[CHIN, 1], curves.mid(3)[0]
    flank = {s: [curves.rim(s, 10.2, 1.03 + rng.uniform(0, 0.03)), curves.rim(s, 12.3, 1.02)] for s in SIDES}
    if rng.random() < 0.5:
        tip = np.array([middle + rng.normal(0, 6), jaw_y + rng.uniform(12, 60)])
        low = {s: curves.rim(s, 13.4, 1.03) + np.array([0, rng.uniform(0, 8)]) for s in SIDES}
        hang = {s: low[s] + (tip - low[s]) * 0.5 + [s * rng.uniform(-2, 7), 4] for s in SIDES}
        bottom = spline([low[LEFT], hang[LEFT], tip, hang[RIGHT], low[RIGHT]])
    else:
        end = jaw_y + rng.uniform(30, 70)
        neck = {s: 0.88 * curves.rim(s, 13.5, 1.0)[0] + 0.12 * middle + s * rng.uniform(-4, 6) for s in SIDES}
        low = {s: np.array([neck[s], end]) for s in SIDES}
        for s in SIDES:
            flank[s].append(np.array([neck[s] + s * 2, jaw_y + 4]))
        bottom = spline([low[LEFT], [middle, end + rng.uniform(2, 12)], low[RIGHT]])
    return MaskShape(
        top=_top_edge(curves, fit, rng, upper, peak=rng.uniform(0.3, 1.6), bow=rng.normal(1, 2)),
        right=spline([upper[RIGHT], *flank[RIGHT], low[RIGHT]]),
        bottom=bottom,
        left=spline([upper[LEFT], *flank[LEFT], low[LEFT]]),
    )


OUTLINES = {
    "surgical": surgical,
    "kn95": kn95,
    "n95": n95,
    "cloth": cloth,
    "neoprene": neoprene,
    "bandana": bandana,
}
LOOSENESS = {"surgical": 0.6, "kn95": 0.2, "n95": 0.0, "cloth": 0.5, "neoprene": 0.1, "bandana": 1.0}


def draw_shape(curves: FaceCurves, kind: str, wear: str, rng: np.random.Generator) -> MaskShape:
    """One mask of a kind, worn in one way, on this face."""
    shape = OUTLINES[kind](curves, draw_fit(rng, curves, wear, LOOSENESS[kind]), rng)
    if wear == "askew":
        angle = np.radians(rng.uniform(4, 11) * rng.choice([-1, 1]))
        shift = np.array([rng.uniform(3, 9) * rng.choice([-1, 1]), rng.uniform(-2, 4)])
    else:
        angle, shift = np.radians(rng.normal(0, 1.2)), rng.normal(0, 1.2, 2)
    shape.move(angle, curves.centre, shift)
    return shape
