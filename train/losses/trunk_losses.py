"""A perceptual loss and a projected discriminator that share one pass of the trunk, for any recipe.

A recipe calls `look` once the fill is there, and `add` to what its own losses came to: the fill's features are computed
once, with gradient, the photo's once, without. The discriminator learns from both, detached; then its heads judge the
fill's features again, and the perceptual loss takes the same ones. Twice as fast as a trunk for each loss.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses import trunk
from train.losses.adversarial import hinge
from train.losses.projected import ProjectedDiscriminator
from train.losses.reconstruction import hole_mean
from train.losses.spectral import spectral_distance
from train.recipe import Loss, Phase
from unmask.metrics import band_ratios

# What `spectral_distance` counts beside the perceptual loss, where a discriminator asks for detail: the trunk is blind
# to some waves, and networks paint a mesh of those.
SPECTRAL = 0.3


def structure_weight(phase: Phase) -> float:
    """What an SSIM loss counts beside L1: it punishes texture that is right but not in its place, and yields to the
    discriminator."""
    return 0.1 if phase.discriminator else 1.0


def pixel_weight(phase: Phase) -> float:
    """What an L1 or squared error counts: it paints means, and yields to the discriminator, too."""
    return 0.3 if phase.discriminator else 1.0


class TrunkLosses:
    """The frozen trunk, and the discriminator that a recipe trains."""

    def __init__(self) -> None:
        self.trunk = trunk.Trunk()
        self.discriminator = ProjectedDiscriminator()

    @classmethod
    def if_available(cls) -> "TrunkLosses | None":
        """The losses, or None where timm or the trunk's weights are missing."""
        return cls() if trunk.available() else None

    def look(self, batch: Batch, fill: Tensor) -> Tensor:
        """Compute what the losses share, and keep it in the batch. Returns the fill.

        fill: N3HW in [-1, 1]. The batch needs `photo` and `scored`, the hole that counts; it gets `fused`, the fill in
        that hole and the photo elsewhere, and the trunk's taps of both.
        """
        network = self.trunk.to(fill.device)
        batch["fill"] = fill
        batch["fused"] = torch.where(batch["scored"] > 0, fill, batch["photo"])
        batch["fused_taps"] = network(batch["fused"])
        with torch.no_grad():
            batch["photo_taps"] = network(batch["photo"])
        return fill

    def add(
        self, batch: Batch, total: Tensor, parts: dict[str, Tensor], phase: Phase, *,
        perceptual: float, realism: float,
    ) -> Loss:  # fmt: skip
        """The recipe's own losses of the generator with `perceptual` times the perceptual loss and, in phases with a
        discriminator, the spectral distance and an adversarial loss `realism` times as strong as all the others."""
        parts["perceptual"] = self.perceptual(batch)
        total = total + perceptual * parts["perceptual"]
        return self.add_judgement(batch, total, parts, realism) if phase.discriminator else (total, parts)

    def add_judgement(
        self, batch: Batch, total: Tensor, parts: dict[str, Tensor], realism: float, spectral: float = SPECTRAL
    ) -> Loss:
        """What has come together so far with an adversarial loss `realism` times as strong as all of it, and `spectral`
        times the spectral distance."""
        adversarial, more = self.adversarial(batch, total, realism)
        parts["spectral"] = spectral_distance(batch["fused"], batch["photo"], batch["scored"])
        return total + adversarial + spectral * parts["spectral"], parts | more

    def perceptual(self, batch: Batch) -> Tensor:
        """Distance of the trunk's features at all five taps: each place's vector brought to length one, squared
        differences summed over channels, averaged over places that see the hole (as LPIPS, Zhang et al. 2018)."""
        total = batch["fused"].new_zeros(())
        for mine, true in zip(batch["fused_taps"], batch["photo_taps"]):
            near = F.adaptive_max_pool2d(batch["scored"], mine.shape[2:])
            distance = (F.normalize(mine.float(), dim=1) - F.normalize(true.float(), dim=1)).square()
            total = total + hole_mean(distance.sum(dim=1, keepdim=True), near)
        return total / len(batch["fused_taps"])

    def discriminator_loss(self, batch: Batch) -> Loss:
        """Hinge loss, the mean over the heads; and how often each head is right: 0.75 to 0.85 is healthy. One that
        stays above 0.95 has won, and teaches nothing."""
        if not self.discriminator.standardised:
            self.discriminator.standardise(batch["photo_taps"])
        losses: list[Tensor] = []
        parts: dict[str, Tensor] = {}
        real, fake = (
            self.discriminator(self.discriminator.project([tap.detach() for tap in batch[taps]]), batch["scored"])
            for taps in ("photo_taps", "fused_taps")
        )
        for stride, (true, counts), (mine, _) in zip(trunk.STRIDES[1:], real, fake):
            losses += hinge(true[counts > 0], mine[counts > 0])
            parts[f"right_real_{stride}"] = hole_mean((true > 0).float(), counts)
            parts[f"right_fake_{stride}"] = hole_mean((mine < 0).float(), counts)
        loss = torch.stack(losses).sum() / len(real)
        return loss, {"d_hinge": loss} | parts

    def adversarial(
        self, batch: Batch, reconstruction: Tensor, weight: float
    ) -> Loss:
        """The generator's adversarial loss, `weight` times as strong as all else that pulls at the fill (the scalar
        `reconstruction`), and parts for the log."""
        judged = self.discriminator(self.discriminator.project(batch["fused_taps"]), batch["scored"])
        loss = -torch.stack([hole_mean(logits, counts) for logits, counts in judged]).mean()
        balance = self.discriminator.ratio(reconstruction, loss, batch["fill"])
        return weight * balance * loss, {"adv": loss, "ratio": balance} | self.detail(batch)

    @staticmethod
    @torch.no_grad()
    def detail(batch: Batch) -> dict[str, Tensor]:
        """The fill's share of the truth's detail in two bands, see `band_ratios`; geometric means over the batch."""
        ratios = band_ratios(batch["fused"], batch["photo"], batch["scored"]).log()  # (N, 2)
        known = ratios.isfinite()
        means = (ratios.nan_to_num(0, 0, 0) * known).sum(dim=0) / known.sum(dim=0).clamp_min(1)
        return dict(zip(("band_4_8", "band_8_16"), means.exp()))
