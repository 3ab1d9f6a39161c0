"""Faces before a plain wall: what many photographs have behind a face, and few of the training pictures.

Where a mask stands off the jaw, a network has to say where the face ends; before a bright wall it left wisps of grey,
for in faces of the street there is always something to end at.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.draws import Draws
from unmask import weights
from unmask.nets.layers import dilate
from unmask.nets.parsing import CLASSES, ParsingNet

WALLS = 0.2  # share of the pictures
LEAST = 128  # px of a picture in which the face parsing network tells a head from a wall
BACKGROUND = CLASSES.index("background")


def parsing_if_available() -> ParsingNet | None:
    """The released face parsing network, which tells a head from what is behind it, or None where its weights are
    missing."""
    try:
        net = weights.load("parsing")
    except weights.WeightsError:
        return None
    assert isinstance(net, ParsingNet)
    return net.requires_grad_(False)


@torch.no_grad()
def stand_before_wall(x: Tensor, net: ParsingNet, draws: Draws, share: float = WALLS) -> Tensor:
    """A share of the pictures before a wall of one colour, mostly a bright one, that is lit from one side.

    x: (B, C, H, W) float32 in 0-255, H and W multiples of 32: the photo, the masked photo, the mask, then other masks.
    The mask stays before the wall, too.
    """
    chosen = (draws.uniform() < share).nonzero()[:, 0]
    bright, tint, slope = draws.uniform(1, 1, 1), draws.normal(3, 1, 1), draws.normal(2, 1, 1, 1)
    if not len(chosen):
        return x
    height, width = x.shape[2:]
    down = torch.linspace(-1, 1, height, device=x.device)[:, None]
    across = torch.linspace(-1, 1, width, device=x.device)
    # Half of the walls are white to the eye, the others of any brightness.
    level = torch.where(bright < 0.5, 235 + 40 * bright, 510 * (bright - 0.5))
    wall = level * torch.exp(0.05 * tint * (1.5 - level / 255)) + 8 * (slope[:, 0] * down + slope[:, 1] * across)
    wall = wall[chosen].clamp(0, 255)  # (n, 3, H, W)
    head = cut_out(x[chosen, :3], net)
    for rgb, shown in ((slice(3), head), (slice(3, 6), torch.maximum(head, x[chosen, 6:7] / 255))):
        x[chosen, rgb] = shown * spread(x[chosen, rgb], shown) + (1 - shown) * wall
    return x


def cut_out(photo: Tensor, net: ParsingNet) -> Tensor:
    """(N, 1, H, W) in [0, 1]: where the photo, N3HW in 0-255, shows somebody and not what is behind them."""
    behind = net(photo / 127.5 - 1).softmax(dim=1)[:, BACKGROUND : BACKGROUND + 1]
    sure = ((0.5 - behind) * 4 + 0.5).clamp(0, 1)
    return F.avg_pool2d(-dilate(-sure, 1), 3, 1, 1, count_include_pad=False)  # a pixel in, and soft


def spread(picture: Tensor, shown: Tensor, reach: int = 7) -> Tensor:
    """The picture, and at the rim of what is shown the colours further in, for there it is mixed with what was
    behind."""
    inside = (shown > 0.98).float()
    near, colours = inside, picture * inside
    for window in ((1, reach), (reach, 1)):  # one after the other: a seventh of the work
        near, colours = (F.avg_pool2d(each, window, 1, [side // 2 for side in window]) for each in (near, colours))
    return torch.where((inside > 0) | (near < 0.02), picture, colours / near.clamp_min(1e-3))
