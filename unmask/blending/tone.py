"""Photos in one tone, black and white or sepia: what is painted into them is to be in that tone, too.

The inpainting models saw few of them, and paint them blue and pink. Pictures are float32 in 0-255.
"""

from collections.abc import Callable

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # the share of red, green and blue in brightness (BT.601)
# Levels within which the tone gives 95 % of the pixels. Of the 512 val faces the eight that are black and white are
# within 0.7, all others off by 7.8 or more.
WITHIN = 3.0
ENOUGH = 4096  # pixels that are looked at
DARK_TO_LIGHT = 10.0  # levels that the pixels must reach over, for a tone to show


def tone_of(photo: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
    """What puts a picture (..., 3) into the one tone of these pixels (N, 3); None where they have more than one.

    In one tone red, green and blue rise with the brightness, each along a smooth curve of its own; grey's are equal.
    Beyond the brightness of these pixels, the differences between the curves go on as they are at the end.
    """
    if len(photo) == 0:
        return None
    photo = photo[:: -(-len(photo) // ENOUGH)]
    bright = photo @ LUMA
    low, high = np.quantile(bright, (0.01, 0.99)).astype(np.float32)

    def scaled(values: np.ndarray) -> np.ndarray:
        x = np.clip(values, low, high) / np.float32(255)
        return np.stack([np.ones_like(x), x, x * x], axis=-1)

    curve, *_ = np.linalg.lstsq(scaled(bright), photo[:, ::2] - bright[:, None], rcond=None)

    def toned(picture: np.ndarray) -> np.ndarray:
        bright = picture @ LUMA
        red, blue = np.moveaxis(scaled(bright) @ curve, -1, 0) + bright
        green = (bright - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
        return np.stack([red, green, blue], axis=-1)

    if np.quantile(np.abs(toned(photo) - photo).max(axis=1), 0.95) > WITHIN:
        return None
    # Two flat colours lie on a curve as well, though not on one that rises.
    greys = np.linspace(low, high, 16, dtype=np.float32)[:, None].repeat(3, axis=1)
    return toned if high - low > DARK_TO_LIGHT and (np.diff(toned(greys), axis=0) > 0).all() else None
