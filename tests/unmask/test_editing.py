"""What a visitor tells landmark-guided inpainting: the landmarks move as said, and the network hears it."""

import numpy as np
import pytest
import torch

from unmask import Guide
from unmask.faces.editing import move
from unmask.faces.layout import CHIN, MOUTH
from unmask.nets.gender_hint import GenderHint
from unmask.nets.landmark_guided import LandmarkGuided, landmark_map
from unmask.synth.mean_face import MEAN_LANDMARKS

FACE = MEAN_LANDMARKS.astype(np.float64)


def corners(points):
    mouth = points[MOUTH]
    return mouth[mouth[:, 0].argmin()], mouth[mouth[:, 0].argmax()]


def test_no_guide_moves_nothing():
    assert np.allclose(move(FACE, Guide()), FACE)


def test_a_smile_lifts_and_widens_the_corners_and_a_frown_drops_them():
    (left, right), (left0, right0) = corners(move(FACE, Guide(smile=1))), corners(FACE)
    assert left[1] < left0[1] - 3 and right[1] < right0[1] - 3
    assert right[0] - left[0] > right0[0] - left0[0] + 5
    frown = corners(move(FACE, Guide(smile=-1)))
    assert frown[0][1] > left0[1] + 3


def test_an_open_mouth_lowers_lip_and_chin_and_leaves_the_upper_lip_nearly():
    moved = move(FACE, Guide(mouth=1))
    low, top = FACE[MOUTH, 1].argmax(), FACE[MOUTH, 1].argmin()
    assert moved[MOUTH][low, 1] > FACE[MOUTH][low, 1] + 6
    assert abs(moved[MOUTH][top, 1] - FACE[MOUTH][top, 1]) < 5
    assert moved[CHIN, 1] > FACE[CHIN, 1] + 4


@pytest.mark.parametrize("guide", [Guide(smile=1, mouth=1), Guide(smile=-1)])
def test_moving_scales_with_the_face(guide):
    assert np.allclose(move(3 * FACE + 7, guide), 3 * move(FACE, guide) + 7)


def test_dots_are_where_the_landmarks_are():
    dots = landmark_map(torch.tensor([[[0.25, 0.5], [1.2, -0.1]]]), 64)
    assert dots.shape == (1, 1, 64, 64) and dots[0, 0, 32, 16] == 1 and dots[0, 0, 0, 63] == 1
    assert dots.sum() == 9 + 4  # the second sits in the corner


def test_landmarks_and_hint_change_the_fill_and_nothing_else():
    torch.manual_seed(0)
    model = LandmarkGuided(8).eval()
    crop, mask = torch.rand(1, 3, 64, 64) * 2 - 1, torch.zeros(1, 1, 64, 64)
    mask[:, :, 32:56, 16:48] = 1
    points = torch.tensor(FACE[None] / 256, dtype=torch.float32)
    moved = torch.tensor(move(FACE, Guide(smile=1))[None] / 256, dtype=torch.float32)
    with torch.inference_mode():
        plain = model(crop, mask, points)
        others = model(crop, mask, moved), model(crop, mask, points, torch.ones(1))
    hole = mask.expand_as(crop) > 0
    for other in others:
        assert torch.equal(other[~hole], crop[~hole])
        assert not torch.allclose(other[hole], plain[hole])


def test_the_hint_is_a_number_between_its_ends():
    torch.manual_seed(0)
    answer = GenderHint(0.25).eval()(torch.rand(3, 3, 64, 64) * 2 - 1)
    assert answer.shape == (3,) and answer.abs().max() <= 1
