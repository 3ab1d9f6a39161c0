"""Windows of a photo, at its own resolution or coarser. A window is (x0, y0, x1, y1) in photo pixels."""

from collections.abc import Callable

import cv2
import numpy as np

Window = tuple[int, int, int, int]
Place = Callable[[Window, float], np.ndarray]  # (window, photo px a pixel) -> the fill there, float32 (h, w, 3)


def shrink(image: np.ndarray, window: Window, step: int) -> np.ndarray:
    """The window of a photo or mask by area average; beyond the photo's right and lower edges the last pixels go on."""
    x0, y0, x1, y1 = window
    part = image[y0:y1, x0:x1]
    missing = (0, y1 - y0 - part.shape[0], 0, x1 - x0 - part.shape[1])
    if any(missing):
        part = cv2.copyMakeBorder(part, *missing, cv2.BORDER_REPLICATE)
    return cv2.resize(part, ((x1 - x0) // step, (y1 - y0) // step), interpolation=cv2.INTER_AREA)


def enlarge(change: np.ndarray, window: Window, step: int, target: Window) -> np.ndarray:
    """A smooth coarse picture of `window` at full resolution in `target`."""
    x0, y0, x1, y1 = target
    if step == 1:
        return change[y0 - window[1] : y1 - window[1], x0 - window[0] : x1 - window[0]]
    shift = (np.array([x0, y0]) - window[:2] + 0.5) / step - 0.5
    matrix = np.array([[1 / step, 0, shift[0]], [0, 1 / step, shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(change, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
