"""Blocks that more than one network uses."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Network(nn.Module):
    """What every model in the registry is built as."""

    size: int  # side of the crops that its weights were trained on, px; set when they are loaded


def composite(fill: Tensor, crop: Tensor, mask: Tensor) -> Tensor:
    """Masked-Unmasked Region Fusion (GANMasker, section 3.2.1): the fill in the hole, the crop elsewhere.

    fill, crop: N3HW in [-1, 1]; mask: N1HW, 1 = hole. Outside the hole the crop's values come back unchanged.
    """
    return torch.where(mask > 0, mask * fill + (1 - mask) * crop, crop)


def downscaled(layers: Callable[[Tensor], Tensor], x: Tensor, downscale: int) -> Tensor:
    """`layers` with each `downscale` x `downscale` pixels of x in its input's channels, and of its output's channels
    back.

    x: (N, C, H, W), H and W multiples of the downscale; layers: (N, C downscale^2, H / downscale, W / downscale) to (N,
    K downscale^2, ...). Returns (N, K, H, W). At 2, a 256 px crop costs the work of a 128 px one, and layers reach
    twice as far.
    """
    return F.pixel_shuffle(layers(F.pixel_unshuffle(x, downscale)), downscale)


def dilate(x: Tensor, pixels: int) -> Tensor:
    """The maximum over a square that reaches `pixels` to every side; of a mask: the mask grown. Keeps (N, C, H, W).

    By maxima of ever wider shifts: max_pool2d compares all pairs, which takes a CPU up to a hundred times as long.
    """
    size = 2 * pixels + 1
    x = F.pad(x, (pixels,) * 4, value=-torch.inf)
    for axis in (2, 3):
        reach = 1
        while reach < size:
            step = min(reach, size - reach)
            length = x.shape[axis] - step
            x = torch.maximum(x.narrow(axis, 0, length), x.narrow(axis, step, length))
            reach += step
    return x


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

    def __init__(self) -> None:
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


class ContextualAttention(nn.Module):
    """Fills the hole with patches of the known part, weighted by likeness (Yu et al. 2018, section 4.1).

    Without parameters. Patches of 3x3 are compared by their cosine on every second cell (the official rate of 2);
    what wins is pasted as patches of 4x4 cells. Neighbours support each other: likeness is summed along rows and
    columns of three cells, the paper's attention propagation. A patch that touches the hole is nobody's source.
    """

    scale = 10.0  # of the softmax

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (N, C, H, W), H and W even; mask: (N, 1, H, W), 1 = hole. Returns (N, C, H, W).

        Costs 25 C (H W / 4)^2 multiplications: 1.7 billion for 64 channels of 64x64.
        """
        n, c, height, width = x.shape
        h, w = height // 2, width // 2
        cells = h * w
        patches = F.normalize(F.unfold(x[:, :, ::2, ::2], 3, padding=1).float(), dim=1)  # (N, 9 C, cells)
        likeness = patches.transpose(1, 2) @ patches  # (N, source, place)
        for _ in range(2):  # along rows; then, with rows and columns changed over, along columns
            before, after = likeness[:, :-1, :-1], likeness[:, 1:, 1:]
            likeness = likeness + F.pad(before, (1, 0, 1, 0)) + F.pad(after, (0, 1, 0, 1))
            likeness = likeness.view(n, h, w, h, w).permute(0, 2, 1, 4, 3).reshape(n, cells, cells)
            h, w = w, h
        touched = F.max_pool2d(F.max_pool2d(mask, 2), 3, stride=1, padding=1).flatten(2).transpose(1, 2)
        likeness = torch.where(touched > 0, -1e4, self.scale * likeness.float())
        # Numbers too small for a float would slow the product down a hundredfold on a CPU.
        weight = F.hardshrink(likeness.softmax(dim=1), 1e-6)  # (N, source, place)
        sources = F.unfold(x, 4, stride=2, padding=1)  # (N, 16 C, source)
        pasted = F.fold(sources @ weight.to(sources.dtype), (height, width), 4, stride=2, padding=1)
        return (pasted / 4).to(x.dtype)  # every cell is in four patches
