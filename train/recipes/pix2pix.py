"""Pix2Pix: conditional GAN plus 100 L1 over the whole picture (Timmanagoudar and Preethi, section 4)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.discriminators import PatchDiscriminator
from train.loop import Phase
from train.losses import bce_gan
from unmask.nets.layers import murf
from unmask.nets.pix2pix import Pix2Pix


class Pix2PixRecipe:
    name = "pix2pix"
    phases = (Phase("joint", 1.0),)
    learning_rates = (2e-4, 2e-4)  # Isola et al., section 3.3; a batch of 16 bears more, see --lr
    betas = (0.5, 0.999)
    warp = 0.25

    def __init__(self, size: int, width: int = 24, levels: int | None = None):
        self.size, self.config = size, {"width": width, "levels": levels or int(math.log2(size))}
        self.generator = Pix2Pix(**self.config)
        self.discriminator = PatchDiscriminator(6, width=32, norm="batch")

    def generate(self, batch: dict[str, Tensor]) -> Tensor:
        return self.generator(batch["masked"])

    def g_loss(self, batch, fake, phase):
        logits, _ = self.discriminator(torch.cat([batch["masked"], fake], dim=1))
        adv, l1 = bce_gan(logits, 1.0), F.l1_loss(fake, batch["photo"])
        return adv + 100 * l1, {"adv": adv, "l1": l1}

    def d_loss(self, batch, fake):
        real = bce_gan(self.discriminator(torch.cat([batch["masked"], batch["photo"]], dim=1))[0], 1.0)
        false = bce_gan(self.discriminator(torch.cat([batch["masked"], fake], dim=1))[0], 0.0)
        return 0.5 * (real + false), {"d_real": real, "d_fake": false}

    def show(self, model: nn.Module, batch: dict[str, Tensor]) -> list[Tensor]:
        fake = model(batch["masked"])
        return [batch["masked"], fake, murf(fake, batch["masked"], batch["mask"]), batch["photo"]]
