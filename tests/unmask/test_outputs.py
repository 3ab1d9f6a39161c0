"""How the two outputs of a model become one picture, and one of them a picture that can be enlarged."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from unmask import Unmasker
from unmask.blending.outputs import mix, without_checkerboard
from unmask.blending.tone import LUMA

HOLE = cv2.ellipse(np.zeros((256, 256), np.uint8), (128, 170), (70, 60), 0, 0, 360, 255, -1)
INNER = cv2.erode(HOLE, np.ones((9, 9))) > 0


def smooth(levels: tuple[int, int, int]) -> np.ndarray:
    return np.full((256, 256, 3), levels, np.uint8)


def detailed(levels: tuple[int, int, int], sigma: float = 8) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, (256, 256, 1))
    return np.clip(np.array(levels) + noise, 0, 255).astype(np.uint8)


def test_the_realistic_output_keeps_detail_and_colour_and_takes_the_faithful_light():
    faithful, realistic = smooth((150, 120, 100)), detailed((120, 80, 70))
    result = mix(faithful, realistic, HOLE, 1.0).astype(float)
    assert (result @ LUMA)[INNER].mean() == pytest.approx(faithful[0, 0] @ LUMA, abs=1)
    shift = (result - realistic)[INNER]
    assert shift.std(axis=0).max() < 2 and np.ptp(shift.mean(axis=0)) < 1, "the same for all colours, and no detail"


def test_realism_0_is_the_faithful_output_and_between_is_between():
    faithful, realistic = smooth((150, 120, 100)), detailed((120, 80, 70))
    assert (mix(faithful, realistic, HOLE, 0.0) == faithful).all()
    ends = [mix(faithful, realistic, HOLE, each).astype(int) for each in (0.0, 1.0)]
    half = mix(faithful, realistic, HOLE, 0.5)
    assert np.abs(half - sum(ends) / 2)[INNER].max() <= 1


def test_what_lies_outside_the_hole_says_nothing_about_the_light():
    faithful, realistic = smooth((150, 120, 100)), detailed((120, 80, 70))
    other = np.where(HOLE[..., None] > 0, faithful, 0).astype(np.uint8)
    results = [mix(each, realistic, HOLE, 1.0)[HOLE > 0].astype(int) for each in (faithful, other)]
    assert np.abs(results[0] - results[1]).max() <= 1
    assert (mix(faithful, realistic, np.zeros_like(HOLE), 1.0) == realistic).all()


def test_crops_of_any_size():
    big = [cv2.resize(each, (512, 512), interpolation=cv2.INTER_NEAREST) for each in (smooth((150, 120, 100)), HOLE)]
    result = mix(big[0], smooth((120, 80, 70)).repeat(2, 0).repeat(2, 1), big[1], 1.0)
    assert result.shape == (512, 512, 3)
    assert abs(result[340, 256] @ LUMA - big[0][0, 0] @ LUMA) < 1.5


def waves(period: float) -> np.ndarray:
    """Of a dozen levels, along both axes."""
    line = np.cos(2 * np.pi * np.arange(256) / period)
    return np.rint(128 + 12 * np.outer(line, line))[..., None].repeat(3, axis=2).astype(np.uint8)


def test_waves_of_two_pixels_go_and_detail_stays():
    def left(image: np.ndarray) -> float:
        smooth = without_checkerboard(image).astype(float)
        return float(smooth[16:-16, 16:-16].std() / image[16:-16, 16:-16].std())

    assert left(waves(2)) < 0.05
    assert left(waves(4)) > 0.7 and left(waves(6)) > 0.9 and left(waves(16)) > 0.98
    edges = smooth((255, 0, 128))
    assert (without_checkerboard(edges) == edges).all()


class Checked(nn.Module):
    """A network that paints a checkerboard."""

    size = 256

    def forward(self, crop: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        board = torch.from_numpy(waves(2)).permute(2, 0, 1)[None] / 127.5 - 1
        return torch.where(mask > 0, board, crop)


def test_a_fill_that_is_enlarged_has_no_mesh():
    unmasker = Unmasker("cpu", weights={})
    unmasker._models["pix2pix"] = Checked()
    crop, hole = smooth((128, 128, 128)), HOLE
    own = unmasker.fill("pix2pix", crop, hole).astype(float)
    large = unmasker.fill("pix2pix", crop.repeat(2, 0).repeat(2, 1), hole.repeat(2, 0).repeat(2, 1)).astype(float)
    assert own[INNER].std() > 10
    assert large[INNER.repeat(2, 0).repeat(2, 1)].std() < 3, "more than the refiner's grain"
