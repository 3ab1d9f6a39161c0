"""The cloth's relief: its form over nose and chin, pleats, seams and wrinkles, and how light falls on it.

Heights are in units towards the camera, as (h, w) float32.
"""

import cv2
import numpy as np

from unmask.faces.layout import CHIN
from unmask.synth.canvas import Canvas, Surface
from unmask.synth.geometry import FaceCurves, spline
from unmask.synth.light import Light
from unmask.synth.outlines import MaskShape


def bell(x: np.ndarray, width: float) -> np.ndarray:
    """A smooth bump of height 1 around x = 0."""
    x = x * np.float32(1 / width)
    height: np.ndarray = np.exp(-x * x)
    return height


def wrinkles(canvas: Canvas, rng: np.random.Generator, spacing: float, stretch: float, angle: float) -> np.ndarray:
    """Soft random folds `spacing` units apart, `stretch` times as long along `angle`: about -1..1."""
    grid = rng.standard_normal((24, 24), dtype=np.float32)
    cos, sin, step = np.cos(angle), np.sin(angle), spacing * canvas.unit
    h, w = canvas.shape
    to_grid = np.array([[cos / stretch, sin / stretch, 0], [-sin, cos, 0]]) / step
    to_grid[:, 2] = 12 - to_grid[:, :2] @ [w / 2, h / 2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grid, to_grid, (w, h), flags=flags, borderMode=cv2.BORDER_WRAP)


