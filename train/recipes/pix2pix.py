"""Pix2Pix: conditional GAN plus 100 L1 (Timmanagoudar and Preethi, section 4)."""

import math

import torch
from torch import Tensor, nn

from train.data.batch import Batch
from train.losses.adversarial import bce_gan, feature_matching, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, pixel_weight, structure_weight
from train.recipe import Loss, Phase, Recipe
from unmask.metrics import ssim_tensor
from unmask.nets.layers import composite
from unmask.nets.pix2pix import Pix2Pix


class Pix2PixRecipe(Recipe):
    name = "pix2pix"
    # The papers train jointly from the start; in a short run the discriminator then teaches noise before there is a
    # face.
    phases = (Phase("reconstruction", 0.6, discriminator=False), Phase("joint", 0.4))
    learning_rates = (1e-3, 1e-3)  # Isola et al., section 3.3, have 2e-4 for a batch of 1 and 200 epochs
    betas = (0.9, 0.999)  # theirs are (0.5, 0.999); with less than 0.9, discriminators of small batches stay blind
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md

    def __init__(self, size: int, width: int = 24, levels: int | None = None, downscale: int = 2):
        levels = levels or int(math.log2(size // downscale))
        self.size, self.config = size, {"width": width, "levels": levels, "downscale": downscale}
        self.generator = Pix2Pix(**self.config)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else PatchDiscriminator(6, width=32)
        # Not the papers': lips in a short run, in which L1 leaves a blur.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: Batch) -> Tensor:
        fake = self.generator(batch["masked"])
        batch["scored"] = batch["mask"] * batch["valid"] if "valid" in batch else batch["mask"]
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        # The papers' L1 counts every pixel alike; five in six only have to be copied, so the covered ones count
        # once more among themselves.
        difference = (fake - batch["photo"]).abs()
        l1, hole = difference.mean(), hole_mean(difference, batch["mask"])
        fused = composite(fake, batch["masked"], batch["mask"])
        # Not the papers' either, but GANMasker's: SSIM for structure, of which L1 alone knows nothing.
        structure = 1 - ssim_tensor(fused, batch["photo"])
        if self.trunk:
            parts = {"l1": l1, "hole_l1": hole, "ssim": structure}
            total = pixel_weight(phase) * (0.5 * l1 + 0.5 * hole) + structure_weight(phase) * structure
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        total, parts = 50 * l1 + 50 * hole + 100 * structure, {"l1": l1, "hole_l1": hole, "ssim": structure}
        if self.face is not None:
            parts["perceptual"] = self.face.to(fake.device)(fused, batch["photo"], batch["mask"])
            total = total + 5 * parts["perceptual"]
        if phase.discriminator:
            logits, features = self.discriminator(torch.cat([fake, batch["masked"]], dim=1))
            with torch.no_grad():
                _, truth = self.discriminator(torch.cat([batch["photo"], batch["masked"]], dim=1))
            counts = patch_validity_mask(batch["mask"], logits)
            parts["adv"], parts["match"] = bce_gan(logits, 1.0, counts), feature_matching(features, truth)
            # Feature matching is pix2pixHD's, with its weight: it settles what L1 leaves blurred.
            total = total + parts["adv"] + 10 * parts["match"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        real = self.discriminator(torch.cat([batch["photo"], batch["masked"]], dim=1))[0]
        false = self.discriminator(torch.cat([fake, batch["masked"]], dim=1))[0]
        # Patches that see no mask are copies. (At 256 px this discriminator told nothing apart in its first 4
        # thousand.)
        counts = patch_validity_mask(batch["mask"], real)
        real, false = bce_gan(real, 1.0, counts), bce_gan(false, 0.0, counts)
        return 0.5 * (real + false), {"d_real": real, "d_fake": false}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        fake = model(batch["masked"])
        return [batch["masked"], fake, composite(fake, batch["masked"], batch["mask"]), batch["photo"]]
