"""What compares a result with the truth as a trained network sees both."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class VGGPerceptual(nn.Module):
    """GANMasker's perceptual loss (equation 9): smooth L1 between VGG19 features relu1_1 ... relu5_1.

    Needs torchvision's ImageNet weights on disk: `VGGPerceptual.weights_file()` says where they were looked for.
    """

    LAYERS = (1, 6, 11, 20, 29)
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
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

    def __init__(self) -> None:
        super().__init__()
        from unmask import weights

        net = weights.load("landmarks").eval().requires_grad_(False)
        self.size = net.size
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
