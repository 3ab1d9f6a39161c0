"""FU-Net, GANMasker's second stage: a masked face and its mask to the face (Mahmoud and Kang, Sensors 2023, 3.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import CBAM, Network, composite, conv_block, downscaled


def leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)


class GeBlock(nn.Module):
    """Residual attention block (figure 3b): two convolutions, CBAM, and a shortcut around them."""

    def __init__(self, cin: int, cout: int):
        super().__init__()
        self.body = nn.Sequential(
            conv_block(cin, cout, activation=leaky()),
            nn.Conv2d(cout, cout, 3, padding=1, bias=False),
            nn.BatchNorm2d(cout),
            CBAM(cout),
        )
        self.shortcut = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.body(x) + self.shortcut(x), 0.2)


class GANMasker(Network):
    """Encoder of five Ge-blocks, bottleneck of four dilated blocks (2, 4, 8, 16), decoder of five blocks, MURF.

    Input is four channels: the masked face, black in the hole so that nothing of the mask's colour can leak into
    the face, and the mask. `width` is the first block's channels. `downscale`: see `downscaled`; the paper's is 1.
    """

    def __init__(self, width: int = 64, downscale: int = 1):
        super().__init__()
        self.downscale = downscale
        channels = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.encoder = nn.ModuleList(GeBlock(cin, cout) for cin, cout in zip([4 * downscale**2, *channels], channels))
        deep = channels[-1]
        self.bottleneck = nn.Sequential(
            *(conv_block(deep, deep, dilation=dilation, activation=leaky()) for dilation in (2, 4, 8, 16))
        )
        # The first decoder block does not upsample: the last encoder block has no max-pool.
        self.decoder = nn.ModuleList()
        below = deep
        for level in (4, 3, 2, 1):
            cout = channels[level - 1]
            self.decoder.append(conv_block(below + channels[level], cout, activation=leaky()))
            below = cout
        self.head = nn.Conv2d(below + channels[0], 3 * downscale**2, 3, padding=1)

    def fill(self, crop: Tensor, mask: Tensor) -> Tensor:
        """The whole generated face, N3HW in [-1, 1], before the fusion."""
        return torch.tanh(downscaled(self.paint, torch.cat([crop * (1 - mask), mask], dim=1), self.downscale).float())

    def paint(self, x: Tensor) -> Tensor:
        """The network, on pixel-unshuffled pictures: (N, 4 downscale^2, H, W) to (N, 3 downscale^2, H, W)."""
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if level else x)  # (N, C, H / 2^level, W / 2^level)
            skips.append(x)
        x = self.bottleneck(x)
        for level, block in enumerate((*self.decoder, self.head)):
            if level:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x

    def forward(self, crop: Tensor, mask: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}; H and W multiples of 16 * downscale. Returns N3HW, unmasked."""
        return composite(self.fill(crop, mask), crop, mask)
