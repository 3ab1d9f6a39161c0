"""The face detector: where faces are in a picture, masked or bare, with five points each.

A small one-stage detector without anchors after FCOS (Tian et al. 2019): every cell of three feature maps says
whether it lies in the middle of a face, how far the box's sides are, and where eyes, nose and mouth corners are (the
five points that RetinaFace, Deng et al. 2020, learns beside the box).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import Network, conv_block

STRIDES = (8, 16, 32)  # px of the picture that one cell of each map covers
OUTPUTS = 1 + 1 + 4 + 10  # face, masked, the box's sides, five points


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut; keeps the shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(conv_block(channels, channels), conv_block(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return x + change


class FaceDetector(Network):
    """Encoder, three-level feature pyramid, one head for all levels. `width`: the first block's channels.

    A level sees faces of 2 to 10 times its stride well: 16 to 320 px. Larger ones are found in a smaller copy of the
    picture, which costs little (see `unmask.faces.detector.detect`).
    """

    def __init__(self, width: int = 16):
        super().__init__()
        channels = [width, 2 * width, 3 * width, 5 * width, 7 * width]  # at strides 2, 4, 8, 16, 32
        self.stem = nn.Sequential(
            conv_block(3, channels[0], stride=2),
            conv_block(channels[0], channels[1], stride=2),
        )
        self.encoder = nn.ModuleList(
            nn.Sequential(conv_block(cin, cout, stride=2), Residual(cout))
            for cin, cout in zip(channels[1:], channels[2:])
        )
        joint = 3 * width
        self.lateral = nn.ModuleList(nn.Conv2d(cin, joint, 1) for cin in channels[2:])
        self.smooth = nn.ModuleList(conv_block(joint, joint) for _ in STRIDES)
        last = nn.Conv2d(joint, OUTPUTS, 3, padding=1)
        self.head = nn.Sequential(conv_block(joint, joint), last)
        # Each level has scales of its own for what the shared head says in cells (FCOS, section 3.2).
        self.scales = nn.Parameter(torch.ones(len(STRIDES)))
        nn.init.normal_(last.weight, std=0.01)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        nn.init.constant_(last.bias[:1], -4.0)  # at first, nothing is a face (RetinaNet, section 4.1)

    def forward(self, x: Tensor) -> Tensor:
        """x: N3HW in [-1, 1], H and W multiples of 32. Returns (N, cells, 16) float32, for the cells of `grid`.

        0: logit of "this is a face's middle"; 1: logit of "masked"; 2-5: x0, y0, x1, y1 of its box; 6-15: x, y of
        left eye, right eye, nose tip and mouth corners as seen, all in px of the picture.
        """
        height, width = x.shape[2:]
        x, maps = self.stem(x), []
        for block in self.encoder:
            x = block(x)
            maps.append(x)
        maps = [lateral(x) for lateral, x in zip(self.lateral, maps)]
        for level in (1, 0):
            maps[level] = maps[level] + F.interpolate(maps[level + 1], scale_factor=2.0, mode="nearest")
        out = []
        for level, stride in enumerate(STRIDES):
            x = self.head(self.smooth[level](maps[level])).float()  # (N, 16, H / stride, W / stride)
            x = x.flatten(2).transpose(1, 2)  # (N, cells, 16)
            sides = stride * F.softplus(4 * self.scales[level] * x[..., 2:6] + 2)
            points = 4 * stride * self.scales[level] * x[..., 6:]
            out.append(torch.cat([x[..., :2], sides, points], dim=2))
        x, (center, _) = torch.cat(out, dim=1), grid(height, width, x.device)
        box = torch.cat([center - x[..., 2:4], center + x[..., 4:6]], dim=2)
        return torch.cat([x[..., :2], box, center.repeat(1, 5) + x[..., 6:]], dim=2)


def grid(height: int, width: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """The cells of a height x width px picture, level by level: centres (cells, 2) in px, strides (cells,)."""
    centers, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            (torch.arange(height // stride, device=device) + 0.5) * stride,
            (torch.arange(width // stride, device=device) + 0.5) * stride,
            indexing="ij",
        )
        centers.append(torch.stack([x, y], dim=2).flatten(0, 1))
        strides.append(torch.full((len(centers[-1]),), float(stride), device=device))
    return torch.cat(centers), torch.cat(strides)
