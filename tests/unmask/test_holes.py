"""Nothing of a mask whose extent is known is left around or in its hole: no outline, on any face."""

import cv2
import numpy as np
import pytest

from tests.paths import EXAMPLES
from unmask import Unmasker, read_photo
from unmask.blending.edge import soft_edge
from unmask.faces.alignment import CROP, align
from unmask.holes import FEATHER, hole_of
from unmask.synth import MEAN_LANDMARKS, put_mask_on

BARE = ("hopper.png", "astronaut.png", "p005.jpg", "p007.jpg", "p009.jpg")
MASKS = (("surgical", (120, 180, 235)), ("cloth", (20, 20, 24)))
VISIBLE = 24  # levels: a thin line of less is lost in skin and grain


@pytest.fixture(scope="module")
def unmasker():
    return Unmasker("cpu")


def bare_face(unmasker, name):
    photo = read_photo(EXAMPLES / name)
    return align(photo, unmasker.find(photo)[0], CROP)


def paint(unmasker, photo, hole):
    return unmasker.remove(photo, hole, ["ganmasker"], aligned=True)["ganmasker"]


def remnant(mask, on_masked, on_bare) -> int:
    """The most that a pixel along the mask's outline owes to the mask: levels, between a result on the masked face and
    the result on the bare one, whose hole is the same."""
    outline = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    return np.abs(on_masked.astype(int) - on_bare)[outline].max()


@pytest.mark.parametrize("name", BARE)
def test_no_outline_of_a_drawn_mask_is_left(unmasker, name):
    face = bare_face(unmasker, name)
    for seed, (kind, color) in enumerate(MASKS):
        masked = put_mask_on(face, MEAN_LANDMARKS, seed, kind, "well", "plain", color)
        hole = hole_of(masked.mask, CROP)
        assert (masked.image[hole == 0] == face[hole == 0]).all(), "outside of the hole there is the bare face"
        result = paint(unmasker, masked.image, hole)
        assert (result[hole == 0] == face[hole == 0]).all()
        assert remnant(masked.mask, result, paint(unmasker, face, hole)) < VISIBLE
        # The measure sees the outline that the mask alone, as the hole, leaves.
        tight = [paint(unmasker, photo, masked.mask) for photo in (masked.image, face)]
        assert remnant(masked.mask, *tight) > 1.5 * VISIBLE


@pytest.mark.parametrize("side", [64, 256, 700])
def test_the_fill_has_its_full_weight_wherever_the_mask_is(side):
    mask = np.zeros((200, 200), np.uint8)
    cv2.ellipse(mask, (100, 100), (40, 25), 20, 0, 360, 255, -1)
    hole = hole_of(mask, side)
    weight = soft_edge(hole, (0, 0, 200, 200), FEATHER * side, 30)
    assert (weight[mask > 0] == 1).all() and weight[hole == 0].max() == 0
    width = np.sqrt((hole > 0).sum() / (mask > 0).sum())
    assert 1 < width < 1 + 3 * (FEATHER * side + 2) / 25, "no more than the soft edge's width"
