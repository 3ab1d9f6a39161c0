"""Landmark-guided inpainting: LaFIn's losses (Yang et al. 2020, section 3.2), true landmarks first, as in the paper."""

import torch
from torch import Tensor, nn

from train.data.batch import Batch
from train.losses.adversarial import feature_matching, lsgan, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator
from train.losses.perceptual import FacePerceptual, VGGPerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, pixel_weight, structure_weight
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
from unmask.metrics import ssim_tensor
from unmask.nets.landmark_guided import LandmarkGuided, landmark_map
from unmask.nets.layers import composite


class LandmarkGuidedRecipe(Recipe):
    name = "landmark-guided"
    phases = (Phase("reconstruction", 0.5, discriminator=False), Phase("joint", 0.5))
    learning_rates = (1e-3, 1e-3)  # LaFIn's 1e-4 and a tenth of it are for 1.3 million steps
    betas = (0.9, 0.999)  # as GANMasker's: with less, discriminators of small batches stay blind
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.1
    open = 0.5  # share of faces whose hint is left open
    landmark_jitter = 0.006  # of the crop's side: what the landmark network gets wrong
    generator: LandmarkGuided

    def __init__(self, size: int, width: int = 24, downscale: int = 2):
        self.size, self.config = size, {"width": width, "downscale": downscale}
        self.generator = LandmarkGuided(width, downscale)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else PatchDiscriminator(4, width=32)
        # Where VGG19's ImageNet weights are not on disk, the features of our own networks stand in for them.
        self.vgg = VGGPerceptual() if VGGPerceptual.available() else None
        self.face = FacePerceptual.if_available() if self.vgg is None else None

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free)
        points, n = batch["points"], len(batch["points"])
        # The network's errors move whole parts of a face together.
        shift = self.landmark_jitter * (torch.randn(n, 1, 2) + 0.5 * torch.randn(n, points.shape[1], 2))
        batch["dots"] = landmark_map(points, batch["photo"].shape[-1])  # a window's side, where there is one
        told = (torch.rand(n) > self.open).to(points.device)
        jittered = points + shift.to(points.device)
        fake = self.generator.fill(batch["crop"], batch["hole"], jittered, batch["gender"] * told)
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        photo, hole = batch["photo"], batch["scored"]
        fused = composite(fake, photo, hole)
        parts = {"hole_l1": hole_mean((fake - photo).abs(), hole), "l1": (fake - photo).abs().mean()}
        # The smoothness of the fill (LaFIn's total variation).
        parts["tv"] = (fused.diff(dim=2).abs().mean() + fused.diff(dim=3).abs().mean()) / 2
        # SSIM, GANMasker's, for structure: worth 0.2 dB there, see train/README.md.
        parts["ssim"] = 1 - ssim_tensor(fused, photo)
        if self.trunk:
            total = pixel_weight(phase) * parts["hole_l1"] + 0.02 * parts["tv"]
            total = total + structure_weight(phase) * parts["ssim"]
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=3.3)
        total = 1.0 * parts["hole_l1"] + 0.2 * parts["l1"] + 0.02 * parts["tv"] + parts["ssim"]
        if phase.discriminator:
            logits, features = self.discriminator(torch.cat([fused, batch["dots"]], dim=1))
            parts["adv"] = lsgan(logits, 1.0, patch_validity_mask(hole, logits))
            total = total + 0.02 * parts["adv"]
            with torch.no_grad():
                _, truth = self.discriminator(torch.cat([photo, batch["dots"]], dim=1))
            parts["match"] = feature_matching(features, truth)
            total = total + 1.0 * parts["match"]
        if self.vgg is not None:
            parts["perceptual"] = self.vgg.to(photo.device)(fused, photo)
            total = total + 0.1 * parts["perceptual"]
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(fused, photo, hole)
            total = total + 0.1 * parts["perceptual"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        photo, hole, dots = batch["photo"], batch["hole"], batch["dots"]
        real = self.discriminator(torch.cat([photo, dots], dim=1))[0]
        false = self.discriminator(torch.cat([composite(fake, photo, hole), dots], dim=1))[0]
        counts = patch_validity_mask(hole, real)
        d_real, d_fake = lsgan(real, 1.0, counts), lsgan(false, 0.0, counts)
        return 0.5 * (d_real + d_fake), {"d_real": d_real, "d_fake": d_fake}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        """The masked face, its dots, the fill, the fill with every mouth a twentieth of the crop lower, the truth."""
        lowered = batch["points"].clone()
        lowered[:, 72:, 1] += 0.05
        dots = 2 * landmark_map(batch["points"], self.size).expand(-1, 3, -1, -1) - 1
        fills = [model(batch["masked"], batch["mask"], points) for points in (batch["points"], lowered)]
        return [batch["masked"], dots, *fills, batch["photo"]]
