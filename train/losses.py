"""Losses: small functions of tensors. Weights stand in the recipes."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import dilate


def dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """1 - Dice of each picture, averaged (GANMasker, equation 3). Both N1HW in [0, 1].

    The added one makes an empty truth worth predicting as empty instead of undefined.
    """
    overlap = (probability * truth).sum(dim=(1, 2, 3))
    total = probability.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def hole_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of N3HW values over the hole (N1HW, 1 = hole), all pictures together."""
    return (values * mask).sum() / (mask.sum() * values.shape[1]).clamp_min(1)


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


class VGGPerceptual(nn.Module):
    """GANMasker's perceptual loss (equation 9): smooth L1 between VGG19 features relu1_1 ... relu5_1.

    Needs torchvision's ImageNet weights on disk: `VGGPerceptual.weights_file()` says where they were looked for.
    """

    LAYERS = (1, 6, 11, 20, 29)

    def __init__(self):
        super().__init__()
        from torchvision.models import vgg19

        vgg = vgg19()
        vgg.load_state_dict(torch.load(self.weights_file(), weights_only=True))
        self.features = vgg.features[: self.LAYERS[-1] + 1].eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    @staticmethod
    def weights_file() -> Path:
        return Path(torch.hub.get_dir()) / "checkpoints" / "vgg19-dcbb9e9d.pth"

    @classmethod
    def available(cls) -> bool:
        return cls.weights_file().is_file()

    def _extract(self, x: Tensor) -> list[Tensor]:
        x, found = ((x + 1) / 2 - self.mean) / self.std, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.LAYERS:
                found.append(x)
        return found

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """fake, real: N3HW in [-1, 1]. Returns the sum of the layers' distances."""
        with torch.no_grad():
            truth = self._extract(real)
        return torch.stack([F.smooth_l1_loss(f, t) for f, t in zip(self._extract(fake), truth)]).sum()


class FacePerceptual(nn.Module):
    """Distance of the features of our own landmark network: a perceptual loss where no ImageNet network is at hand.

    What tells a mouth's corner or a nostril's edge to a network that has to place them. Features of the stem and the
    first four stages (a half to a sixteenth of the crop), each place's vector brought to length one, as in LPIPS
    (Zhang et al. 2018, section 3). Larger crops are averaged down to the size that the network was trained at.
    """

    STAGES = 4

    def __init__(self):
        super().__init__()
        from unmask import weights

        net = weights.load("landmarks").eval().requires_grad_(False)
        self.size = cast(int, net.size)
        layers = [net.get_submodule("stem"), *net.get_submodule("stages").children()]
        self.layers = nn.ModuleList(layers[: self.STAGES + 1])

    @staticmethod
    def available() -> bool:
        from unmask import weights

        try:
            return weights.find("landmarks") is not None
        except weights.WeightsError:
            return False

    @classmethod
    def if_available(cls) -> "FacePerceptual | None":
        """The loss, or None where the landmark network's weights are missing."""
        return cls() if cls.available() else None

    def _extract(self, x: Tensor) -> list[Tensor]:
        x, found = F.avg_pool2d(x, max(x.shape[-1] // self.size, 1)), []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return [F.normalize(f.float(), dim=1) for f in found]

    def forward(self, fake: Tensor, real: Tensor, hole: Tensor) -> Tensor:
        """fake, real: N3HW in [-1, 1]; hole: N1HW, 1 = hole. Returns the mean over the layers of the squared distance
        at places that see the hole."""
        with torch.no_grad():
            truth = self._extract(real)
        total = torch.zeros((), device=fake.device)
        for f, t in zip(self._extract(fake), truth):
            near = F.adaptive_max_pool2d(hole, f.shape[2:])
            total = total + ((f - t).square().sum(dim=1, keepdim=True) * near).sum() / near.sum().clamp_min(1)
        return total / (self.STAGES + 1)
