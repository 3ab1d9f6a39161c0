"""What photographs differ by beside their faces: sharpness, light, colour. Input and truth are changed alike.

Pictures are (B, C, H, W) float32 in 0-255; their first six channels are two RGB pictures of one face, the rest masks.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.draws import Draws

SOFT, LIT, GREY = 1 / 3, 1 / 3, 0.05  # shares of the pictures


def soften(x: Tensor, draws: Draws, share: float = SOFT) -> Tensor:
    """A share of the pictures brought down by a factor of 1.15 to 2.2 and up again: the fill has to be as soft as what
    surrounds it. Masks stay as they are."""
    chosen, factor = draws.uniform() < share, 1.15 + 1.05 * draws.uniform()
    height, width = x.shape[2:]
    for row in chosen.nonzero()[:, 0].tolist():
        small = (round(height / float(factor[row])), round(width / float(factor[row])))
        picture = F.interpolate(x[row : row + 1, :6], size=small, mode="area")
        x[row, :6] = F.interpolate(picture, size=(height, width), mode="bicubic", align_corners=False)[0]
    return x


def relight(x: Tensor, draws: Draws, share: float = LIT, grey: float = GREY) -> Tensor:
    """A share of the pictures in light that comes from one side and has a colour, some with the edge of a shadow; a few
    of all of them black and white."""
    height, width = x.shape[2:]
    lines = [torch.linspace(-1, 1, length, device=x.device) for length in (height, width)]
    y, line = lines[0][:, None], lines[1][None]
    angle = 2 * math.pi * draws.uniform(1, 1)
    across = line * angle.cos() + y * angle.sin() - 0.6 * (2 * draws.uniform(1, 1) - 1)  # (B, H, W)
    steep = 1 + 7 * draws.uniform(1, 1) ** 3  # mostly a gradient, at times an edge
    strength = 0.35 * draws.normal(1, 1) * (draws.uniform(1, 1) < share)
    colour = 1 + 0.3 * draws.normal(3, 1, 1)
    gain = torch.exp((strength * torch.tanh(steep * across))[:, None] * colour)  # (B, 3, H, W)
    x[:, :6] *= gain.repeat(1, 2, 1, 1)
    luma = x.new_tensor([0.299, 0.587, 0.114]).view(1, 1, 3, 1, 1)
    plain = (x[:, :6].unflatten(1, (2, 3)) * luma).sum(dim=2, keepdim=True).expand(-1, -1, 3, -1, -1).flatten(1, 2)
    x[:, :6] = torch.where(draws.uniform(1, 1, 1) < grey, plain, x[:, :6])
    return x
