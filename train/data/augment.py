"""What photographs differ by beside their faces: sharpness, compression, light, colour. Input and truth are changed
alike.

Pictures are (B, C, H, W) float32 in 0-255; their first six channels are two RGB pictures of one face, the rest masks.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.draws import Draws
from unmask.blending.tone import LUMA

SOFT, COMPRESSED, LIT, GREY = 1 / 3, 1 / 6, 1 / 3, 0.05  # shares of the pictures


# JPEG's tables of steps at quality 50, brightness and colour (ITU-T T.81, annex K.1), a row of frequencies a line.
LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
COLOUR_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)


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


def compress(x: Tensor, draws: Draws, share: float = COMPRESSED) -> Tensor:
    """A share of the pictures as JPEG of quality 30 to 95 leaves them. Masks stay as they are."""
    chosen, quality = draws.uniform() < share, 30 + 65 * draws.uniform()
    rows = chosen.nonzero()[:, 0]
    if len(rows):
        pictures = jpeg(x[rows, :6].unflatten(1, (2, 3)).flatten(0, 1), quality[rows].repeat_interleave(2))
        x[rows, :6] = pictures.unflatten(0, (-1, 2)).flatten(1, 2)
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
    luma = x.new_tensor(LUMA).view(1, 1, 3, 1, 1)
    plain = (x[:, :6].unflatten(1, (2, 3)) * luma).sum(dim=2, keepdim=True).expand(-1, -1, 3, -1, -1).flatten(1, 2)
    x[:, :6] = torch.where(draws.uniform(1, 1, 1) < grey, plain, x[:, :6])
    return x


def shifted(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """(N, C, H, W), each moved by its own (N,) int64 px; 0 comes in from the border."""
    n, height, width = len(x), *x.shape[2:]
    rows, columns = (torch.arange(length, device=x.device) for length in (height, width))
    rows, columns = rows - down[:, None], columns - right[:, None]  # (N, height), (N, width)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
    each = torch.arange(n, device=x.device)[:, None, None]
    moved = x[each, :, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]]  # (N, H, W, C)
    return (moved * inside[..., None]).permute(0, 3, 1, 2)


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """What a JPEG of RGB pictures (N, 3, H, W) in 0-255 keeps, colours at half the size as usual; no file is made, so
    that a batch on a GPU stays there. quality: (N,), 1 to 100, libjpeg's scale."""
    height, width = x.shape[2:]
    x = F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate")
    red, green, blue = map(float, LUMA)
    luma = (x * x.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)
    colour = (x[:, [2, 0]] - luma) / x.new_tensor([2 - 2 * blue, 2 - 2 * red]).view(2, 1, 1)  # Cb, Cr around 0
    colour = _quantise(F.avg_pool2d(colour, 2), COLOUR_STEPS, quality)
    colour = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
    luma = _quantise(luma - 128, LUMA_STEPS, quality) + 128
    b, r = luma + (2 - 2 * blue) * colour[:, :1], luma + (2 - 2 * red) * colour[:, 1:]
    g = (luma - red * r - blue * b) / green
    return torch.cat([r, g, b], dim=1)[..., :height, :width].clamp(0, 255)


def _quantise(planes: Tensor, steps: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Planes (N, C, H, W), sides multiples of 8, with the cosine coefficients of each 8 x 8 block rounded to steps."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = ((planes.new_tensor(steps) * scale.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)  # (N, 8, 8)
    k = torch.arange(8, device=planes.device, dtype=planes.dtype)
    cosines = 0.5 * torch.cos(math.pi / 8 * k[:, None] * (k + 0.5))
    cosines[0] /= math.sqrt(2)
    blocks = planes.unflatten(3, (-1, 8)).unflatten(2, (-1, 8))  # (N, C, rows, 8, columns, 8)
    waves = torch.einsum("ui,ncriqj,vj->ncruqv", cosines, blocks, cosines)
    table = table[:, None, None, :, None, :]
    waves = (waves / table).round() * table
    return torch.einsum("ui,ncruqv,vj->ncriqj", cosines, waves, cosines).flatten(4, 5).flatten(2, 3)
