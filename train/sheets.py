"""Contact sheets: many small pictures in one PNG, to look at."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from unmask.image import write_png


def to_uint8(x: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8."""
    x = ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return x.permute(0, 2, 3, 1).cpu().numpy()


def save_grid(path: Path, rows: list[Tensor]) -> None:
    """One row of pictures per N3HW tensor in [-1, 1]."""
    with open(path, "wb") as file:
        write_png(file, np.concatenate([np.concatenate(list(to_uint8(row)), axis=1) for row in rows], axis=0))


def save_pictures(path: Path, pictures: list[np.ndarray], columns: int) -> None:
    """Pictures of one size, (H, W, 3) uint8, row by row."""
    pictures = pictures + [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.concatenate(pictures[i : i + columns], axis=1) for i in range(0, len(pictures), columns)]
    with open(path, "wb") as file:
        write_png(file, np.concatenate(rows, axis=0))


def mark_points(x: Tensor, points: Tensor) -> Tensor:
    """A copy of N3HW pictures in [-1, 1] with green dots at (N, K, 2) points, x and y in units of the side."""
    size, x = x.shape[-1], x.clone()
    place = (points * size).long().clamp(0, size - 1)  # (N, K, 2)
    x[torch.arange(len(x))[:, None], :, place[..., 1], place[..., 0]] = x.new_tensor([-1, 1, -1])
    return x


def label(image: np.ndarray, text: str) -> np.ndarray:
    """A copy of an RGB picture with a line of text at its top left, white on a dark band."""
    image = image.copy()
    width, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0]
    image[:16, : width + 8] //= 4
    cv2.putText(image, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return image
