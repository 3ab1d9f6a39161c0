"""The landmark network: where the 92 points of a face are, under its mask too.

The landmark stage of "A Deep Learning Framework to Reconstruct Face under Mask" (2022), which is LaFIn's (Yang et al.
2020, section 3.1): a MobileNetV2 whose three last feature maps are pooled, joined and mapped to coordinates.
"""

import torch
from torch import Tensor, nn

from unmask.nets.layers import conv_block
from unmask.synth.mean_face import MEAN_LANDMARKS

# MobileNetV2 (Sandler et al. 2018, table 2): expansion, channels, blocks, stride of the first.
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
)  # fmt: skip


class InvertedResidual(nn.Module):
    """Widen by a 1x1 convolution, filter each channel by a 3x3, narrow again; a shortcut where shapes allow."""

    def __init__(self, cin: int, cout: int, stride: int, expansion: int):
        super().__init__()
        hidden = expansion * cin
        self.shortcut = stride == 1 and cin == cout
        self.layers = nn.Sequential(
            conv_block(cin, hidden, kernel=1, activation=nn.ReLU6(inplace=True)) if expansion > 1 else nn.Identity(),
            nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, cout, 1, bias=False),
            nn.BatchNorm2d(cout),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class LandmarkNet(nn.Module):
    """MobileNetV2 at `width` times its channels, and a linear map from three pooled feature maps to 92 points.

    LaFIn predicts 68 points at width 1 from the crop with its hole painted white. Ours sees the crop as it is, mask
    and all, for it is asked before the mask is known.
    """

    points = len(MEAN_LANDMARKS)

    def __init__(self, width: float = 0.75):
        super().__init__()
        scale = lambda channels: max(round(channels * width / 8), 1) * 8
        cin = scale(32)
        blocks = [conv_block(3, cin, stride=2, activation=nn.ReLU6(inplace=True))]
        for expansion, channels, count, stride in STAGES:
            for i in range(count):
                blocks.append(InvertedResidual(cin, scale(channels), stride if i == 0 else 1, expansion))
                cin = scale(channels)
        self.features = nn.Sequential(*blocks)  # (N, 320 width, H / 32, W / 32)
        last = scale(1280) if width > 1 else 640
        self.widen = conv_block(cin, last, kernel=1, activation=nn.ReLU6(inplace=True))
        # The map's own grid of 4 x 4 cells still tells where something is, which a mean over all cells does not.
        self.near = nn.Sequential(nn.Conv2d(cin, 48, 1), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.PReLU())
        self.coordinates = nn.Linear(cin + last + 48 * 16, 2 * self.points)
        nn.init.normal_(self.coordinates.weight, std=1e-3)
        with torch.no_grad():
            self.coordinates.bias.copy_(torch.tensor(MEAN_LANDMARKS / 256).flatten())  # the mean face, to start from

    def forward(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1]. Returns (N, 92, 2) float32: x, y in units of the crop's side, from its top left."""
        x = self.features(crop)
        wide = self.widen(x)
        x = torch.cat([x.mean(dim=(2, 3)), wide.mean(dim=(2, 3)), self.near(x)], dim=1)
        return self.coordinates(x).float().unflatten(1, (self.points, 2))
