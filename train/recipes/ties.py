"""Tapes and cords on drawn masks: surgeons tie theirs over cap and nape, ear loops have ends that hang.

M-Seg left them beside the fill on photographs. They are drawn here, in training, and not by `unmask.synth`, for every
figure of the evaluation is of masks as that draws them.
"""

import torch
from torch import Tensor

STEPS = 9  # straight pieces of a curve


def add_ties(crop: Tensor, mask: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """A share of the masks with tapes to the back of the head, or with cords that hang from the ears.

    crop: N3HW in [-1, 1]; mask: N1HW of {0, 1}. Returns both anew; pictures without a mask stay as they are.
    """
    crops, masks = list(crop), list(mask)
    for i in (torch.rand(len(crop)) < share).nonzero().flatten().tolist():
        rows, columns = (masks[i][0] > 0).nonzero(as_tuple=True)
        if len(rows):
            crops[i], masks[i] = _tied(crops[i], masks[i], rows, columns)
    return torch.stack(crops), torch.stack(masks)


def _tied(crop: Tensor, mask: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """crop 3HW and mask 1HW with bands from the mask's corners; rows, columns: of its pixels."""
    size, hanging = crop.shape[1], _uniform(0, 1) < 0.3
    own = crop[:, rows, columns].mean(dim=1)
    white = torch.full_like(own, 0.8)
    colour = white if not hanging and _uniform(0, 1) < 0.5 else own
    width = size * (_uniform(0.006, 0.014) if hanging else _uniform(0.014, 0.04))
    cover = torch.zeros_like(mask[0])
    for side in (-1, 1):
        if _uniform(0, 1) < 0.2:  # out of sight, on the far side or under hair
            continue
        for curve in _cord(rows, columns, side, size) if hanging else _tapes(rows, columns, side, size):
            cover = torch.maximum(cover, _band(curve.to(crop), width, size))
    cover = cover * (1 - mask[0])
    light = _uniform(0.6, 1.1)  # at the side of the head it is often darker than in front
    drawn = ((colour + 1) * light - 1).clamp(-1, 1)[:, None, None] + 0.03 * torch.randn_like(crop)
    return (crop + cover * (drawn - crop)).clamp(-1, 1), torch.maximum(mask, (cover > 0.5).float()[None])


def _tapes(rows: Tensor, columns: Tensor, side: int, size: int) -> list[Tensor]:
    """From the upper corner over the temple to the crown, from the lower one to the nape: curves (STEPS, 2) of x, y."""
    curves = []
    for part, rise in ((_uniform(0.1, 0.35), _uniform(0.25, 0.75)), (_uniform(0.55, 0.85), _uniform(-0.05, 0.3))):
        out = _uniform(0.0, 0.25) if part < 0.5 else _uniform(0.05, 0.2)
        start = _corner(rows, columns, side, part)
        end = start + size * torch.tensor([side * out, -rise])
        curves.append(_bowed(start, end, side * size * _uniform(-0.02, 0.05)))
    return curves


def _cord(rows: Tensor, columns: Tensor, side: int, size: int) -> list[Tensor]:
    """Down from where the loop goes round the ear: one curve (STEPS, 2) of x, y."""
    start = _corner(rows, columns, side, _uniform(0.1, 0.5)) + torch.tensor([side * size * _uniform(0, 0.04), 0.0])
    end = start + size * torch.tensor([_uniform(-0.03, 0.03), _uniform(0.06, 0.22)])
    return [_bowed(start, end, size * _uniform(-0.02, 0.02))]


def _corner(rows: Tensor, columns: Tensor, side: int, part: float) -> Tensor:
    """The mask's outermost pixel on a side, at `part` of its height: (2,) x, y."""
    top, bottom = rows.min(), rows.max()
    away = (rows - (top + part * (bottom - top))).abs()
    near = away <= torch.maximum((bottom - top) * 0.1 + 1, away.min())  # a mask may be of two pieces
    at = (side * columns[near]).argmax()
    return torch.stack([columns[near][at], rows[near][at]]).float().cpu()


def _bowed(start: Tensor, end: Tensor, bow: float) -> Tensor:
    """A parabola (STEPS, 2) between two points, `bow` px to the right in its middle."""
    t = torch.linspace(0, 1, STEPS)[:, None]
    return start + t * (end - start) + 4 * t * (1 - t) * torch.tensor([bow, 0.0])


def _band(curve: Tensor, width: float, size: int) -> Tensor:
    """How far each pixel is covered by a band around a curve (n, 2) of x, y: (size, size) in [0, 1]."""
    axis = torch.arange(size, device=curve.device, dtype=curve.dtype)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)[:, :, None]  # (H, W, 1, 2)
    start, along = curve[:-1], curve[1:] - curve[:-1]
    part = ((points - start) * along).sum(-1) / along.square().sum(-1).clamp_min(1e-6)
    nearest = start + part.clamp(0, 1)[..., None] * along
    distance = (points - nearest).norm(dim=-1).amin(dim=-1)
    cover: Tensor = (width / 2 - distance + 0.5).clamp(0, 1)
    return cover


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * torch.rand(()).item()
