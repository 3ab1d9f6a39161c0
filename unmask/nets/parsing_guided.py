"""Parsing-guided completion: "Generative Face Completion" (Li et al., CVPR 2017), and a refinement network after it.

What the name says happens in training: a frozen face parsing network judges what was painted (train/recipes). The
refinement is that of the notes on "Toward High-Quality Face-Mask Occluded Restoration": contextual attention borrows
features from the visible face.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import ContextualAttention, Network, composite, conv_block, downscaled


class Completion(nn.Module):
    """VGG-19's first convolutions (2, 2, 4 of them, each group pooled), two more, and the way back up (section 3.1).

    The paper's fully connected layer in the middle is two dilated convolutions here, so that any size goes; its
    unpooling is a nearest-neighbour doubling. `width` is the first layer's channels; the paper's is 64. `downscale`:
    see `downscaled`; the paper's is 1.
    """

    def __init__(self, width: int, downscale: int):
        super().__init__()
        self.downscale, w, cin = downscale, width, 4 * downscale**2
        layers: list[nn.Module] = []
        for cout, count in ((w, 2), (2 * w, 2), (4 * w, 4), (8 * w, 2)):
            for _ in range(count):
                layers.append(conv_block(cin, cout))
                cin = cout
            layers.append(nn.MaxPool2d(2))
        layers += [conv_block(cin, cin, dilation=dilation) for dilation in (1, 2, 4)]
        for cout in (8 * w, 4 * w, 2 * w, w):
            layers += [conv_block(cin, cout), nn.Upsample(scale_factor=2.0, mode="nearest"), conv_block(cout, cout)]
            cin = cout
        self.layers = nn.Sequential(*layers, nn.Conv2d(w, 3 * downscale**2, 3, padding=1), nn.Tanh())

    def forward(self, crop: Tensor, mask: Tensor) -> Tensor:
        """crop: N3HW with anything in the hole; mask: N1HW; H and W multiples of 16 * downscale. Returns N3HW in [-1,
        1]."""
        return downscaled(self.layers, torch.cat([crop * (1 - mask), mask], dim=1), self.downscale).float()


class Refinement(nn.Module):
    """Sees the completed face at a quarter of its size twice: dilated, and put together from its visible parts."""

    def __init__(self, width: int, downscale: int):
        super().__init__()
        self.downscale, w = downscale, width
        self.encoder = nn.Sequential(
            conv_block(4 * downscale**2, w, kernel=5),
            conv_block(w, 2 * w, stride=2),
            conv_block(2 * w, 2 * w),
            conv_block(2 * w, 4 * w, stride=2),
            conv_block(4 * w, 4 * w),
        )
        self.around = nn.Sequential(*(conv_block(4 * w, 4 * w, dilation=dilation) for dilation in (2, 4, 8, 16)))
        self.attention = ContextualAttention()
        self.after_attention = conv_block(4 * w, 4 * w)
        self.decoder = nn.Sequential(
            conv_block(8 * w, 4 * w),
            nn.Upsample(scale_factor=2.0, mode="nearest"),
            conv_block(4 * w, 2 * w),
            conv_block(2 * w, 2 * w),
            nn.Upsample(scale_factor=2.0, mode="nearest"),
            conv_block(2 * w, w),
            conv_block(w, max(w // 2, 1)),
            nn.Conv2d(max(w // 2, 1), 3 * downscale**2, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, face: Tensor, mask: Tensor) -> Tensor:
        """face: N3HW in [-1, 1], its hole filled; mask: N1HW; H and W multiples of 8 * downscale. Returns N3HW in [-1,
        1]."""
        hole = F.max_pool2d(mask, 4 * self.downscale)
        return downscaled(lambda x: self.paint(x, hole), torch.cat([face, mask], dim=1), self.downscale).float()

    def paint(self, x: Tensor, hole: Tensor) -> Tensor:
        """The network, on pixel-unshuffled pictures: (N, C, H, W) and the hole at a quarter of that to (N, 3
        downscale^2, H, W)."""
        x = self.encoder(x)  # (N, 4w, H / 4, W / 4)
        borrowed = self.attention(x, hole)
        painted: Tensor = self.decoder(torch.cat([self.around(x), self.after_attention(borrowed)], dim=1))
        return painted


class ParsingGuided(Network):
    """Completion, then refinement of the completed face."""

    def __init__(self, width: int = 24, downscale: int = 1):
        super().__init__()
        self.completion = Completion(width, downscale)
        self.refinement = Refinement(max(2 * width // 3, 1), downscale)

    def forward(self, crop: Tensor, mask: Tensor, stages: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}; H and W multiples of 16 * downscale. Returns N3HW, the crop
        unmasked.

        stages: returns (completed, refined) instead for the losses, both N3HW in [-1, 1] and whole pictures.
        """
        completed = self.completion(crop, mask)
        refined = self.refinement(composite(completed, crop, mask), mask)
        return (completed, refined) if stages else composite(refined, crop, mask)
