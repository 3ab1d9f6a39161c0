"""Parsing-guided completion: reconstruction, two discriminators, and what a frozen face parser makes of the fill.

Li et al. 2017, sections 3.2 and 3.3; the weights are the official code's, turned from sums over pixels into means, but
for the parser's, which is three times theirs (0.017) for a short phase.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses.adversarial import bce_gan, feature_matching, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator, SNPatchDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, structure_weight
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
from train.recipes.parsing import paint
from unmask import weights
from unmask.metrics import ssim_tensor
from unmask.nets.layers import composite
from unmask.nets.parsing_guided import ParsingGuided


class Discriminators(nn.Module):
    """One judges the face as a whole, the other what is around the hole.

    The paper's are two stacks of convolutions with one logit each. Spectral norm, a logit a place and the fine detail
    as input are what discriminators needed to learn anything in runs as short as ours (train/discriminators.py).
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.whole = SNPatchDiscriminator(4, width)
        self.local = PatchDiscriminator(4, width)


class FaceParsing(nn.Module):
    """The parsing loss (equation 5): pixel-wise cross-entropy between what our frozen parser sees in the fill and what
    it sees in the photo, inside the hole. No labels are needed."""

    def __init__(self) -> None:
        super().__init__()
        self.net = weights.load("parsing").requires_grad_(False)
        self.side = self.net.size

    def logits(self, x: Tensor) -> Tensor:
        """x: N3HW in [-1, 1]. Returns (N, 19, S, S), at the parser's own size or the picture's, if that is larger."""
        side = max(self.side, x.shape[-1])
        logits: Tensor = self.net(F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False))
        return logits

    def forward(self, fake: Tensor, real: Tensor, hole: Tensor) -> Tensor:
        """fake, real: N3HW in [-1, 1]; hole: N1HW, 1 = hole."""
        with torch.no_grad():
            truth = self.logits(real).argmax(dim=1)  # (N, S, S)
        loss = F.cross_entropy(self.logits(fake), truth, reduction="none")[:, None]
        return hole_mean(loss, F.interpolate(hole, size=loss.shape[2:], mode="nearest"))


class ParsingGuidedRecipe(Recipe):
    name = "parsing-guided"
    # The paper has reconstruction, then the local discriminator, then the global one and the parser. The parser needs
    # no training and says at once where lips belong, so here it comes before the discriminators.
    phases = (
        Phase("reconstruction", 0.5, discriminator=False),
        Phase("parsing", 0.2, discriminator=False),
        Phase("joint", 0.3),
    )
    learning_rates = (1e-3, 1e-3)  # the paper's 1e-4 and 2e-4, for fewer steps
    betas = (0.9, 0.999)  # as GANMasker's: with less, discriminators of small batches stay blind
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.15

    def __init__(self, size: int, width: int = 24, downscale: int = 2):
        self.size, self.config = size, {"width": width, "downscale": downscale}
        self.generator = ParsingGuided(width, downscale)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = self.trunk.discriminator if self.trunk else Discriminators()
        self.parsing = FaceParsing().eval()
        # Not the papers': lips and nostrils in a short run, in which L1 leaves a blur.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free)
        batch["completed"], refined = self.generator(batch["crop"], batch["hole"], stages=True)
        return self.trunk.look(batch, refined) if self.trunk else refined

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        photo, hole = batch["photo"], batch["scored"]
        # The code's L1 counts the whole picture; five in six pixels only have to be copied, so the covered ones count
        # once more among themselves.
        difference = [(x - photo).abs() for x in (batch["completed"], fake)]
        completed, refined = (0.5 * x.mean() + 0.5 * hole_mean(x, hole) for x in difference)
        fused = composite(fake, photo, hole)
        # SSIM, GANMasker's, for structure: worth 0.2 dB there, see train/README.md.
        parts = {"completed": completed, "refined": refined, "ssim": 1 - ssim_tensor(fused, photo)}
        if self.trunk:
            total = completed + refined + structure_weight(phase) * parts["ssim"]
            if phase.name != "reconstruction":
                parts["parsing"] = self.parsing.to(photo.device)(fused, photo, hole)
                total = total + 0.05 * parts["parsing"]
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        total = completed + refined + parts["ssim"]
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(fused, photo, hole)
            total = total + 0.05 * parts["perceptual"]
        if phase.name != "reconstruction":
            parts["parsing"] = self.parsing.to(photo.device)(fused, photo, hole)
            total = total + 0.05 * parts["parsing"]
        if phase.discriminator:
            own = cast(Discriminators, self.discriminator)
            seen = torch.cat([fused, hole], dim=1)
            logits, features = own.local(seen)
            with torch.no_grad():
                _, truth = own.local(torch.cat([photo, hole], dim=1))
            parts["local"] = bce_gan(logits, 1.0, patch_validity_mask(hole, logits))
            parts["whole"] = bce_gan(own.whole(seen), 1.0)
            parts["match"] = feature_matching(features, truth)
            total = total + 0.006 * (parts["local"] + parts["whole"]) + parts["match"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        photo, hole = batch["photo"], batch["hole"]
        own, losses = cast(Discriminators, self.discriminator), {}
        for name, x, target in (("real", photo, 1.0), ("fake", composite(fake, photo, hole), 0.0)):
            seen = torch.cat([x, hole], dim=1)
            logits = own.local(seen)[0]
            losses[f"d_local_{name}"] = bce_gan(logits, target, patch_validity_mask(hole, logits))
            losses[f"d_whole_{name}"] = bce_gan(own.whole(seen), target)
        return 0.5 * torch.stack(list(losses.values())).sum(), losses

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        """The masked face, both stages, what the parser sees in the fill and in the truth, and the truth."""
        completed, refined = model(batch["masked"], batch["mask"], stages=True)
        fused = composite(refined, batch["masked"], batch["mask"])
        seen = [paint(self.parsing.logits(x).argmax(dim=1)) for x in (fused, batch["photo"])]
        seen = [F.interpolate(x, size=fused.shape[2:]) for x in seen]
        return [batch["masked"], completed, fused, *seen, batch["photo"]]
