"""GUMF: the map, then a discriminator of the whole face, then one more of the mask's region (Din et al. 2020,
abstract).

Weights that the abstract does not give are Pix2Pix's; L1 beside SSIM is the unofficial code's choice.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses.adversarial import bce_gan, feature_matching, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import dice_loss, hole_mean
from train.losses.trunk_losses import TrunkLosses, structure_weight
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
from unmask.metrics import ssim_tensor
from unmask.nets.gumf import GUMF
from unmask.nets.layers import composite


class Discriminators(nn.Module):
    """One sees the whole painted face, the other the crop with its masked region painted."""

    def __init__(self, width: int = 32):
        super().__init__()
        # Face, crop, map; the face comes first, for its detail is what they are to see.
        self.whole = PatchDiscriminator(7, width)
        self.region = PatchDiscriminator(7, width)


class GUMFRecipe(Recipe):
    name = "gumf"
    # The second discriminator comes in late, as in the paper; in a short run both are better off with a face to judge.
    phases = (
        Phase("reconstruction", 0.6, discriminator=False),
        Phase("whole", 0.1),
        Phase("region", 0.3),
    )
    learning_rates = (1e-3, 1e-3)
    betas = (0.9, 0.999)  # as GANMasker's: with less, discriminators of small batches stay blind
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.15
    generator: GUMF

    def __init__(self, size: int, width: int = 16, downscale: int = 2, sees_fabric: bool = False):
        self.size, self.config = size, {"width": width, "downscale": downscale, "sees_fabric": sees_fabric}
        self.generator = GUMF(width, downscale, sees_fabric)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else Discriminators()
        # In place of VGG19's, whose weights are not on every machine.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: Batch) -> Tensor:
        # A network that sees what is in the hole must not see the answer there: painted holes show another face.
        batch["crop"], batch["hole"] = masked_crop(batch, self.free, covered=self.generator.sees_fabric)
        batch["map"], face = self.generator(batch["crop"], batch["hole"], stages=True)
        return self.trunk.look(batch, face) if self.trunk else face

    def pairs(self, batch: Batch, fake: Tensor) -> list[tuple[PatchDiscriminator, Tensor, Tensor]]:
        """(discriminator, what is true, what it judges), for the whole face and for the region."""
        discriminators, photo, hole = cast(Discriminators, self.discriminator), batch["photo"], batch["hole"]
        known = torch.cat([batch["crop"], hole], dim=1)
        real, face, region = (torch.cat([x, known], dim=1) for x in (photo, fake, composite(fake, photo, hole)))
        return [(discriminators.whole, real, face), (discriminators.region, real, region)]

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        photo, hole = batch["photo"], batch["hole"]
        wanted = batch["mask"] * batch["worn"]  # a mask is to be found, not what a visitor would paint
        found = F.binary_cross_entropy_with_logits(batch["map"], wanted) + dice_loss(batch["map"].sigmoid(), wanted)
        difference = (fake - photo).abs()
        l1 = 0.5 * difference.mean() + 0.5 * hole_mean(difference, hole)
        ssim = 1 - ssim_tensor(fake, photo)
        parts = {"map": found, "l1": l1, "ssim": ssim}
        if self.trunk:
            total = found + l1 + structure_weight(phase) * ssim
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        total = found + 50 * l1 + 50 * ssim
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(composite(fake, photo, hole), photo, hole)
            total = total + 5 * parts["perceptual"]
        if phase.discriminator:
            pairs = self.pairs(batch, fake)
            for name, (discriminator, real, false) in zip(("whole", "region"), pairs):
                if name == "region" and phase.name == "whole":
                    continue
                logits, features = discriminator(false)
                counts = patch_validity_mask(hole, logits) if name == "region" else None
                with torch.no_grad():
                    _, truth = discriminator(real)
                parts[name] = bce_gan(logits, 1.0, counts)
                parts[f"{name}_match"] = feature_matching(features, truth)
                # Weights of 1 and 10 painted torn, coloured lips within 5 thousand pictures.
                total = total + 0.2 * parts[name] + 20 * parts[f"{name}_match"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        # The region's discriminator learns from the second phase on, and is heard from the third.
        losses = {}
        for name, (discriminator, real, false) in zip(("whole", "region"), self.pairs(batch, fake)):
            real, false = discriminator(real)[0], discriminator(false)[0]
            counts = patch_validity_mask(batch["hole"], real) if name == "region" else None
            losses[f"d_{name}_real"], losses[f"d_{name}_fake"] = bce_gan(real, 1.0, counts), bce_gan(false, 0.0, counts)
        return 0.5 * torch.stack(list(losses.values())).sum(), losses

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        logits, face = model(batch["masked"], batch["mask"], stages=True)
        fused = composite(face, batch["masked"], batch["mask"])
        found = self.generator.clean(logits)
        return [batch["masked"], 2 * found.expand(-1, 3, -1, -1) - 1, face, fused, batch["photo"]]
