"""Blocks that more than one network uses."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def murf(fill: Tensor, crop: Tensor, mask: Tensor) -> Tensor:
    """Masked-Unmasked Region Fusion (GANMasker, section 3.2.1): the fill in the hole, the crop elsewhere.

    fill, crop: N3HW in [-1, 1]; mask: N1HW, 1 = hole. Outside the hole the crop's values come back unchanged.
    """
    return torch.where(mask > 0, mask * fill + (1 - mask) * crop, crop)


class ChannelGate(nn.Module):
    """CBAM's channel attention (Woo et al. 2018, section 3): what to look at."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        mean = self.mlp(x.mean(dim=(2, 3)))  # (N, C)
        peak = self.mlp(F.adaptive_max_pool2d(x, 1).flatten(1))  # (N, C); amax's gradient is three times slower
        return x * torch.sigmoid(mean + peak)[:, :, None, None]


class SpatialGate(nn.Module):
    """CBAM's spatial attention: where to look. Its convolution is followed by a batch norm, as in the original."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.max(dim=1, keepdim=True).values, x.mean(dim=1, keepdim=True)], dim=1)  # (N, 2, H, W)
        return x * torch.sigmoid(self.norm(self.conv(pooled)))


class CBAM(nn.Sequential):
    """Convolutional Block Attention Module: channel gate, then spatial gate. Keeps the shape (N, C, H, W)."""

    def __init__(self, channels: int):
        super().__init__(ChannelGate(channels), SpatialGate())


def conv_block(cin: int, cout: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1,
               activation: nn.Module | None = None) -> nn.Sequential:
    """Convolution, batch norm, activation (ReLU unless told). Keeps the size at stride 1, halves it at stride 2."""
    padding = dilation * (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(cin, cout, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(cout),
        activation if activation is not None else nn.ReLU(inplace=True),
    )
