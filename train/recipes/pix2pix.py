"""Pix2Pix: conditional GAN plus 100 L1 (Timmanagoudar and Preethi, section 4).

The network sees the mask that was found, and black in the hole; `sees_mask=False` is the papers' blind one.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses.adversarial import bce_gan, feature_matching, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, pixel_weight, structure_weight
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
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

    def __init__(
        self, size: int, width: int = 24, levels: int | None = None, downscale: int = 2, sees_mask: bool = True
    ):
        levels = levels or int(math.log2(size // downscale))
        self.size = size
        self.config = {"width": width, "levels": levels, "downscale": downscale, "sees_mask": sees_mask}
        self.free = 0.15 if sees_mask else 0.0  # share of free-form holes: what covers a bare face is not to be seen
        self.generator = Pix2Pix(width, levels, downscale, sees_mask)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else PatchDiscriminator(6, width=32)
        # Not the papers': lips in a short run, in which L1 leaves a blur.
        self.face = FacePerceptual.if_available()

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The blind network's weights for one that sees the mask, to which the mask's channels say nothing yet."""
        key = "encoder.0.0.weight"
        unseen = self.generator.state_dict()[key].shape[1] - state[key].shape[1]
        return state | {key: F.pad(state[key], (0, 0, 0, 0, 0, unseen))}

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free, exact=not self.config["sees_mask"])
        fake = self.generator(batch["crop"], batch["hole"])
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        # The papers' L1 counts every pixel alike; five in six only have to be copied (the network that sees the mask
        # copies them itself), so the covered ones count once more among themselves.
        difference = (fake - batch["photo"]).abs()
        l1, hole = difference.mean(), hole_mean(difference, batch["scored"])
        fused = composite(fake, batch["photo"], batch["scored"])
        # Not the papers' either, but GANMasker's: SSIM for structure, of which L1 alone knows nothing.
        structure = 1 - ssim_tensor(fused, batch["photo"])
        if self.trunk:
            parts = {"l1": l1, "hole_l1": hole, "ssim": structure}
            total = pixel_weight(phase) * (0.5 * l1 + 0.5 * hole) + structure_weight(phase) * structure
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        total, parts = 50 * l1 + 50 * hole + 100 * structure, {"l1": l1, "hole_l1": hole, "ssim": structure}
        if self.face is not None:
            parts["perceptual"] = self.face.to(fake.device)(fused, batch["photo"], batch["scored"])
            total = total + 5 * parts["perceptual"]
        if phase.discriminator:
            logits, features = self.discriminator(torch.cat([fake, batch["crop"]], dim=1))
            with torch.no_grad():
                _, truth = self.discriminator(torch.cat([batch["photo"], batch["crop"]], dim=1))
            counts = patch_validity_mask(batch["hole"], logits)
            parts["adv"], parts["match"] = bce_gan(logits, 1.0, counts), feature_matching(features, truth)
            # Feature matching is pix2pixHD's, with its weight: it settles what L1 leaves blurred.
            total = total + parts["adv"] + 10 * parts["match"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        real = self.discriminator(torch.cat([batch["photo"], batch["crop"]], dim=1))[0]
        false = self.discriminator(torch.cat([fake, batch["crop"]], dim=1))[0]
        # Patches that see no mask are copies. (At 256 px this discriminator told nothing apart in its first 4
        # thousand.)
        counts = patch_validity_mask(batch["hole"], real)
        real, false = bce_gan(real, 1.0, counts), bce_gan(false, 0.0, counts)
        return 0.5 * (real + false), {"d_real": real, "d_fake": false}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        fake = model(batch["masked"], batch["mask"])
        return [batch["masked"], fake, composite(fake, batch["masked"], batch["mask"]), batch["photo"]]
