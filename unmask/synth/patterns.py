"""What is on the cloth: colours, and printed patterns as tiles that repeat without a seam."""

import colorsys
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

Points = np.ndarray | Sequence[Sequence[float]]  # (n, 2)
Colour = tuple[float, tuple[float, float], tuple[float, float]]
# Main colours with their weight per kind, as (hue 0..1, saturation range, value range); None = every hue.
_WHITE = (0.6, (0.0, 0.05), (0.88, 1.0))
_BLACK = (0.62, (0.0, 0.25), (0.05, 0.16))
_GREY = (0.6, (0.0, 0.12), (0.25, 0.7))
_SKY = (0.555, (0.22, 0.6), (0.75, 0.95))
_BLUE = (0.58, (0.5, 0.85), (0.5, 0.9))
_MINT = (0.46, (0.15, 0.45), (0.7, 0.92))
_PINK = (0.95, (0.15, 0.4), (0.85, 0.97))
_NAVY = (0.62, (0.4, 0.8), (0.15, 0.35))
_YELLOW = (0.14, (0.15, 0.7), (0.85, 0.97))
_COLOURS = {
    "surgical": [
        (_SKY, 38), (_WHITE, 22), (_MINT, 10), (_BLACK, 9), (_PINK, 6), (_BLUE, 6), (_GREY, 3), (None, 8),
    ],
    "kn95": [(_WHITE, 58), (_BLACK, 12), (_GREY, 8), (_SKY, 4), (_PINK, 4), (_MINT, 3), (None, 11)],
    "n95": [(_WHITE, 66), (_SKY, 8), (_GREY, 9), (_BLACK, 4), (_MINT, 3), (_YELLOW, 3), (None, 7)],
    "cloth": [(_BLACK, 20), (_WHITE, 10), (_GREY, 12), (_NAVY, 10), (_PINK, 6), (None, 42)],
    "neoprene": [(_BLACK, 45), (_GREY, 20), (_NAVY, 10), (_PINK, 4), (None, 21)],
    "bandana": [(_BLACK, 16), (_NAVY, 10), (_GREY, 10), (_WHITE, 5), (None, 59)],
}  # fmt: skip


def draw_color(rng: np.random.Generator, kind: str) -> np.ndarray:
    """A main colour, (3,) float RGB in 0..1."""
    choices, weights = zip(*_COLOURS[kind], strict=True)
    choice = choices[rng.choice(len(choices), p=np.array(weights) / sum(weights))]
    hue, saturation, value = choice or (rng.random(), (0.1, 0.88), (0.2, 0.96))
    hue += rng.normal(0, 0.02)
    return np.array(colorsys.hsv_to_rgb(hue % 1, rng.uniform(*saturation), rng.uniform(*value)))


def draw_palette(rng: np.random.Generator, main: np.ndarray, count: int = 4) -> np.ndarray:
    """`count` colours that go with `main`, (count, 3) in 0..1: lighter or darker, or of another hue."""
    hue, saturation, value = colorsys.rgb_to_hsv(*main)
    step = rng.choice([0.0, 0.08, 0.33, 0.5, rng.random()])
    palette = []
    for k in range(1, count + 1):
        if rng.random() < 0.25:
            colour = (hue, 0.03, 0.95 if value < 0.6 else rng.choice([0.1, 0.95]))
        else:
            new_value = value + (-1 if value > 0.55 else 1) * rng.uniform(0.15, 0.6)
            new_saturation = np.clip(saturation + rng.normal(0.1, 0.3), 0, 1)
            colour = ((hue + k * step) % 1, new_saturation, np.clip(new_value, 0.05, 1))
        palette.append(colorsys.hsv_to_rgb(*colour))
    return np.array(palette)


