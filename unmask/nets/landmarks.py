"""The landmark network: where the 92 points of a face are, under its mask too.

The landmark stage of "A Deep Learning Framework to Reconstruct Face under Mask" (2022), which is LaFIn's (Yang et al.
2020, section 3.1): a MobileNetV2 whose last feature maps are pooled, joined and mapped to coordinates. Ours adds a map
for each point whose centre of mass is the point (Sun et al. 2018, Integral Human Pose Regression): the eyes and brows
are seen, and need no guessing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import Network, conv_block
from unmask.synth.mean_face import MEAN_LANDMARKS

# MobileNetV2 (Sandler et al. 2018, table 2): expansion, channels, blocks, stride of the first.
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
)  # fmt: skip

MAPPED = (2, 4, 6)  # the stages whose features make the points' maps


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
        change: Tensor = self.layers(x)
        return x + change if self.shortcut else change


def mobilenet_v2(width: float) -> tuple[nn.Sequential, nn.ModuleList, list[int]]:
    """MobileNetV2 at `width` times its channels: its stem, its seven stages, and each stage's channels."""

    def scale(channels: int) -> int:
        return max(round(channels * width / 8), 1) * 8

    cin, stages, widths = scale(32), nn.ModuleList(), []
    stem = conv_block(3, cin, stride=2, activation=nn.ReLU6(inplace=True))
    for expansion, channels, count, stride in STAGES:
        blocks = []
        for i in range(count):
            blocks.append(InvertedResidual(cin, scale(channels), stride if i == 0 else 1, expansion))
            cin = scale(channels)
        stages.append(nn.Sequential(*blocks))
        widths.append(cin)
    return stem, stages, widths


class LandmarkNet(Network):
    """MobileNetV2 at `width` times its channels; points = centres of mass of their maps + a linear correction.

    LaFIn predicts 68 points at width 1 from the crop with its hole painted white. Ours sees the crop as it is, mask
    and all, for it is asked before the mask is known.
    """

    points = len(MEAN_LANDMARKS)

    def __init__(self, width: float = 0.75):
        super().__init__()
        self.stem, self.stages, widths = mobilenet_v2(width)
        cin = widths[-1]
        self.widen = conv_block(cin, 640, kernel=1, activation=nn.ReLU6(inplace=True))
        self.correction = nn.Linear(cin + 640, 2 * self.points)
        # Maps at an eighth of the crop, from the stages at an eighth, a sixteenth and a thirty-second.
        self.lateral = nn.ModuleList(nn.Conv2d(widths[stage], 64, 1) for stage in MAPPED)
        self.maps = nn.Sequential(conv_block(64, 64), nn.Conv2d(64, self.points, 1))
        nn.init.normal_(self.correction.weight, std=1e-4)
        with torch.no_grad():  # even maps say the middle of the crop; the mean face is a better start
            self.correction.bias.copy_(torch.tensor(MEAN_LANDMARKS / 256 - 0.5).flatten())

    def forward(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1], H = W, a multiple of 32. Returns (N, 92, 2) float32: x, y in units of the crop's
        side, from its top left."""
        x, kept = self.stem(crop), []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in MAPPED:
                kept.append(x)
        pooled = torch.cat([x.mean(dim=(2, 3)), self.widen(x).mean(dim=(2, 3))], dim=1)
        correction: Tensor = self.correction(pooled).float().unflatten(1, (self.points, 2))
        near, middle, far = (lateral(x) for lateral, x in zip(self.lateral, kept))
        x = middle + F.interpolate(far, scale_factor=2.0, mode="nearest")
        x = self.maps(near + F.interpolate(x, scale_factor=2.0, mode="nearest"))  # (N, 92, H / 8, W / 8)
        weight = x.float().flatten(2).softmax(dim=2).view_as(x)
        place = (torch.arange(x.shape[-1], device=x.device) + 0.5) / x.shape[-1]
        center = torch.stack([weight.sum(dim=2) @ place, weight.sum(dim=3) @ place], dim=2)  # (N, 92, 2)
        return center + correction
