"""Gated convolution: L1 of both stages and the hinge loss of SN-PatchGAN (Yu et al. 2019, sections 3.3 and 3.4)."""

import torch
from torch import Tensor, nn

from train.data.batch import Batch
from train.losses.adversarial import hinge
from train.losses.discriminators import SNPatchDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, structure_weight
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
from unmask.metrics import ssim_tensor
from unmask.nets.gated_conv import GatedConv
from unmask.nets.layers import composite


class GatedConvRecipe(Recipe):
    name = "gated-conv"
    # The paper trains jointly for a million steps; a short run is better off with a face before a discriminator.
    phases = (Phase("reconstruction", 0.35, discriminator=False), Phase("joint", 0.65))
    learning_rates = (1e-3, 1e-3)  # the official code's 1e-4, for fewer steps
    betas = (0.9, 0.999)  # as GANMasker's: with less, discriminators of small batches stay blind
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.25  # the paper's holes are all free-form

    def __init__(self, size: int, width: int = 16, downscale: int = 2):
        self.size, self.config = size, {"width": width, "downscale": downscale}
        self.generator = GatedConv(width, downscale)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else SNPatchDiscriminator(4, width=32)
        # Not the paper's. Without it mouths were missing after 36 thousand images at 64 px.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free)
        batch["coarse"], fine = self.generator(batch["crop"], batch["hole"], stages=True)
        return self.trunk.look(batch, fine) if self.trunk else fine

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        photo, hole = batch["photo"], batch["scored"]
        # The paper's L1 counts every pixel alike; five in six only have to be copied, so the covered ones count once
        # more among themselves.
        difference = [(x - photo).abs() for x in (batch["coarse"], fake)]
        coarse, fine = (0.5 * x.mean() + 0.5 * hole_mean(x, hole) for x in difference)
        fused = composite(fake, photo, hole)
        # SSIM, GANMasker's, for structure: worth 0.2 dB there, see train/README.md.
        parts = {"coarse": coarse, "fine": fine, "ssim": 1 - ssim_tensor(fused, photo)}
        if self.trunk:
            total = coarse + fine + structure_weight(phase) * parts["ssim"]
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        total = coarse + fine + parts["ssim"]
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(fused, photo, hole)
            total = total + 0.1 * parts["perceptual"]
        if phase.discriminator:
            adv = -self.discriminator(torch.cat([fused, hole], dim=1)).mean()
            # The official weight is 1 for sums of like size; less keeps a short run steady.
            total, parts["adv"] = total + 0.02 * adv, adv
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        photo, hole = batch["photo"], batch["hole"]
        real, false = (
            self.discriminator(torch.cat([x, hole], dim=1)) for x in (photo, composite(fake, photo, hole))
        )
        d_real, d_fake = hinge(real, false)
        return 0.5 * (d_real + d_fake), {"d_real": d_real, "d_fake": d_fake}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        coarse, fine = model(batch["masked"], batch["mask"], stages=True)
        return [batch["masked"], coarse, composite(fine, batch["masked"], batch["mask"]), batch["photo"]]
