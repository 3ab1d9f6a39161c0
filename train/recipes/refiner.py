"""The refiner: reconstruction where the true detail is known, and a discriminator's judgement everywhere.

For a part of the pictures the fill is the truth at half its size, as in super-resolution (Ledig et al. 2017): L1 and a
perceptual loss say which detail belongs to it. For the rest it is what an inpainting model painted, to which no truth
belongs: there the discriminator alone asks for detail like that of sharp photographs.
"""

import torch
from torch import Tensor, nn

from train.data.batch import Batch
from train.losses.adversarial import lsgan, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses
from train.recipe import Loss, Phase, Recipe
from unmask.nets.refiner import Refiner


class RefinerRecipe(Recipe):
    name = "refiner"
    phases = (Phase("reconstruction", 0.1, discriminator=False), Phase("joint", 0.9))
    learning_rates = (3e-4, 3e-4)
    betas = (0.9, 0.999)  # as GANMasker's: with less, discriminators of small batches stay blind
    warp = 0.0
    spectral = 4.0  # what a mesh counts: at 0.1 and at 0.5 one was seen in cheeks (train/README.md)
    # How strong the discriminator is beside L1 and the perceptual loss, which only the paired faces have. The release
    # learnt with 3 times these and the spectral distance together, which pulls at a fill 9 times as hard as they do.
    realism = 27.0

    def __init__(self, size: int, width: int = 24):
        self.size, self.config = size, {"width": width}
        self.generator = Refiner(width)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else PatchDiscriminator(4, width=32)

    def generate(self, batch: Batch) -> Tensor:
        fake = self.generator(batch["coarse"], batch["photo"], batch["hole"])
        batch["scored"] = batch["hole"] * batch["valid"]
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        known = batch["scored"] * batch["paired"]
        parts = {"l1": hole_mean((fake - batch["photo"]).abs(), known)}
        total = parts["l1"]
        if self.trunk:
            parts["perceptual"] = self.trunk.perceptual(Batch(**(batch | {"scored": known})))
            total = total + parts["perceptual"]
            if phase.discriminator:
                total, parts = self.trunk.add_judgement(batch, total, parts, self.realism, self.spectral)
        elif phase.discriminator:
            logits = self.discriminator(torch.cat([fake, batch["hole"]], dim=1))[0]
            parts["adv"] = lsgan(logits, 1.0, patch_validity_mask(batch["hole"], logits))
            total = total + 0.03 * parts["adv"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        real, false = (
            self.discriminator(torch.cat([picture, batch["hole"]], dim=1))[0] for picture in (batch["photo"], fake)
        )
        counts = patch_validity_mask(batch["hole"], real)
        d_real, d_fake = lsgan(real, 1.0, counts), lsgan(false, 0.0, counts)
        return 0.5 * (d_real + d_fake), {"d_real": d_real, "d_fake": d_fake}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        return [batch["coarse"], model(batch["coarse"], batch["photo"], batch["hole"]), batch["photo"]]
