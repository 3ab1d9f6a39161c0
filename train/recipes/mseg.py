"""M-Seg: binary cross-entropy plus Dice (GANMasker, equations 1-3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.loop import Phase
from train.losses import dice_loss
from unmask.nets.mseg import MSeg


class MSegRecipe:
    name = "mseg"
    phases = (Phase("segmentation", 1.0),)
    learning_rates = (1e-3, 0.0)  # section 4.2
    betas = (0.9, 0.999)
    warp = 1.0  # photos come less well aligned than the training faces
    bare = 0.12  # share of faces without a mask, whose truth is empty
    other = 0.12  # share of pictures without a face, likewise

    def __init__(self, size: int, width: int = 24):
        self.size, self.config = size, {"width": width}
        self.generator = MSeg(width)
        self.discriminator = None

    def generate(self, batch: dict[str, Tensor]) -> Tensor:
        bare = (torch.rand(len(batch["photo"]), 1, 1, 1) < self.bare).to(batch["photo"].device)
        crop = torch.where(bare, batch["photo"], batch["masked"])
        truth = torch.where(bare, 0.0, batch["mask"])
        if "other" in batch:
            other = (torch.rand(len(crop), 1, 1, 1) < self.other).to(crop.device)
            crop, truth = torch.where(other, batch["other"], crop), torch.where(other, 0.0, truth)
        # Photos show faces smaller than a crop does, and several of them.
        pick = torch.rand(()).item()
        for _ in range((pick < 0.35) + (pick < 0.12)):
            crop, truth = crowd(crop), (crowd(truth) > 0.5).float()
        batch["truth"] = truth
        return self.generator.logits(degrade(crop))

    def g_loss(self, batch, fake, phase):
        logits = fake.float()
        bce = F.binary_cross_entropy_with_logits(logits, batch["truth"])
        dice = dice_loss(torch.sigmoid(logits), batch["truth"])
        return bce + dice, {"bce": bce, "dice": dice}

    def d_loss(self, batch, fake):
        raise TypeError("M-Seg has no discriminator.")

    def show(self, model: nn.Module, batch: dict[str, Tensor]) -> list[Tensor]:
        found = 2 * model(batch["masked"]).expand(-1, 3, -1, -1) - 1
        bare = 2 * model(batch["photo"]).expand(-1, 3, -1, -1) - 1
        return [batch["masked"], found, 2 * batch["mask"].expand(-1, 3, -1, -1) - 1, batch["photo"], bare]


def crowd(x: Tensor) -> Tensor:
    """Four pictures of the batch (N, C, S, S) at half their size, side by side, in each one's place."""
    small = F.avg_pool2d(x, 2)
    rows = [torch.cat([small.roll(i, 0), small.roll(i + 1, 0)], dim=3) for i in (0, 2)]
    return torch.cat(rows, dim=2).contiguous(memory_format=torch.channels_last)


def degrade(crop: Tensor) -> Tensor:
    """What cameras and enlarging do: half of the pictures lose resolution or gain noise."""
    n, _, size, _ = crop.shape
    low = F.interpolate(F.avg_pool2d(crop, 2), size=(size, size), mode="bilinear", align_corners=False)
    pick = torch.rand(n, 1, 1, 1)
    noise = 0.08 * torch.rand(n, 1, 1, 1).to(crop.device) * torch.randn_like(crop)
    crop = torch.where((pick < 0.25).to(crop.device), low, crop)
    return torch.where(((pick > 0.15) & (pick < 0.5)).to(crop.device), crop + noise, crop)
