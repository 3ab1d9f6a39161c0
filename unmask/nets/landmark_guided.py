"""Landmark-guided inpainting: the third stage of "A Deep Learning Framework to Reconstruct Face under Mask" (2022).

The paper follows LaFIn (Yang et al. 2020, section 3.2): a generator that sees, beside the face with its hole, a picture
of where the landmarks of the whole face are, so that moving them moves the mouth and the jaw that it paints. The paper
adds the gender, which its first stage guesses from the visible half; here that is a hint, which may be left open.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.nets.layers import Network, composite, dilate, downscaled
from unmask.synth.mean_face import MEAN_LANDMARKS


def landmark_map(points: Tensor, size: int, reach: int = 1) -> Tensor:
    """Dots where the landmarks are. points: (N, K, 2), x and y in units of the crop's side. Returns (N, 1, size, size)
    of {0, 1}; each dot reaches so many px to every side."""
    place = (points.float() * size).long().clamp(0, size - 1)
    drawn = points.new_zeros(len(points), 1, size, size, dtype=torch.float32)
    drawn[torch.arange(len(points), device=points.device)[:, None], 0, place[..., 1], place[..., 0]] = 1
    return dilate(drawn, reach)


def norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


class DilatedResidual(nn.Module):
    """Two 3x3 convolutions, the first dilated by 2, and a shortcut. Keeps the shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=2, dilation=2, padding_mode="reflect", bias=False),
            *norm_relu(channels),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        joined: Tensor = x + self.body(x)
        return joined


class LongShortAttention(nn.Module):
    """Every place looks at all others (Zheng et al. 2019, Pluralistic Image Completion, section 3.3).

    Short-term: at the decoder's own features. Long-term: at the encoder's, which in the hole are replaced by what the
    attention brings from elsewhere. Both start at nothing (gamma = alpha = 0).
    x, encoded: (N, C, H, W); hole: (N, 1, H, W).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.gamma, self.alpha = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.fuse = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor, encoded: Tensor, hole: Tensor) -> Tensor:
        height, width = x.shape[2:]
        query = self.query(x).flatten(2).transpose(1, 2)  # (N, HW, C / 4)
        values = torch.cat([x, encoded], dim=1).flatten(2).transpose(1, 2)  # (N, HW, 2C)
        weight = (query @ query.transpose(1, 2) / query.shape[2] ** 0.5).softmax(dim=2)  # (N, HW, HW)
        # Numbers too small for a float would slow a CPU down, by half for the whole network.
        brought = F.hardshrink(weight, 1e-12) @ values  # (N, HW, 2C)
        own, far = brought.transpose(1, 2).unflatten(2, (height, width)).chunk(2, dim=1)
        short = x + self.gamma * own
        long = (1 - hole) * encoded + self.alpha * hole * far
        fused: Tensor = self.fuse(torch.cat([short, long], dim=1))
        return fused


class LandmarkGuided(Network):
    """LaFIn's generator: two halvings, seven dilated residual blocks, attention, two doublings with fused skips.

    Input is six channels: the crop with a white hole, the hole, the landmarks' dots, and the hint as a plane of one
    value. `width` is the first layer's channels; LaFIn's is 64. `downscale`: see `downscaled`; LaFIn's is 1.
    """


    def __init__(self, width: int = 64, downscale: int = 1):
        super().__init__()
        self.downscale, w = downscale, width
        first = nn.Conv2d(6 * downscale**2, w, 7, padding=3, padding_mode="reflect", bias=False)
        self.encode1 = nn.Sequential(first, *norm_relu(w))
        self.encode2 = nn.Sequential(nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), *norm_relu(2 * w))
        self.encode3 = nn.Sequential(nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), *norm_relu(4 * w))
        self.middle = nn.Sequential(*(DilatedResidual(4 * w) for _ in range(7)))
        self.attention = LongShortAttention(4 * w)
        self.decode2 = nn.Sequential(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), *norm_relu(2 * w))
        self.fuse2 = nn.Conv2d(4 * w, 2 * w, 1)
        self.decode1 = nn.Sequential(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), *norm_relu(w))
        self.fuse1 = nn.Conv2d(2 * w, w, 1)
        self.head = nn.Conv2d(w, 3 * downscale**2, 7, padding=3, padding_mode="reflect")

    def fill(self, crop: Tensor, mask: Tensor, points: Tensor, hint: Tensor) -> Tensor:
        """The whole generated face, N3HW in [-1, 1]; arguments as in `forward`."""
        dots = landmark_map(points, crop.shape[-1], self.downscale)
        plane = hint.float().view(-1, 1, 1, 1).expand_as(mask)
        x = torch.cat([torch.where(mask > 0, 1.0, crop), mask, dots, plane], dim=1)  # (N, 6, H, W)
        hole = F.max_pool2d(mask, 4 * self.downscale)
        return torch.tanh(downscaled(lambda x: self.paint(x, hole), x, self.downscale).float())

    def paint(self, x: Tensor, hole: Tensor) -> Tensor:
        """The network, on pixel-unshuffled pictures: (N, C, H, W) and the hole at a quarter of that to (N, 3
        downscale^2, H, W)."""
        x1 = self.encode1(x)  # (N, w, H, W)
        x2 = self.encode2(x1)  # (N, 2w, H / 2, W / 2)
        x3 = self.encode3(x2)  # (N, 4w, H / 4, W / 4)
        x = self.attention(self.middle(x3), x3, hole)
        # LaFIn blanks the skips in the hole, and with them the dots, which are what is to be painted after.
        x = self.fuse2(torch.cat([self.decode2(x), x2], dim=1))
        x = self.fuse1(torch.cat([self.decode1(x), x1], dim=1))
        painted: Tensor = self.head(x)
        return painted

    def forward(
        self, crop: Tensor, mask: Tensor, points: Tensor | None = None, hint: Tensor | None = None
    ) -> Tensor:
        """crop: N3HW in [-1, 1], H = W, a multiple of 4 * downscale; mask: N1HW in {0, 1}; points: (N, 92, 2),
        landmarks, x and y in units of the crop's side, the mean face's unless given; hint: (N,), -1 male, 1 female, 0
        open, which it is unless given. Returns N3HW, the crop unmasked."""
        if points is None:
            points = crop.new_tensor(MEAN_LANDMARKS / 256).expand(len(crop), -1, -1)
        hint = crop.new_zeros(len(crop)) if hint is None else hint
        return composite(self.fill(crop, mask, points, hint), crop, mask)
