"""Contact sheets: many small pictures in one PNG, to look at."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from unmask.imaging.metadata import write_png


def to_uint8(x: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8."""
    x = ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return x.permute(0, 2, 3, 1).cpu().numpy()


def grid(rows: list[Tensor]) -> np.ndarray:
    """One row of pictures per N3HW tensor in [-1, 1]: (H, W, 3) uint8."""
    return np.concatenate([np.concatenate(list(to_uint8(row)), axis=1) for row in rows], axis=0)


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


def tint(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A copy of an RGB picture (H, W, 3) with its masked pixels (H, W) > 127 half red."""
    red = (image // 2 + np.array([127, 0, 40], np.uint8)).astype(np.uint8)
    return np.where(mask[..., None] > 127, red, image)


def save_ranked(
    path: Path, kinds: list[list[np.ndarray]], scores: list[float], words: list[str], each: int = 6
) -> None:
    """The best, the median and the worst few by score, one a column, each with its row of every kind.

    kinds: lists of pictures, one of each per score: what went in, what came out (which gets the words), the truth.
    """
    order = np.argsort(-np.array(scores))
    middle = max(len(order) // 2 - each // 2, 0)
    blocks = []
    for picks in (order[:each], order[middle : middle + each], order[-each:]):
        before, after, truth = ([pictures[i] for i in picks] for pictures in kinds)
        after = [label(picture, words[i]) for picture, i in zip(after, picks)]
        blocks += [np.concatenate(row, axis=1) for row in (before, after, truth)]
    _save_rows(path, blocks)


def save_comparison(
    path: Path, before: list[np.ndarray], results: dict[str, list[np.ndarray]], truth: list[np.ndarray], count: int = 8
) -> None:
    """Evenly spread faces, one a column: as they went in, every model's result, the truth."""
    indices = np.linspace(0, len(before) - 1, min(count, len(before))).astype(int)
    blocks = [np.concatenate([before[i] for i in indices], axis=1)]
    for name, images in results.items():
        blocks.append(np.concatenate([label(images[i], name) for i in indices], axis=1))
    blocks.append(np.concatenate([truth[i] for i in indices], axis=1))
    _save_rows(path, blocks)


def _save_rows(path: Path, blocks: list[np.ndarray]) -> None:
    width = max(block.shape[1] for block in blocks)
    padded = [np.pad(block, ((0, 0), (0, width - block.shape[1]), (0, 0))) for block in blocks]
    with open(path, "wb") as file:
        write_png(file, np.concatenate(padded, axis=0))
