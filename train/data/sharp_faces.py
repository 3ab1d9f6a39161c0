"""Sharp faces, and what the inpainting models paint into them at half their size: batches for the refiner."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from train.data.augment import compress, relight, soften
from train.data.batch import Batch
from train.data.batches import photographed, sampling_weights, shrink
from train.data.draws import Draws
from train.data.faces import (
    SIDE,
    Faces,
    decode_into,
    draw_pairs,
    fingerprint,
    load_faces,
    mapped,
    new_array,
    publish,
)
from unmask import weights
from unmask.masks import grow
from unmask.pipeline import Unmasker
from unmask.registry import DEFAULT_MODELS, RELEASES

LARGE = 512  # px: the side of the faces in the shards faces512-*.tar
MARGINS = (3, 5, 7, 9)  # px of 256: how far each model's hole reaches beyond the drawn mask, as found masks do
PAIRED = 0.4  # share of the pictures whose fill is the truth at half its size: what detail belongs to it is known


def load_large(data: Path, faces: Faces, cache: Path) -> np.ndarray:
    """The faces at LARGE px, (N, LARGE, LARGE, 3) uint8. Raises ValueError where the data folder lacks one."""
    listing = hashlib.sha256("\n".join(faces.names).encode()).hexdigest()[:10]
    path = cache / f"{fingerprint(data)}-large-{listing}.npy"
    if not path.exists():
        if missing := decode_into(path, data, "faces512-*.tar", faces.names, LARGE):
            raise ValueError(f"{data} lacks {missing} of the {len(faces.names)} faces at {LARGE} px.")
        publish(path)
    return mapped(path)


def large_faces(data: Path, faces: Faces, cache: Path) -> tuple[Faces, list[int]]:
    """Those of the faces that are there at LARGE px, so large, and their places among all.

    Raises ValueError where faces.csv names none, or the data folder lacks one.
    """
    places = [i for i, row in enumerate(faces.rows) if row.get("shard512")]
    if not places:
        raise ValueError(f"{data / 'faces.csv'} names no faces at {LARGE} px in this split: try another.")
    large = replace(
        faces, names=[faces.names[i] for i in places], rows=[faces.rows[i] for i in places],
        landmarks=faces.landmarks[places] * (LARGE / SIDE),
    )  # fmt: skip
    return replace(large, photos=load_large(data, large, cache)), places


def paint(photos: np.ndarray, masks: np.ndarray, size: int, path: Path) -> np.ndarray:
    """What each of DEFAULT_MODELS paints into the faces, (models * N, size, size, 4) uint8: RGB and the hole.

    photos: (N, S, S, 3) uint8; masks: (N, 256, 256) uint8. Kept in the cache at `path`.
    """
    if not path.exists():
        count, unmasker = len(photos), Unmasker("cpu")
        painted = new_array(path, (len(DEFAULT_MODELS) * count, size, size, 4))
        for number, (name, margin) in enumerate(zip(DEFAULT_MODELS, MARGINS)):
            for i in tqdm(range(count), desc=f"painting with {name}", unit="face"):
                hole = cv2.resize(grow(masks[i], margin), (size, size), interpolation=cv2.INTER_NEAREST)
                crop = cv2.resize(photos[i], (size, size), interpolation=cv2.INTER_AREA)
                painted[number * count + i] = np.dstack([unmasker.fill(name, crop, hole), hole])
        publish(path)
    return mapped(path)


class SharpFaces:
    """Random batches by step number, as `Batches` gives them: photo, coarse, hole, valid and paired."""

    def __init__(
        self, data: Path, cache: Path, *, size: int, seed: int, device: torch.device, split: str = "train",
        window: int | None = None, limit: int | None = None,
    ):  # fmt: skip
        """size: px of the sharp faces: LARGE, for which the data folder needs its shards, or less, for which all faces
        serve. window: px of the square that `get` cuts out; the whole picture unless given."""
        self.size, self.seed, self.device, self.window = size, seed, device, window or size
        faces = load_faces(data, split, cache, limit)
        masks = draw_pairs(faces, cache, 1, seed)[..., 3]
        if size == LARGE:
            faces, places = large_faces(data, faces, cache)
            masks = masks[places]
        photos = shrink(faces.photos, size) if size < LARGE else faces.photos
        released = weights.released_hashes()
        painters = [name for name in RELEASES if RELEASES[name].name in DEFAULT_MODELS]  # GANMasker has two files
        key = repr([faces.names, MARGINS, seed, size, [released.get(f"{name}.safetensors") for name in painters]])
        path = cache / f"{fingerprint(data)}-painted-{hashlib.sha256(key.encode()).hexdigest()[:10]}.npy"
        painted = paint(photos, masks, size // 2, path)
        self.count = len(faces.names)
        self.photos, self.painted = (torch.from_numpy(np.asarray(each)).to(device) for each in (photos, painted))
        self.probabilities = torch.from_numpy(sampling_weights(faces))
        self.photographed = torch.from_numpy(photographed(faces)).to(device)

    def get(self, step: int, batch: int, warp: float = 0.0, rows: slice = slice(None)) -> Batch:
        """Batch number `step`, or these rows of it; nothing is warped.

        Returns photo, coarse: (B, 3, S, S) float32 in [-1, 1], a sharp face and what was painted at half its size,
        enlarged; hole, valid: (B, 1, S, S) of {0, 1}; paired: (B, 1, 1, 1) of {0, 1}, whether the fill is the photo's
        own at half its size; side: (B,), px of the whole picture. S is the window's side, where there is one.
        """
        draws = Draws(self.seed * 1_000_003 + step, batch, rows, self.device)
        face = draws.pick(self.probabilities)
        row = face + self.count * draws.below(len(DEFAULT_MODELS))
        paired = draws.uniform(1, 1, 1) < PAIRED
        photo, stored, valid = self._collect(face, row, self._corners(row, draws), self.window)
        photo = soften(photo.repeat(1, 2, 1, 1), draws)[:, :3]
        small = torch.where(paired, F.avg_pool2d(photo, 2), stored[:, :3])
        coarse = F.interpolate(small, scale_factor=2.0, mode="bicubic", align_corners=False)
        photo = compress(photo.repeat(1, 2, 1, 1), draws)[:, :3]
        x = relight(torch.cat([photo, coarse], dim=1), draws)
        x = x * torch.exp(0.15 * draws.normal(1, 1, 1)) * torch.exp(0.05 * draws.normal(3, 1, 1)).repeat(1, 2, 1, 1)
        x = (x + 10 * draws.normal(1, 1, 1)).clamp(0, 255)
        hole = F.interpolate(stored[:, 3:], scale_factor=2.0, mode="nearest")
        mirror = (draws.uniform() < 0.5)[:, None, None, None]
        x, hole, valid = (torch.where(mirror, each.flip(3), each) for each in (x, hole, valid))
        return self._batch(x, hole, valid, paired)

    def first(self, count: int) -> Batch:
        """The first `count` faces, if there are so many, as they are, with the first model's fills."""
        face = torch.arange(min(count, self.count), device=self.device)
        photo, stored, valid = self._collect(face, face, torch.zeros(len(face), 2, dtype=torch.long), self.size)
        coarse = F.interpolate(stored[:, :3], scale_factor=2.0, mode="bicubic", align_corners=False).clamp(0, 255)
        hole = F.interpolate(stored[:, 3:], scale_factor=2.0, mode="nearest")
        return self._batch(torch.cat([photo, coarse], dim=1), hole, valid, torch.zeros(len(face), 1, 1, 1) > 0)

    def _corners(self, row: Tensor, draws: Draws) -> Tensor:
        """(B, 2) long, x and y in px of the half-size picture: a window at each hole's middle, up to a fifth of its
        side off it."""
        half, side = self.window // 2, self.size // 2
        hole, line = self.painted[row][..., 3].float(), torch.arange(side, dtype=torch.float32, device=self.device)
        total = hole.sum(dim=(1, 2)).clamp_min(1)
        middle = torch.stack([(hole.sum(dim=axis) * line).sum(dim=1) / total for axis in (1, 2)], dim=1)
        shift = 0.2 * half * (2 * draws.uniform(2) - 1)
        return (middle + shift - half / 2).round().long().clamp(0, side - half)

    def _collect(
        self, face: Tensor, row: Tensor, corner: Tensor, window: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Photo (B, 3, S, S), painted picture and hole (B, 4, S / 2, S / 2), both float32 in 0-255, valid (B, 1, S, S)
        of {0, 1}."""
        def cut(pictures: Tensor, which: Tensor, start: Tensor, side: int) -> Tensor:
            places = start[:, :, None] + torch.arange(side, device=self.device)  # (B, 2, side)
            columns, rows = places.unbind(1)
            part = pictures[which[:, None, None], rows[:, :, None], columns[:, None]]
            return part.permute(0, 3, 1, 2).float()

        photo, stored = cut(self.photos, face, 2 * corner, window), cut(self.painted, row, corner, window // 2)
        line = (2 * corner[:, :, None] + torch.arange(window, device=self.device) + 0.5) / self.size  # (B, 2, S)
        low, high = self.photographed[face].view(-1, 2, 2).unbind(1)  # x0 y0 and x1 y1, (B, 2) each
        inside = (line > low[..., None]) & (line < high[..., None])
        return photo, stored, (inside[:, 1, :, None] & inside[:, 0, None]).float()[:, None]

    def _batch(self, x: Tensor, hole: Tensor, valid: Tensor, paired: Tensor) -> Batch:
        photo, coarse = (
            part.contiguous(memory_format=torch.channels_last) for part in (x / 127.5 - 1).split(3, dim=1)
        )
        side = torch.full((len(x),), self.size, device=self.device)
        return {
            "photo": photo, "coarse": coarse, "hole": (hole > 127).float(), "valid": valid, "paired": paired.float(),
            "side": side,
        }  # fmt: skip
