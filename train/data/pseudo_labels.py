"""Self-training on photographs of real masks: M-Seg's own answers as labels, where they can be trusted.

The rules: the network must say nearly the same of a picture turned, mirrored, scaled and in other colours; the mask
must be of one piece, of a mask's size, and over the mouth. Pixels about which the views differ are left out of the
loss. A better network trusts more pictures: label, train and label again.
"""

import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from train.data.batches import similarity
from train.data.faces import SIDE, decode, read_images
from train.sheets import save_pictures
from unmask.imaging.tensors import resize, to_tensor
from unmask.masks import share
from unmask.nets.mseg import MSeg

AGREEMENT = 0.9  # mean IoU of the views' masks with their consensus
SHARE = (0.06, 0.5)  # of the crop that a mask covers
ONE_PIECE = 0.97  # of the mask's area, in its largest component
CERTAIN = 0.25  # distance of the mean probability from one half from which a pixel counts
MOUTH = (slice(176, 200), slice(108, 148))  # rows and columns of a crop, where FFHQ's frame has the mouth
VIEWS = (  # degrees, zoom, mirrored, gains of R, G and B
    (0, 1.0, False, (1, 1, 1)),
    (0, 1.0, True, (1, 1, 1)),
    (12, 1.1, False, (1.1, 1, 0.9)),
    (-12, 0.9, True, (0.9, 1, 1.1)),
    (0, 1.1, False, (0.8, 0.8, 0.8)),
    (0, 0.8, True, (1.15, 1.15, 1.15)),
    (0, 1.0, False, (0.9, 1.1, 1)),
)


def is_held_back(name: str) -> bool:
    """Every third picture, by its name's hash, is kept out of self-training: for judging by eye."""
    return zlib.crc32(name.encode()) % 3 == 0


@torch.inference_mode()
def probabilities(model: MSeg, crop: np.ndarray) -> np.ndarray:
    """What the network says of a face crop (256, 256, 3) uint8 in each view, turned back: (V, 256, 256) in [0, 1]."""
    x, size = to_tensor(crop), model.size
    found = []
    for degrees, zoom, mirrored, gains in VIEWS:
        view = ((x + 1) * torch.tensor(gains).view(1, 3, 1, 1) - 1).clamp(-1, 1)
        view = _turn(view.flip(3) if mirrored else view, degrees, 1 / zoom, "reflection")
        view = F.interpolate(view, size=(size, size), mode="bilinear", antialias=True)
        answer = F.interpolate(model(view), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        inverse = _turn(answer, -degrees, zoom, "border")
        found.append((inverse.flip(3) if mirrored else inverse)[0, 0].numpy())
    return np.stack(found)


def _turn(x: Tensor, degrees: float, scale: float, padding: str) -> Tensor:
    """x (1, C, S, S) turned about its middle, `scale` of it filling the frame."""
    angle, nothing = torch.tensor([np.deg2rad(degrees)], dtype=torch.float32), torch.zeros(1)
    theta = similarity(angle, torch.tensor([scale], dtype=torch.float32), nothing, nothing)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def trusted_label(views: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(mask, certain), each (256, 256) uint8 of 0 and 255, from the views' probabilities; None if not to be trusted."""
    mean = views.mean(axis=0)
    mask = (mean > 0.5).astype(np.uint8)
    if not SHARE[0] < mask.mean() < SHARE[1] or mask[MOUTH].mean() < 0.9:
        return None
    own = views > 0.5
    iou = (own & (mask > 0)).sum(axis=(1, 2)) / (own | (mask > 0)).sum(axis=(1, 2))
    areas = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
    holes = cv2.connectedComponentsWithStats(1 - mask)[2][1:, cv2.CC_STAT_AREA]
    whole = areas.max() > ONE_PIECE * areas.sum() and np.sort(holes)[:-1].sum() < 0.01 * areas.sum()
    if iou.mean() < AGREEMENT or not whole:
        return None
    return 255 * mask, 255 * (np.abs(mean - 0.5) > CERTAIN).astype(np.uint8)


def label_real_masks(model: MSeg, data: Path, out: Path) -> str:
    """Label data/real-masked.tar with `model`: writes out (.npz: names, pictures) and a contact sheet beside it.

    pictures: (N, 256, 256, 5) uint8: RGB, mask, certain. Held-back pictures are left out. Returns what was done.
    """
    names, pictures, seen = [], [], 0
    for stem, content in tqdm(read_images(data, "real-masked.tar"), desc="labelling", unit="face"):
        if is_held_back(stem):
            continue
        seen += 1
        crop = decode(content)
        label = trusted_label(probabilities(model, crop))
        if label is not None:
            names.append(stem)
            pictures.append(np.dstack([crop, *label]))
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, names=names, pictures=np.array(pictures, np.uint8).reshape(-1, SIDE, SIDE, 5))
    save_pictures(out.with_suffix(".png"), [outlined(p[..., :3], p[..., 3]) for p in pictures[:60]], columns=12)
    return f"{len(names)} of {seen} pictures trusted"


def outlined(crop: np.ndarray, mask: np.ndarray, side: int = 128) -> np.ndarray:
    """A face crop with the outline of a mask drawn on it, side x side px, for looking at."""
    shown = resize(crop, (side, side)).copy()
    edges, _ = cv2.findContours((resize(mask, (side, side)) > 127).astype(np.uint8), cv2.RETR_EXTERNAL, 2)
    cv2.drawContours(shown, edges, -1, (255, 0, 90), 1)
    return shown


def show_held_back(model_mask: Callable[[np.ndarray], np.ndarray], data: Path, out: Path, count: int = 100) -> str:
    """A contact sheet of the held-back real masks as `model_mask` (crop -> mask) finds them, for judging by eye."""
    tiles: list[np.ndarray] = []
    shares: list[float] = []
    for stem, content in read_images(data, "real-masked.tar"):
        if is_held_back(stem) and len(tiles) < count:
            crop = decode(content)
            mask = model_mask(crop)
            shares.append(share(mask))
            tiles.append(np.concatenate([resize(crop, (128, 128)), outlined(crop, mask)], axis=0))
    save_pictures(out, tiles, columns=20)
    return f"{len(tiles)} held-back real masks; nearly nothing found on {sum(s < 0.03 for s in shares)}: {out}"
