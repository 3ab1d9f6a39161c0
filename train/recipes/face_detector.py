"""The face detector: which cells see a face, its box, its five points, and whether it wears a mask."""

import cv2
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.data.scenes import IGNORED, SMALLEST
from train.recipe import Loss, Phase, Recipe
from train.sheets import to_uint8
from unmask.faces.detector import decode
from unmask.nets.face_detector import FaceDetector, grid


class FaceDetectorRecipe(Recipe):
    name = "face-detector"
    phases = (Phase("detection", 1.0),)
    learning_rates = (2e-3, 0.0)
    betas = (0.9, 0.999)
    warp = 0.0  # the scenes turn and scale by themselves

    def __init__(self, size: int, width: int = 16):
        self.size, self.config = size, {"width": width}
        self.generator = FaceDetector(width)
        self.discriminator = None

    def generate(self, batch: Batch) -> Tensor:
        answers: Tensor = self.generator(batch["photo"])
        return answers

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        centers, strides = grid(self.size, self.size, fake.device)
        owner, counted = assign(centers, strides, batch["boxes"], batch["wears"])
        positive = owner >= 0
        count = positive.sum().clamp(min=1)
        rows, _ = positive.nonzero(as_tuple=True)
        own, out = owner[positive], fake[positive]  # (P,), (P, 16)
        box, points, masked = (x[rows, own] for x in (batch["boxes"], batch["points"], batch["wears"]))

        iou, giou = overlaps(out[:, 2:6], box)
        # The score says how well the box fits, too (Generalized Focal Loss, Li et al. 2020, section 3.2).
        target = torch.zeros_like(fake[..., 0])
        target[positive] = iou.detach()
        focal = F.binary_cross_entropy_with_logits(fake[..., 0], target, reduction="none")
        focal = focal * (fake[..., 0].sigmoid() - target).abs().square()
        score = (focal * counted).sum() / count
        sides = (1 - giou).sum() / count

        size = (box[:, 2:] - box[:, :2]).prod(dim=1).sqrt()[:, None, None]
        known = points.isfinite()
        error = torch.where(known, (out[:, 6:].unflatten(1, (5, 2)) - points.nan_to_num()) / size, 0.0)
        point = F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.05, reduction="sum") / known.sum().clamp(min=1)

        labelled = masked >= 0
        wears = F.binary_cross_entropy_with_logits(out[:, 1], masked.clamp(min=0), reduction="none")
        wears = (wears * labelled).sum() / labelled.sum().clamp(min=1)
        total = score + 2.0 * sides + 4.0 * point + 0.2 * wears
        return total, {"score": score, "sides": sides, "points": point, "masked": wears, "iou": iou.sum() / count}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        pictures = to_uint8(batch["photo"]).copy()
        for picture, out in zip(pictures, model(batch["photo"])):
            for box, *_ in decode(out, 0.4):
                x0, y0, x1, y1 = box.round().astype(int).tolist()
                cv2.rectangle(picture, (x0, y0), (x1, y1), (0, 255, 0), 1)
        return [torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1]


def assign(centers: Tensor, strides: Tensor, boxes: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
    """Which cell learns which face (FCOS, section 3.1, with its centre sampling).

    centers (C, 2), strides (C,) of the cells; boxes (B, M, 4) px, NaN where there is none; masked (B, M), see
    `train.data.scenes.Boxes`. Returns owner (B, C): index of the cell's face or -1; counted (B, C): 1 where the cell's
    score is learnt, 0 where both answers would do (a face's rim, sizes between two levels, faces that do not count).
    """
    middle, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    size = sides.prod(dim=2).sqrt()[:, None]  # (B, 1, M)
    away = (centers[None, :, None] - middle[:, None]).abs() / (sides[:, None] / 2)  # (B, C, M, 2)
    away = torch.linalg.vector_norm(away, dim=3)  # 1 on the ellipse in the box
    near = (centers[None, :, None] - middle[:, None]).abs().amax(dim=3) <= 0.5 * strides[None, :, None]
    real = size > 0  # NaN is not
    valid = real & (masked[:, None] > IGNORED) & (size >= SMALLEST)
    stride = strides[None, :, None]
    lowest = torch.where(stride == strides.min(), 0.0, 2 * stride)
    highest = torch.where(stride == strides.max(), torch.inf, 10 * stride)
    fits = valid & (size >= lowest) & (size <= highest)
    nearly = valid & (size >= 0.7 * lowest) & (size <= 1.4 * highest)
    inside = fits & ((away <= 0.4) | near)  # (B, C, M)
    smallest, owner = torch.where(inside, size, torch.inf).min(dim=2)
    owner = torch.where(smallest.isfinite(), owner, -1)
    either = (nearly & (away <= 0.75)) | (real & ~valid & ((away <= 1.1) | near))
    counted = (owner >= 0) | ~either.any(dim=2)
    return owner, counted.float()


def overlaps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes (P, 4) and (P, 4): two times (P,)."""

    def area(box: Tensor) -> Tensor:
        return (box[:, 2:] - box[:, :2]).clamp(min=0).prod(dim=1)

    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = area(a) + area(b) - shared
    around = area(torch.cat([torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:])], dim=1))
    iou = shared / union.clamp(min=1e-6)
    return iou, iou - (around - union) / around.clamp(min=1e-6)
