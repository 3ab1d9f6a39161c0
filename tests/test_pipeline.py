"""Geometry of crops and the way from photo to result, with stand-ins for the networks where weights do not matter."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from unmask import PhotoError, Unmasker
from unmask.faces import Face, align, align_mask, mask_to_photo, paste_back, whole_photo


class Paint(nn.Module):
    """A remover that paints the hole red."""

    def forward(self, crop, mask):
        red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand_as(crop)
        return torch.where(mask > 0, red, crop)


class FindGreen(nn.Module):
    """A segmenter that calls green pixels mask."""

    def forward(self, crop):
        return ((crop[:, 1:2] > 0.5) & (crop[:, :1] < 0)).float()


@pytest.fixture
def unmasker():
    unmasker = Unmasker("cpu")
    unmasker._models = {"mseg": FindGreen(), "ganmasker": Paint(), "pix2pix": Paint(), "glcic": Paint()}
    for name, model in unmasker._models.items():
        model.size = 128 if name == "glcic" else 256
    return unmasker


def photo_of(height: int, width: int) -> np.ndarray:
    """A smooth, recognisable picture."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 128 * y / height, 127 + 100 * np.sin(x / 9 + y / 7)], axis=2).astype(np.uint8)


SHAPES = [(256, 256), (300, 400), (777, 512), (64, 300), (1500, 2000), (33, 40)]


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


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", ["ganmasker", "glcic", "telea"])
def test_nothing_changes_outside_the_mask(unmasker, shape, model):
    photo, mask = photo_of(*shape), np.zeros(shape, np.uint8)
    mask[shape[0] // 2 : shape[0] - shape[0] // 6, shape[1] // 4 : shape[1] // 2] = 255
    before = photo.copy()
    result = unmasker.remove(photo, mask, [model])[model]
    assert result.shape == photo.shape and result.dtype == np.uint8
    assert (result[mask == 0] == photo[mask == 0]).all()
    assert (photo == before).all()
    if model != "telea":
        inside = cv2.erode(mask, np.ones((2 * (max(shape) // 64) + 3,) * 2)) > 0
        assert np.abs(result[inside].astype(int) - [255, 0, 0]).max() < 30


def test_the_found_mask_covers_what_the_segmenter_saw_and_a_margin(unmasker):
    photo = np.full((400, 300, 3), 90, np.uint8)
    photo[200:320, 80:220] = (0, 255, 0)
    mask = unmasker.segment(photo)
    assert (mask[200:320, 80:220] == 255).all()
    assert mask[:185].max() == 0 and mask[200:320, :65].max() == 0
    assert set(np.unique(mask)) == {0, 255}
    result = unmasker.remove(photo)
    assert list(result) == ["ganmasker", "pix2pix", "glcic"]
    assert not ((result["glcic"] == (0, 255, 0)).all(axis=2)).any()


def two_masks() -> np.ndarray:
    """A wide photo with a large and a small green mask."""
    photo = np.full((400, 900, 3), 90, np.uint8)
    photo[200:300, 150:270] = (0, 255, 0)
    photo[120:170, 600:660] = (0, 255, 0)
    return photo


def test_faces_are_found_by_their_masks(unmasker):
    large, small = unmasker.find(two_masks())
    # A mask of 120 x 100 px: the crop's side is its root area / 0.405, its middle 0.222 sides above the mask's.
    assert large.side == pytest.approx(np.sqrt(120 * 100) / 0.405, rel=0.05)
    assert large.center == pytest.approx((210, 250 - 0.222 * large.side), abs=4)
    assert small.side == pytest.approx(np.sqrt(60 * 50) / 0.405, rel=0.1)
    assert unmasker.find(photo_of(300, 400)) == [whole_photo(photo_of(300, 400))]


def test_a_crop_stays_a_crop(unmasker):
    crop = np.full((256, 256, 3), 90, np.uint8)
    crop[140:235, 76:180] = (0, 255, 0)
    assert unmasker.find(crop) == [whole_photo(crop)]
    assert unmasker.find(two_masks(), aligned=True) == [whole_photo(two_masks())]


def test_every_face_is_unmasked_and_strokes_elsewhere_are_filled_too(unmasker):
    photo = two_masks()
    mask = unmasker.segment(photo)
    mask[330:390, 780:880] = 255  # painted by hand, outside of both faces
    result = unmasker.remove(photo, mask, ["ganmasker"])["ganmasker"]
    assert (result[mask == 0] == photo[mask == 0]).all()
    inside = cv2.erode(mask, np.ones((25, 25))) > 0
    assert inside[350:370].any() and np.abs(result[inside].astype(int) - [255, 0, 0]).max() < 40


def test_no_mask_is_said(unmasker):
    with pytest.raises(PhotoError, match="No mask was found"):
        unmasker.remove(photo_of(100, 100))


def test_bad_masks_and_names_are_refused(unmasker):
    photo = photo_of(100, 120)
    with pytest.raises(PhotoError):
        unmasker.remove(photo, np.zeros((100, 120), np.uint8))
    with pytest.raises(PhotoError):
        unmasker.remove(photo, np.full((100, 120), 255, np.uint8))
    with pytest.raises(PhotoError):
        unmasker.remove(photo, np.full((120, 100), 255, np.uint8))
    with pytest.raises(PhotoError, match="no remover"):
        unmasker.remove(photo, models=["nonesuch"])
    with pytest.raises(PhotoError, match="no remover"):
        unmasker.remove(photo, models=["mseg"])
