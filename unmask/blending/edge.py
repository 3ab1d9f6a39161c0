"""Where fill and photo meet: the same colour on both sides of the mask's edge, and a soft edge inside it."""

import cv2
import numpy as np

from unmask.blending.windows import Window

# Lengths in px of a 256 px crop. Tried on 64 val faces at 256 px; see `Edge`.
SIDE_BAND = 1.5  # sigma of the two bands, left and right of the edge, whose colours are compared
ALONG_EDGE = 6.0  # sigma over which the difference is averaged along the edge, and carried inwards
REACH = 20.0  # depth at which the correction has fallen to 1/e
LARGEST_STEP = 25.0  # levels: a larger difference is hair, background or fabric beside skin


def soft_edge(mask: np.ndarray, target: Window, feather: float, reach: int) -> np.ndarray:
    """The fill's weight in a window: 0 outside the mask, rising to 1 over `feather` px inside it."""
    x0, y0, x1, y1 = target
    top, left = max(y0 - reach, 0), max(x0 - 1, 0)
    hole = (mask[top : y1 + reach, left : x1 + 1] > 127).astype(np.uint8)
    if feather > 0 and not hole.all():
        distance = cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        weight = np.minimum(distance / np.float32(feather + 1), 1)
    else:
        weight = hole.astype(np.float32)
    inside: np.ndarray = weight[y0 - top : y1 - top, x0 - left : x1 - left]
    return inside


class Edge:
    """Brings a fill's colours to the photo's along a mask's edge. The photo's side is measured once, for many fills.

    photo: (h, w, 3) float32; covered: (h, w) uint8, the share of each pixel under the mask. scale: px here for one px
    of a 256 px crop. elsewhere: (h, w) uint8, where nothing is known of the photo; by default `covered`.

    As in membrane or mean-value cloning (Perez et al. 2003; Farbman et al. 2009) the difference along the edge is
    carried smoothly inwards, here by normalised convolution (Knutsson and Westin 1993). Unlike there it is robust:
    where hair, background or a strap lies beside the mask, a large or odd difference counts little or nothing
    (Tukey's biweight), what is uncertain is pulled towards zero, and the deep fill is left to the network.
    """

    def __init__(
        self, photo: np.ndarray, covered: np.ndarray, scale: float = 1.0, elsewhere: np.ndarray | None = None
    ):
        self._hole = (covered > 0).astype(np.float32)
        hidden = self._hole if elsewhere is None else (elsewhere > 0).astype(np.float32)
        # Where two masks touch there is no skin to meet.
        self._edge = self._hole * (hidden - cv2.erode(hidden, np.ones((3, 3))))
        self._band, self._along = SIDE_BAND * scale, ALONG_EDGE * scale
        if not self._edge.any():
            return
        self._photo = _at_edge(photo, 1 - hidden, self._band)
        depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        self._depth = np.exp(-((depth / (REACH * scale)) ** 2))[..., None]

    def meet(self, fill: np.ndarray) -> np.ndarray:
        """What to add to the fill (h, w, 3) so that it meets the photo: float32 (h, w, 3)."""
        fill, along = fill.astype(np.float32), self._along
        if not self._edge.any():
            return np.zeros_like(fill)
        step = self._photo - _at_edge(fill, self._hole, self._band)
        weight = self._edge * _biweight(step, LARGEST_STEP)
        usual = _average(step, weight, along)
        weight *= _biweight(step - usual, LARGEST_STEP / 2)
        share = cv2.GaussianBlur(weight, (0, 0), along)
        change = cv2.GaussianBlur(step * weight[..., None], (0, 0), along)
        change /= (share + 0.1 / (np.sqrt(2 * np.pi) * along))[..., None]  # 1 / (..) is a straight edge's own share
        correction: np.ndarray = change * self._depth
        return correction


def _biweight(difference: np.ndarray, cut: float) -> np.ndarray:
    """Tukey's weight of the largest channel: 1 for no difference, 0 from `cut` on."""
    weights: np.ndarray = np.maximum(1 - (np.abs(difference).max(axis=2) / cut) ** 2, 0) ** 2
    return weights


def _average(image: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Normalised convolution: the Gaussian mean of the pixels that have weight."""
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    average: np.ndarray = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma)
    return average / np.maximum(total, 1e-6)[..., None]


def _at_edge(image: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """The colour of one side of an edge, at the edge: two averages, near and far, extrapolated to distance 0."""
    colours: np.ndarray = 2 * _average(image, weight, sigma) - _average(image, weight, 2 * sigma)
    return colours
