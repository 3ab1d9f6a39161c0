"""Discriminators: used in training only, never released."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


def with_detail(x: Tensor) -> Tensor:
    """(N, C, H, W) whose first three channels are a picture -> (N, C + 3, H, W): its fine detail (the picture less its
    3x3 mean), eight times as strong, beside it.

    What tells a fill from a photo is texture of a fiftieth of the range, which first convolutions take long to find: in
    240 steps of 8 faces against a fixed GANMasker, the least squares loss fell from 0.25 to 0.195 with it, and to 0.24
    without.
    """
    picture = x[:, :3]
    fine = picture - F.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)
    return torch.cat([x, 8 * fine], dim=1)


class PatchDiscriminator(nn.Module):
    """70x70 PatchGAN (Isola et al. 2017, section 6.1.2): a logit for every overlapping patch.

    Spectral norm instead of batch norm, as GANMasker's (Mahmoud and Kang 2023, section 3.2.1), and `with_detail` before
    the first convolution. `forward` also returns the features of each layer, for feature matching.
    """

    def __init__(self, channels: int, width: int = 64):
        super().__init__()
        self.layers = nn.ModuleList()
        widths = [width, 2 * width, 4 * width, 8 * width]
        for level, (cin, cout) in enumerate(zip([channels + 3, *widths], widths)):
            conv = nn.Conv2d(cin, cout, 4, stride=1 if level == 3 else 2, padding=1)
            self.layers.append(nn.Sequential(spectral_norm(conv), nn.LeakyReLU(0.2)))
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """x: (N, channels, H, W), the picture in front. Returns logits (N, 1, H / 8 - 2, W / 8 - 2) and the features of
        the layers."""
        x, features = with_detail(x), []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return self.head(x).float(), features


class GlobalLocalDiscriminator(nn.Module):
    """GLCIC's pair (Iizuka et al. 2017, section 3.3): one looks at the picture, one at a patch around the hole.

    Five (local) and six (global) 5x5 convolutions of stride 2, each a vector of `features`, joined into one logit.
    The patch is half as wide as the picture. `levels`: another number of local convolutions than five, 3 or more.
    """

    def __init__(self, size: int, width: int = 64, features: int = 256, levels: int = 5):
        super().__init__()
        self.patch = size // 2
        widths = [width, 2 * width, 4 * width] + [8 * width] * (levels - 3)
        self.glob = self._branch(size, [*widths, 8 * width], features)
        self.local = self._branch(self.patch, widths, features)
        self.head = nn.Linear(2 * features, 1)

    @staticmethod
    def _branch(size: int, widths: list[int], features: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for cin, cout in zip([3, *widths], widths):
            layers += [nn.Conv2d(cin, cout, 5, 2, 2, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]
        side = size // 2 ** len(widths)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side * side, features))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (N, 3, S, S) in [-1, 1]; mask: (N, 1, S, S), whose middle places the patch. Returns logits (N, 1)."""
        logits: Tensor = self.head(torch.cat([self.glob(x), self.local(self._cut(x, mask))], dim=1))
        return logits.float()

    def _cut(self, x: Tensor, mask: Tensor) -> Tensor:
        """The (N, 3, patch, patch) windows around the holes' middles, shifted inwards at the picture's border."""
        size, device = x.shape[-1], x.device
        line = torch.arange(size, device=device, dtype=torch.float32)
        total = mask.sum(dim=(1, 2, 3)).clamp_min(1)
        corners = []
        for other in (3, 2):  # rows: sum over columns; columns: sum over rows
            middle = (mask.sum(dim=(1, other)) * line).sum(dim=1) / total
            corners.append((middle - self.patch / 2).round().long().clamp(0, size - self.patch))
        span = torch.arange(self.patch, device=device)
        rows, columns = (corner[:, None] + span for corner in corners)  # (N, patch)
        each = torch.arange(len(x), device=device)[:, None, None]
        return x[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


class SNPatchDiscriminator(nn.Module):
    """SN-PatchGAN (Yu et al. 2019, section 3.3): six 5x5 convolutions of stride 2, spectral norm, and no head.

    Every number of the last map is a logit for the hinge loss. Each sees 253 px, which is the hole and more, so that
    none has to be left out; at 64 px there is one place, and the channels judge it.
    """

    def __init__(self, channels: int = 4, width: int = 64):
        super().__init__()
        widths = [width, 2 * width, 4 * width, 4 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for cin, cout in zip([channels + 3, *widths], widths):
            layers += [spectral_norm(nn.Conv2d(cin, cout, 5, 2, 2)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, channels, H, W), H and W multiples of 64. Returns logits (N, 4 * width, H / 64, W / 64)."""
        logits: Tensor = self.layers(with_detail(x))
        return logits.float()
