"""Grain and skin texture: what the photo has around the mask and a smooth fill lacks.

Pictures here are float32 in 0-255; windows are (x0, y0, x1, y1) in photo pixels.
"""

import zlib
from collections.abc import Iterator
from functools import cached_property

import cv2
import numpy as np

from unmask.blending.tone import LUMA
from unmask.blending.windows import Place, Window

PATCH = 16  # px of a 256 px crop: the side of the patches in which texture is measured
LARGEST_PATCH = 128  # photo px
PATCHES = 24  # at most
FEWEST_PATCHES = 3
STRONGEST = 0.02  # of the brightness: skin texture of this standard deviation passes beside any grain
PAINTED = 512  # px of a face's crop, up to which grain alone passes: texture of that size the networks paint themselves
DIRECTED = 0.5  # coherence from which a patch has a direction, as hair and wrinkles have and neither grain nor pores
LIKE = (12.0, 12.0, 60.0)  # levels of Cr, Cb, Y within which a patch has the fill's colour: other skin, other light
WITHOUT_EDGES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
LARGEST_TILE = 768  # px, the period of the texture


class Skin:
    """The photo's grain and skin texture around a mask: measured once, for as many fills as come.

    photo at full resolution; known (h, w, 3), covered (h, w) and elsewhere (h, w), where nothing is known of the photo:
    the window at `step` photo px a pixel. side: of the face's crop, in photo px.

    Power and cross spectra of the colours are averaged over smooth patches of the photo's skin (Welch 1967), less the
    fill's own in the same way, less what rounding to 8 bits adds. The tile is Gaussian noise with what is left: the
    asymptotic discrete spot noise, or random-phase texture, of Galerne, Gousseau and Morel (2011). The photo's
    spectrum holds the size of its grain, blotchy chroma and JPEG's blocks as well as the skin's pores.
    """

    def __init__(
        self, photo: np.ndarray, known: np.ndarray, covered: np.ndarray, elsewhere: np.ndarray, window: Window,
        step: int, side: float,
    ):  # fmt: skip
        self._photo, self._known, self._covered, self._window, self._step = photo, known, covered, window, step
        self._patch = min(PATCH if side >= 192 else PATCH // 2, max(LARGEST_PATCH // step, 4))
        self._size = self._patch * step  # photo px
        self._enlarged = side > PAINTED
        self._free = elsewhere == 0
        self._patches = Patches(known, self._patch)

    def texture(self, fill: np.ndarray, place: Place) -> np.ndarray | None:
        """A tile (N, N, 3) float32, periodic, of the grain and skin texture that the photo has and the fill lacks, or
        None. fill: (h, w, 3), as `known`; place: gives it at full resolution."""
        hole, size = self._covered > 127, self._size
        if not hole.any():
            return None
        colour = np.median(fill[hole], axis=0)
        there = self._in_photo(self._patches.smooth(self._free, colour, DIRECTED))
        own = self._in_photo(Patches(fill, self._patch).smooth(self._covered == 255, colour))
        if min(len(there), len(own)) < FEWEST_PATCHES:
            return None
        missing = self._look(there)
        grain = missing if self._grain is None else self._grain
        missing = missing - _spectrum(np.array([place((x, y, x + size, y + size), 1) for x, y in own]))
        missing -= np.eye(3) / 12
        # Waves as long as the patch are shading, which the fill has.
        frequency = np.hypot(np.fft.fftfreq(size)[:, None] * size, np.arange(size // 2 + 1))
        missing = _same_in_all_directions(missing, frequency) * np.clip(frequency - 0.5, 0, 1)[..., None, None]
        power, axes = np.linalg.eigh(missing)
        power = np.maximum(power, 0)
        # Wrinkles, stubble and hair are no texture to strew over a face: it is at most somewhat more than grain.
        skin = 3 * (STRONGEST * colour.mean()) ** 2 if self._enlarged else 0.0
        waves = grain.shape[0] * grain.shape[1]
        allowed = 1.5 * np.einsum("yxcc->", grain) + skin * waves
        if self._step == 1:  # a small face may have no smooth patch at all: hair, bricks and cloth are no grain
            allowed = min(allowed, 3 * (1.5 * self._quietest) ** 2 * waves)
        power *= min(1, allowed / max(power.sum(), 1e-9))
        root = (axes * np.sqrt(power)[..., None, :]) @ np.swapaxes(axes, -1, -2)  # (P, P / 2 + 1, 3, 3)
        return _noise(root.astype(np.float32), self._white)

    def _in_photo(self, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Corners in photo px, of the patches that lie in the photo as a whole."""
        x0, y0, _, _ = self._window
        places = [(x0 + x * self._step, y0 + y * self._step) for x, y in places]
        height, width = self._photo.shape[:2]
        return [(x, y) for x, y in places if x + self._size <= width and y + self._size <= height]

    def _look(self, places: list[tuple[int, int]]) -> np.ndarray:
        size = self._size
        return _spectrum(np.array([self._photo[y : y + size, x : x + size] for x, y in places], np.float32))

    @cached_property
    def _grain(self) -> np.ndarray | None:
        """Spectrum of the smoothest places, whatever they show: only black and white have no grain."""
        lit = self._free & (abs(self._known.mean(axis=2) - 128) < 100)
        smoothest = self._in_photo(self._patches.smooth(lit, None))[:FEWEST_PATCHES]
        return self._look(smoothest) if smoothest else None

    @cached_property
    def _quietest(self) -> float:
        return _quietest(self._known, self._free)

    @cached_property
    def _white(self) -> np.ndarray:
        """White noise for a tile (N, N): complex64 (3, N, N / 2 + 1). Drawn for this photo, whatever is put into it."""
        _, _, width, height = cv2.boundingRect(self._covered)
        count = min(-(-max(width, height) * self._step // 64) * 64, LARGEST_TILE)
        seed = zlib.crc32(np.rint(self._known).astype(np.uint8).tobytes())
        shape = (3, count, count // 2 + 1, 2)
        white = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32).view(np.complex64)[..., 0]
        return white * np.float32(count / np.sqrt(2))


def _quietest(image: np.ndarray, inside: np.ndarray, size: int = 8, share: float = 0.01) -> float:
    """Standard deviation, in levels, of the grain in the quietest small squares of a region.

    Grain is what is finer than shading, but at most three times what remains of it where straight edges count nothing
    (Immerkaer 1996) or one level: of hair and brickwork, which have no quiet square, little remains.
    """
    grey = image @ LUMA
    lit = inside & (abs(grey - 128) < 118)  # what is clipped has no grain
    whole = cv2.erode(lit.astype(np.uint8), np.ones((size, size)), borderValue=0) > 0
    if not whole.any():
        return 0.0
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 4)
    pixel = cv2.filter2D(grey, -1, WITHOUT_EDGES)

    def quietest(values: np.ndarray) -> float:
        variance = np.maximum(cv2.blur(values**2, (size, size)), 0)  # a running sum's rounding leaves less than nothing
        return float(np.sqrt(np.quantile(variance[whole], share)))

    return min(quietest(fine), max(3 * quietest(pixel), 1.0))


class Patches:
    """Square patches of a picture (h, w, 3), `size` px wide, with little structure in them."""

    def __init__(self, image: np.ndarray, size: int):
        self._size = size
        self._none = min(image.shape[:2]) < size
        if self._none:
            return
        self._grey = image @ LUMA
        self._shading = cv2.GaussianBlur(self._grey, (0, 0), 4)
        # Structure is what is larger than grain.
        self._structure = self._box((cv2.GaussianBlur(self._grey, (0, 0), 1) - self._shading) ** 2)
        self._mean = self._box(image)

    @cached_property
    def _coherence(self) -> np.ndarray:
        """How much a patch is of one direction, 0 to 1: of its structure tensor (Bigun and Granlund 1987)."""
        fine = cv2.GaussianBlur(self._grey, (0, 0), 0.7) - self._shading
        dx, dy = cv2.Sobel(fine, -1, 1, 0), cv2.Sobel(fine, -1, 0, 1)
        xx, yy, xy = self._box(dx * dx), self._box(dy * dy), self._box(dx * dy)
        coherence: np.ndarray = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / np.maximum(xx + yy, 1e-6)
        return coherence

    def smooth(
        self, inside: np.ndarray, colour: np.ndarray | None, directed: float | None = None
    ) -> list[tuple[int, int]]:
        """Corners (x, y) of the patches inside a region (h, w), smoothest first; where given, of about `colour`, and of
        less coherence than `directed`."""
        size = self._size
        if self._none:
            return []
        whole = self._box(inside.astype(np.float32)) > 1 - 0.5 / size**2
        whole[-size + 1 :], whole[:, -size + 1 :] = False, False
        y, x = np.nonzero(whole[:: size // 2, :: size // 2])
        y, x = y * (size // 2), x * (size // 2)
        if len(x) == 0:
            return []
        if colour is not None:
            away = (_ycc(self._mean[y, x]) - _ycc(colour))[:, [1, 2, 0]] / LIKE
            like = (away**2).sum(axis=1) < 1
            y, x = y[like], x[like]
        if directed is not None:
            aimless = self._coherence[y, x] < directed
            y, x = y[aimless], x[aimless]
        structure = self._structure[y, x]
        order = np.argsort(structure, kind="stable")
        # Of patches with grain alone most pass; of a face with features, only the smooth ones.
        limit = 3 * structure[order[len(order) // 4]] if len(order) else 0
        order = order[: max(np.searchsorted(structure[order], limit), FEWEST_PATCHES)]
        return [(int(x[i]), int(y[i])) for i in order[:: -(-len(order) // PATCHES) or 1]]

    def _box(self, values: np.ndarray) -> np.ndarray:
        """Mean over the patch whose corner a pixel is."""
        size = self._size
        return cv2.boxFilter(values, -1, (size, size), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)


def _ycc(rgb: np.ndarray) -> np.ndarray:
    """Colours (N, 3) or (3,) in 0-255 as brightness, red and blue: (N, 3) float32."""
    colours = (rgb / 255).astype(np.float32).reshape(-1, 1, 3)
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2YCrCb)[:, 0] * 255)


def _spectrum(patches: np.ndarray) -> np.ndarray:
    """Mean cross spectrum of patches (n, P, P, 3): (P, P / 2 + 1, 3, 3). White noise of variance 1 gives identities."""
    n, size = patches.shape[:2]
    line = np.linspace(-1, 1, size, dtype=np.float32)
    flat = np.stack([np.ones((size, size), np.float32), *np.meshgrid(line, line)]).reshape(3, -1)
    pixels = patches.reshape(n, -1, 3)
    slopes = np.einsum("kp,npc->nkc", flat / (flat**2).sum(axis=1, keepdims=True), pixels)
    pixels = pixels - np.einsum("kp,nkc->npc", flat, slopes)  # shading
    # A patch with far more power than the others has a wrinkle, a mole or a hair in it.
    energy = (pixels**2).mean(axis=(1, 2))
    pixels = pixels[energy <= 2 * np.median(energy)].reshape(-1, size, size, 3)
    window = np.outer(*(np.hanning(size + 2)[1:-1],) * 2).astype(np.float32)
    waves = np.fft.rfft2(pixels * window[..., None], axes=(1, 2))  # (n, P, P / 2 + 1, 3)
    spectrum: np.ndarray = np.einsum("nyxc,nyxd->yxcd", waves, waves.conj()).real / (len(pixels) * (window**2).sum())
    return spectrum


def _same_in_all_directions(spectrum: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """A spectrum (P, P / 2 + 1, 3, 3) with what it has at each frequency on average: a hair or a wrinkle that is among
    the patches must not give the whole face a grain like wood's."""
    rings = np.rint(frequency).astype(int).ravel()
    counts = np.maximum(np.bincount(rings), 1)
    flat = spectrum.reshape(rings.size, 9)
    means = np.stack([np.bincount(rings, flat[:, i]) / counts for i in range(9)], axis=1)
    return np.asarray(means[rings].reshape(spectrum.shape))


def _noise(root: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Periodic Gaussian noise (N, N, 3) float32 from white noise (3, N, N / 2 + 1); root: of its spectrum,
    (P, P / 2 + 1, 3, 3) float32."""
    size, count = len(root), white.shape[1]
    shifted = np.fft.fftshift(root, axes=0)
    scale = np.array([[size / count, 0, 0], [0, size / count, 0]])
    shape, flags = (count // 2 + 1, count), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    tile = np.empty((count, count, 3), np.float32)
    for c in range(3):
        fine = cv2.warpAffine(shifted[:, :, c], scale, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        waves = fine[..., 0] * white[0] + fine[..., 1] * white[1] + fine[..., 2] * white[2]
        tile[..., c] = np.fft.irfft2(np.fft.ifftshift(waves, axes=0), s=(count, count))
    return tile


def repeat_tile(tile: np.ndarray, target: Window) -> np.ndarray:
    """The tile's pixels in a window, laid side by side from the photo's corner."""
    x0, y0, x1, y1 = target
    part = np.empty((y1 - y0, x1 - x0, 3), tile.dtype)
    for rows, from_rows in _runs(y0, y1, len(tile)):
        for columns, from_columns in _runs(x0, x1, len(tile)):
            part[rows, columns] = tile[from_rows, from_columns]
    return part


def _runs(start: int, end: int, period: int) -> Iterator[tuple[slice, slice]]:
    """Where each repeat lies between start and end, counted from start, and what is seen of it there."""
    at = start
    while at < end:
        first = at % period
        length = min(period - first, end - at)
        yield slice(at - start, at - start + length), slice(first, first + length)
        at += length
