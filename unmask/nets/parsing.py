"""The face parsing network of "Generative Face Completion" (Li et al. 2017, section 3.3): a class for every pixel.

The paper's is trained on 11 classes of Helen, frozen, and judges a completion by what it makes of it. Ours knows the 19
of CelebAMask-HQ and is built on the landmark network's MobileNetV2, from whose weights it can start.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.landmarks import mobilenet_v2
from unmask.nets.layers import Network, conv_block

CLASSES = (
    "background", "skin", "nose", "eyeglasses", "left eye", "right eye", "left brow", "right brow", "left ear",
    "right ear", "mouth", "upper lip", "lower lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip


class ParsingNet(Network):
    """MobileNetV2 at `width` times its channels; its features from a 32nd to a half of the crop, summed going up."""

    LEVELS = (6, 4, 2, 1, 0)  # stages at a 32nd, 16th, 8th, 4th and half of the crop

    SEEN = 5  # stages whose outputs `features` gives, beside the stem's: from a half to a 16th of the crop

    def __init__(self, width: float = 0.75, channels: int = 48):
        super().__init__()
        self.stem, self.stages, widths = mobilenet_v2(width)
        self.lateral = nn.ModuleList(nn.Conv2d(widths[level], channels, 1) for level in self.LEVELS)
        self.smooth = nn.ModuleList(conv_block(channels, channels) for _ in self.LEVELS)
        self.head = nn.Conv2d(channels, len(CLASSES), 1)

    def forward(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1], H and W multiples of 32. Returns logits (N, 19, H, W), see CLASSES."""
        x, kept = self.stem(crop), {}
        for level, stage in enumerate(self.stages):
            x = stage(x)
            kept[level] = x
        up: Tensor | None = None
        for level, lateral, smooth in zip(self.LEVELS, self.lateral, self.smooth):
            x = lateral(kept[level])
            if up is not None:
                x = x + F.interpolate(up, scale_factor=2.0, mode="nearest")
            up = smooth(x)
        logits = self.head(up).float()  # (N, 19, H / 2, W / 2)
        return F.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)

    @torch.inference_mode()
    def features(self, crop: Tensor) -> list[Tensor]:
        """What it sees before it has a name for it: maps (N, C, h, w) of the stem and the first stages. crop: as in
        `forward`."""
        seen = [self.stem(crop)]
        for stage in self.stages[: self.SEEN]:
            seen.append(stage(seen[-1]))
        return seen

    @torch.inference_mode()
    def classes(self, crop: Tensor) -> Tensor:
        """crop: as in `forward`. Returns the likeliest class of each pixel, (N, H, W) int64."""
        likeliest: Tensor = self(crop).argmax(dim=1)
        return likeliest
