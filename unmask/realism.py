"""How real a fill looks beside the truth: whether it has the truth's texture, wherever that lies.

PSNR and SSIM compare pixel by pixel. Where several faces are plausible they are highest for the mean of them all, which
is blurred and looks like nobody (Blau and Michaeli 2018, The Perception-Distortion Tradeoff). Here it is the statistics
of a network's features that are compared, as in the texture term of DISTS (Ding et al. 2020, Image Quality Assessment:
Unifying Structure and Texture Similarity): a mouth that smiles a little more costs little, a blurred one much.

The network is our own face parsing network, for VGG's weights are not here: what it sees tells lips, teeth, stubble and
skin apart. No figure of another network compares with this one, and no loss of the default models has seen it (the
landmark network, from whose weights it started, is in some). It is a measure, not a person: fine grain over a blur, for
one, raises it a little.
"""

from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from unmask.imaging.tensors import mask_to_tensor, to_tensor
from unmask.nets.parsing import ParsingNet
from unmask.pipeline import Unmasker
from unmask.weights import WeightsError

TINY = 1e-6  # of a squared feature: DISTS's constants c1 and c2


def judge_of(unmasker: Unmasker) -> ParsingNet | None:
    """The network that sees texture; None where its weights are missing."""
    try:
        return cast(ParsingNet, unmasker.model("parsing"))
    except WeightsError:
        return None  # logged


@torch.inference_mode()
def realism(judge: ParsingNet, truth: np.ndarray, image: np.ndarray, hole: np.ndarray) -> float:
    """At most 1, which is the truth's own; the released models have 0.65 to 0.95, a classical smear 0.55 to 0.7.

    truth, image: face crops (S, S, 3) uint8, S a multiple of 32; hole: (S, S) uint8, above 127 = what counts. Raises
    ValueError for sizes that differ, or an empty hole.
    """
    if truth.shape != image.shape or truth.shape[:2] != hole.shape:
        raise ValueError(f"sizes differ: truth {truth.shape}, picture {image.shape}, hole {hole.shape}")
    weight = mask_to_tensor(hole)
    if not weight.any():
        raise ValueError("An empty hole has no texture.")
    device = next(judge.parameters()).device
    seen = judge.features(torch.cat([to_tensor(truth), to_tensor(image)]).to(device))
    weight = weight.to(device)
    return float(torch.stack([_alike(maps, weight) for maps in seen]).mean())


def _alike(maps: Tensor, hole: Tensor) -> Tensor:
    """How alike the feature maps of the truth and of a picture, (2, C, h, w), are in their means and standard
    deviations in the hole (1, 1, S, S): a scalar, 1 for equal ones.

    DISTS has the covariance in its second factor, which compares place by place; the standard deviations' product is
    the most that it can be.
    """
    weight = F.adaptive_avg_pool2d(hole, (maps.shape[2], maps.shape[3]))
    weight = weight / weight.sum()
    mean = (maps * weight).sum(dim=(2, 3), keepdim=True)  # (2, C, 1, 1)
    (m1, m2), (v1, v2) = mean[..., 0, 0], ((maps - mean).square() * weight).sum(dim=(2, 3))
    means = (2 * m1 * m2 + TINY) / (m1.square() + m2.square() + TINY)
    spreads = (2 * (v1 * v2).sqrt() + TINY) / (v1 + v2 + TINY)
    alike: Tensor = (means.mean() + spreads.mean()) / 2
    return alike
