"""Black and white and sepia photos, and what is painted into them."""

import numpy as np

from tests.unmask.pasted import paste_back
from unmask.blending.tone import tone_of
from unmask.faces.face import Face

FACE = Face((0, 0, 0, 0), (150.0, 150.0), 256, 0.1)


def grey_photo() -> np.ndarray:
    """Shading and grain, (300, 300, 3) uint8."""
    y, x = np.mgrid[:300, :300]
    bright = 120 + 70 * np.sin(x / 60) * np.cos(y / 80) + np.random.default_rng(0).normal(0, 3, (300, 300))
    return np.repeat(np.rint(bright.clip(0, 255)).astype(np.uint8)[..., None], 3, axis=2)


def sepia(photo: np.ndarray) -> np.ndarray:
    b = photo / 255
    return np.rint(255 * np.stack([b[..., 0] ** 0.8, b[..., 1] ** 1.05, b[..., 2] ** 1.4], axis=2)).astype(np.uint8)


def painted(photo: np.ndarray) -> np.ndarray:
    """The photo with a hole that an inpainting model has filled with skin."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[160:230, 100:200] = 255
    skin = np.full((256, 256, 3), (225, 170, 140), np.uint8)
    return paste_back(photo, FACE, skin, mask, 2.5)[160:230, 100:200].astype(float)


def test_into_a_grey_photo_grey_is_painted():
    assert np.ptp(painted(grey_photo()), axis=2).max() <= 1


def test_into_a_sepia_photo_sepia_is_painted():
    hole = painted(sepia(grey_photo()))
    tone = tone_of(sepia(grey_photo()).reshape(-1, 3).astype(np.float32))
    assert np.abs(tone(hole) - hole).mean() < 2  # of the skin as it was given: 20


def test_a_photo_in_colour_has_no_tone():
    photo = grey_photo().astype(np.float32)
    photo[:150, :, 0] += 25  # skin above, grey below
    assert tone_of(photo.reshape(-1, 3)) is None
    hole = painted(photo.clip(0, 255).astype(np.uint8))
    assert (hole[..., 0] - hole[..., 2]).mean() > 40, "the skin keeps its colour"


def test_one_or_two_flat_colours_are_no_tone():
    flat = np.tile(np.float32([110, 90, 70]), (100, 1))
    assert tone_of(flat) is None
    flat[::2] = (60, 120, 200)
    assert tone_of(flat) is None


def test_what_is_brighter_than_all_of_the_photo_keeps_the_tone():
    dark = sepia(grey_photo() // 3).reshape(-1, 3).astype(np.float32)
    red, green, blue = tone_of(dark)(np.float32([250, 240, 255]))
    assert red > green > blue > 150


def test_without_a_known_pixel_there_is_no_tone():
    assert tone_of(np.zeros((0, 3), np.float32)) is None
