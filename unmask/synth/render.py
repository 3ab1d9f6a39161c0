"""Draws a face mask on a photo of an unmasked face: cloth, relief, light, straps, shadow, camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmask.synth import geometry, light, patterns
from unmask.synth.geometry import LEFT, RIGHT, FaceCurves, FaceFrame

KINDS = tuple(geometry.OUTLINES)
WEARS = ("well", "under-nose", "askew")
PATTERNS = tuple(patterns.DRAWERS)
KIND_WEIGHTS = {"surgical": 0.36, "kn95": 0.15, "n95": 0.1, "cloth": 0.21, "neoprene": 0.09, "bandana": 0.09}
WEAR_WEIGHTS = {"well": 0.8, "under-nose": 0.1, "askew": 0.1}
NOTICEABLE = 0.05  # least coverage that counts; below it a pixel stays exactly as it was


@dataclass(frozen=True)
class MaskedFace:
    image: np.ndarray  # (H, W, 3) uint8 RGB, the masked face
    alpha: np.ndarray  # (H, W) float32 in [0, 1], how much of the photo is covered: cloth, straps and their shadow
    mask: np.ndarray  # (H, W) uint8, 255 where alpha > 0, else 0; there, and only there, `image` differs from the photo
    kind: str
    wear: str
    pattern: str


class Canvas:
    """The part of the photo that a mask touches, its pixels' frame coordinates, and antialiased drawing on it."""

    def __init__(self, frame, box):
        self.frame, self.box = frame, box
        x0, y0, x1, y1 = box
        self.shape = (y1 - y0, x1 - x0)
        self.unit = frame.unit
        self.a, self.b = frame.grid(*box)  # (h, w) each, units

    def pixels(self, points):
        """Units -> this canvas's pixels."""
        return self.frame.to_photo(points) - self.box[:2]

    def stencil(self, points):
        """Coverage of a polygon given in units: (h, w) float32 in [0, 1]."""
        drawn = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(drawn, [np.round(self.pixels(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return drawn.astype(np.float32) / 255

    def lookup(self, at, first, step, table):
        """Linear interpolation of a table sampled at first, first + step, ...: (h, w) float32."""
        at = (at - np.float32(first)) / np.float32(step)
        row = np.asarray(table, dtype=np.float32)[None]
        return cv2.remap(row, at, np.zeros_like(at), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def blur(self, image, sigma):
        """sigma in units."""
        sigma *= self.unit
        return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.25 else image


class Surface:
    """Where each pixel lies on the mask: u across (-1..1 = the head's silhouettes), v down (0 top, 1 bottom edge)."""

    def __init__(self, canvas, curves, shape):
        self.canvas, self.curves = canvas, curves
        rows = np.arange(-60.0, 260.0, 2.0)
        oval = curves.oval
        half = {}
        order = np.argsort(curves.midline[:, 1])
        middle = np.interp(rows, curves.midline[order, 1], curves.midline[order, 0])
        for side, part in ((RIGHT, oval[3:17]), (LEFT, oval[20:34][::-1])):
            down = np.maximum.accumulate(part[:, 1])
            half[side] = np.maximum(np.abs(np.interp(rows, down, part[:, 0]) - middle), 8) * 1.04
        a, b = canvas.a, canvas.b
        across = a - canvas.lookup(b, rows[0], 2.0, middle)
        width = np.where(
            across > 0, canvas.lookup(b, rows[0], 2.0, half[RIGHT]), canvas.lookup(b, rows[0], 2.0, half[LEFT])
        )
        self.u = across / width
        columns = np.arange(-130.0, 131.0, 2.0)
        top = np.interp(columns, *self._sorted(shape.top))
        bottom = np.interp(columns, *self._sorted(shape.bottom))
        top, bottom = (canvas.lookup(a, columns[0], 2.0, edge) for edge in (top, bottom))
        self.v = (b - top) / np.maximum(bottom - top, 4)
        self.cloth = canvas.stencil(shape.outline)
        inside = cv2.distanceTransform((self.cloth > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        self.edge = inside / np.float32(canvas.unit)  # distance to the mask's edge, units

    @staticmethod
    def _sorted(edge):
        order = np.argsort(edge[:, 0])
        return edge[order, 0], edge[order, 1]


def _gauss(x, width):
    return np.exp(-((x / np.float32(width)) ** 2))


def _wrinkles(canvas, rng, spacing, stretch, angle):
    """Soft random folds `spacing` units apart, drawn out by `stretch` along `angle`: (h, w) float32, about -1..1."""
    grid = rng.standard_normal((24, 24)).astype(np.float32)
    cos, sin = np.cos(angle), np.sin(angle)
    step = spacing * canvas.unit
    h, w = canvas.shape
    inverse = np.array([[cos / (stretch * step), sin / (stretch * step), 0], [-sin / step, cos / step, 0]])
    inverse[:, 2] = 12 - inverse[:, :2] @ [w / 2, h / 2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grid, inverse, (w, h), flags=flags, borderMode=cv2.BORDER_WRAP)


def _creases(canvas, curves, shape, rng, count):
    """Tension folds from the straps' corners into the cloth: (h, w) float32, about -1..1."""
    drawn = np.zeros(canvas.shape, np.float32)
    ends = [shape.top[0], shape.top[-1], shape.bottom[0], shape.bottom[-1], shape.top[len(shape.top) // 2]]
    thick = max(1, round(1.6 * canvas.unit))
    for _ in range(count):
        start = ends[rng.integers(len(ends))]
        goal = curves.centre + rng.normal(0, (26, 22))
        goal = start + (goal - start) * rng.uniform(0.35, 0.9)
        middle = (start + goal) / 2 + rng.normal(0, 3, 2)
        line = canvas.pixels(geometry.spline([start, middle, goal], steps=5))
        cv2.polylines(drawn, [np.round(line).astype(np.int32)], False, rng.uniform(0.5, 1.2) * rng.choice([-1, 1]), thick)
    return canvas.blur(drawn, 1.5)


def _pleats(surface, rng):
    """Sideways pleats as on a surgical mask: (height in units, shift of the print in units)."""
    count = int(rng.choice([2, 3, 3, 3, 4]))
    first, last = rng.uniform(0.2, 0.36), rng.uniform(0.68, 0.84)
    squeeze = 1 - rng.uniform(0.1, 0.4) * surface.u**2  # pleats lie closer together at the sides
    v = (surface.v - 0.5) / squeeze + 0.5 + _wrinkles(surface.canvas, rng, 45, 1, 0) * 0.012
    phase = np.clip((v - first) / (last - first), 0, 0.9999) * count
    tooth = phase - np.floor(phase)
    inside = (v > first) & (v < last)
    depth = rng.uniform(0.8, 2.2)
    return np.where(inside, depth * tooth, 0).astype(np.float32), np.floor(phase) * np.float32(rng.uniform(2, 6))


def _relief(surface, curves, shape, kind, wear, rng):
    """Height above the picture plane in units: (broad form, folds, shift of the print), (h, w) float32 each."""
    canvas, u, v = surface.canvas, surface.u, surface.v
    shift = np.zeros(canvas.shape, np.float32)
    form = 60 * np.sqrt(np.maximum(1 - 0.86 * u * u, 0.06))
    nose_v = np.float32(-0.1 if wear == "under-nose" else 0.22)
    ridge = _gauss(u, 0.26) * _gauss(v - nose_v, 0.4)
    folds = np.zeros(canvas.shape, np.float32)
    slack = rng.uniform(0.4, 1.0)
    if kind == "surgical":
        form += rng.uniform(6, 13) * ridge + 5 * _gauss(u, 0.5) * _gauss(v - 0.7, 0.4)
        pleats, shift = _pleats(surface, rng)
        folds += pleats + slack * 0.7 * _wrinkles(canvas, rng, rng.uniform(8, 14), rng.uniform(1.5, 3), rng.normal(0, 0.4))
        folds += slack * _creases(canvas, curves, shape, rng, int(rng.integers(3, 9)))
    elif kind == "kn95":
        sharp = rng.uniform(14, 26)
        form += sharp * (1 - np.sqrt(u * u + 0.002)) * np.clip(np.sin(np.pi * np.clip(v * 0.9 + 0.1, 0, 1)), 0, 1)
        folds += -0.8 * _gauss(u * 70, 1.3) + slack * 0.5 * _wrinkles(canvas, rng, 12, 2, rng.uniform(0, 3))
        folds += slack * 0.6 * _creases(canvas, curves, shape, rng, int(rng.integers(1, 5)))
    elif kind == "n95":
        reach = np.clip(surface.edge / rng.uniform(24, 40), 0, 1)
        form = 0.5 * form + rng.uniform(22, 34) * np.sqrt(1 - (1 - reach) ** 2) + 5 * ridge
        for level in rng.uniform(8, 26, int(rng.integers(0, 4))):  # moulded ribs
            folds += rng.uniform(0.4, 0.9) * _gauss(surface.edge - np.float32(level), 1.4)
        folds += 0.25 * _wrinkles(canvas, rng, 9, 1, 0)
    elif kind == "cloth":
        form += rng.uniform(7, 18) * ridge + rng.uniform(2, 9) * _gauss(u, 0.55) * _gauss(v - 0.55, 0.45)
        style = rng.random()
        if style < 0.5:  # two panels sewn down the middle
            folds += -rng.uniform(0.6, 1.2) * _gauss(u * 70, 1.1)
        elif style < 0.75:
            pleats, shift = _pleats(surface, rng)
            folds += 1.2 * pleats
        folds += slack * 1.3 * _wrinkles(canvas, rng, rng.uniform(8, 20), rng.uniform(1.2, 3), rng.uniform(0, 3.1))
        folds += slack * 1.5 * _creases(canvas, curves, shape, rng, int(rng.integers(2, 9)))
    elif kind == "neoprene":
        form += rng.uniform(10, 18) * ridge + rng.uniform(4, 9) * _gauss(u, 0.5) * _gauss(v - 0.55, 0.4)
        if rng.random() < 0.6:
            folds += -rng.uniform(0.5, 1.0) * _gauss(u * 70, 1.0)
        folds += slack * 0.5 * _creases(canvas, curves, shape, rng, int(rng.integers(1, 5)))
    else:
        form += rng.uniform(9, 16) * ridge + 4 * _gauss(u, 0.5) * _gauss(v - 0.4, 0.3)
        folds += slack * 2.0 * _wrinkles(canvas, rng, rng.uniform(9, 18), rng.uniform(2, 5), rng.normal(0, 0.5))
        folds += slack * 2.4 * _creases(canvas, curves, shape, rng, int(rng.integers(5, 13)))
    return form, folds, shift


def _shade(canvas, form, folds, lamp, rng):
    """Brightness of the relief under the photo's light, about 1 where the cloth faces the camera: (h, w) float32."""
    height = form + canvas.blur(folds, 0.5)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=canvas.unit / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=canvas.unit / 8)
    lx, ly = lamp.direction[0] * canvas.frame.x_axis + lamp.direction[1] * canvas.frame.y_axis
    lz = lamp.direction[2]
    facing = (np.float32(lz) - np.float32(lx) * slope_x - np.float32(ly) * slope_y) / np.sqrt(
        1 + slope_x * slope_x + slope_y * slope_y
    )
    ambient = np.float32(rng.uniform(0.5, 0.72))
    shade = (ambient + (1 - ambient) * np.maximum(facing, 0)) / (ambient + (1 - ambient) * np.float32(lz))
    hollow = canvas.blur(folds, 2.5) - canvas.blur(folds, 0.5)
    return np.clip(shade - np.float32(rng.uniform(0.05, 0.12)) * hollow, 0.25, 1.35)


def _cloth_colours(surface, pattern, main, shift, rng):
    """The printed cloth without light: (h, w, 3) float32 in 0..1."""
    canvas = surface.canvas
    if pattern == "plain":
        return np.broadcast_to(np.float32(main), (*canvas.shape, 3)).copy()
    scale = float(np.clip(1.25 * canvas.unit, 0.5, 4))
    tile, scale = patterns.paint_tile(rng, pattern, main, scale)
    s = 70 * np.arcsin(np.clip(0.93 * surface.u, -0.99, 0.99))
    t = canvas.b + shift
    if pattern == "print":  # one motif, in the middle of the mask
        s, t = s + 120, (surface.v - np.float32(0.55)) * 100 + 120
    else:
        angle = rng.choice([0.0, np.pi / 2, rng.normal(0, 0.1), rng.uniform(0, np.pi)])
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        s, t = cos * s - sin * t + np.float32(rng.uniform(0, 300)), sin * s + cos * t + np.float32(rng.uniform(0, 300))
    s, t = (np.asarray(m * np.float32(scale), dtype=np.float32) for m in (s, t))
    return cv2.remap(tile, s, t, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).astype(np.float32) / 255


def _paint(colours, cover, colour):
    """Lay a colour (3,) over (h, w, 3) with coverage (h, w), in place."""
    colours += cover[:, :, None] * (np.float32(colour) - colours)


def _spot(canvas, centre, radius_x, radius_y=None, sides=24):
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    return canvas.stencil(centre + np.column_stack([radius_x * np.cos(turn), (radius_y or radius_x) * np.sin(turn)]))


def _valve(canvas, colours, folds, centre, rng, dark):
    """An exhalation valve: a round or square box with slots."""
    radius = rng.uniform(7.5, 12)
    base = rng.choice([0.12, 0.6, 0.92], p=[0.4, 0.15, 0.45] if dark else [0.1, 0.2, 0.7])
    colour = np.full(3, base) + rng.normal(0, 0.03, 3)
    if rng.random() < 0.7:
        body, top = _spot(canvas, centre, radius), _spot(canvas, centre, 0.76 * radius)
    else:
        corner = np.array([[-1, -0.8], [1, -0.8], [1, 0.8], [-1, 0.8]]) * radius
        body = canvas.stencil(geometry.spline(centre + corner * 0.95, steps=4, closed=True))
        top = canvas.stencil(centre + corner * 0.7)
    _paint(colours, body, colour)
    _paint(colours, 0.25 * (body - top), [0, 0, 0])
    for k in range(int(rng.integers(0, 5))):
        y = centre[1] + radius * (-0.4 + 0.22 * k)
        slot = np.array([[-0.5, 0], [0.5, 0], [0.5, 0.09], [-0.5, 0.09]]) * radius + [centre[0], y]
        _paint(colours, 0.6 * canvas.stencil(slot), colour * 0.35)
    folds += 2.2 * body + 1.2 * top


def _nose_wire(canvas, colours, folds, shape, rng, metal):
    """The bendable strip under or on the top edge."""
    top = shape.top
    middle = len(top) // 2
    reach = int(len(top) * rng.uniform(0.12, 0.2))
    strip = geometry.ribbon(top[middle - reach : middle + reach + 1] + [0, rng.uniform(3.5, 6)], rng.uniform(1.6, 3.5))
    cover = canvas.stencil(strip)
    if metal:
        _paint(colours, 0.9 * cover, np.full(3, rng.uniform(0.55, 0.85)))
    folds += rng.uniform(0.4, 1.0) * cover


def _small_print(canvas, colours, curves, rng):
    """A maker's lettering on a respirator: lines of small type."""
    text = np.zeros(canvas.shape, np.uint8)
    at = canvas.pixels((curves.centre + [rng.uniform(-38, 10), rng.uniform(-14, 26)])[None])[0]
    for k in range(int(rng.integers(1, 4))):
        line = "".join(rng.choice(list("ABCDEFKNMPRSTO0123589 "), int(rng.integers(4, 11))))
        place = (int(at[0]), int(at[1] + 6.5 * k * canvas.unit))
        cv2.putText(text, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.17 * canvas.unit, 255, 1, cv2.LINE_AA)
    ink = rng.choice([0.15, 0.4]) + np.array([0, 0, rng.choice([0, 0.3])])
    _paint(colours, text.astype(np.float32) * np.float32(rng.uniform(0.3, 0.8) / 255), ink)


def _details(surface, curves, shape, kind, colours, folds, main, rng):
    """Hems, seams, wires, valves, vents and lettering, drawn on the colours and on the folds in place."""
    canvas, edge, u = surface.canvas, surface.edge, surface.u
    dark = main.mean() < 0.35
    folds += 0.8 * np.clip(edge / 1.5, 0, 1)  # the cloth's own thickness at its edge
    accent = main * 0.5 if not dark else main + 0.2
    if kind == "surgical":
        hem = rng.uniform(2.5, 5)
        for at in (surface.v * 95, (1 - surface.v) * 95):
            folds -= 0.5 * _gauss(at - np.float32(hem), 0.7)
        if rng.random() < 0.35:  # bound edges of another shade
            _paint(colours, (surface.v * 95 < hem).astype(np.float32), np.clip(main * rng.uniform(0.9, 1.15), 0, 1))
        _nose_wire(canvas, colours, folds, shape, rng, metal=False)
    elif kind == "kn95":
        for line in (0.0, rng.uniform(3, 6)):
            stitch = _gauss(edge - np.float32(line + 1.5), 0.6)
            folds -= 0.6 * stitch
            _paint(colours, 0.12 * stitch, accent)
        _paint(colours, 0.18 * _gauss(np.abs(u) * 70 - 2.5, 0.8), accent)
        _nose_wire(canvas, colours, folds, shape, rng, metal=rng.random() < 0.3)
        if rng.random() < 0.12:
            _valve(canvas, colours, folds, curves.centre + [rng.choice([-1, 1]) * rng.uniform(18, 28), rng.uniform(0, 14)], rng, dark)
        if rng.random() < 0.4:
            _small_print(canvas, colours, curves, rng)
    elif kind == "n95":
        rim = rng.uniform(2.5, 5)
        folds -= 0.9 * _gauss(edge - np.float32(rim), 0.8)
        _paint(colours, 0.15 * (edge < rim).astype(np.float32), accent)
        if rng.random() < 0.6:
            _nose_wire(canvas, colours, folds, shape, rng, metal=True)
        if rng.random() < 0.5:
            side = rng.choice([0, -24, 24])
            _valve(canvas, colours, folds, curves.centre + [side + rng.normal(0, 2), rng.uniform(2, 20)], rng, dark)
        if rng.random() < 0.5:
            _small_print(canvas, colours, curves, rng)
    elif kind in ("cloth", "bandana"):
        hem = rng.uniform(2, 6)
        if kind == "cloth" and rng.random() < 0.3:  # bound edges of another colour
            _paint(colours, np.clip((hem - edge) * canvas.unit + 0.5, 0, 1), patterns.draw_color(rng, "cloth"))
        folds -= rng.uniform(0.3, 0.8) * _gauss(edge - np.float32(hem), 0.7)
    else:
        trim = rng.uniform(1.2, 2.6)
        if rng.random() < 0.45:
            _paint(colours, np.clip((trim - edge) * canvas.unit + 0.5, 0, 1) * 0.8, accent)
        if rng.random() < 0.4:  # vents
            where = rng.uniform(20, 30)
            pair = (-where, where) if rng.random() < 0.7 else (rng.choice([-where, where]),)
            height = rng.uniform(4, 16)
            for x in pair:
                _valve(canvas, colours, folds, curves.centre + [x - 12 * curves.yaw, height], rng, dark)


def _straps(canvas, shape, main, kind, rng):
    """(colour premultiplied by coverage (h, w, 3), coverage (h, w)), without light."""
    if kind in ("neoprene", "bandana"):
        colour = main
    elif kind == "n95":
        colour = np.array([[0.93, 0.93, 0.9], [0.9, 0.75, 0.25], [0.12, 0.12, 0.12], main][rng.choice(4, p=[0.5, 0.3, 0.1, 0.1])])
    else:
        colour = np.array([[0.95, 0.95, 0.95], main, [0.1, 0.1, 0.1]][rng.choice(3, p=[0.6, 0.32, 0.08])])
        if main.mean() < 0.3 and rng.random() < 0.85:
            colour = main
    cover = np.zeros(canvas.shape, np.float32)
    lit = np.zeros(canvas.shape, np.float32)
    for curve, width in shape.straps:
        band = canvas.stencil(geometry.ribbon(curve, width))
        core = canvas.stencil(geometry.ribbon(curve, np.asarray(width) * 0.45))
        lit = np.maximum(lit, band * (0.66 + 0.26 * core))  # at the head's side, so turned away from the light
        cover = np.maximum(cover, band)
    return lit[:, :, None] * np.float32(colour), cover


def _shadow(canvas, curves, cover, lamp, rng):
    """Coverage by the mask's shadow, on the face and neck only: (h, w) float32."""
    reach = rng.uniform(1.2, 2.6)
    move = -lamp.direction[:2] * reach * 1.2
    dx, dy = canvas.unit * (move[0] * canvas.frame.x_axis + move[1] * canvas.frame.y_axis)
    h, w = canvas.shape
    moved = cv2.warpAffine(cover, np.array([[1, 0, dx], [0, 1, dy]]), (w, h), flags=cv2.INTER_LINEAR)
    face = curves.centre + (curves.oval - curves.centre) * 1.02
    face[13:24] += [0, 18]  # the neck below the chin
    return canvas.blur(moved, reach * 0.7) * canvas.stencil(face) * np.float32(rng.uniform(0.2, 0.5))


def _film(canvas, layer, camera, rng):
    """Blur (h, w, c) float32 like the photo, and add its noise to the first three channels, in place where possible."""
    if camera.blur > 0.35:
        layer = cv2.GaussianBlur(layer, (0, 0), camera.blur)
    grain = rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(camera.noise / 255)
    layer[:, :, :3] += (grain * layer[:, :, 3])[:, :, None]
    return layer


def put_mask_on(photo, landmarks, rng, kind=None, wear=None, pattern=None, color=None) -> MaskedFace:
    """Put one face mask on the unmasked face in a photo; what is None is drawn at random.

    photo: (H, W, 3) uint8 RGB, 64 px or more. landmarks: (92, 2) in its pixels, x then y. rng: a Generator or a seed;
    the same seed and arguments give the same bytes. color: the cloth's main colour, RGB in 0..255.
    """
    rng = np.random.default_rng(rng)
    kind = kind or str(rng.choice(KINDS, p=[KIND_WEIGHTS[k] for k in KINDS]))
    wear = wear or str(rng.choice(WEARS, p=[WEAR_WEIGHTS[w] for w in WEARS]))
    pattern = pattern or patterns.draw_pattern(rng, kind)
    for name, value, known in (("kind", kind, KINDS), ("wear", wear, WEARS), ("pattern", pattern, PATTERNS)):
        if value not in known:
            raise ValueError(f"no such {name}: {value!r}; choose from {', '.join(known)}")
    main = patterns.draw_color(rng, kind) if color is None else np.asarray(color, dtype=np.float64) / 255

    frame = FaceFrame.from_landmarks(np.asarray(landmarks, dtype=np.float64))
    curves = FaceCurves(frame)
    shape = geometry.draw_shape(curves, kind, wear, rng)
    lamp = light.estimate_light(photo, frame, rng)
    camera = light.estimate_camera(photo, frame)

    height, width = photo.shape[:2]
    alpha, mask, image = np.zeros((height, width), np.float32), np.zeros((height, width), np.uint8), photo.copy()
    reach = frame.to_photo(np.concatenate([shape.outline, *(curve for curve, _ in shape.straps)]))
    margin = 9 * frame.unit + 3
    x0, y0 = np.clip(np.floor(reach.min(0) - margin), 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.ceil(reach.max(0) + margin), 0, (width, height)).astype(int)
    if min(x1 - x0, y1 - y0) < 4:  # the face lies outside the picture
        return MaskedFace(image, alpha, mask, kind, wear, pattern)
    canvas = Canvas(frame, (int(x0), int(y0), int(x1), int(y1)))

    surface = Surface(canvas, curves, shape)
    form, folds, shift = _relief(surface, curves, shape, kind, wear, rng)
    colours = _cloth_colours(surface, pattern, main, shift, rng)
    _details(surface, curves, shape, kind, colours, folds, main, rng)
    shade = _shade(canvas, form, folds, lamp, rng)
    weave = rng.standard_normal(canvas.shape, dtype=np.float32)
    shade *= 1 + np.float32(rng.uniform(0.01, 0.045)) * canvas.blur(weave, 0.45)

    strap_colours, strap = _straps(canvas, shape, main, kind, rng)
    cloth = surface.cloth
    cover = cloth + strap * (1 - cloth)
    layer = np.empty((*canvas.shape, 4), np.float32)
    lit = (colours * (cloth * shade)[:, :, None]) + strap_colours * (1 - cloth)[:, :, None]
    field = np.exp(np.float32(lamp.slope[0]) * canvas.a + np.float32(lamp.slope[1]) * (canvas.b - 40)) * np.float32(lamp.level)
    lit *= field[:, :, None] * lamp.tint
    lit = lit * np.float32(0.97) + np.float32(0.03 * lamp.level) * cover[:, :, None]  # black cloth is never quite black
    if lamp.colourless:
        lit[:] = (lit @ light.LUMA)[:, :, None]
    over = np.maximum(lit - np.float32(0.86), 0)
    layer[:, :, :3] = lit - over * over / (over + np.float32(0.14))  # bright cloth rolls off towards white
    layer[:, :, 3] = cover
    shadow = _shadow(canvas, curves, cover, lamp, rng)
    layer = _film(canvas, layer, camera, rng)
    cover = layer[:, :, 3]
    covered = cover + shadow * (1 - cover)

    part = image[y0:y1, x0:x1]
    blend = part * (1 - covered)[:, :, None] + 255 * layer[:, :, :3]
    changed = covered >= NOTICEABLE
    part[changed] = np.clip(blend[changed] + 0.5, 0, 255).astype(np.uint8)
    alpha[y0:y1, x0:x1] = np.where(changed, np.clip(covered, 0, 1), 0)
    mask[y0:y1, x0:x1] = np.where(changed, 255, 0)
    return MaskedFace(image, alpha, mask, kind, wear, pattern)
