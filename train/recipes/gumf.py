"""GUMF: the map, then a critic of the whole face, then one more of the mask's region (Din et al. 2020, abstract).

Weights that the abstract does not give are Pix2Pix's; L1 beside SSIM is the unofficial code's choice.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.discriminators import PatchDiscriminator
from train.loop import Phase
from train.losses import FacePerceptual, bce_gan, dice_loss, feature_matching, hole_mean, touched
from train.recipes.holes import masked_crop
from train.trunk_losses import TrunkLosses, structure_weight
from unmask.metrics import ssim_tensor
from unmask.nets.gumf import GUMF
from unmask.nets.layers import murf


class Critics(nn.Module):
    """One sees the whole painted face, the other the crop with its masked region painted."""

    def __init__(self, width: int = 32):
        super().__init__()
        # Face, crop, map; the face comes first, for its detail is what they are to see.
        self.whole = PatchDiscriminator(7, width)
        self.region = PatchDiscriminator(7, width)


class GUMFRecipe:
    name = "gumf"
    # The second critic comes in late, as in the paper; in a short run both are better off with a face to judge.
    phases = (
        Phase("reconstruction", 0.6, discriminator=False),
        Phase("whole", 0.1),
        Phase("region", 0.3),
    )
    learning_rates = (1e-3, 1e-3)
    betas = (0.9, 0.999)  # as GANMasker's: with less, critics of small batches stay blind
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.15

    def __init__(self, size: int, width: int = 16, fold: int = 2):
        self.size, self.config = size, {"width": width, "fold": fold}
        self.generator = GUMF(width, fold)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else Critics()
        # In place of VGG19's, whose weights are not on every machine.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: dict[str, Tensor]) -> Tensor:
        # A network that sees what is in the hole must not see the answer there: painted holes show another face.
        batch["crop"], batch["hole"] = masked_crop(batch, self.free, covered=True)
        batch["map"], face = self.generator(batch["crop"], batch["hole"], stages=True)
        return self.trunk.look(batch, face) if self.trunk else face

    def pairs(self, batch: dict[str, Tensor], fake: Tensor) -> list[tuple[PatchDiscriminator, Tensor, Tensor]]:
        """(critic, what is true, what it judges), for the whole face and for the region."""
        critics, photo, hole = self.discriminator, batch["photo"], batch["hole"]
        known = torch.cat([batch["crop"], hole], dim=1)
        real, face, region = (torch.cat([x, known], dim=1) for x in (photo, fake, murf(fake, photo, hole)))
        return [(critics.whole, real, face), (critics.region, real, region)]

    def g_loss(self, batch, fake, phase):
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
            parts["perceptual"] = self.face.to(photo.device)(murf(fake, photo, hole), photo, hole)
            total = total + 5 * parts["perceptual"]
        if phase.discriminator:
            pairs = self.pairs(batch, fake)
            for name, (critic, real, false) in zip(("whole", "region"), pairs):
                if name == "region" and phase.name == "whole":
                    continue
                logits, features = critic(false)
                counts = touched(hole, logits) if name == "region" else None
                with torch.no_grad():
                    _, truth = critic(real)
                parts[name] = bce_gan(logits, 1.0, counts)
                parts[f"{name}_match"] = feature_matching(features, truth)
                # Weights of 1 and 10 painted torn, coloured lips within 5 thousand pictures.
                total = total + 0.2 * parts[name] + 20 * parts[f"{name}_match"]
        return total, parts

    def d_loss(self, batch, fake):
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        # The region's critic learns from the second phase on, and is heard from the third.
        losses = {}
        for name, (critic, real, false) in zip(("whole", "region"), self.pairs(batch, fake)):
            real, false = critic(real)[0], critic(false)[0]
            counts = touched(batch["hole"], real) if name == "region" else None
            losses[f"d_{name}_real"], losses[f"d_{name}_fake"] = bce_gan(real, 1.0, counts), bce_gan(false, 0.0, counts)
        return 0.5 * torch.stack(list(losses.values())).sum(), losses

    def show(self, model: GUMF, batch: dict[str, Tensor]) -> list[Tensor]:
        logits, face = model(batch["masked"], batch["mask"], stages=True)
        fused = murf(face, batch["masked"], batch["mask"])
        return [batch["masked"], 2 * model.clean(logits).expand(-1, 3, -1, -1) - 1, face, fused, batch["photo"]]
