"""Two autoencoders in a row (Gao, Nguyen and Yan, "A Method for Face Image Inpainting ...", table 1)."""

import torch
from torch import Tensor, nn

from unmask.nets.glcic import deconv_block
from unmask.nets.layers import Network, composite, conv_block, downscaled


def autoencoder(width: int, downscale: int) -> nn.Sequential:
    """Twelve convolutions, four dilated ones and two deconvolutions: one half of table 1."""
    w = width
    return nn.Sequential(
        conv_block(4 * downscale**2, w, kernel=5),
        conv_block(w, w),
        conv_block(w, 2 * w, stride=2),
        conv_block(2 * w, 2 * w),
        conv_block(2 * w, 4 * w, stride=2),
        conv_block(4 * w, 4 * w),
        conv_block(4 * w, 4 * w),
        *(conv_block(4 * w, 4 * w, dilation=dilation) for dilation in (2, 4, 8, 16)),
        conv_block(4 * w, 4 * w),
        conv_block(4 * w, 4 * w),
        deconv_block(4 * w, 2 * w),
        conv_block(2 * w, 2 * w),
        deconv_block(2 * w, w),
        conv_block(w, w // 2),
        nn.Conv2d(w // 2, 3 * downscale**2, 3, padding=1),
    )


class TwoAutoencoders(Network):
    """The second autoencoder paints over what the first has put into the hole.

    `width` is the first layer's channels (the paper's: 64), `stages` the number of autoencoders: 2, or 1 for the
    network that the paper's table 4 compares with. The table gives neither strides nor norms nor activations: where
    the channels double the size is halved, two deconvolutions undo that, and the rest is GLCIC's, which the paper
    builds on. Nor does it say what the second one is fed: here, like the first, a picture and the hole, and known
    pixels as they are. `downscale`: see `downscaled`; the paper's is 1.
    """

    def __init__(self, width: int = 24, stages: int = 2, downscale: int = 1):
        super().__init__()
        self.downscale = downscale
        self.stages = nn.ModuleList(autoencoder(width, downscale) for _ in range(stages))

    def forward(self, crop: Tensor, mask: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}; H and W multiples of 4 * downscale. Returns N3HW, unmasked."""
        x = crop * (1 - mask)
        for stage in self.stages:
            fill = downscaled(stage, torch.cat([x, mask], dim=1), self.downscale)  # (N, 3, H, W)
            x = composite(2 * torch.sigmoid(fill.float()) - 1, crop, mask)
        return x
