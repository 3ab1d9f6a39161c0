"""Proofs: what the page shows is painted small, and is what the full size would show."""

import cv2
import numpy as np
import pytest

from unmask import Unmasker, read_photo
from unmask.faces.face import Face, face_from_box
from unmask.settings import examples
from unmask.web.pictures import SHOWN
from unmask.web.proof import Proof


@pytest.fixture(scope="module")
def unmasker() -> Unmasker:
    return Unmasker(device="cpu")


def masked(shape: tuple[int, int], face: Face) -> np.ndarray:
    """A mask on the lower half of a face."""
    mask = np.zeros(shape, np.uint8)
    (x, y), side = face.center, face.side
    mask[round(y) : round(y + 0.3 * side), round(x - 0.2 * side) : round(x + 0.2 * side)] = 255
    return mask


def test_scaled_face_covers_same_part() -> None:
    face = Face((10, 20, 50, 80), (31, 52), 90, 0.3, ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10)), 0.9, 0.8)
    small = face.scaled(1 / 2)
    np.testing.assert_allclose(small.corners(), face.corners() / 2)
    assert small.box == (5, 10, 25, 40) and small.points == ((0.5, 1), (1.5, 2), (2.5, 3), (3.5, 4), (4.5, 5))
    assert (small.angle, small.score, small.masked) == (0.3, 0.9, 0.8)


def test_small_photo_is_its_own_proof() -> None:
    photo = np.zeros((900, 1200, 3), np.uint8)
    face = face_from_box((400, 300, 800, 800))
    mask = masked(photo.shape[:2], face)
    proof = Proof.of(photo, mask, [face])
    assert proof.photo is photo and proof.mask is mask and proof.faces == [face]


def test_large_photo_keeps_what_is_shown_of_every_face() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (3001, 4003, 3), dtype=np.uint8)
    large, small = face_from_box((300, 300, 2000, 2500)), face_from_box((2600, 900, 3400, 1900))
    mask = masked(photo.shape[:2], large) | masked(photo.shape[:2], small)
    alone = Proof.of(photo, masked(photo.shape[:2], large), [large])
    both = Proof.of(photo, mask, [large, small])
    assert alone.photo.shape == (1000, 1334, 3)
    for proof in (alone, both):
        assert proof.photo.shape[:2] == proof.mask.shape
        assert min(max(view.shape) for view in proof.views.values()) >= SHOWN - 2
        step = 4003 // proof.photo.shape[1]
        np.testing.assert_allclose([face.side * step for face in proof.faces][0], large.side)
    assert len(both.views) == 2
    assert both.photo.shape > alone.photo.shape  # the smaller face has fewer pixels to spare


def test_mask_that_would_vanish_keeps_full_size() -> None:
    photo = np.zeros((4000, 4000, 3), np.uint8)
    face = face_from_box((200, 200, 3600, 3600))
    mask = np.zeros((4000, 4000), np.uint8)
    mask[2000, 2000] = 255
    assert Proof.of(photo, mask, [face]).photo is photo


@pytest.mark.parametrize("name", ["ganmasker", "telea"])
def test_proof_shows_what_full_size_gives(unmasker: Unmasker, name: str) -> None:
    small = read_photo(examples() / "p008-photo.jpg")
    photo = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    faces = unmasker.find(photo)
    mask = unmasker.segment(photo, faces=faces)
    proof = Proof.of(photo, mask, faces)
    height, width = proof.mask.shape
    assert 2 * width <= photo.shape[1]
    full = unmasker.remove(photo, mask, [name], faces=faces)[name]
    shown = unmasker.remove(proof.photo, proof.mask, [name], faces=proof.faces)[name]
    full = cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA)
    hole = proof.mask > 127
    # Grain is drawn anew for each size, so it is the picture below it that is the same.
    apart = cv2.GaussianBlur(full.astype(np.float32) - shown, (0, 0), 4)[hole]
    assert np.sqrt((apart**2).mean()) < 4
    np.testing.assert_array_equal(shown[~hole], proof.photo[~hole])
