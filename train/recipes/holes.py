"""What the inpainting models see in training: a crop, and the hole they have to fill."""

import torch
from torch import Tensor

from unmask.nets.layers import dilate


def masked_crop(
    batch: dict[str, Tensor], free: float, boxed: float = 0.0, covered: bool = False, exact: bool = False
) -> tuple[Tensor, Tensor]:
    """(crop N3HW, hole N1HW): the masked face with its mask, not quite exact, as a segmentation model finds it.

    Each picture's hole is the mask grown by 0 to 5 px (at 256), so that skin is lost but no fabric is left; exact: the
    mask itself. A share `free` of the pictures is a bare face with free-form holes, for visitors paint what they like;
    a share `boxed` is one with a box. covered: these holes show another face of the batch, for a network that looks
    into the hole: its own would be the answer. Adds to the batch `worn`, (N, 1, 1, 1) bool: which pictures are of a
    masked face.
    """
    mask, n = batch["mask"], len(batch["mask"])
    scale = mask.shape[-1] / 256
    grown, sizes = [mask], torch.randint(0, 4, (n, 1, 1, 1)).to(mask.device)
    for pixels in (1, 3, 5):
        grown.append(dilate(mask, max(round(pixels * scale), 1)))
    hole = mask if exact else torch.stack(grown).gather(0, sizes.expand(n, *mask.shape[1:])[None])[0]
    pick = torch.rand(n, 1, 1, 1).to(mask.device)
    painted, bare = batch["free"], batch["photo"]
    if boxed:
        painted = torch.where(pick < free, painted, boxes(n, mask.shape[-1]).to(mask.device))
    if covered:
        bare = torch.where(painted > 0, bare.roll(1, 0), bare)
    batch["worn"] = worn = pick >= free + boxed
    return torch.where(worn, batch["masked"], bare), torch.where(worn, hole, painted)


def boxes(count: int, size: int, smallest: float = 24 / 128, largest: float = 48 / 128) -> Tensor:
    """One box a picture anywhere in it, (count, 1, size, size) of {0, 1}; sides of `smallest` to `largest` of `size`.

    24 to 48 px at 128 are the holes of Gao, Nguyen and Yan, section 4.
    """
    side = torch.randint(round(smallest * size), round(largest * size) + 1, (count, 2, 1))
    start = (torch.rand(count, 2, 1) * (size - side + 1)).floor()
    line = torch.arange(size)
    y, x = ((line >= start) & (line < start + side)).float().unbind(1)  # (count, size) each
    return y[:, None, :, None] * x[:, None, None, :]
