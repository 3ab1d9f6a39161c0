"""Makes a fill fit its photo: the same tone, the same colour where they meet, the same grain and skin texture.

A remover works at 128 or 256 px; of a large face it gives a smooth picture, beside skin that is sharp and noisy. What
is missing is measured where the photo shows the same skin, and only that is added.
Windows are (x0, y0, x1, y1) in photo pixels. Pictures here are float32 in 0-255.
"""

import zlib
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from unmask.tone import LUMA, tone_of

Window = tuple[int, int, int, int]
Place = Callable[[Window, float], np.ndarray]  # (window, photo px a pixel) -> the fill there, float32 (h, w, 3)

COARSE = 256  # px: colours are compared, and places chosen, on the face at this size
MARGIN = 0.25  # of the face crop's side: how far from the mask the photo is looked at
STRIP = 1 << 20  # px that are worked on at once; bounds the memory of a mask as large as the photo

# Lengths in px of a 256 px crop. Tried on 64 val faces at 256 px; see `meet_edge`.
SIDE_BAND = 1.5  # sigma of the two bands, left and right of the edge, whose colours are compared
ALONG_EDGE = 6.0  # sigma over which the difference is averaged along the edge, and carried inwards
REACH = 20.0  # depth at which the correction has fallen to 1/e
LARGEST_STEP = 25.0  # levels: a larger difference is hair, background or fabric beside skin

PATCH = 16  # px of a 256 px crop: the side of the patches in which texture is measured
LARGEST_PATCH = 128  # photo px
PATCHES = 24  # at most
FEWEST_PATCHES = 3
STRONGEST = 0.02  # of the brightness: skin texture of this standard deviation passes beside any grain
LIKE = (12.0, 12.0, 60.0)  # levels of Cr, Cb, Y within which a patch has the fill's colour: other skin, other light
WITHOUT_EDGES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
LARGEST_TILE = 768  # px, the period of the texture


