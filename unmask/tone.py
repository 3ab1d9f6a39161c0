"""Photos in one tone, black and white or sepia: what is painted into them is to be in that tone, too.

The removers saw few of them, and paint them blue and pink. Pictures are float32 in 0-255.
"""

from collections.abc import Callable

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Levels within which the tone gives 95 % of the pixels. Of the 512 val faces the eight that are black and white are
# within 0.7, all others off by 7.8 or more.
WITHIN = 3.0


def tone_of(photo: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
    """What puts a picture (..., 3) into the one tone of these pixels (N, 3); None where they have more than one.

    In one tone red and blue follow from the brightness: of grey they equal it, of sepia they are a smooth curve.
    """
    if len(photo) == 0:
        return None
    bright = photo @ LUMA
    curve, *_ = np.linalg.lstsq(_powers(bright), photo[:, ::2] - bright[:, None], rcond=None)
    error = np.abs(_powers(bright) @ curve + bright[:, None] - photo[:, ::2]).max(axis=1)
    if np.quantile(error, 0.95) > WITHIN:
        return None

    def toned(picture: np.ndarray) -> np.ndarray:
        bright = picture @ LUMA
        red, blue = np.moveaxis(_powers(bright) @ curve, -1, 0) + bright
        green = (bright - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
        return np.stack([red, green, blue], axis=-1)

    return toned


def _powers(bright: np.ndarray) -> np.ndarray:
    """(...,) brightness to (..., 3): 1, b, b^2 of it in units of white."""
    b = bright / np.float32(255)
    return np.stack([np.ones_like(b), b, b * b], axis=-1)
