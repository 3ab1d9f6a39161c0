"""Draws a face mask on a photo of an unmasked face: cloth, relief, light, straps, shadow, camera."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from unmask.synth import details, light, outlines, patterns, relief
from unmask.synth.canvas import Canvas, Surface
from unmask.synth.geometry import FaceCurves, FaceFrame
from unmask.synth.outlines import MaskShape

KINDS = tuple(outlines.OUTLINES)
WEARS = ("well", "under-nose", "askew")
PATTERNS = tuple(patterns.DRAWERS)
KIND_WEIGHTS = {"surgical": 0.36, "kn95": 0.15, "n95": 0.1, "cloth": 0.21, "neoprene": 0.09, "bandana": 0.09}
WEAR_WEIGHTS = {"well": 0.8, "under-nose": 0.1, "askew": 0.1}
NOTICEABLE = 0.05  # least coverage that counts; below it a pixel stays exactly as it was


@dataclass(frozen=True)
class MaskedFace:
    image: np.ndarray  # (H, W, 3) uint8 RGB, the masked face
    alpha: (
        np.ndarray
    )  # (H, W) float32 in [0, 1], how much of the photo is covered by cloth, straps and shadow
    mask: np.ndarray  # (H, W) uint8, 255 where alpha > 0, else 0: there `image` is the photo, byte for byte
    kind: str
    wear: str
    pattern: str


def put_mask_on(
    photo: np.ndarray, landmarks: ArrayLike, rng: np.random.Generator | int, kind: str | None = None,
    wear: str | None = None, pattern: str | None = None, color: ArrayLike | None = None, stand_off: float = 0.0,
) -> MaskedFace:  # fmt: skip
    """Put one face mask on the unmasked face in a photo; what is None is drawn at random.

    photo: (H, W, 3) uint8 RGB, 64 px or more. landmarks: (92, 2) in its pixels, x then y. rng: a Generator or
    a seed; the same seed and arguments give the same bytes. color: the cloth's main colour, RGB in 0..255.
    stand_off: how far the mask's sides and lower edge hang free of the face, units (1/256 of the face's crop), >= 0.
    """
    for name, value, known in (("kind", kind, KINDS), ("wear", wear, WEARS), ("pattern", pattern, PATTERNS)):
        if value is not None and value not in known:
            raise ValueError(f"no such {name}: {value!r}; choose from {', '.join(known)}")
    if not 0 <= stand_off < np.inf:
        raise ValueError(f"stand_off is {stand_off}, and must be 0 or more")
    rng = np.random.default_rng(rng)
    kind = kind or str(rng.choice(KINDS, p=[KIND_WEIGHTS[k] for k in KINDS]))
    wear = wear or str(rng.choice(WEARS, p=[WEAR_WEIGHTS[w] for w in WEARS]))
    pattern = pattern or patterns.draw_pattern(rng, kind)
    main = patterns.draw_color(rng, kind) if color is None else np.asarray(color, dtype=np.float64) / 255

    frame = FaceFrame.from_landmarks(np.asarray(landmarks, dtype=np.float64))
    curves = FaceCurves(frame)
    shape = outlines.draw_shape(curves, kind, wear, rng)
    if stand_off:
        shape.stand_off(stand_off, curves.centre)
    image, alpha = photo.copy(), np.zeros(photo.shape[:2], np.float32)
    box, choice = _box(frame, shape, photo.shape[:2], stand_off), (kind, wear, pattern)
    if box is not None:
        x0, y0, x1, y1 = box
        part = image[y0:y1, x0:x1]  # a view: drawing on it draws on the image
        alpha[y0:y1, x0:x1] = _draw(photo, part, Canvas(frame, box), curves, shape, choice, main, stand_off, rng)
    return MaskedFace(image, alpha, np.where(alpha > 0, np.uint8(255), np.uint8(0)), *choice)


def _box(
    frame: FaceFrame, shape: MaskShape, size: tuple[int, ...], stand_off: float
) -> tuple[int, int, int, int] | None:
    """The photo's pixels that the mask and its shadow can reach: (x0, y0, x1, y1), or None without any."""
    reach = frame.to_photo(np.concatenate([shape.outline, *(curve for curve, _ in shape.straps)]))
    margin, limit = (9 + stand_off) * frame.unit + 3, (size[1], size[0])
    x0, y0 = np.clip(np.floor(reach.min(0) - margin), 0, limit).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(reach.max(0) + margin), 0, limit).astype(int).tolist()
    return (x0, y0, x1, y1) if min(x1 - x0, y1 - y0) >= 4 else None


