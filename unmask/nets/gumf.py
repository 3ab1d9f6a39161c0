"""GUMF: "A Novel GAN-Based Network for Unmasking of Masked Face" (Din et al., IEEE Access 2020): map, then edit.

The paper's figures were not at hand, only its abstract: the order of the parts, squeeze and excitation and the atrous
bottleneck are known, widths and depths are ours.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import Network, composite, conv_block, dilate, downscaled


class SqueezeExcite(nn.Module):
    """Channel weights from the channels' means (Hu et al. 2018, section 3). Keeps the shape."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        hidden = max(channels // reduction, 8)  # fewer may all start dead
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.mlp(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


class UNet(nn.Module):
    """Encoder of five levels, each half the size of the one above, atrous convolutions (2, 4, 8, 16), decoder.

    width: channels of the first level; count: convolutions a level; excited: levels with squeeze and excitation, from
    the top.
    """

    def __init__(self, cin: int, cout: int, width: int, *, count: int = 1, excited: int = 0):
        super().__init__()
        channels = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.encoder = nn.ModuleList()
        for level, c in enumerate(channels):
            first = conv_block(channels[level - 1] if level else cin, c, stride=2 if level else 1)
            more = [conv_block(c, c) for _ in range(count - 1)]
            gate = [SqueezeExcite(c)] if level < excited else []
            self.encoder.append(nn.Sequential(first, *more, *gate))
        deep = channels[-1]
        self.bottleneck = nn.Sequential(*(conv_block(deep, deep, dilation=dilation) for dilation in (2, 4, 8, 16)))
        self.decoder = nn.ModuleList()
        below = deep
        for level in (3, 2, 1, 0):
            c = channels[max(level - 1, 0)]
            self.decoder.append(conv_block(below + channels[level], c))
            below = c
        self.head = nn.Conv2d(width, cout, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, cin, H, W), H and W multiples of 16. Returns (N, cout, H, W) before any activation, float32."""
        skips = []
        for block in self.encoder:
            x = block(x)  # (N, C, H / 2^level, W / 2^level)
            skips.append(x)
        x = self.bottleneck(skips.pop())
        for block in self.decoder:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        numbers: Tensor = self.head(x)
        return numbers.float()


class GUMF(Network):
    """The map module says what is covered; the editing module, given picture and map, paints the face.

    `width` is the editing module's first level; the map module's is half as wide. Where the caller has a mask (the
    page's, which a visitor may have corrected), it takes the map's place and the map module is not run. `downscale`:
    see `downscaled`. `sees_fabric`: the editing module is given the picture as it is, fabric and all, as in the paper;
    without, black where the map says "covered", so that nothing of the fabric's colour or folds comes in.
    """

    def __init__(self, width: int = 16, downscale: int = 1, sees_fabric: bool = True):
        super().__init__()
        self.downscale, self.sees_fabric = downscale, sees_fabric
        self.map = UNet(3 * downscale**2, downscale**2, max(width // 2, 1))
        self.edit = UNet(4 * downscale**2, 3 * downscale**2, width, count=2, excited=3)

    def find(self, crop: Tensor) -> Tensor:
        """The map module alone: N3HW in [-1, 1] -> logits of "covered", N1HW."""
        return downscaled(self.map, crop, self.downscale)

    def clean(self, logits: Tensor) -> Tensor:
        """The map's noise removed: opened, then closed, by 5 px at 256. Returns N1HW of {0, 1}."""

        def grow(x: Tensor) -> Tensor:
            return dilate(x, max(logits.shape[-1] // 128, 1))

        def shrink(x: Tensor) -> Tensor:
            return -grow(-x)

        return shrink(grow(grow(shrink((logits > 0).float()))))

    def forward(self, crop: Tensor, mask: Tensor | None = None, stages: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}, or None to find it; H and W multiples of 16 * downscale. Returns
        N3HW, the crop unmasked.

        stages: returns (logits of the map, whole painted face) instead, for the losses.
        """
        if mask is None:
            mask = self.clean(self.find(crop))
        seen = crop if self.sees_fabric else crop * (1 - mask)
        face = torch.tanh(downscaled(self.edit, torch.cat([seen, mask], dim=1), self.downscale))
        return (self.find(crop), face) if stages else composite(face, crop, mask)