def _creases(canvas: Canvas, curves: FaceCurves, shape: MaskShape, rng: np.random.Generator, count: int) -> np.ndarray:
    """Tension folds that run from the mask's corners and the nose into the cloth: about -1..1."""
    drawn = np.zeros(canvas.shape, np.float32)
    ends = [shape.top[0], shape.top[-1], shape.bottom[0], shape.bottom[-1], shape.top[len(shape.top) // 2]]
    for _ in range(count):
        start = ends[rng.integers(len(ends))]
        goal = curves.centre + rng.normal(0, (26, 22))
        goal = start + (goal - start) * rng.uniform(0.35, 0.9)
        middle = (start + goal) / 2 + rng.normal(0, 3, 2)
        line = np.round(canvas.pixels(spline([start, middle, goal], steps=5))).astype(np.int32)
        depth = rng.uniform(0.5, 1.2) * rng.choice([-1, 1])
        thick = max(1, round(rng.uniform(1, 3) * canvas.unit))
        cv2.polylines(drawn, [line], False, depth, thick)
    return canvas.blur(drawn, 1.4)


def _pleats(surface: Surface, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sideways pleats as on a surgical mask: (height, shift of the print in units)."""
    count = int(rng.choice([2, 3, 3, 3, 4]))
    first, last = rng.uniform(0.2, 0.36), rng.uniform(0.68, 0.84)
    squeeze = 1 - rng.uniform(0.1, 0.4) * surface.u**2  # the pleats lie closer together at the sides
    v = (surface.v - np.float32(0.5)) / np.maximum(squeeze, 0.3) + np.float32(0.5)
    v += wrinkles(surface.canvas, rng, 45, 1, 0) * np.float32(0.012)
    phase = np.clip((v - first) / (last - first), 0, 0.9999) * count
    step = np.floor(phase)
    height = np.where((v > first) & (v < last), np.float32(rng.uniform(0.7, 2.2)) * (phase - step), 0)
    return height.astype(np.float32), (step * rng.uniform(2, 6)).astype(np.float32)


def _panels(surface: Surface, rng: np.random.Generator) -> np.ndarray:
    """A respirator of three sideways panels: the middle one lies over the others."""
    u = surface.u
    upper = np.float32(rng.uniform(0.26, 0.36)) + np.float32(rng.uniform(-0.05, 0.12)) * u * u
    lower = np.float32(rng.uniform(0.64, 0.74)) - np.float32(rng.uniform(-0.05, 0.1)) * u * u
    height: np.ndarray = np.float32(1.6) * ((surface.v > upper) & (surface.v < lower)).astype(np.float32)
    return height


def build(
    surface: Surface, curves: FaceCurves, shape: MaskShape, kind: str, wear: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(broad form, folds, shift of the print): (h, w) float32 each, units."""
    canvas, u, v = surface.canvas, surface.u, surface.v
    shift = np.zeros(canvas.shape, np.float32)
    nose = bell(u, 0.26) * bell(v - np.float32(-0.1 if wear == "under-nose" else 0.22), 0.4)
    under = np.clip(v - np.float32(rng.uniform(0.6, 0.78)), 0, 0.5)  # the cloth turns under the chin
    form = 60 * np.sqrt(np.maximum(1 - np.float32(0.86) * u * u, np.float32(0.06)))
    form -= np.float32(rng.uniform(60, 170)) * under * under
    slack = rng.uniform(0.3, 1.2) * (1.3 if wear == "under-nose" else 1.0)

    def random_folds(height: float, spacing: float, stretch: float, angle: float) -> np.ndarray:
        return np.float32(slack * height) * wrinkles(canvas, rng, spacing, stretch, angle)

    def creases(height: float, low: int, high: int) -> np.ndarray:
        return np.float32(slack * height) * _creases(canvas, curves, shape, rng, int(rng.integers(low, high)))

    if kind == "surgical":
        pleats, shift = _pleats(surface, rng)
        form += rng.uniform(6, 13) * nose + 5 * bell(u, 0.5) * bell(v - np.float32(0.7), 0.4)
        folds = pleats + random_folds(0.8, rng.uniform(8, 14), rng.uniform(1.5, 3), rng.normal(0, 0.4))
        folds += creases(1.1, 3, 10)
        if rng.random() < 0.5:  # gathered at the ear loops
            gather = bell(surface.flank, rng.uniform(8, 18))
            folds += random_folds(1.2, rng.uniform(3.5, 6), 4, rng.normal(0, 0.1)) * gather
    elif kind == "kn95":
        if rng.random() < 0.75:  # two halves welded down the middle, so the middle stands out like a keel
            keel = 1 - np.sqrt(u * u + np.float32(0.003))
            form += rng.uniform(14, 30) * keel * np.sin(np.pi * np.clip(0.9 * v + np.float32(0.1), 0, 1))
            folds = -0.8 * bell(u * 70, 1.3)
        else:
            form += rng.uniform(10, 20) * bell(u, 0.5) * bell(v - np.float32(0.5), 0.4)
            folds = _panels(surface, rng)
        folds += random_folds(0.5, 12, 2, rng.uniform(0, 3)) + creases(0.7, 1, 5)
    elif kind == "n95":
        reach = np.clip(surface.edge * np.float32(1 / rng.uniform(24, 40)), 0, 1)
        form = 0.5 * form + rng.uniform(22, 34) * np.sqrt(1 - (1 - reach) ** 2) + 5 * nose
        form = canvas.blur(form.astype(np.float32), 2.5)  # distances to an edge have creases of their own
        folds = 0.25 * wrinkles(canvas, rng, 9, 1, 0)
        for level in rng.uniform(8, 26, int(rng.integers(0, 4))):  # moulded ribs
            folds += rng.uniform(0.4, 0.9) * bell(surface.edge - np.float32(level), 1.4)
    elif kind == "cloth":
        form += rng.uniform(7, 18) * nose
        form += rng.uniform(2, 9) * bell(u, 0.55) * bell(v - np.float32(0.55), 0.45)
        folds = random_folds(1.3, rng.uniform(8, 20), rng.uniform(1.2, 3), rng.uniform(0, 3.1))
        folds += creases(1.5, 2, 9)
        style = rng.random()
        if style < 0.5:  # two panels sewn together
            folds -= rng.uniform(0.6, 1.2) * bell(u * 70, 1.1)
        elif style < 0.75:
            pleats, shift = _pleats(surface, rng)
            folds += 1.2 * pleats
    elif kind == "neoprene":
        form += rng.uniform(10, 18) * nose
        form += rng.uniform(4, 9) * bell(u, 0.5) * bell(v - np.float32(0.55), 0.4)
        folds = creases(0.6, 1, 5)
        if rng.random() < 0.6:
            folds -= rng.uniform(0.5, 1.0) * bell(u * 70, 1.0)
    else:
        form += rng.uniform(9, 16) * nose + 4 * bell(u, 0.5) * bell(v - np.float32(0.4), 0.3)
        folds = random_folds(2.2, rng.uniform(9, 18), rng.uniform(2, 5), rng.normal(0, 0.5))
        folds += creases(2.4, 5, 13)
        chin = curves.oval[CHIN, 1] + rng.uniform(-8, 4)
        neck = 0.5 + 0.5 * np.tanh((canvas.y - np.float32(chin)) * np.float32(1 / rng.uniform(6, 14)))
        form -= np.float32(rng.uniform(6, 20)) * neck  # from the chin back to the neck
        folds += random_folds(2.2, rng.uniform(5, 9), rng.uniform(3, 6), rng.normal(0, 0.3)) * neck
    return form.astype(np.float32), folds.astype(np.float32), shift


def shade(canvas: Canvas, form: np.ndarray, folds: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Brightness of the relief under the photo's light, about 1 where the cloth faces the camera."""
    crisp = canvas.blur(folds, 0.5)
    height = form + crisp
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=canvas.unit / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=canvas.unit / 8)
    lx, ly = light.direction[0] * canvas.frame.x_axis + light.direction[1] * canvas.frame.y_axis
    lz, ambient = np.float32(light.direction[2]), np.float32(rng.uniform(0.35, 0.68))
    facing = lz - np.float32(lx) * slope_x - np.float32(ly) * slope_y
    facing /= np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    bright = (ambient + (1 - ambient) * np.maximum(facing, 0)) / (ambient + (1 - ambient) * lz)
    hollow = canvas.blur(folds, 2.5) - crisp  # little light gets into a fold
    brightness: np.ndarray = np.clip(bright - np.float32(rng.uniform(0.05, 0.13)) * hollow, 0.25, 1.35)
    return brightness
