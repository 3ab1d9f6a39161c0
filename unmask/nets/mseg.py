"""M-Seg, GANMasker's first stage: where is the mask? (Mahmoud and Kang, Sensors 2023, section 3.1, figures 2, 3a)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import CBAM, Network, conv_block, downscaled


class MSeg(Network):
    """Five encoder blocks (conv, BN, ReLU, CBAM, max-pool), five decoder blocks (up, conv, BN, ReLU), skips, sigmoid.

    The skip of each level is the encoder's feature map before its max-pool. `width` is the first block's channels;
    the paper does not print its own, 64 is the usual U-Net's.

    `downscale`: see `downscaled`; the paper's is 1. The last block of a network of downscale 2 has a 3x3 convolution as
    well.
    """

    def __init__(self, width: int = 64, downscale: int = 1):
        super().__init__()
        self.downscale = downscale
        channels = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.encoder = nn.ModuleList(
            nn.Sequential(conv_block(cin, cout), CBAM(cout))
            for cin, cout in zip([3 * downscale**2, *channels], channels)
        )
        # Decoder block i joins what comes from below with the skip of its own level.
        below = channels[-1]
        self.decoder = nn.ModuleList()
        for level in (4, 3, 2, 1):
            cout = channels[level - 1]
            self.decoder.append(conv_block(below + channels[level], cout))
            below = cout
        # The fifth block has a 1x1 convolution, batch norm and the sigmoid.
        cin, finer = below + channels[0], []
        if downscale > 1:
            finer, cin = [conv_block(cin, width)], width
        norm = nn.BatchNorm2d(downscale**2)
        self.head = nn.Sequential(*finer, nn.Conv2d(cin, downscale**2, 1, bias=False), norm)
        # A batch norm's unit variance would start every pixel between 0.27 and 0.73; the sigmoid needs more room.
        nn.init.constant_(norm.weight, 4.0)

    def logits(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1], H and W multiples of 32 * downscale. Returns N1HW, before the sigmoid: what losses
        want."""
        return downscaled(self.find, crop, self.downscale)

    def find(self, x: Tensor) -> Tensor:
        """The network, on pixel-unshuffled pictures: (N, 3 downscale^2, H, W) to (N, downscale^2, H, W)."""
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)  # (N, C, H / 2^i, W / 2^i)
        for block in (*self.decoder, self.head):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x

    def forward(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1], H and W multiples of 32 * downscale. Returns the mask's probability, N1HW in [0,
        1]."""
        return torch.sigmoid(self.logits(crop).float())
