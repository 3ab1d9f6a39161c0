"""Detail for large faces: the refiner on the part of a crop in which something was painted."""

import cv2
import numpy as np
import torch

from unmask.imaging.tensors import mask_to_tensor, to_image, to_tensor
from unmask.masks import binarise
from unmask.nets.layers import Network

REFINED = 512  # px of the crop in which large faces are refined
SEEN = 40  # px of that crop around the hole which the refiner looks at


def add_detail(
    refiner: Network, device: torch.device, painted: np.ndarray, crop: np.ndarray, mask: np.ndarray, detail: float
) -> np.ndarray:
    """What was painted into a crop, both (S, S, 3) uint8, with the refiner's detail in the mask (S, S) uint8.

    device: the network's. detail: how much of it, 0 to 1.
    """
    hole = binarise(mask, 0)
    x, y, width, height = cv2.boundingRect(hole)
    if width == 0:
        return painted
    # The hole and what the network sees around it: the rest would be computed for nothing.
    left, right, top, bottom = _steps(x, x + width, len(crop)) + _steps(y, y + height, len(crop))
    box = np.s_[top:bottom, left:right]
    inputs = to_tensor(painted[box]), to_tensor(crop[box]), mask_to_tensor(hole[box])
    refined = to_image(refiner(*(each.to(device) for each in inputs)))
    result = painted.copy()
    result[box] = np.rint(painted[box] + detail * (refined.astype(np.float32) - painted[box])).astype(np.uint8)
    return result


def _steps(start: int, end: int, size: int) -> tuple[int, int]:
    """A range with what the refiner sees around it, within 0 and `size`, in multiples of what it can halve."""
    low, high = max(start - SEEN, 0), min(end + SEEN, size)
    return low - low % 8, high + -high % 8
