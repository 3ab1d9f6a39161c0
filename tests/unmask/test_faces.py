"""The way from a photo into a face's crop and back."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchvision.ops import nms

from tests.unmask.pasted import paste_back
from unmask import Unmasker, read_photo
from unmask.faces.alignment import align
from unmask.faces.detector import SAME_FACE, _one_box_a_face, detect_turned
from unmask.faces.face import Face

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def photo_of(height: int, width: int, noise: float = 0.0) -> np.ndarray:
    """A smooth, recognisable picture, RGB uint8."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.stack([60 + 150 * x / width, 50 + 120 * y / height, 120 + 60 * np.sin(x / 90 + y / 70)], axis=2)
    picture += noise * np.random.default_rng(0).standard_normal(picture.shape, dtype=np.float32)
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def hole(shape: tuple[int, int], face: Face) -> np.ndarray:
    center = (round(face.center[0]), round(face.center[1] + 0.2 * face.side))
    axes = (round(0.25 * face.side), round(0.2 * face.side))
    return cv2.ellipse(np.zeros(shape, np.uint8), center, axes, 0, 0, 360, 255, -1)


def test_two_faces_on_twelve_megapixels():
    photo = photo_of(3000, 4000, noise=4)
    before = photo.copy()
    faces = [Face((0, 0, 0, 0), (1200.3, 1300.7), 2000.0, 0.15), Face((0, 0, 0, 0), (3300.0, 700.0), 600.0, -0.3)]
    masks = [hole(photo.shape[:2], face) for face in faces]
    result, seconds = photo, []
    for face, mask in zip(faces, masks):
        crop = align(photo, face, 256)
        start = time.process_time()
        result = paste_back(result, face, crop, mask, 2.5 / 256 * face.side)
        seconds.append(time.process_time() - start)
    covered = (masks[0] | masks[1]) > 0
    assert result.shape == photo.shape and result.dtype == np.uint8
    assert (result[~covered] == photo[~covered]).all() and (photo == before).all()
    for mask in masks:
        assert (result[mask > 0] != photo[mask > 0]).any()
    # Half a second on an idle core; generous, for tests run beside others.
    assert seconds[0] < 3 and seconds[1] < 1.5


@pytest.mark.parametrize("angle", [0.0, 0.4, -0.8, np.pi / 2, 3.0])
@pytest.mark.parametrize("side", [90, 256, 500])
def test_there_and_back(angle, side):
    photo = photo_of(500, 600)
    face = Face((0, 0, 0, 0), (310, 220), side, angle)
    mask = np.zeros((500, 600), np.uint8)
    cv2.circle(mask, (310, 220), round(0.35 * side), 255, -1)
    result = paste_back(photo, face, align(photo, face, 256), mask, 2.0)
    assert np.abs(result.astype(int) - photo)[mask > 0].mean() < 1
    assert (result[mask == 0] == photo[mask == 0]).all()


@pytest.mark.parametrize("center", [(30, 250), (590, 470), (300, -20), (300, 520)])
def test_a_face_partly_outside_the_photo(center):
    photo = photo_of(500, 600, noise=3)
    face = Face((0, 0, 0, 0), center, 300, 0.3)
    crop = align(photo, face, 256)
    assert crop.shape == (256, 256, 3) and crop.std() > 1  # what is missing is mirrored, not blank
    mask = hole((500, 600), face)
    result = paste_back(photo, face, crop, mask, 3.0)
    assert (result[mask == 0] == photo[mask == 0]).all()
    if mask.any():
        assert np.abs(result.astype(int) - photo)[mask > 0].mean() < 5


@pytest.mark.parametrize("angle", [0.0, 0.3])
@pytest.mark.parametrize("period", [2, 3, 5, 7])
def test_shrinking_does_not_alias(period, angle):
    """Stripes finer than the crop's pixels give their mean grey, not moire."""
    line = np.where(np.arange(2000) % period < period / 2, 230, 30).astype(np.uint8)
    photo = np.repeat(np.repeat(line[None], 2000, axis=0)[..., None], 3, axis=2)
    crop = align(photo, Face((0, 0, 0, 0), (1000, 1000), 1800, angle), 128)[4:-4, 4:-4].astype(float)
    assert crop.mean() == pytest.approx(line.mean(), abs=2)
    assert crop.std() < 8  # of the stripes' 100


def test_nothing_to_paste():
    photo = photo_of(100, 120)
    face = Face((0, 0, 0, 0), (60, 50), 80)
    result = paste_back(photo, face, np.zeros((256, 256, 3), np.uint8), np.zeros((100, 120), np.uint8), 3)
    assert (result == photo).all() and result is not photo


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_that_lies_on_its_side_or_stands_on_its_head(quarters):
    unmasker = Unmasker("cpu")
    for name in ("astronaut-photo.png", "both-photo.png"):
        photo = read_photo(EXAMPLES / name)
        turned = np.ascontiguousarray(np.rot90(photo, quarters))
        upright, found = unmasker.find(photo), unmasker.find(turned)
        assert len(found) == len(upright) > 0
        for face, other in zip(upright, found):
            assert other.score >= face.score - 0.1 and other.masked == pytest.approx(face.masked, abs=0.1)
            crop, same = (align(*each, 256).astype(float) for each in ((photo, face), (turned, other)))
            assert np.corrcoef(crop.ravel(), same.ravel())[0, 1] > 0.9
            x0, y0, x1, y1 = face.box
            height, width = photo.shape[:2]
            boxes = [(y0, width - x1, y1, width - x0), (width - x1, height - y1, width - x0, height - y0),
                     (height - y1, x0, height - y0, x1)]  # fmt: skip
            assert other.box == pytest.approx(boxes[quarters - 1], abs=0.15 * face.size)


def test_a_photo_that_is_the_right_way_up_is_looked_at_once(monkeypatch):
    detector, looks = Unmasker("cpu").model("face-detector"), []
    detector.register_forward_hook(lambda *_: looks.append(1))
    photo = read_photo(EXAMPLES / "astronaut-photo.png")
    assert detect_turned(detector, photo, 0.6)[0].angle == pytest.approx(0, abs=0.3)
    assert len(looks) <= 2  # closely, and at a small copy


def test_suppression_keeps_the_boxes_that_torchvision_keeps():
    """Of boxes of one size, of which none can be a part of another face."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (200, 2))
    boxes, scores = np.hstack([corners, corners + 20]), rng.permutation(200) / 200
    kept = _one_box_a_face(list(boxes), list(scores))
    assert 5 < len(kept) < 60
    assert kept == nms(torch.from_numpy(boxes), torch.from_numpy(scores), SAME_FACE).tolist()
