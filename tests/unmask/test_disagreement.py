"""Where the models disagree: what the map says of pictures whose differences are known."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from tests.paths import EXAMPLES
from unmask import Unmasker, read_photo
from unmask.disagreement import FULL, disagreement, draw, scale_colors
from unmask.registry import DEFAULT_MODELS

SIDE = 128


def grey(level, shape=(SIDE, SIDE)):
    return np.full((*shape, 3), level, np.uint8)


@pytest.fixture
def mask():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[64:112, 32:96] = 255
    return mask


def lightness(level):
    """CIE L* of a grey, by its definition."""
    linear = ((level / 255 + 0.055) / 1.055) ** 2.4
    return 116 * np.cbrt(linear) - 16


def test_a_difference_of_two_greys_is_that_of_their_lightness(mask):
    apart = disagreement([grey(120), grey(140)], mask, SIDE)
    assert apart.dtype == np.float32 and (apart[mask == 0] == 0).all()
    assert np.allclose(apart[mask == 255], (lightness(140) - lightness(120)) / FULL, rtol=0.04)
    assert disagreement([grey(0), grey(255)], mask, SIDE).max() == 1
    assert disagreement([grey(120)] * 3, mask, SIDE).max() == 0


def test_more_models_of_the_same_spread_do_not_disagree_more(mask):
    many = [grey(level) for level in (100, 104, 113, 121, 125)]
    pairs = [disagreement(pair, mask, SIDE)[80, 64] ** 2 for pair in combinations(many, 2)]
    assert np.isclose(disagreement(many, mask, SIDE)[80, 64] ** 2, np.mean(pairs), rtol=1e-3)


def test_the_order_does_not_matter_and_the_place_does(mask):
    rng = np.random.default_rng(1)
    first, second, third = grey(100), grey(110), grey(120)
    cv2.circle(third, (64, 96), 10, (200, 60, 60), -1)
    apart = disagreement([first, second, third], mask, SIDE)
    order = rng.permutation(3)
    assert np.allclose(apart, disagreement([(first, second, third)[i] for i in order], mask, SIDE), atol=1e-6)
    y, x = np.unravel_index(apart.argmax(), apart.shape)
    assert np.hypot(x - 64, y - 96) <= 10
    assert apart[96, 64] > 2 * apart[70, 40] > 0


def test_grain_is_no_disagreement_and_the_photos_size_does_not_count(mask):
    rng = np.random.default_rng(2)
    noisy = [np.clip(grey(128) + rng.normal(0, 8, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8) for _ in range(2)]
    smooth, sharp = (disagreement(noisy, mask, side)[mask > 0].mean() for side in (2 * SIDE, 4))
    assert smooth < sharp / 4
    other = grey(128)
    cv2.circle(other, (64, 88), 12, (170, 120, 120), -1)
    small = disagreement([grey(128), other], mask, SIDE)
    double = [cv2.resize(each, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR) for each in (grey(128), other)]
    large = disagreement(double, cv2.resize(mask, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST), 2 * SIDE)
    assert np.abs(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA) - small)[mask > 0].max() < 0.05


def test_what_does_not_go_together_is_refused(mask):
    with pytest.raises(ValueError, match="two results"):
        disagreement([grey(1)], mask, SIDE)
    with pytest.raises(ValueError, match="one size"):
        disagreement([grey(1), grey(1, (SIDE, 64))], mask, SIDE)
    assert disagreement([grey(1), grey(200)], np.zeros_like(mask), SIDE).max() == 0


def test_the_drawing_has_colour_where_the_mask_is(mask):
    photo = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    apart = np.where(mask > 0, np.linspace(0, 1, SIDE, dtype=np.float32), 0).astype(np.float32)
    before = photo.copy()
    drawn = draw(photo, apart, mask)
    assert (photo == before).all() and drawn.dtype == np.uint8
    assert (np.ptp(drawn[mask == 0], axis=1) == 0).all(), "the photo is grey around the map"
    row = drawn[64:112, 32:96].astype(float).mean(axis=0)
    assert row[-1, 0] > row[0, 0] and row[-1, 2] < row[0, 2] + 20, "from blue to yellow"


def test_the_colours_get_evenly_brighter():
    """So that the order is seen without telling colours apart."""
    scale = cv2.cvtColor(scale_colors(9)[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(float)
    steps = np.diff(scale)
    assert (steps > 10).all() and steps.max() < 2 * steps.min()


def test_the_released_networks_disagree_about_the_mouth_within_the_scale():
    unmasker = Unmasker("cpu")
    photo = read_photo(EXAMPLES / "hopper-kn95.png")
    faces = unmasker.find(photo)
    mask = unmasker.segment(photo, faces=faces)
    apart = disagreement(list(unmasker.remove(photo, mask, DEFAULT_MODELS, faces=faces).values()), mask, faces[0].side)
    inside = apart[mask > 127]
    assert 0.1 < inside.mean() < 0.9 and (inside == 1).mean() < 0.1
