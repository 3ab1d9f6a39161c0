"""Faces with 19-class labels from `parsing.tar`: batches for the parsing network, and its F-scores.

For that network only: none of these pictures is in any other training set.
"""

import zlib
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from train.data.batch import Batch
from train.data.batches import similarity
from train.data.draws import Draws
from train.data.faces import SIDE, decode, read_images
from unmask.imaging.tensors import to_tensor
from unmask.nets.parsing import CLASSES, ParsingNet

HELD_BACK = 8  # every so many-th face, by its name's hash, is for the F-scores
PAIRS = ((4, 5), (6, 7), (8, 9))  # classes that change sides when a face is mirrored
# What the F-score counts (Li et al. 2017 print 0.851 over Helen's main components).
COMPONENTS = {
    "skin": (1,), "nose": (2,), "eyes": (4, 5), "brows": (6, 7), "mouth": (10,), "upper lip": (11,),
    "lower lip": (12,), "hair": (13,),
}  # fmt: skip


def load_parsed(data: Path, held_back: bool, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Photos (N, 256, 256, 3) and labels (N, 256, 256), uint8, of a part of parsing.tar. Raises ValueError without."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for stem, content in read_images(data, "parsing.tar"):
        if (zlib.crc32(stem.encode()) % HELD_BACK == 0) == held_back:
            found[stem].append(content)
    faces = [pair for _, pair in sorted(found.items()) if len(pair) == 2][:limit]
    if not faces:
        raise ValueError(f"{data} has no parsing.tar with faces (<key>.webp) and their labels (<key>.png).")
    photos, labels = [], []
    for pair in faces:
        label, photo = sorted(pair, key=lambda content: content[:4] != b"\x89PNG")
        photos.append(decode(photo))
        labels.append(np.asarray(cv2.imdecode(np.frombuffer(label, np.uint8), cv2.IMREAD_GRAYSCALE)))
    return np.stack(photos), np.stack(labels)


class ParsedBatches:
    """Random batches by step number, as `Batches` gives them: photo N3HW in [-1, 1], labels (N, H, W)."""

    def __init__(self, data: Path, *, size: int, seed: int, device: torch.device, held_back: bool = False,
                 limit: int | None = None):  # fmt: skip
        self.size, self.seed, self.device = size, seed, device
        photos, labels = load_parsed(data, held_back, limit)
        self.faces = torch.from_numpy(np.concatenate([photos, labels[..., None]], axis=3)).to(device)

    def get(self, step: int, batch: int, warp: float = 0.0, rows: slice = slice(None)) -> Batch:
        """Batch number `step`, or these rows of it: mirrored, turned up to 30 degrees, scaled and shifted by `warp`,
        colours changed."""
        draws = Draws(self.seed * 1_000_003 + step, batch, rows, self.device)
        x = self._pick(draws.below(len(self.faces)))
        mirrored = x.flip(3)
        for left, right in PAIRS:
            sides = mirrored[:, 3:]
            mirrored[:, 3:] = torch.where(sides == left, right, torch.where(sides == right, left, sides))
        x = torch.where((draws.uniform() < 0.5)[:, None, None, None], mirrored, x)

        def draw() -> Tensor:
            return warp * (2 * draws.uniform() - 1)

        angle, zoom = 0.52 * draw(), torch.exp(0.4 * draw())
        theta = similarity(angle, zoom, 0.3 * draw(), 0.3 * draw())
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        photo = F.grid_sample(x[:, :3], grid, padding_mode="reflection", align_corners=False)
        labels = F.grid_sample(x[:, 3:], grid, mode="nearest", padding_mode="reflection", align_corners=False)
        strength = torch.tensor([0.2, 0.06, 0.2], device=self.device).view(3, 1, 1)
        return self._split(photo * torch.exp(strength * draws.normal(3, 1, 1)), labels)

    def first(self, count: int) -> Batch:
        """The first `count` faces as they are, for sample grids."""
        x = self._pick(torch.arange(min(count, len(self.faces)), device=self.device))
        return self._split(x[:, :3], x[:, 3:])

    def _pick(self, faces: Tensor) -> Tensor:
        """(B, 4, size, size) float32: photo in 0-255, labels."""
        x = self.faces[faces].permute(0, 3, 1, 2).float()
        photo = F.interpolate(x[:, :3], size=(self.size, self.size), mode="area")
        return torch.cat([photo, F.interpolate(x[:, 3:], size=(self.size, self.size), mode="nearest")], dim=1)

    @staticmethod
    def _split(photo: Tensor, labels: Tensor) -> Batch:
        photo = (photo.clamp(0, 255) / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return {"photo": photo, "labels": labels[:, 0].long()}


def evaluate_parsing(model: ParsingNet, data: Path, out: Path, size: int, limit: int | None = None) -> str:
    """F-score of each component over all held-back pixels, at 256 px: a Markdown table, also in out/parsing.md."""
    photos, labels = load_parsed(data, held_back=True, limit=limit)
    hit, said, true = (np.zeros(len(CLASSES)) for _ in range(3))
    for photo, label in zip(tqdm(photos, desc="parsing", unit="face"), labels):
        x = F.interpolate(to_tensor(photo), size=(size, size), mode="area")
        with torch.inference_mode():
            logits = F.interpolate(model(x), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        answer = logits.argmax(dim=1)[0].numpy()
        hit += np.bincount(label[answer == label], minlength=len(CLASSES))
        said += np.bincount(answer.ravel(), minlength=len(CLASSES))
        true += np.bincount(label.ravel(), minlength=len(CLASSES))
    scores = {
        name: 2 * hit[list(parts)].sum() / max(said[list(parts)].sum() + true[list(parts)].sum(), 1)
        for name, parts in COMPONENTS.items()
    }
    lines = ["| component | F-score |", "|---|---|", *(f"| {name} | {score:.3f} |" for name, score in scores.items())]
    lines.append(f"| mean of {len(photos)} faces' components | {np.mean(list(scores.values())):.3f} |")
    out.mkdir(parents=True, exist_ok=True)
    (out / "parsing.md").write_text("\n".join(lines) + "\n")
    return "\n".join(lines)
