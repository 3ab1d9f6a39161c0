"""Networks that know green masks, and photos for them: stand-ins where weights do not matter."""

import cv2
import numpy as np
import torch
from torch import nn

from unmask.synth import MEAN_LANDMARKS


class Paint(nn.Module):
    """An inpainting model that paints the hole red."""

    def forward(self, crop, mask, *guide):
        red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand_as(crop)
        return torch.where(mask > 0, red, crop)


class FindGreen(nn.Module):
    """A segmentation model that calls green pixels mask."""

    def forward(self, crop):
        return ((crop[:, 1:2] > 0.5) & (crop[:, :1] < 0)).float()


class FindGreenFaces(nn.Module):
    """A face detector for faces whose mask is a green rectangle, twice as wide and a third as high again as it."""

    def __init__(self):
        super().__init__()
        self.device = nn.Parameter(torch.zeros(1))  # whose device the pipeline asks for

    def forward(self, x):
        green = ((x[0, 1] > 0.5) & (x[0, 0] < 0)).numpy().astype(np.uint8)
        rows = []
        for left, top, width, height, area in cv2.connectedComponentsWithStats(green)[2][1:]:
            if area < 20:
                continue
            x0, y0, x1, y1 = left - width / 2, top - 2 * height, left + 1.5 * width, top + height
            across = [[x0 + f * (x1 - x0), y0 + g * (y1 - y0)] for f, g in FIVE]
            rows.append([4.0, 3.0, x0, y0, x1, y1, *np.ravel(across)])
        return torch.tensor(rows or np.full((1, 16), -9.0), dtype=torch.float32)[None]


FIVE = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))  # in a face's box


class MeanFace(nn.Module):
    """Landmarks that agree with any crop."""

    def forward(self, crop):
        return torch.tensor(MEAN_LANDMARKS / 256)[None]


def photo_of(height: int, width: int) -> np.ndarray:
    """A smooth, recognisable picture."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 128 * y / height, 127 + 100 * np.sin(x / 9 + y / 7)], axis=2).astype(np.uint8)


SHAPES = [(256, 256), (300, 400), (777, 512), (64, 300), (1500, 2000), (33, 40)]


def two_masks() -> np.ndarray:
    """A wide photo with a large and a small green mask."""
    photo = np.full((400, 900, 3), 90, np.uint8)
    photo[::2] = (110, 90, 70)  # in more than one tone
    photo[200:300, 150:270] = (0, 255, 0)
    photo[120:170, 600:660] = (0, 255, 0)
    return photo
