"""Detail for large faces: what every inpainting model paints at 256 px, refined at 512 px. Ours, of known parts.

As in contextual residual aggregation (Yi et al. 2020, section 3.1) the low frequencies stay the inpainting model's and
a network adds the high ones, which it takes from the sharp skin around the hole; its adversarial training is that of
super-resolution (Ledig et al. 2017, section 2.2).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import Network, composite

DOWN = 2  # the pixels are unshuffled once: a 512 px crop costs the work of a 256 px one


def layers(cin: int, cout: int, *dilations: int) -> nn.Sequential:
    """3x3 convolutions and leaky ReLUs, without norms: in super-resolution these leave artefacts (Lim et al. 2017)."""
    blocks: list[nn.Module] = []
    for index, dilation in enumerate(dilations):
        blocks += [
            nn.Conv2d(cin if index == 0 else cout, cout, 3, padding=dilation, dilation=dilation),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*blocks)


class Refiner(Network):
    """U-Net of three levels on pixel-unshuffled pictures, whose output is added to the fill. `width`: channels of the
    first level."""

    def __init__(self, width: int = 24):
        super().__init__()
        self.encoder = nn.ModuleList(
            [
                layers(4 * DOWN**2, width, 1, 1),
                layers(width, 2 * width, 1, 1),
                layers(2 * width, 4 * width, 1, 2, 4),
            ]
        )
        self.decoder = nn.ModuleList([layers(6 * width, 2 * width, 1), layers(3 * width, width, 1)])
        self.head = nn.Conv2d(width, 3 * DOWN**2, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)  # the first result is the fill as it came

    def detail(self, x: Tensor) -> Tensor:
        """What is to be added: (N, 4, H, W) to (N, 3, H, W), without what half as many pixels could hold."""
        skips = []
        x = F.pixel_unshuffle(x, DOWN)
        for level, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        x = skips.pop()
        for block in self.decoder:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        added = F.pixel_shuffle(self.head(x), DOWN).float()
        low = F.interpolate(F.avg_pool2d(added, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
        return added - low

    def forward(self, fill: Tensor, crop: Tensor, mask: Tensor) -> Tensor:
        """fill: N3HW in [-1, 1], an inpainting model's result, enlarged; crop: N3HW in [-1, 1], the photo; mask: N1HW
        in {0, 1}, 1 = hole; H and W multiples of 8. Returns N3HW in [-1, 1]: the crop with the refined fill in the
        hole."""
        fused = composite(fill, crop, mask)
        refined = (fused + self.detail(torch.cat([fused, mask], dim=1))).clamp(-1, 1)
        return composite(refined, crop, mask)
