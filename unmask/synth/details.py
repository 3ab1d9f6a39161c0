"""What is sewn, welded or printed on a mask: hems, nose wires, valves, lettering; and the straps.

Functions change `colours` (h, w, 3) float32 in 0..1 and `folds` (h, w) float32, units, in place.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from unmask.synth import patterns
from unmask.synth.canvas import Canvas, Surface
from unmask.synth.geometry import FaceCurves, ribbon, spline
from unmask.synth.outlines import MaskShape
from unmask.synth.relief import bell


def paint(colours: np.ndarray, cover: np.ndarray, colour: ArrayLike) -> None:
    """Lay one colour (3,) over (h, w, 3) with coverage (h, w)."""
    colours += cover[:, :, None] * (np.asarray(colour, np.float32) - colours)


def _band(surface: Surface, distance: np.ndarray, width: float) -> np.ndarray:
    """Coverage of the band that lies within `width` units by a distance map (h, w): soft over one pixel."""
    pixels: np.ndarray = (np.float32(width) - distance) * np.float32(surface.canvas.unit)
    return np.clip(pixels + np.float32(0.5), 0, 1)


@dataclass(frozen=True)
class Valve:
    """The look of an exhalation valve, so that a pair can share it."""

    radius: float  # units
    colour: np.ndarray  # (3,) RGB in 0..1
    round: bool
    slots: int


def draw_valve(rng: np.random.Generator, dark: bool) -> Valve:
    """One at random. dark: on dark cloth."""
    grey = rng.choice([0.12, 0.6, 0.92], p=[0.45, 0.15, 0.4] if dark else [0.1, 0.2, 0.7])
    return Valve(
        radius=rng.uniform(7, 13),
        colour=np.clip(grey + rng.normal(0, 0.03, 3), 0, 1),
        round=rng.random() < 0.7,
        slots=int(rng.integers(0, 5)),
    )


def _valve(canvas: Canvas, colours: np.ndarray, folds: np.ndarray, centre: np.ndarray, look: Valve) -> None:
    radius, colour = look.radius, look.colour
    if look.round:
        body, lid = canvas.spot(centre, radius), canvas.spot(centre, 0.76 * radius)
    else:
        corners = np.array([[-1, -0.8], [1, -0.8], [1, 0.8], [-1, 0.8]]) * radius
        body = canvas.stencil(spline(centre + corners * 0.95, steps=4, closed=True))
        lid = canvas.stencil(spline(centre + corners * 0.68, steps=4, closed=True))
    paint(colours, body, colour)
    paint(colours, 0.22 * (body - lid), [0, 0, 0])
    for k in range(look.slots):
        y = centre[1] + radius * (-0.4 + 0.24 * k)
        slot = np.array([[-0.48, 0], [0.48, 0], [0.48, 0.1], [-0.48, 0.1]]) * radius + [centre[0], y]
        paint(colours, 0.6 * canvas.stencil(slot), colour * 0.35)
    folds += 2.2 * body + 1.2 * lid


def _nose_wire(
    canvas: Canvas, colours: np.ndarray, folds: np.ndarray, shape: MaskShape, rng: np.random.Generator, metal: bool
) -> None:
    """The strip along the top edge, bent around the nose: bare metal, or only its bump under the cloth."""
    top, middle = shape.top, len(shape.top) // 2
    reach = int(len(top) * rng.uniform(0.12, 0.2))
    curve = top[middle - reach : middle + reach + 1] + np.array([0, rng.uniform(3.5, 6)])
    strip = canvas.stencil(ribbon(curve, rng.uniform(1.6, 3.5)))
    if metal:
        paint(colours, 0.9 * strip, np.full(3, rng.uniform(0.55, 0.85)))
    folds += np.float32(rng.uniform(0.4, 1.0)) * strip


def _lettering(canvas: Canvas, colours: np.ndarray, centre: np.ndarray, rng: np.random.Generator) -> None:
    """A maker's lines of small type."""
    text = np.zeros(canvas.shape, np.uint8)
    x, y = canvas.pixels(centre[None])[0]
    size = rng.uniform(0.14, 0.24) * canvas.unit
    for k in range(int(rng.integers(1, 4))):
        line = "".join(rng.choice(list("ABCDEFKNMPRSTO0123589 "), int(rng.integers(4, 11))))
        start = (int(x), int(y + 34 * k * size))
        cv2.putText(text, line, start, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    ink = rng.choice([0.15, 0.4]) + np.array([0, 0, rng.choice([0, 0.3])])
    paint(colours, text.astype(np.float32) * np.float32(rng.uniform(0.3, 0.8) / 255), ink)


def _stitches(surface: Surface, folds: np.ndarray, distance: np.ndarray, at: float, depth: float) -> None:
    """A line of sewing or welding at a distance from an edge."""
    folds -= np.float32(depth) * bell(distance - np.float32(at), 0.75)


def _surgical(
    surface: Surface, curves: FaceCurves, shape: MaskShape, colours: np.ndarray, folds: np.ndarray, main: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    hem, tall = rng.uniform(2.5, 5), np.float32(rng.uniform(88, 100))
    for distance in (surface.v * tall, (1 - surface.v) * tall):
        _stitches(surface, folds, distance, hem, 0.5)
    side = rng.uniform(3, 6)
    _stitches(surface, folds, surface.flank, side, 0.6)
    look = rng.random()
    if look < 0.4:  # bound with a strip of another shade, or white
        trim = np.ones(3) * 0.96 if look < 0.15 else np.clip(main * rng.uniform(0.88, 1.12), 0, 1)
        strip = np.maximum(_band(surface, surface.v * tall, hem), _band(surface, surface.flank, side))
        paint(colours, strip, trim)
    _nose_wire(surface.canvas, colours, folds, shape, rng, metal=False)


def _kn95(
    surface: Surface, curves: FaceCurves, shape: MaskShape, colours: np.ndarray, folds: np.ndarray, main: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    canvas, accent, dark = surface.canvas, _accent(main), main.mean() < 0.35
    for line in (1.5, rng.uniform(4, 7)):
        _stitches(surface, folds, surface.edge, line, 0.6)
        paint(colours, 0.12 * bell(surface.edge - np.float32(line), 0.6), accent)
    _nose_wire(canvas, colours, folds, shape, rng, metal=rng.random() < 0.3)
    if rng.random() < 0.12:
        place = curves.centre + np.array([rng.choice([-1, 1]) * rng.uniform(18, 28), rng.uniform(0, 14)])
        _valve(canvas, colours, folds, place, draw_valve(rng, dark))
    if rng.random() < 0.4:
        _lettering(canvas, colours, curves.centre + rng.uniform((-38, -14), (10, 26)), rng)


def _n95(
    surface: Surface, curves: FaceCurves, shape: MaskShape, colours: np.ndarray, folds: np.ndarray, main: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    canvas, rim, dark = surface.canvas, rng.uniform(2.5, 5), main.mean() < 0.35
    _stitches(surface, folds, surface.edge, rim, 0.9)
    paint(colours, 0.15 * _band(surface, surface.edge, rim), _accent(main))
    if rng.random() < 0.6:
        _nose_wire(canvas, colours, folds, shape, rng, metal=True)
    if rng.random() < 0.5:
        place = curves.centre + np.array([rng.choice([0, -24, 24]) + rng.normal(0, 2), rng.uniform(2, 20)])
        _valve(canvas, colours, folds, place, draw_valve(rng, dark))
    if rng.random() < 0.5:
        _lettering(canvas, colours, curves.centre + rng.uniform((-30, -20), (5, 20)), rng)


def _cloth(
    surface: Surface, curves: FaceCurves, shape: MaskShape, colours: np.ndarray, folds: np.ndarray, main: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    hem = rng.uniform(2, 6)
    if rng.random() < 0.3:  # bound edges of another colour
        trim = patterns.draw_color(rng, "cloth")
        paint(colours, _band(surface, surface.edge, hem), trim)
        folds += 0.5 * _band(surface, surface.edge, hem)
    _stitches(surface, folds, surface.edge, hem, rng.uniform(0.3, 0.8))
    if rng.random() < 0.12:  # a small label near one side
        place = curves.centre + np.array([rng.choice([-1, 1]) * rng.uniform(30, 44), rng.uniform(5, 25)])
        size = np.array([rng.uniform(4, 9), rng.uniform(2, 4)])
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size
        label = surface.canvas.stencil(place + corners)
        paint(colours, label, rng.random(3))
        folds += 0.4 * label


def _neoprene(
    surface: Surface, curves: FaceCurves, shape: MaskShape, colours: np.ndarray, folds: np.ndarray, main: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    dark = main.mean() < 0.35
    if rng.random() < 0.45:
        paint(colours, 0.8 * _band(surface, surface.edge, rng.uniform(1.2, 2.6)), _accent(main))
    if rng.random() < 0.4:  # vents, mostly a pair
        where, height, look = rng.uniform(20, 30), rng.uniform(4, 16), draw_valve(rng, dark)
        for x in (-where, where) if rng.random() < 0.7 else (rng.choice([-where, where]),):
            place = curves.centre + np.array([x - 12 * curves.yaw, height])
            _valve(surface.canvas, colours, folds, place, look)


def _bandana(
    surface: Surface, curves: FaceCurves, shape: MaskShape, colours: np.ndarray, folds: np.ndarray, main: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    _stitches(surface, folds, surface.edge, rng.uniform(2, 6), rng.uniform(0.3, 0.8))


_DETAILS = {
    "surgical": _surgical,
    "kn95": _kn95,
    "n95": _n95,
    "cloth": _cloth,
    "neoprene": _neoprene,
    "bandana": _bandana,
}


def _accent(main: np.ndarray) -> np.ndarray:
    """A colour for lines on a cloth of colour `main`: darker, or lighter on dark cloth."""
    return main + 0.2 if main.mean() < 0.35 else main * 0.5


def add(
    surface: Surface, curves: FaceCurves, shape: MaskShape, kind: str, colours: np.ndarray, folds: np.ndarray,
    main: np.ndarray, rng: np.random.Generator,
) -> None:  # fmt: skip
    folds += 0.8 * np.clip(
        surface.edge * np.float32(1 / 1.5), 0, 1
    )  # the cloth's thickness shows at its edge
    _DETAILS[kind](surface, curves, shape, colours, folds, main, rng)


def straps(
    canvas: Canvas, shape: MaskShape, main: np.ndarray, kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(colour times coverage (h, w, 3), coverage (h, w)) of all straps, before light falls on them."""
    white, black, yellow = np.full(3, 0.95), np.full(3, 0.1), np.array([0.9, 0.75, 0.25])
    if kind in ("neoprene", "bandana") or (kind != "n95" and main.mean() < 0.3 and rng.random() < 0.85):
        colour = main
    elif kind == "n95":
        colour = (white, yellow, black, main)[rng.choice(4, p=[0.5, 0.3, 0.1, 0.1])]
    else:
        colour = (white, main, black)[rng.choice(3, p=[0.62, 0.31, 0.07])]
    cover, lit = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.float32)
    for curve, width in shape.straps:
        band = canvas.stencil(ribbon(curve, width))
        core = canvas.stencil(ribbon(curve, np.asarray(width) * 0.45))
        lit = np.maximum(
            lit, band * (0.66 + 0.26 * core)
        )  # dim: the head's side is turned away from the light
        cover = np.maximum(cover, band)
    return lit[:, :, None] * np.float32(colour), cover
