"""Geometry of crops: from a photo to a face's crop and back."""

import cv2
import numpy as np
import pytest

from tests.unmask.green_masks import SHAPES, photo_of, two_masks
from tests.unmask.pasted import paste_back
from unmask.faces.alignment import align, align_mask, mask_to_photo, upright_crop
from unmask.faces.face import Face, face_from_box, face_from_points, whole_photo
from unmask.faces.landmarks import five_points
from unmask.synth import MEAN_LANDMARKS


@pytest.mark.parametrize("shape", SHAPES)
def test_letterbox_keeps_the_whole_photo_in_the_middle(shape):
    photo = photo_of(*shape)
    crop = align(photo, whole_photo(photo), 256, pad=(9, 9, 9))
    scale = 256 / max(shape)
    height, width = round(shape[0] * scale), round(shape[1] * scale)
    top, left = (256 - height) // 2, (256 - width) // 2
    inner = crop[top + 2 : top + height - 2, left + 2 : left + width - 2].astype(int)
    expected = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    assert np.abs(inner - expected[2:-2, 2:-2]).mean() < 4
    blend = int(2 * max(scale, 1)) + 1  # px over which enlarging mixes picture and padding
    assert (crop[: max(top - blend, 0)] == 9).all() and (crop[:, : max(left - blend, 0)] == 9).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [256, 512])
def test_masks_come_back_to_their_place(shape, size):
    mask = np.zeros(shape, np.uint8)
    cv2.ellipse(mask, (shape[1] // 2, shape[0] * 2 // 3), (shape[1] // 5, shape[0] // 4), 0, 0, 360, 255, -1)
    face = whole_photo(mask[..., None])
    back = mask_to_photo(align_mask(mask, face, size), face, shape)
    overlap = ((mask > 0) & (back > 0)).sum() / ((mask > 0) | (back > 0)).sum()
    assert overlap > 0.95


def test_a_turned_face_comes_back_to_its_place():
    photo = photo_of(500, 600)
    face = Face(box=(0, 0, 0, 0), center=(310, 220), side=260, angle=0.4)
    crop = align(photo, face, 256)
    mask = np.zeros((500, 600), np.uint8)
    cv2.circle(mask, (310, 220), 90, 255, -1)
    pasted = paste_back(photo, face, crop, mask)
    assert np.abs(pasted.astype(int) - photo)[mask > 0].mean() < 2
    assert (pasted[mask == 0] == photo[mask == 0]).all()


def test_crop_follows_the_angle():
    face = Face(box=(0, 0, 0, 0), center=(100, 100), side=100, angle=np.pi / 2)
    matrix = face.to_crop(50)
    # The crop's x axis, turned clockwise by a quarter, points down in the photo.
    assert np.allclose(matrix @ [100, 120, 1], [35, 25])
    assert np.allclose(matrix @ [100, 100, 1], [25, 25])


def test_a_crop_stays_a_crop(unmasker):
    face = Face(box=(50, 60, 200, 240), center=(126, 130), side=262, angle=0.02)
    crop = photo_of(256, 256)
    assert upright_crop(face, crop) == Face(face.box, (128, 128), 256)
    assert upright_crop(face, photo_of(256, 400)) == face
    assert upright_crop(Face(face.box, face.center, 200), crop) == Face(face.box, face.center, 200)
    assert unmasker.find(two_masks(), aligned=True) == [whole_photo(two_masks())]


def test_five_points_give_the_ffhq_frame():
    """The mean face, put into a photo, gives back its own crop."""
    for angle in (0.0, 0.5, -0.7):
        true = Face((0, 0, 1, 1), center=(300.0, 200.0), side=180.0, angle=angle)
        back = cv2.invertAffineTransform(true.to_crop(256))
        points = five_points(cv2.transform(MEAN_LANDMARKS[None].astype(float), back)[0])
        face = face_from_points(points, true.box)
        assert face.center == pytest.approx(true.center, abs=1.5)
        assert face.side == pytest.approx(true.side, rel=0.02) and face.angle == pytest.approx(angle, abs=0.02)


def test_a_box_by_hand_gives_the_crop_around_it():
    face = face_from_box((100, 100, 200, 220))
    assert face.box == (100, 100, 200, 220) and face.angle == 0 and face.points is None
    # Forehead to chin and cheek to cheek are 0.64 and 0.54 of the FFHQ crop's side, on average.
    assert face.side == pytest.approx(120 / 0.64, rel=0.1)
    assert face.center[0] == 150 and face.center[1] < 160
