"""What the removers see in training: a crop, and the hole they have to fill."""

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_crop(batch: dict[str, Tensor], free: float) -> tuple[Tensor, Tensor]:
    """(crop N3HW, hole N1HW): the masked face with its mask, not quite exact, as a segmenter finds it.

    Each picture's hole is the mask grown by 0 to 5 px (at 256), so that skin is lost but no fabric is left. A share
    `free` of the pictures is a bare face with free-form holes, for visitors paint what they like.
    """
    mask, n = batch["mask"], len(batch["mask"])
    scale = mask.shape[-1] / 256
    grown, sizes = [mask], torch.randint(0, 4, (n, 1, 1, 1)).to(mask.device)
    for pixels in (1, 3, 5):
        kernel = 2 * max(round(pixels * scale), 1) + 1
        grown.append(F.max_pool2d(mask, kernel, stride=1, padding=kernel // 2))
    hole = torch.stack(grown).gather(0, sizes.expand(n, *mask.shape[1:])[None])[0]
    painted = (torch.rand(n, 1, 1, 1) < free).to(mask.device)
    return torch.where(painted, batch["photo"], batch["masked"]), torch.where(painted, batch["free"], hole)
