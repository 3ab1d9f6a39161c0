"""What discriminators and what they judge are told: adversarial losses, and which patches count."""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.losses.reconstruction import hole_mean
from unmask.nets.layers import dilate


def lsgan(logits: Tensor, target: float, counts: Tensor | None = None) -> Tensor:
    """Least squares GAN: mean squared distance of the raw logits from 1 (real) or 0 (fake).

    counts: the same shape, 1 where a logit counts, see `touched`; all of them do unless it is given.
    """
    distance = (logits - target).square()
    return distance.mean() if counts is None else hole_mean(distance, counts)


def patch_validity_mask(hole: Tensor, logits: Tensor, field: int = 70) -> Tensor:
    """Which logits of a patch discriminator see the hole: (N, 1, h, w) of {0, 1}.

    hole: (N, 1, H, W), 1 = hole; logits: (N, 1, h, w), each seeing `field` px of the picture, h < H. Only these patches
    differ between the photo and its composite: on all others the discriminator is asked to tell equals apart.
    """
    near = dilate(hole, field // 2 // 8 * 8)[:, :, ::8, ::8]  # (N, 1, H / 8, W / 8)
    return F.interpolate(near, size=logits.shape[2:], mode="nearest")


def bce_gan(logits: Tensor, target: float, counts: Tensor | None = None) -> Tensor:
    """The first GAN loss on raw logits. counts: as in `lsgan`."""
    loss = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target), reduction="none")
    return loss.mean() if counts is None else hole_mean(loss, counts)


def hinge(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """A discriminator's hinge loss on raw logits (Yu et al. 2019, section 3.3): its parts for real and for fake
    pictures. The generator's is -mean(fake)."""
    return F.relu(1 - real).mean(), F.relu(1 + fake).mean()


def feature_matching(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean L1 distance of a discriminator's features of the fake and of the real picture (pix2pixHD, equation 2)."""
    return torch.stack([F.l1_loss(f.float(), r.detach().float()) for f, r in zip(fake, real)]).mean()
