"""GLCIC's completion network (Iizuka et al. 2017, table 1): one autoencoder, dilated in the middle."""

import torch
from torch import Tensor, nn

from unmask.nets.layers import Network, composite, conv_block, downscaled


def deconv_block(cin: int, cout: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class GLCIC(Network):
    """Seventeen layers, halved twice, four dilated convolutions (2, 4, 8, 16), sigmoid.

    Input is four channels: the crop with one fixed colour in the hole (the paper's is the data's mean), and the mask.
    `width` is the first layer's channels; the paper's is 64 (6.1 M parameters). `downscale`: see `downscaled`; the
    paper's is 1.
    """

    # RGB in [-1, 1], a skin-like guess at the mean colour. The released weights were trained with it: it stays.
    MEAN = (0.10, -0.12, -0.22)
    mean: Tensor

    def __init__(self, width: int = 64, downscale: int = 1):
        super().__init__()
        self.downscale, w = downscale, width
        self.layers = nn.Sequential(
            conv_block(4 * downscale**2, w, kernel=5),
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
        self.register_buffer("mean", torch.tensor(self.MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, crop: Tensor, mask: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}; H and W multiples of 4 * downscale. Returns N3HW, unmasked."""
        x = torch.cat([crop * (1 - mask) + self.mean * mask, mask], dim=1)  # (N, 4, H, W)
        # The paper's sigmoid gives [0, 1]; everything here lives in [-1, 1].
        fill = 2 * torch.sigmoid(downscaled(self.layers, x, self.downscale).float()) - 1
        return composite(fill, crop, mask)
