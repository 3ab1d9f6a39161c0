"""Folded networks start from unfolded ones' weights."""

import pytest
import torch
from torch.nn import functional as F

from train.downscale import downscale_weights
from unmask.nets.layers import downscaled
from unmask.registry import MODELS

CONFIG = {"pix2pix": {"levels": 4}}
ALIKE = ["ganmasker", "glcic", "pix2pix", "gumf", "parsing-guided", "gated-conv", "two-autoencoders"]


def both(name: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The network at downscale 1, and at 2 with its weights."""
    torch.manual_seed(0)
    plain, other = (MODELS[name].build(width=8, downscale=n, **CONFIG.get(name, {})).eval() for n in (1, 2))
    other.load_state_dict(downscale_weights(plain.state_dict(), other))
    return plain, other


def enlarged(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


@pytest.mark.parametrize("name", ALIKE)
def test_of_enlarged_pictures_they_make_the_same_enlarged(name):
    plain, other = both(name)
    crop, mask = torch.rand(2, 3, 64, 64) * 2 - 1, torch.zeros(2, 1, 64, 64)
    mask[:, :, 24:56, 16:48] = 1
    with torch.inference_mode():
        small, large = plain(crop, mask), other(enlarged(crop), enlarged(mask))
    assert torch.allclose(large, enlarged(small), atol=1e-5)


def test_landmark_guided_too_but_for_its_dots_which_are_drawn_at_the_pictures_size():
    plain, other = both("landmark-guided")
    x, hole = torch.rand(2, 6, 64, 64), torch.ones(2, 1, 16, 16)
    with torch.inference_mode():
        small, large = plain.paint(x, hole), downscaled(lambda x: other.paint(x, hole), enlarged(x), 2)
    assert torch.allclose(large, enlarged(small), atol=1e-4)
