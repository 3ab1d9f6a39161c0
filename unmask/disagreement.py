"""Where the models differ, nobody knows what is under the mask: a map of that, and the map as a picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from unmask.masks import binarise, is_empty

# What is finer than this share of a face crop's side is grain and skin texture, in which any two results differ.
DETAIL = 0.015
# The colour difference (CIE76 Delta E; 2.3 is just noticeable) that is 1 on the map, for every photo. Between the first
# release's three networks it is 6 to 14 on average, and 22 at most at all but 1 % of a mask's pixels.
FULL = 24.0
COLORS = cv2.COLORMAP_CIVIDIS  # blue to yellow, evenly brighter, and the same to colour-blind eyes
OPACITY = 0.85  # of the colours over the photo


def disagreement(results: Sequence[np.ndarray], mask: np.ndarray, side: float) -> np.ndarray:
    """How far the models' results lie apart: (H, W) float32 in [0, 1], 0 outside of the mask.

    results: at least two pictures of one photo, (H, W, 3) uint8, in any order. mask: (H, W) uint8, above 127 = covered.
    side: of the face's crop, px, to tell detail from grain. A value is the root mean square of the differences between
    any two results in CIELAB, as a share of FULL: so it does not depend on how many models there are.

    Raises ValueError for fewer than two results, or sizes that differ.
    """
    if len(results) < 2:
        raise ValueError("Models disagree only where there are two results or more.")
    if any(each.shape != (*mask.shape, 3) for each in results):
        raise ValueError("The results and the mask must have one size.")
    apart = np.zeros(mask.shape, np.float32)
    if is_empty(mask):
        return apart
    x, y, width, height = cv2.boundingRect(binarise(mask))
    sigma = DETAIL * side
    reach = round(4 * sigma) + 1  # of the blur, around the mask: beyond, nothing counts
    box = np.s_[max(y - reach, 0) : y + height + reach, max(x - reach, 0) : x + width + reach]

    def seen(picture: np.ndarray) -> np.ndarray:
        lab = cv2.cvtColor(picture[box].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return cv2.GaussianBlur(lab, (0, 0), sigma)

    # The mean square over all pairs is twice the unbiased variance.
    squares = 2 * np.var([seen(each) for each in results], axis=0, ddof=1).sum(axis=2)
    apart[box] = np.clip(np.sqrt(squares) / FULL, 0, 1)
    return np.where(mask > 127, apart, np.float32(0))


def scale_colors(count: int) -> np.ndarray:
    """The colours of the values 0 to 1 in `count` even steps: RGB uint8 (count, 3)."""
    values = np.linspace(0, 255, count).round().astype(np.uint8)
    return cv2.applyColorMap(values[:, None], COLORS)[:, 0, ::-1]


def draw(photo: np.ndarray, apart: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The map (H, W) over the photo (H, W, 3) uint8, which is grey but for the mask's place: (H, W, 3) uint8."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    colors = scale_colors(256)[(apart * 255).round().astype(np.uint8)]
    mixed = cv2.addWeighted(colors, OPACITY, grey, 1 - OPACITY, 0)
    return np.where((mask > 127)[..., None], mixed, grey)