def _draw(
    photo: np.ndarray, part: np.ndarray, canvas: Canvas, curves: FaceCurves, shape: MaskShape,
    choice: tuple[str, str, str], main: np.ndarray, stand_off: float, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Draw the mask on `part`, the canvas's piece of the image, in place; return its alpha (h, w) float32."""
    kind, wear, pattern = choice
    lamp, camera = light.estimate_light(photo, canvas.frame, rng), light.estimate_camera(photo, canvas.frame)
    surface = Surface(canvas, curves, shape)

    form, folds, shift = relief.build(surface, curves, shape, kind, wear, rng)
    colours = _cloth_colours(surface, pattern, main, shift, rng)
    details.add(surface, curves, shape, kind, colours, folds, main, rng)
    bright = relief.shade(canvas, form, folds, lamp, rng)
    weave = rng.standard_normal(canvas.shape, dtype=np.float32)
    bright *= 1 + np.float32(rng.uniform(0.01, 0.045)) * canvas.blur(weave, 0.45)

    cloth = surface.cloth
    strap_colours, strap = details.straps(canvas, shape, main, kind, rng)
    cover = cloth + strap * (1 - cloth)
    layer = colours * (cloth * bright)[:, :, None]  # colour times coverage
    layer += strap_colours * (1 - cloth)[:, :, None]
    hair = light.hair_in_front(part, surface, lamp)
    if hair is not None and rng.random() < 0.75:
        cover *= 1 - hair
        layer *= (1 - hair)[:, :, None]
    layer = _lit(canvas, layer, cover, lamp)
    shadow = _shadow(canvas, curves, cover, lamp, stand_off, rng)
    layer, cover = _filmed(layer, cover, camera, rng)

    alpha: np.ndarray = np.clip(cover + shadow * (1 - cover), 0, 1)
    changed = (alpha >= NOTICEABLE).astype(np.float32)
    alpha *= changed
    layer *= 255 * changed[:, :, None]
    layer += part * (1 - alpha)[:, :, None]  # where nothing changed, exactly the photo
    drawn = np.clip(layer + np.float32(0.5), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:  # the photo's compression, on the mask only
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        pressed = np.asarray(cv2.imdecode(cv2.imencode(".jpg", drawn[:, :, ::-1], quality)[1], cv2.IMREAD_COLOR))
        drawn = np.where(alpha[:, :, None] > 0, pressed[:, :, ::-1], drawn)
    part[:] = drawn
    return alpha


def _cloth_colours(
    surface: Surface, pattern: str, main: np.ndarray, shift: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The printed cloth without light: (h, w, 3) float32 in 0..1."""
    canvas = surface.canvas
    if pattern == "plain":
        return np.broadcast_to(np.float32(main), (*canvas.shape, 3)).copy()
    scale = float(np.clip(1.25 * canvas.unit, 0.5, 4))  # tile pixels per unit
    tile = patterns.paint_tile(rng, pattern, main, scale)
    s = 70 * np.arcsin(np.clip(np.float32(0.93) * surface.u, -0.99, 0.99))  # along the bent cloth
    t = canvas.y + shift
    if pattern == "print":  # one motif, in the middle of the mask
        s, t = s + 120, (surface.v - np.float32(0.55)) * 100 + 120
    else:
        angle = (0.0, np.pi / 2, rng.normal(0, 0.1), rng.uniform(0, np.pi))[rng.integers(4)]
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        start_s, start_t = rng.uniform(0, 300, 2).astype(np.float32)
        s, t = cos * s - sin * t + start_s, sin * s + cos * t + start_t
    s, t = ((scale * axis).astype(np.float32) for axis in (s, t))
    printed = cv2.remap(tile, s, t, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return printed.astype(np.float32) * np.float32(1 / 255)


def _lit(canvas: Canvas, colours: np.ndarray, cover: np.ndarray, lamp: light.Light) -> np.ndarray:
    """The photo's light on the layer: colours (h, w, 3) times coverage (h, w), both float32."""
    field = np.exp(np.float32(lamp.slope[0]) * canvas.x + np.float32(lamp.slope[1]) * (canvas.y - 40))
    lit = colours * (np.float32(0.97 * lamp.level) * field)[:, :, None]
    lit *= lamp.tint
    lit += (np.float32(0.03 * lamp.level) * cover)[:, :, None]  # black cloth is never quite black
    if lamp.colourless:
        lit = np.repeat((lit @ light.LUMA)[:, :, None], 3, axis=2)
    over = np.maximum(lit - np.float32(0.86), 0)  # bright cloth rolls off towards white
    rolled_off: np.ndarray = lit - over * over / (over + np.float32(0.14))
    return rolled_off


def _shadow(
    canvas: Canvas, curves: FaceCurves, cover: np.ndarray, lamp: light.Light, stand_off: float, rng: np.random.Generator
) -> np.ndarray:
    """Coverage by the mask's shadow, on the face and neck only: (h, w) float32.

    The further the cloth stands off the skin, the further its shadow falls, and the softer.
    """
    reach = rng.uniform(1.2, 2.8) + 0.3 * stand_off
    move = -lamp.direction[:2] * reach * 1.2
    dx, dy = canvas.unit * (move[0] * canvas.frame.x_axis + move[1] * canvas.frame.y_axis)
    h, w = canvas.shape
    moved = cv2.warpAffine(cover, np.array([[1, 0, dx], [0, 1, dy]]), (w, h), flags=cv2.INTER_LINEAR)
    skin = curves.centre + (curves.oval - curves.centre) * 1.02
    skin[13:24] += [0, 18 + stand_off]  # the neck below the chin
    shadow: np.ndarray = canvas.blur(moved, reach * 0.7) * canvas.stencil(skin) * np.float32(rng.uniform(0.2, 0.5))
    return shadow


def _filmed(
    layer: np.ndarray, cover: np.ndarray, camera: light.Camera, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Colour (h, w, 3) and coverage (h, w) as the photo's camera would have seen them: as soft, as noisy."""
    if camera.blur > 0.35:
        layer, cover = (cv2.GaussianBlur(image, (0, 0), camera.blur) for image in (layer, cover))
    grain = rng.standard_normal(cover.shape, dtype=np.float32) * np.float32(camera.noise / 255)
    return layer + (grain * cover)[:, :, None], cover
