"""The whole photos: which are held back from training, and how far boxes of faces overlap."""

from collections import defaultdict

import numpy as np

from unmask.types import Json


def held_back(photos: list[Json]) -> list[Json]:
    """The rows of photos.json that no face detector is trained on: every third photo of each source, sorted by name.

    A photo's source is the part of its name before "_". The result keeps the sources apart, in order of name.
    """
    sources = defaultdict(list)
    for row in sorted(photos, key=lambda row: row["name"]):
        sources[source(row)].append(row)
    return [row for rows in sources.values() for row in rows[::3]]


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (N, 4) with boxes (M, 4): (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    ious: np.ndarray = both / np.maximum(box_sizes(a)[:, None] ** 2 + box_sizes(b)[None] ** 2 - both, 1e-9)
    return ious


def source(row: Json) -> str:
    name: str = row["name"]
    return name.split("_")[0]


def box_sizes(boxes: np.ndarray) -> np.ndarray:
    """sqrt(width * height) of boxes (N, 4): (N,)."""
    sizes: np.ndarray = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
    return sizes
