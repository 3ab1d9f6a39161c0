"""Free-form inpainting with gated convolution (Yu et al., ICCV 2019): coarse to fine, with contextual attention."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import ContextualAttention, Network, composite, downscaled


class GatedConv2d(nn.Module):
    """One convolution for features and gates, ELU(feature) * sigmoid(gate) (section 3.1). Keeps or halves the size."""

    def __init__(self, cin: int, cout: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(cin, 2 * cout, kernel, stride, dilation * (kernel - 1) // 2, dilation)
        # There is no norm anywhere in this network, and gates let half through: with 2.8 the variance stays.
        nn.init.normal_(self.conv.weight[:cout], std=2.8 * (kernel**2 * cin) ** -0.5)
        nn.init.normal_(self.conv.weight[cout:], std=0.5 * (kernel**2 * cin) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        feature, gate = self.conv(x).chunk(2, dim=1)
        return F.elu(feature) * torch.sigmoid(gate)


def dilated(width: int) -> list[nn.Module]:
    return [GatedConv2d(width, width, dilation=dilation) for dilation in (2, 4, 8, 16)]


class Decoder(nn.Sequential):
    """From a quarter of the size to the picture: two doublings, each a nearest-neighbour one and a convolution."""

    def __init__(self, cin: int, cout: int, w: int):
        super().__init__(
            GatedConv2d(cin, 4 * w),
            GatedConv2d(4 * w, 4 * w),
            nn.Upsample(scale_factor=2.0, mode="nearest"),
            GatedConv2d(4 * w, 2 * w),
            GatedConv2d(2 * w, 2 * w),
            nn.Upsample(scale_factor=2.0, mode="nearest"),
            GatedConv2d(2 * w, w),
            GatedConv2d(w, max(w // 2, 1)),
            nn.Conv2d(max(w // 2, 1), cout, 3, padding=1),
            nn.Tanh(),
        )


class GatedConv(Network):
    """A coarse network paints the hole; a fine one with two branches, dilated and attending, paints it again.

    `width` is the first layer's channels behind the gate; the official network's is 24 (its "cnum" of 48 counts
    features and gates), which is 4.1 million parameters. `downscale`: see `downscaled`; the official network's is 1.
    """

    def __init__(self, width: int = 16, downscale: int = 1):
        super().__init__()
        self.downscale, w, picture = downscale, width, 3 * downscale**2
        self.coarse = nn.Sequential(
            GatedConv2d(5 * downscale**2, w, kernel=5),
            GatedConv2d(w, 2 * w, stride=2),
            GatedConv2d(2 * w, 2 * w),
            GatedConv2d(2 * w, 4 * w, stride=2),
            GatedConv2d(4 * w, 4 * w),
            GatedConv2d(4 * w, 4 * w),
            *dilated(4 * w),
            Decoder(4 * w, picture, w),
        )
        self.conv_branch = nn.Sequential(
            GatedConv2d(picture, w, kernel=5),
            GatedConv2d(w, w, stride=2),
            GatedConv2d(w, 2 * w),
            GatedConv2d(2 * w, 2 * w, stride=2),
            GatedConv2d(2 * w, 4 * w),
            GatedConv2d(4 * w, 4 * w),
            *dilated(4 * w),
        )
        self.attention_branch = nn.Sequential(
            GatedConv2d(picture, w, kernel=5),
            GatedConv2d(w, w, stride=2),
            GatedConv2d(w, 2 * w),
            GatedConv2d(2 * w, 4 * w, stride=2),
            GatedConv2d(4 * w, 4 * w),
            GatedConv2d(4 * w, 4 * w),
        )
        self.attention = ContextualAttention()
        self.after_attention = nn.Sequential(GatedConv2d(4 * w, 4 * w), GatedConv2d(4 * w, 4 * w))
        self.decoder = Decoder(8 * w, picture, w)

    def forward(self, crop: Tensor, mask: Tensor, stages: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}; H and W multiples of 8 * downscale. Returns N3HW, the crop
        unmasked.

        stages: returns (coarse, fine) instead for the losses, both N3HW in [-1, 1] and whole pictures.
        """
        ones = torch.ones_like(mask)  # tells the picture from the padding around it
        coarse = downscaled(self.coarse, torch.cat([crop * (1 - mask), ones, mask], dim=1), self.downscale).float()
        x = composite(coarse, crop, mask)
        hole = F.max_pool2d(mask, 4 * self.downscale)
        fine = downscaled(lambda x: self.refine(x, hole), x, self.downscale).float()
        return (coarse, fine) if stages else composite(fine, crop, mask)

    def refine(self, x: Tensor, hole: Tensor) -> Tensor:
        """The fine network, on pixel-unshuffled pictures: (N, C, H, W) and the hole at a quarter of that to (N, C, H,
        W)."""
        attended = self.attention(F.relu(self.attention_branch(x)), hole)  # (N, 4w, H / 4, W / 4)
        painted: Tensor = self.decoder(torch.cat([self.conv_branch(x), self.after_attention(attended)], dim=1))
        return painted
