"""M-Seg: binary cross-entropy plus Dice (GANMasker, equations 1-3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses.reconstruction import dice_loss
from train.recipe import Loss, Phase, Recipe
from unmask.nets.mseg import MSeg


class SegmentationRecipe(Recipe):
    """The pictures on which both segmentation models learn."""

    betas = (0.9, 0.999)
    warp = 1.0  # photos come less well aligned than the training faces
    bare = 0.12  # share of faces without a mask, whose truth is empty
    other = 0.12  # share of pictures without a face, likewise
    real = 0.35  # share of photographs of real masks, where there are labels for them
    recoloured = 0.3  # share of masks in another colour, half of them the skin's, which is the hardest
    grey = 0.08  # share of pictures in black and white: photos like that are few, and straps were left in them

    def pictures(self, batch: Batch) -> Tensor:
        """What the network sees: masked faces, and what must come out empty. N3HW in [-1, 1].

        Adds to the batch `truth` and `certain`, N1HW of {0, 1}: the masks, and which of their pixels count; and
        `cells`, how many faces side by side a picture has.
        """
        bare = (torch.rand(len(batch["photo"]), 1, 1, 1) < self.bare).to(batch["photo"].device)
        crop = torch.where(bare, batch["photo"], batch["masked"])
        truth, certain = torch.where(bare, 0.0, batch["mask"]), torch.ones_like(batch["mask"])
        if "real" in batch:
            real = (torch.rand(len(crop), 1, 1, 1) < self.real).to(crop.device)
            crop, truth = torch.where(real, batch["real"], crop), torch.where(real, batch["real_mask"], truth)
            certain = torch.where(real, batch["certain"], certain)
        crop = recolour(crop, truth, self.recoloured)
        if "other" in batch:
            other = (torch.rand(len(crop), 1, 1, 1) < self.other).to(crop.device)
            crop, truth = torch.where(other, batch["other"], crop), torch.where(other, 0.0, truth)
            certain = torch.where(other, 1.0, certain)
        # Photos show faces smaller than a crop does, and several of them.
        pick = torch.rand(()).item()
        halvings = (pick < 0.35) + (pick < 0.12)
        for _ in range(halvings):
            crop, truth, certain = crowd(crop), (crowd(truth) > 0.5).float(), (crowd(certain) > 0.99).float()
        batch["truth"], batch["certain"], batch["cells"] = truth, certain, torch.tensor(2**halvings)
        grey = torch.rand(len(crop), 1, 1, 1) < self.grey
        crop = torch.where(grey.to(crop.device), crop.mean(dim=1, keepdim=True), crop)
        return degrade(crop)

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        found = 2 * model(batch["masked"]).expand(-1, 3, -1, -1) - 1
        bare = 2 * model(batch["photo"]).expand(-1, 3, -1, -1) - 1
        return [batch["masked"], found, 2 * batch["mask"].expand(-1, 3, -1, -1) - 1, batch["photo"], bare]


class MSegRecipe(SegmentationRecipe):
    name = "mseg"
    phases = (Phase("segmentation", 1.0),)
    learning_rates = (1e-3, 0.0)  # section 4.2
    generator: MSeg

    def __init__(self, size: int, width: int = 24, downscale: int = 2):
        self.size, self.config = size, {"width": width, "downscale": downscale}
        self.generator = MSeg(width, downscale)
        self.discriminator = None

    def generate(self, batch: Batch) -> Tensor:
        return self.generator.logits(self.pictures(batch))

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        logits = fake.float()
        truth, certain = batch["truth"], batch["certain"]
        bce = F.binary_cross_entropy_with_logits(logits, truth, weight=certain)
        dice = dice_loss(torch.sigmoid(logits) * certain, truth * certain)
        return bce + dice, {"bce": bce, "dice": dice}


def crowd(x: Tensor) -> Tensor:
    """Four pictures of the batch (N, C, S, S) at half their size, side by side, in each one's place."""
    small = F.avg_pool2d(x, 2)
    rows = [torch.cat([small.roll(i, 0), small.roll(i + 1, 0)], dim=3) for i in (0, 2)]
    return torch.cat(rows, dim=2).contiguous(memory_format=torch.channels_last)


def recolour(crop: Tensor, mask: Tensor, share: float) -> Tensor:
    """A share of the masks in another colour, their folds and patterns kept: any, or the skin's around the eyes.

    crop: N3HW in [-1, 1]; mask: N1HW of {0, 1}. Pictures without a mask stay as they are.
    """
    n, _, size, _ = crop.shape
    area = mask.sum(dim=(2, 3), keepdim=True)
    old = (crop * mask).sum(dim=(2, 3), keepdim=True) / area.clamp_min(1)  # (N, 3, 1, 1)
    rows, columns = slice(int(0.3 * size), int(0.5 * size)), slice(int(0.3 * size), int(0.7 * size))
    bare = 1 - mask[:, :, rows, columns]
    skin = (crop[:, :, rows, columns] * bare).sum(dim=(2, 3), keepdim=True)
    skin = skin / bare.sum(dim=(2, 3), keepdim=True).clamp_min(1) + 0.1 * torch.randn(n, 3, 1, 1).to(crop.device)
    pick = torch.rand(n, 1, 1, 1).to(crop.device)
    new = torch.where(pick < share / 2, skin, 2 * torch.rand(n, 3, 1, 1).to(crop.device) - 1)
    painted = (new + (crop - old) * (1 - 0.4 * torch.rand(n, 1, 1, 1).to(crop.device))).clamp(-1, 1)
    return torch.where((pick < share) & (mask > 0), painted, crop)


def degrade(crop: Tensor) -> Tensor:
    """What cameras and enlarging do: half of the pictures lose resolution, to a half or a quarter, or gain noise."""
    n, _, size, _ = crop.shape

    def enlarge(x: Tensor) -> Tensor:
        return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)

    half = F.avg_pool2d(crop, 2)
    pick = torch.rand(n, 1, 1, 1).to(crop.device)
    noise = 0.08 * torch.rand(n, 1, 1, 1).to(crop.device) * torch.randn_like(crop)
    crop = torch.where(pick < 0.25, enlarge(half), crop)
    crop = torch.where(pick < 0.1, enlarge(F.avg_pool2d(half, 2)), crop)
    return torch.where((pick > 0.15) & (pick < 0.5), crop + noise, crop)
