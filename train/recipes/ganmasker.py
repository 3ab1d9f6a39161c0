"""GANMasker's FU-Net: reconstruction, SSIM, a perceptual and an adversarial term (Mahmoud and Kang 2023, section 3.3).

Two outputs come from it. The faithful one learns from the reconstruction alone: the mean of plausible faces, best in
PSNR. The realistic one goes on from it under a discriminator (`--only joint`): one plausible face, best to look at.
Fidelity and realism exclude each other (Blau and Michaeli 2018, The Perception-Distortion Tradeoff).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses.adversarial import feature_matching, lsgan, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator
from train.losses.perceptual import FacePerceptual, VGGPerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
from unmask.metrics import ssim_tensor
from unmask.nets.ganmasker import GANMasker


class GANMaskerRecipe(Recipe):
    name = "ganmasker"
    # The paper trains jointly from the start; a short run is better off with a face before a discriminator.
    phases = (
        Phase("reconstruction", 0.35, discriminator=False),
        Phase("discriminator", 0.05, generator=False),
        Phase("joint", 0.6),
    )
    learning_rates = (1e-3, 1e-3)  # section 4.2 starts at 1e-3
    betas = (0.9, 0.999)  # with 0.5 the discriminator is blind after 240 steps: batches of 8 need the longer memory
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.15  # share of free-form holes
    exact = False  # holes a few pixels larger than the mask, as a segmentation model's are in use
    # With the trunk: L1 in the hole, SSIM and the perceptual loss. SSIM punishes texture that is right but not in its
    # place, and L1 paints means: beside the discriminator both would hold the detail down.
    faithful, realistic = (1.0, 0.5, 0.3), (0.3, 0.0, 1.0)
    # How strong the discriminator is beside these: 0.45 gave 0.4 of the truth's detail at wavelengths of 4 to 8 px, 1.5
    # half of it, 2.5 three quarters, for 0.4 dB.
    realism = 2.5
    # Without the trunk: equation 4's weights, which the paper does not print; what each is worth: train/ablations.py.
    structural, perceptual = 0.5, 0.1
    # At downscale 1 and 256 px, 0.01 and 1 gave a hole PSNR of 22.2 dB at sharpness 0.16; 0.03 and 2 tore the lips
    # within 3 thousand images. At downscale 2, 10 thousand with 0.015 and 4 came from 22.8 dB, 0.06 to 22.7 dB, 0.18;
    # 13 thousand with these, under a discriminator that had judged 19 thousand before, from 23.0 dB, 0.05 to 22.7 dB,
    # 0.20, with cleaner teeth.
    adversarial, matching = 0.03, 4.0

    def __init__(self, size: int, width: int = 24, downscale: int = 2, *, trunk: bool = True):
        """trunk: take the perceptual loss and the discriminator from EfficientNet-Lite0, where its weights are here."""
        self.size, self.config = size, {"width": width, "downscale": downscale}
        self.generator = GANMasker(width, downscale)
        self.trunk = TrunkLosses.if_available() if trunk else None
        if self.trunk:
            self.discriminator: nn.Module = self.trunk.discriminator
            return
        self.discriminator = PatchDiscriminator(4, width=32)
        # Where VGG19's ImageNet weights are not on disk, the features of our own networks stand in for them.
        self.vgg = VGGPerceptual() if VGGPerceptual.available() else None
        self.face = FacePerceptual.if_available() if self.vgg is None else None

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free, exact=self.exact)
        fake = self.generator(batch["crop"], batch["hole"])
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        if self.trunk:
            return self.trunk_loss(self.trunk, batch, phase)
        photo, hole = batch["photo"], batch["hole"]
        # Outside the hole the fused face is the crop; where fabric was left there, it is not to be learned.
        fused = torch.where(hole > 0, fake, photo)
        parts = {
            "smooth_l1": hole_mean(F.smooth_l1_loss(fused, photo, reduction="none"), hole),
            "ssim": 1 - ssim_tensor(fused, photo),
        }
        total = 0.5 * parts["smooth_l1"] + self.structural * parts["ssim"]  # equation 6
        if self.vgg is not None:
            parts["perceptual"] = self.vgg.to(photo.device)(fused, photo)  # equation 9
            total = total + 5 * self.perceptual * parts["perceptual"]
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(fused, photo, hole)
            total = total + self.perceptual * parts["perceptual"]
        if phase.discriminator:
            logits, features = self.discriminator(torch.cat([fused, hole], dim=1))
            parts["adv"] = self.generator_adversarial_loss(logits, self.counts(hole, logits))  # equation 5
            total = total + self.adversarial * parts["adv"]
            with torch.no_grad():
                _, truth = self.discriminator(torch.cat([photo, hole], dim=1))
            parts["match"] = feature_matching(features, truth)
            total = total + self.matching * parts["match"]
        return total, parts

    def trunk_loss(self, trunk: TrunkLosses, batch: Batch, phase: Phase) -> Loss:
        """The generator's loss where the trunk is there."""
        fused, photo = batch["fused"], batch["photo"]
        parts = {"l1": hole_mean((fused - photo).abs(), batch["scored"]), "ssim": 1 - ssim_tensor(fused, photo)}
        l1, ssim, perceptual = self.realistic if phase.discriminator else self.faithful
        total = l1 * parts["l1"] + ssim * parts["ssim"]
        return trunk.add(batch, total, parts, phase, perceptual=perceptual, realism=self.realism)

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        photo, hole = batch["photo"], batch["hole"]
        fused = torch.where(hole > 0, fake, photo)
        real = self.discriminator(torch.cat([photo, hole], dim=1))[0]
        false = self.discriminator(torch.cat([fused, hole], dim=1))[0]
        d_real, d_fake = self.discriminator_loss(real, false, self.counts(hole, real))
        return 0.5 * (d_real + d_fake), {"d_real": d_real, "d_fake": d_fake}  # equation 10

    def counts(self, hole: Tensor, logits: Tensor) -> Tensor:
        """Which of the discriminator's logits count."""
        return patch_validity_mask(hole, logits)

    def generator_adversarial_loss(self, fake: Tensor, counts: Tensor) -> Tensor:
        """The generator's adversarial loss on the discriminator's logits."""
        return lsgan(fake, 1.0, counts)

    def discriminator_loss(self, real: Tensor, fake: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's losses on its logits of the photo and of what was painted."""
        return lsgan(real, 1.0, counts), lsgan(fake, 0.0, counts)

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        return [batch["masked"], model(batch["masked"], batch["mask"]), batch["photo"]]
