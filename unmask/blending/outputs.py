"""What is made of a network's outputs: of two of them one picture, as likely as the one in its tones, as sharp as the
other; and of one that is to be enlarged, one that bears it.

Pictures are (S, S, 3) uint8, a hole is (S, S) uint8, 255 = painted.
"""

import cv2
import numpy as np

from unmask.blending.tone import LUMA

COARSE = 64  # px of the crop on which its light is compared
NOTCH = np.array([1, -6, 15, 44, 15, -6, 1], np.float32) / 64  # passes 0 of waves of 2 px, 88 % at 4 px, 99 % at 7 px
LIGHT = 3.0  # px of those: the standard deviation of the Gaussian below which a difference is one of detail


def mix(faithful: np.ndarray, realistic: np.ndarray, hole: np.ndarray, realism: float) -> np.ndarray:
    """The picture at `realism`, 0 to 1, between a faithful output and a realistic one of the same crop.

    The mix is linear, pixel by pixel. Between the mean of all plausible pictures and a perfect sample of them, no other
    estimate comes nearer to the truth for the realism it has (Freirich, Michaeli and Meir 2021, A Theory of the
    Distortion-Perception Tradeoff in Wasserstein Space, theorem 3).

    Before that the realistic output is lit as the faithful one is: how bright a cheek or a chin is can be told from the
    face around it, and as far as that can be told, the mean has it. The colours stay the realistic one's, for they are
    of the variety that a mean has not; with the mean's, skin is yellow.
    """
    sharp = realistic + _lighting(faithful, realistic, hole)[..., None]
    mixed = realism * sharp + (1 - realism) * faithful.astype(np.float32)
    return np.asarray(np.rint(np.clip(mixed, 0, 255)).astype(np.uint8))


def without_checkerboard(image: np.ndarray) -> np.ndarray:
    """A picture (S, S, 3) uint8 without its waves of two pixels, to be enlarged.

    A network that puts out four pixels at a time (`nets.layers.downscaled`) leaves a pattern of their period behind
    (Odena, Dumoulin and Olah 2016, Deconvolution and Checkerboard Artifacts). At its own size that passes for grain;
    enlarged it is a mesh of coloured dots, most of all on teeth.
    """
    smooth = cv2.sepFilter2D(image.astype(np.float32), -1, NOTCH, NOTCH)
    return np.asarray(np.rint(np.clip(smooth, 0, 255)).astype(np.uint8))


def _lighting(faithful: np.ndarray, realistic: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """How much brighter the faithful output is in the hole, without detail: float32 (S, S), in levels."""
    covered = _coarse((hole > 0).astype(np.float32))
    brighter = _coarse((faithful.astype(np.float32) - realistic) @ LUMA * (hole > 0))
    smooth = _blur(brighter) / np.maximum(_blur(covered), 1e-3)  # normalised convolution (Knutsson and Westin 1993)
    return np.asarray(cv2.resize(smooth, hole.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _coarse(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(image, (COARSE, COARSE), interpolation=cv2.INTER_AREA))


def _blur(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), LIGHT))