class Tile:
    """An RGB canvas that wraps around: what leaves one side comes in on the other. Lengths in units."""

    def __init__(self, width: float, height: float, scale: float, ground: ArrayLike):
        self.scale = scale
        self.pixels = np.empty((max(4, round(height * scale)), max(4, round(width * scale)), 3), np.uint8)
        self.pixels[:] = self.ink(ground)
        self.width, self.height = self.pixels.shape[1] / scale, self.pixels.shape[0] / scale

    @staticmethod
    def ink(colour: ArrayLike) -> tuple[int, ...]:
        return tuple(round(255 * float(c)) for c in np.clip(colour, 0, 1))

    def polygon(self, points: Points, colour: ArrayLike) -> None:
        """points: (n, 2) units."""
        points = np.asarray(points, dtype=np.float64)
        low, high = points.min(0), points.max(0)
        for dx in range(-int(high[0] // self.width), -int(low[0] // self.width) + 1):
            for dy in range(-int(high[1] // self.height), -int(low[1] // self.height) + 1):
                moved = (points + np.array([dx * self.width, dy * self.height])) * self.scale - 0.5
                fixed = np.round(moved * 16).astype(np.int32)
                cv2.fillPoly(self.pixels, [fixed], self.ink(colour), cv2.LINE_AA, 4)

    def blob(
        self, x: float, y: float, radius_x: float, radius_y: float | None = None, angle: float = 0.0,
        colour: ArrayLike = (0, 0, 0), sides: int = 12,
    ) -> None:  # fmt: skip
        turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        dx, dy = radius_x * np.cos(turn), (radius_y or radius_x) * np.sin(turn)
        cos, sin = np.cos(angle), np.sin(angle)
        self.polygon(np.column_stack([x + cos * dx - sin * dy, y + sin * dx + cos * dy]), colour)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> np.ndarray:
    """Smooth noise that wraps around: (h, w) float32, mean 0, deviation about 1; `cells` bumps per side."""
    h, w = shape
    x, y = (np.arange(n, dtype=np.float32) * np.float32(cells / n) for n in (w, h))
    grid = np.pad(rng.standard_normal((cells, cells), dtype=np.float32), 4, mode="wrap")
    at_x, at_y = np.broadcast_to(x + 4, shape), np.broadcast_to(y[:, None] + 4, shape)
    return cv2.remap(grid, at_x.copy(), at_y.copy(), cv2.INTER_CUBIC)


def _plain(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    return Tile(16, 16, scale, main)


def _stripes(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    period = rng.uniform(5, 26)
    tile = Tile(period, 8, scale, main)
    start = 0.0
    for colour in palette[: rng.integers(1, 4)]:
        width = rng.uniform(0.12, 0.45) * period
        tile.polygon([[start, 0], [start + width, 0], [start + width, 7.99], [start, 7.99]], colour)
        start += width * rng.uniform(1.2, 1.8)
    return tile


def _checks(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """Gingham or tartan: bands both ways that darken where they cross."""
    period = rng.uniform(5, 36)
    tile = Tile(period, period, scale, main)
    size = len(tile.pixels)
    line = np.zeros((tile.pixels.shape[1], 1), np.float32)
    cloth = tile.pixels.astype(np.float32)
    bands = 1 if rng.random() < 0.5 else int(rng.integers(2, 5))
    for k in range(bands):
        line[:] = 0
        if bands == 1:
            start, width, depth = 0, size // 2, 0.5
        else:
            start, width = int(rng.integers(size)), int(size * rng.uniform(0.05, 0.3)) + 1
            depth = rng.uniform(0.3, 0.6)
        line[np.arange(start, start + width) % size] = depth
        colour = palette[k % len(palette)] * 255
        cloth += line * (colour - cloth)
        cloth += line[:, :, None] * (colour - cloth)
    tile.pixels = cloth.astype(np.uint8)
    return tile


def _dots(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    period = rng.uniform(5, 24)
    tile = Tile(period, period, scale, main)
    radius = period * rng.uniform(0.1, 0.3)
    tile.blob(period * 0.25, period * 0.25, radius, colour=palette[0], sides=16)
    tile.blob(period * 0.75, period * 0.75, radius, colour=palette[rng.integers(2)], sides=16)
    return tile


def _scatter(rng: np.random.Generator, tile: Tile, count: int, draw: Callable[[float, float], None]) -> None:
    """Call draw(x, y) at `count` places spread over the tile, not too near each other."""
    side = int(np.ceil(np.sqrt(count)))
    for cell in rng.permutation(side * side)[:count]:
        row, column = divmod(int(cell), side)
        x = (column + 0.5 + 0.5 * (row % 2) + rng.uniform(-0.25, 0.25)) / side
        y = (row + 0.5 + rng.uniform(-0.25, 0.25)) / side
        draw(x * tile.width, y * tile.height)


def _floral(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    tile = Tile(80, 80, scale, main)
    size = rng.uniform(3, 8)
    green = colorsys.hsv_to_rgb(*rng.uniform((0.2, 0.2, 0.3), (0.45, 0.7, 0.7)))

    def flower(x: float, y: float) -> None:
        petals, turn, grow = int(rng.integers(4, 7)), rng.uniform(0, 6.3), size * rng.uniform(0.6, 1.2)
        for angle in turn + rng.uniform(1, 2.5, 2):
            leaf_x, leaf_y = x + 1.6 * grow * np.cos(angle), y + 1.6 * grow * np.sin(angle)
            tile.blob(leaf_x, leaf_y, grow, grow / 3, angle, green, 8)
        colour = palette[rng.integers(len(palette))]
        for angle in turn + np.arange(petals) * 2 * np.pi / petals:
            px, py = x + 0.7 * grow * np.cos(angle), y + 0.7 * grow * np.sin(angle)
            tile.blob(px, py, 0.62 * grow, 0.42 * grow, angle, colour, 8)
        tile.blob(x, y, 0.33 * grow, colour=palette[-1], sides=8)

    _scatter(rng, tile, int(np.clip(500 / size**2, 7, 16)), flower)
    return tile


def _camouflage(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    tile = Tile(90, 90, scale, main)
    cells = int(rng.integers(5, 12))
    for k, colour in enumerate(palette[:3]):
        field = _noise(rng, tile.pixels.shape[:2], cells)
        tile.pixels[field > 0.25 + 0.2 * k] = tile.ink(colour)
    return tile


def _leopard(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    tile = Tile(60, 60, scale, main)
    dark, warm = main * 0.25, main * rng.uniform(0.6, 0.85)

    def spot(x: float, y: float) -> None:
        r, angle = rng.uniform(2.2, 4), rng.uniform(0, 6.3)
        tile.blob(x, y, r, r * 0.75, angle, dark, 8)
        tile.blob(x + 0.5 * np.cos(angle), y + 0.5 * np.sin(angle), 0.6 * r, 0.42 * r, angle, warm, 8)

    _scatter(rng, tile, 36, spot)
    return tile


def _motifs(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """Small stars, hearts, drops or diamonds."""
    tile = Tile(60, 60, scale, main)
    turn = np.linspace(0, 2 * np.pi, 21)[:-1]
    form = rng.integers(4)
    if form == 0:
        reach = np.where(np.arange(10) % 2, 0.42, 1)
        points = np.column_stack([reach * np.sin(turn[::2]), -reach * np.cos(turn[::2])])
    elif form == 1:
        points = np.column_stack(
            [np.sin(turn) ** 3, -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn)) / 16]
        )
    elif form == 2:
        points = np.column_stack([np.sin(turn) * np.sin(turn / 2), -np.cos(turn)])
    else:
        points = np.array([[0, -1], [0.6, 0], [0, 1], [-0.6, 0]])
    size, spin = rng.uniform(2, 6), rng.uniform(0, 0.8) * rng.integers(0, 2)

    def motif(x: float, y: float) -> None:
        angle, grow = rng.normal(0, 1) * spin, size * rng.uniform(0.7, 1.1)
        cos, sin = np.cos(angle), np.sin(angle)
        tile.polygon(points @ [[cos, sin], [-sin, cos]] * grow + [x, y], palette[rng.integers(len(palette))])

    _scatter(rng, tile, int(np.clip(500 / size**2, 9, 42)), motif)
    return tile


def _chevron(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    period = rng.uniform(8, 22)
    tile = Tile(period, period, scale, main)
    tall, thick = period * rng.uniform(0.25, 0.5), period * rng.uniform(0.2, 0.5)
    band: Points = [[0, 0], [period / 2, tall], [period, 0], [period, thick], [period / 2, tall + thick], [0, thick]]
    tile.polygon(band, palette[0])
    return tile


def _scales(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """Rows of overlapping arcs, as on a wave print."""
    period = rng.uniform(9, 20)
    tile = Tile(period, period, scale, main)
    for y in (1.5, 1.0, 0.5, 0.0):
        x = 0.0 if y in (0.0, 1.0) else 0.5
        for k, radius in enumerate((0.5, 0.4, 0.29, 0.18)):
            colour = palette[0] if k % 2 == 0 else main
            tile.blob(x * period, y * period, radius * period, colour=colour, sides=20)
    return tile


def _triangles(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """Triangles or boxes of many colours."""
    cells = int(rng.integers(3, 7))
    tile = Tile(72, 72, scale, main)
    step, slanted = 72 / cells, rng.random() < 0.6
    colours = np.concatenate([[main], palette])
    for row in range(cells):
        for column in range(cells):
            x, y = column * step, row * step
            corners = np.array([[x, y], [x + step, y], [x + step, y + step], [x, y + step]]) * 0.9999
            tile.polygon(corners, colours[rng.integers(len(colours))])
            if slanted:
                tile.polygon(corners[:3], colours[rng.integers(len(colours))])
    return tile


def _houndstooth(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    period = rng.uniform(6, 16)
    tile = Tile(period, period, scale, main)
    q = period / 4
    tooth = [[0, 0], [2, 0], [2, 1], [3, 2], [2, 2], [2, 2], [1, 2], [0, 3], [0, 2], [-1, 2], [0, 1]]
    tile.polygon(np.array(tooth) * q, palette[0])
    return tile


def _paisley(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """Bandana print: drops inside drops, and rows of small dots."""
    tile = Tile(90, 90, scale, main)
    turn = np.linspace(0, 2 * np.pi, 17)[:-1]
    bent = np.sin(turn) * np.sin(turn / 2) ** 1.5 + (1 + np.cos(turn)) ** 2 / 16
    drop = np.column_stack([bent, -np.cos(turn)])
    ink = palette[0]

    def motif(x: float, y: float) -> None:
        angle, size = rng.uniform(0, 6.3), rng.uniform(6, 10)
        cos, sin = np.cos(angle), np.sin(angle)
        turned = drop @ [[cos, sin], [-sin, cos]]
        for grow, colour in ((1, ink), (0.75, main), (0.5, ink), (0.28, main)):
            tile.polygon(turned * size * grow + [x, y], colour)
        for dot in np.linspace(0, 2 * np.pi, 9)[:-1]:
            tile.blob(x + 1.25 * size * np.cos(dot), y + 1.25 * size * np.sin(dot), 0.9, colour=ink, sides=6)

    _scatter(rng, tile, 12, motif)
    return tile


def _tie_dye(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    tile = Tile(100, 100, scale, main)
    shape = tile.pixels.shape[:2]
    cells = int(rng.integers(3, 7))
    cloth = tile.pixels.astype(np.float32)
    for colour in palette[:3]:
        amount = np.clip(0.5 * _noise(rng, shape, cells) + 0.25 * _noise(rng, shape, 3 * cells), 0, 1)
        cloth += amount[:, :, None] * (colour * 255 - cloth).astype(np.float32)
    tile.pixels = np.clip(cloth, 0, 255).astype(np.uint8)
    return tile


def _heather(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """Yarn of two tones."""
    tile = Tile(64, 64, scale, main)
    h, w = tile.pixels.shape[:2]
    yarn = cv2.resize(rng.standard_normal((h, max(1, w // 4))).astype(np.float32), (w, h))
    cloth = tile.pixels + yarn[:, :, None] * rng.uniform(8, 26)
    tile.pixels = np.clip(cloth, 0, 255).astype(np.uint8)
    return tile


def _print(rng: np.random.Generator, main: np.ndarray, palette: np.ndarray, scale: float) -> Tile:
    """One large motif in the middle of the mask: a face, a badge, letters. The tile is the mask's size."""
    tile = Tile(240, 240, scale, main)
    motif = rng.integers(5)
    x, y = 120 + rng.normal(0, 12) * (motif != 0), 120 + rng.normal(0, 6)
    ink, second = palette[0], palette[1]
    if motif == 0:  # an animal's snout, or a smile with teeth
        grow = rng.uniform(0.8, 1.3)
        tile.blob(x, y - 12 * grow, 7 * grow, 4.5 * grow, 0, ink)
        for side in (-1, 1):
            t = np.linspace(0, 1, 8)
            smile = np.column_stack([x + side * 20 * t * grow, y + (10 * np.sin(2.6 * t) - 4) * grow])
            tile.polygon(np.concatenate([smile, smile[::-1] + np.array([0, 2.2])]), ink)
            for k in (-1, 0, 1):
                whisker = np.array([[14, -6 + 3 * k], [34, -9 + 6 * k], [34, -7.8 + 6 * k]]) * grow
                tile.polygon(whisker * np.array([side, 1]) + np.array([x, y]), ink)
    elif motif == 1:  # letters
        text = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXYZ&"), rng.integers(2, 8)))
        size = rng.uniform(0.35, 0.9) * scale
        at = (int((x - 8 * len(text) * size / scale) * scale), int(y * scale))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        cv2.putText(tile.pixels, text, at, font, size, tile.ink(ink), max(1, round(2 * scale)), cv2.LINE_AA)
    elif motif == 2:  # a badge
        radius = rng.uniform(6, 20)
        for k, share in enumerate((1, 0.8, 0.5, 0.3)):
            tile.blob(x, y, radius * share, colour=(ink, second)[k % 2], sides=24)
    elif motif == 3:  # wide bands, as on a flag
        for top, colour in ((y - 8, palette[0]), (y + 24, palette[1])):
            tile.polygon([[0, top], [239, top], [239, 239], [0, 239]], colour)
    else:  # brush strokes
        for k in range(int(rng.integers(3, 9))):
            px, py = rng.uniform(60, 180), rng.uniform(80, 160)
            long, thick, angle = rng.uniform((6, 2, 0), (26, 8, 3.14))
            tile.blob(px, py, long, thick, angle, palette[k % len(palette)])
    return tile


DRAWERS = {
    "plain": _plain, "stripes": _stripes, "checks": _checks, "dots": _dots, "floral": _floral,
    "camouflage": _camouflage, "print": _print, "leopard": _leopard, "motifs": _motifs, "chevron": _chevron,
    "scales": _scales, "triangles": _triangles, "houndstooth": _houndstooth, "paisley": _paisley,
    "tie-dye": _tie_dye, "heather": _heather,
}  # fmt: skip
# How often a mask of a kind is printed on at all.
PRINTED = {"surgical": 0.07, "kn95": 0.08, "n95": 0.03, "cloth": 0.68, "neoprene": 0.3, "bandana": 0.7}


def draw_pattern(rng: np.random.Generator, kind: str) -> str:
    names = [name for name in DRAWERS if name != "plain"]
    return str(rng.choice(names)) if rng.random() < PRINTED[kind] else "plain"


def paint_tile(rng: np.random.Generator, pattern: str, main: np.ndarray, scale: float) -> np.ndarray:
    """The cloth's colours: a tile (h, w, 3) uint8 that wraps, `scale` pixels per unit. main: RGB in 0..1."""
    palette = draw_palette(rng, main)
    tile = DRAWERS[pattern](rng, np.asarray(main, dtype=np.float64), palette, scale)
    return tile.pixels