def blend(photo: np.ndarray, mask: np.ndarray, place: Place, side: float, feather: float) -> np.ndarray:
    """The photo (H, W, 3) uint8 with the fill inside `mask` (H, W) uint8, 255 = covered; other pixels stay the same.

    place: gives the fill of a window. side: of the face's crop, feather: width of the soft edge inside the mask, both
    in photo px. The same input gives the same bytes.
    """
    result = photo.copy()
    left, top, width, height = cv2.boundingRect(mask)
    if width == 0:
        return result
    height_all, width_all = mask.shape
    step = max(1, round(side / COARSE))
    margin = round(MARGIN * side) + step
    x0, y0 = max(left - margin, 0), max(top - margin, 0)
    columns = -(-(min(left + width + margin, width_all) - x0) // step)
    rows = -(-(min(top + height + margin, height_all) - y0) // step)
    window = (x0, y0, x0 + columns * step, y0 + rows * step)
    known = _shrink(photo, window, step).astype(np.float32)
    covered = _shrink(mask, window, step)
    if tone := tone_of(known[covered == 0]):
        place = partial(_in_tone, tone, place)
    fill = place(window, step)
    change = meet_edge(known, fill, covered, COARSE / max(side, COARSE) * step)
    fill += change
    tile = texture(photo, known, fill, covered, place, window, step, side)

    reach = int(np.ceil(feather)) + 2  # px beyond a strip in which the distance to the mask's edge is decided
    strip = max(STRIP // width, 1)
    for y in range(top, top + height, strip):
        end = min(y + strip, top + height)
        box = np.s_[y:end, left : left + width]
        value = place((left, y, left + width, end), 1)
        value += _enlarge(change, window, step, (left, y, left + width, end))
        weight = _soft_edge(mask, (left, y, left + width, end), feather, reach)[..., None]
        value = photo[box] + weight * (value - photo[box])
        if tile is not None:
            # Two pictures mixed half and half have 0.7 of the noise of one: the noise's own weight is such that its
            # variance stays the same across the edge (Heitz and Neyret 2018).
            value += np.sqrt(1 - (1 - weight) ** 2) * _repeat(tile, (left, y, left + width, end))
        value = np.rint(np.clip(value, 0, 255)).astype(np.uint8)
        np.copyto(result[box], value, where=mask[box][..., None] > 127)
    return result


def _in_tone(tone: Callable[[np.ndarray], np.ndarray], place: Place, window: Window, step: float) -> np.ndarray:
    return tone(place(window, step))


def _shrink(image: np.ndarray, window: Window, step: int) -> np.ndarray:
    """The window of a photo or mask by area average; beyond the photo's right and lower edges the last pixels go on."""
    x0, y0, x1, y1 = window
    part = image[y0:y1, x0:x1]
    missing = (0, y1 - y0 - part.shape[0], 0, x1 - x0 - part.shape[1])
    if any(missing):
        part = cv2.copyMakeBorder(part, *missing, cv2.BORDER_REPLICATE)
    return cv2.resize(part, ((x1 - x0) // step, (y1 - y0) // step), interpolation=cv2.INTER_AREA)


def _enlarge(change: np.ndarray, window: Window, step: int, target: Window) -> np.ndarray:
    """A smooth coarse picture of `window` at full resolution in `target`."""
    x0, y0, x1, y1 = target
    if step == 1:
        return change[y0 - window[1] : y1 - window[1], x0 - window[0] : x1 - window[0]]
    shift = (np.array([x0, y0]) - window[:2] + 0.5) / step - 0.5
    matrix = np.array([[1 / step, 0, shift[0]], [0, 1 / step, shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(change, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _soft_edge(mask: np.ndarray, target: Window, feather: float, reach: int) -> np.ndarray:
    """The fill's weight in a window: 0 outside the mask, rising to 1 over `feather` px inside it."""
    x0, y0, x1, y1 = target
    top, left = max(y0 - reach, 0), max(x0 - 1, 0)
    hole = (mask[top : y1 + reach, left : x1 + 1] > 127).astype(np.uint8)
    if feather > 0 and not hole.all():
        distance = cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        weight = np.minimum(distance / np.float32(feather + 1), 1)
    else:
        weight = hole.astype(np.float32)
    return weight[y0 - top : y1 - top, x0 - left : x1 - left]


def meet_edge(photo: np.ndarray, fill: np.ndarray, covered: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """What to add to the fill (h, w, 3) so that it meets the photo along the mask's edge: float32 (h, w, 3).

    covered: (h, w) uint8, the share of each pixel under the mask. scale: px here for one px of a 256 px crop.

    As in membrane or mean-value cloning (Perez et al. 2003; Farbman et al. 2009) the difference along the edge is
    carried smoothly inwards, here by normalised convolution (Knutsson and Westin 1993). Unlike there it is robust:
    where hair, background or a strap lies beside the mask, a large or odd difference counts little or nothing
    (Tukey's biweight), what is uncertain is pulled towards zero, and the deep fill is left to the network.
    """
    fill, hole = fill.astype(np.float32), (covered > 0).astype(np.float32)
    edge = hole - cv2.erode(hole, np.ones((3, 3)))
    if not edge.any():
        return np.zeros_like(fill)
    band, along = SIDE_BAND * scale, ALONG_EDGE * scale
    step = _at_edge(photo, 1 - hole, band) - _at_edge(fill, hole, band)
    weight = edge * _biweight(step, LARGEST_STEP)
    usual = _average(step, weight, along)
    weight *= _biweight(step - usual, LARGEST_STEP / 2)
    share = cv2.GaussianBlur(weight, (0, 0), along)
    change = cv2.GaussianBlur(step * weight[..., None], (0, 0), along)
    change /= (share + 0.1 / (np.sqrt(2 * np.pi) * along))[..., None]  # 1 / (..) is a straight edge's own share
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return change * np.exp(-((depth / (REACH * scale)) ** 2))[..., None]


def _biweight(difference: np.ndarray, cut: float) -> np.ndarray:
    """Tukey's weight of the largest channel: 1 for no difference, 0 from `cut` on."""
    return np.maximum(1 - (np.abs(difference).max(axis=2) / cut) ** 2, 0) ** 2


def _average(image: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Normalised convolution: the Gaussian mean of the pixels that have weight."""
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    return cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma) / np.maximum(total, 1e-6)[..., None]


def _at_edge(image: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """The colour of one side of an edge, at the edge: two averages, near and far, extrapolated to distance 0."""
    return 2 * _average(image, weight, sigma) - _average(image, weight, 2 * sigma)


def texture(
    photo: np.ndarray,
    known: np.ndarray,
    fill: np.ndarray,
    covered: np.ndarray,
    place: Place,
    window: Window,
    step: int,
    side: float,
) -> np.ndarray | None:
    """A tile (N, N, 3) float32, periodic, of the grain and skin texture that the photo has and the fill lacks, or None.

    photo at full resolution; known, fill (h, w, 3), covered (h, w): the window at `step` photo px a pixel.

    Power and cross spectra of the colours are averaged over smooth patches of the photo's skin (Welch 1967), less the
    fill's own in the same way, less what rounding to 8 bits adds. The tile is Gaussian noise with what is left: the
    asymptotic discrete spot noise, or random-phase texture, of Galerne, Gousseau and Morel (2011). The photo's
    spectrum holds the size of its grain, blotchy chroma and JPEG's blocks as well as the skin's pores.
    """
    patch = min(PATCH if side >= 192 else PATCH // 2, max(LARGEST_PATCH // step, 4))
    hole = covered > 127
    if not hole.any():
        return None
    colour = np.median(fill[hole], axis=0)
    size = patch * step

    def corners(picture: np.ndarray, inside: np.ndarray, colour: np.ndarray | None) -> list[tuple[int, int]]:
        places = _smooth_patches(picture, inside, colour, patch)
        places = [(window[0] + x * step, window[1] + y * step) for x, y in places]
        return [(x, y) for x, y in places if x + size <= photo.shape[1] and y + size <= photo.shape[0]]

    there, own = corners(known, covered == 0, colour), corners(fill, covered == 255, colour)
    if min(len(there), len(own)) < FEWEST_PATCHES:
        return None
    look = lambda places: _spectrum(np.array([photo[y : y + size, x : x + size] for x, y in places], np.float32))
    missing = look(there)
    # Of the smoothest places, whatever they show: only black and white have no grain.
    lit = (covered == 0) & (abs(known.mean(axis=2) - 128) < 100)
    smoothest = corners(known, lit, None)[:FEWEST_PATCHES]
    grain = look(smoothest or there)
    missing -= _spectrum(np.array([place((x, y, x + size, y + size), 1) for x, y in own]))
    missing -= np.eye(3) / 12
    # Waves as long as the patch are shading, which the fill has.
    fy, fx = np.fft.fftfreq(size)[:, None] * size, np.arange(size // 2 + 1)
    missing *= np.clip(np.hypot(fx, fy) - 0.5, 0, 1)[..., None, None]
    power, axes = np.linalg.eigh(missing)
    power = np.maximum(power, 0)
    # Wrinkles, stubble and hair are no texture to strew over a face: it is at most somewhat more than grain.
    skin, waves = 3 * (STRONGEST * colour.mean()) ** 2, grain.shape[0] * grain.shape[1]
    allowed = 1.5 * np.einsum("yxcc->", grain) + skin * waves
    if step == 1:  # a small face may have no smooth patch at all: hair, bricks and cloth are no grain
        allowed = min(allowed, (3 * (1.3 * _quietest(known, covered == 0)) ** 2 + skin / 4) * waves)
    power *= min(1, allowed / max(power.sum(), 1e-9))
    root = (axes * np.sqrt(power)[..., None, :]) @ np.swapaxes(axes, -1, -2)  # (P, P / 2 + 1, 3, 3)

    _, _, width, height = cv2.boundingRect(covered)
    count = min(-(-max(width, height) * step // 64) * 64, LARGEST_TILE)
    seed = zlib.crc32(np.rint(known).astype(np.uint8).tobytes())
    return _noise(root.astype(np.float32), count, np.random.default_rng(seed))


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


def _smooth_patches(
    image: np.ndarray, inside: np.ndarray, colour: np.ndarray | None, size: int
) -> list[tuple[int, int]]:
    """Corners (x, y) of square patches with little structure inside a region, smoothest first; of about `colour`."""
    if min(inside.shape) < size:
        return []
    box = lambda values: cv2.boxFilter(values, -1, (size, size), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    whole = box(inside.astype(np.float32)) > 1 - 0.5 / size**2
    whole[-size + 1 :], whole[:, -size + 1 :] = False, False
    grey = image @ LUMA
    # Structure is what is larger than grain.
    structure = box((cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 4)) ** 2)
    mean = box(image)
    ycc = lambda rgb: cv2.cvtColor(np.float32(rgb / 255).reshape(-1, 1, 3), cv2.COLOR_RGB2YCrCb)[:, 0] * 255
    y, x = np.nonzero(whole[:: size // 2, :: size // 2])
    y, x = y * (size // 2), x * (size // 2)
    if len(x) == 0:
        return []
    if colour is not None:
        away = (ycc(mean[y, x]) - ycc(colour))[:, [1, 2, 0]] / LIKE
        like = (away**2).sum(axis=1) < 1
        y, x = y[like], x[like]
    order = np.argsort(structure[y, x], kind="stable")
    # Of patches with grain alone most pass; of a face with features, only the smooth ones.
    limit = 3 * structure[y, x][order[len(order) // 4]] if len(order) else 0
    order = order[: max(np.searchsorted(structure[y, x][order], limit), FEWEST_PATCHES)]
    return [(int(x[i]), int(y[i])) for i in order[:: -(-len(order) // PATCHES) or 1]]


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
    return np.einsum("nyxc,nyxd->yxcd", waves, waves.conj()).real / (len(pixels) * (window**2).sum())


def _noise(root: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Periodic Gaussian noise (count, count, 3) float32; root: of its spectrum, (P, P / 2 + 1, 3, 3) float32."""
    size = len(root)
    shifted = np.fft.fftshift(root, axes=0)
    scale = np.array([[size / count, 0, 0], [0, size / count, 0]])
    shape, flags = (count // 2 + 1, count), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    white = rng.standard_normal((3, *shape[::-1], 2), dtype=np.float32).view(np.complex64)[..., 0]
    white *= np.float32(count / np.sqrt(2))
    tile = np.empty((count, count, 3), np.float32)
    for c in range(3):
        fine = cv2.warpAffine(shifted[:, :, c], scale, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        waves = fine[..., 0] * white[0] + fine[..., 1] * white[1] + fine[..., 2] * white[2]
        tile[..., c] = np.fft.irfft2(np.fft.ifftshift(waves, axes=0), s=(count, count))
    return tile


def _repeat(tile: np.ndarray, target: Window) -> np.ndarray:
    """The tile's pixels in a window, laid side by side from the photo's corner."""
    x0, y0, x1, y1 = target
    return tile[np.arange(y0, y1)[:, None] % len(tile), np.arange(x0, x1) % len(tile)]
