"""What the inpainting models see in training: a crop, and the hole they have to fill."""

import torch
from torch import Tensor

from train.data.augment import shifted
from train.data.batch import Batch
from train.data.faces import TURNED
from unmask.nets.layers import dilate


def masked_crop(
    batch: Batch,
    free: float,
    boxed: float = 0.0,
    covered: bool = False,
    exact: bool = False,
    beyond: float = 0.65,
) -> tuple[Tensor, Tensor]:
    """(crop N3HW, hole N1HW): the masked face with its mask, not quite exact, as a segmentation model finds it.

    Each picture's hole is the mask grown by 0 to 5 px (at 256), so that skin is lost but no fabric is left; exact: the
    mask itself. A share `beyond` of them reaches further, see `reach_beyond` and, for turned heads, `reach_ahead`. A
    share `free` of the pictures is a bare face with free-form holes, for visitors paint what they like; a share `boxed`
    is one with a box. covered: these show another face of the batch, for a network that looks into the hole: its own
    would be the answer.

    Adds to the batch `worn`, (N, 1, 1, 1) bool: which pictures are of a masked face; and `scored`, (N, 1, H, W) of
    {0, 1}: the hole where the truth is photograph and not its reflection.
    """
    mask, n = batch["mask"], len(batch["mask"])
    scale = (int(batch["side"][0]) if "side" in batch else mask.shape[-1]) / 256
    grown, sizes = [mask], torch.randint(0, 4, (n, 1, 1, 1)).to(mask.device)
    for pixels in (1, 3, 5):
        grown.append(dilate(mask, max(round(pixels * scale), 1)))
    hole = mask if exact else torch.stack(grown).gather(0, sizes.expand(n, *mask.shape[1:])[None])[0]
    pick = torch.rand(n, 1, 1, 1).to(mask.device)
    if beyond and not exact:
        further = reach_beyond(hole, scale)
        if "turn" in batch:
            further = reach_ahead(further, batch["turn"], scale)
        hole = torch.where(torch.rand(n, 1, 1, 1).to(mask.device) < beyond, further, hole)
    painted, bare = batch["free"], batch["photo"]
    if boxed:
        painted = torch.where(pick < free, painted, boxes(n, mask.shape[-1]).to(mask.device))
    if covered:
        bare = torch.where(painted > 0, bare.roll(1, 0), bare)
    batch["worn"] = worn = pick >= free + boxed
    hole = torch.where(worn, hole, painted)
    batch["scored"] = hole * batch["valid"] if "valid" in batch else hole
    return torch.where(worn, batch["masked"], bare), hole


def reach_beyond(hole: Tensor, scale: float = 1.0) -> Tensor:
    """Holes of masks that stand off the face: (N, 1, H, W) of {0, 1}, each grown by 2 to 10 px (times `scale`) and
    joined with a copy that is shifted by up to 14 px sideways and from 2 px up to 16 px down.

    Drawn masks end where the face ends, real ones cover the jaw's edge, hair, collar and background. A network that
    sees black in the hole learns from a larger hole alone where a face ends beneath them.
    """
    n = len(hole)
    sizes = [hole]
    for _ in range(5):
        sizes.append(dilate(sizes[-1], max(round(2 * scale), 1)))
    pick = torch.randint(1, 6, (n, 1, 1, 1)).to(hole.device)
    grown = torch.stack(sizes).gather(0, pick.expand(n, *hole.shape[1:])[None])[0]
    shifts = torch.stack([torch.randint(-2, 17, (n,)), torch.randint(-14, 15, (n,))])  # down, to the right
    return torch.maximum(grown, shifted(grown, *(scale * shifts).round().long().to(hole.device)))


def reach_ahead(hole: Tensor, turn: Tensor, scale: float = 1.0) -> Tensor:
    """Holes of masks before turned heads: (N, 1, H, W) of {0, 1}, each joined with copies of it towards the nose.

    A mask stands a nose's length ahead of a profile, over nose and background; a drawn one lies on the cheek. turn:
    (N,) degrees of yaw, positive where the nose points to the picture's right. Beyond 25 degrees the hole reaches up to
    2 px (times `scale`) a degree further, 44 px at most, from 24 px higher to 12 px lower; below that it stays.
    """
    most = (2 * (turn.abs() - TURNED)).clamp(0, 44)
    right = scale * most * turn.sign() * torch.rand(len(hole)).to(hole.device)
    down = scale * (36 * torch.rand(len(hole)).to(hole.device) - 24) * (most > 0)
    reached = hole
    for part in (1 / 3, 2 / 3, 1):  # no gap between the mask and its copy
        reached = torch.maximum(reached, shifted(hole, (part * down).round().long(), (part * right).round().long()))
    return reached


def boxes(count: int, size: int, smallest: float = 24 / 128, largest: float = 48 / 128) -> Tensor:
    """One box a picture anywhere in it, (count, 1, size, size) of {0, 1}; sides of `smallest` to `largest` of `size`.

    24 to 48 px at 128 are the holes of Gao, Nguyen and Yan, section 4.
    """
    side = torch.randint(round(smallest * size), round(largest * size) + 1, (count, 2, 1))
    start = (torch.rand(count, 2, 1) * (size - side + 1)).floor()
    line = torch.arange(size)
    y, x = ((line >= start) & (line < start + side)).float().unbind(1)  # (count, size) each
    return y[:, None, :, None] * x[:, None, None, :]
