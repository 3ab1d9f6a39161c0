"""Pix2Pix (Isola et al. 2017) as used by "Unmask Masked Face" (Timmanagoudar and Preethi): one stage.

The paper's network is given no mask: it has to find the fabric by itself, and its faces keep some of the fabric's
colour. The released one, with `sees_mask`, is given the mask, and black in the hole, as GANMasker is.
"""

import torch
from torch import Tensor, nn

from unmask.nets.layers import Network, composite, downscaled


def down(cin: int, cout: int, *, first: bool = False, norm: bool = True) -> nn.Sequential:
    """Halves the size: LeakyReLU (but before the first convolution), 4x4 convolution, batch norm."""
    layers: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(cin, cout, 4, 2, 1, bias=not norm))
    if norm:
        layers.append(nn.BatchNorm2d(cout))
    return nn.Sequential(*layers)


def up(cin: int, cout: int, *, dropout: bool = False) -> nn.Sequential:
    """Doubles the size: ReLU, 4x4 transposed convolution, batch norm, and dropout in the three inner blocks."""
    layers = [nn.ReLU(), nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=False), nn.BatchNorm2d(cout)]
    if dropout:
        layers.append(nn.Dropout(0.5))
    return nn.Sequential(*layers)


class Pix2Pix(Network):
    """U-Net-256: eight halvings to 1x1, eight doublings, every encoder output joined to its mirror image.

    `levels` is the number of halvings: 8 for the paper's 256 px, 7 for 128 px (Isola's own U-Net-128). `width` is the
    first convolution's channels; the paper's is 64 (54.4 M parameters at 8 levels). Dropout is the paper's only
    noise; here it acts in training alone, so that a photo always gives the same face. `downscale`: see `downscaled`;
    the paper's is 1. `sees_mask`: a fourth input channel has the mask, and nothing of the fabric's colour comes in;
    the paper's is False.
    """

    def __init__(self, width: int = 64, levels: int = 8, downscale: int = 1, sees_mask: bool = False):
        super().__init__()
        self.downscale, self.sees_mask = downscale, sees_mask
        channels = [width, 2 * width, 4 * width] + [8 * width] * (levels - 3)
        last = len(channels) - 1
        self.encoder = nn.ModuleList(
            # The innermost map is 1x1: a batch norm over it would erase a batch of one.
            down(cin, cout, first=level == 0, norm=0 < level < last)
            for level, (cin, cout) in enumerate(zip([(4 if sees_mask else 3) * downscale**2, *channels], channels))
        )
        self.decoder = nn.ModuleList()
        for level in range(last, 0, -1):
            cin = channels[level] * (1 if level == last else 2)
            self.decoder.append(up(cin, channels[level - 1], dropout=4 <= level < last))
        self.head = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, 3 * downscale**2, 4, 2, 1), nn.Tanh())
        self.apply(init_normal)

    def forward(self, crop: Tensor, mask: Tensor | None = None) -> Tensor:
        """crop: N3HW in [-1, 1], H and W multiples of 2^levels * downscale; mask: N1HW in {0, 1}. Returns N3HW in
        [-1, 1]: the face, unmasked.

        Without `sees_mask` the mask is not looked at, and all of the picture is the network's: finding what to replace
        is left to it, as in the paper.
        """
        if not self.sees_mask:
            return downscaled(self.unet, crop, self.downscale).float()
        if mask is None:
            raise ValueError("This Pix2Pix needs the mask.")
        x = torch.cat([crop * (1 - mask), mask], dim=1)
        return composite(downscaled(self.unet, x, self.downscale).float(), crop, mask)

    def unet(self, x: Tensor) -> Tensor:
        """The network, on pixel-unshuffled pictures: (N, 3 or 4 downscale^2, H, W) to (N, 3 downscale^2, H, W)."""
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        x = skips.pop()
        for block in self.decoder:
            x = torch.cat([block(x), skips.pop()], dim=1)
        painted: Tensor = self.head(x)
        return painted


def init_normal(module: nn.Module) -> None:
    """The paper's initialisation: convolutions N(0, 0.02), batch norm weights N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
