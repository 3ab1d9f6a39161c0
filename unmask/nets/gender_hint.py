"""The first stage of "A Deep Learning Framework to Reconstruct Face under Mask" (2022): the gender that a masked face
is likely to be read as, which its inpainting network takes as a hint.

It is a guess from eyes, brows and hair, by the labels that photo collections carry. It says nothing about a person: the
visitor sees it as a switch to change or leave open, and nothing else may be done with it.
"""

import torch
from torch import Tensor, nn

from unmask.nets.landmarks import mobilenet_v2
from unmask.nets.layers import Network


class GenderHint(Network):
    """MobileNetV2 at `width` times its channels, its last features averaged, and one logit."""

    def __init__(self, width: float = 0.75):
        super().__init__()
        self.stem, self.stages, widths = mobilenet_v2(width)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(widths[-1], 1)

    def logits(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1], H = W, a multiple of 32, mask and all. Returns (N,), before the sigmoid."""
        x = self.stem(crop)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.head(self.drop(x.mean(dim=(2, 3))))
        return logits.float()[:, 0]

    def forward(self, crop: Tensor) -> Tensor:
        """crop: as in `logits`. Returns (N,) in [-1, 1]: -1 reads as male, 1 as female, near 0 undecided."""
        return 2 * torch.sigmoid(self.logits(crop)) - 1
