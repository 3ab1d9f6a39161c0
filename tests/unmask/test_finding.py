"""Faces and their masks as the pipeline finds them, also where a mask runs out of its crop."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from tests.unmask.green_masks import FIVE, FindGreen, photo_of, two_masks
from unmask.faces.alignment import align
from unmask.faces.face import face_from_points, whole_photo
from unmask.faces.framing import LARGEST
from unmask.holes import frame_of
from unmask.pipeline import DOUBTFUL, mask_of
from unmask.registry import DEFAULT_MODELS
from unmask.synth import MEAN_LANDMARKS


def test_the_found_mask_covers_what_the_segmenter_saw_and_a_margin(unmasker):
    photo = np.full((400, 300, 3), 90, np.uint8)
    photo[200:320, 80:220] = (0, 255, 0)
    mask = unmasker.segment(photo)
    assert (mask[200:320, 80:220] == 255).all()
    assert mask[:185].max() == 0 and mask[200:320, :65].max() == 0
    assert set(np.unique(mask)) == {0, 255}
    result = unmasker.remove(photo)
    assert list(result) == list(DEFAULT_MODELS)
    assert not ((result["glcic"] == (0, 255, 0)).all(axis=2)).any()


def test_all_faces_are_found_largest_first(unmasker):
    large, small = unmasker.find(two_masks())
    assert large.box == pytest.approx((90, 0, 330, 300), abs=10)
    assert small.box == pytest.approx((570, 20, 690, 170), abs=8)
    assert large.score == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-3) and large.masked > 0.9
    # The mean face's landmarks leave a crop nearly where the detector's points have put it.
    rough = face_from_points(np.array([[90 + 240 * f, 300 * g] for f, g in FIVE]), large.box)
    assert large.side == pytest.approx(rough.side, rel=0.1) and large.center == pytest.approx(rough.center, abs=15)
    assert unmasker.find(photo_of(300, 400)) == []


def test_a_face_is_found_in_a_photo_of_any_size(unmasker):
    for zoom in (1, 3, 6):
        photo = cv2.resize(two_masks(), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
        large, small = unmasker.find(photo)
        assert np.array(large.box) / zoom == pytest.approx((90, 0, 330, 300), abs=10)
        assert np.array(small.box) / zoom == pytest.approx((570, 20, 690, 170), abs=10)


def test_a_face_seen_twice_counts_once(unmasker):
    photo = np.full((1200, 1600, 3), 90, np.uint8)
    photo[600:900, 500:900] = (0, 255, 0)  # so large that both looks see it
    assert len(unmasker.find(photo)) == 1


def test_landmarks_that_want_another_face_are_not_believed(unmasker):
    class Elsewhere(nn.Module):
        size = 256

        def forward(self, crop):
            return torch.tensor(MEAN_LANDMARKS / 256)[None] + 0.4

    believed = unmasker.find(two_masks())
    unmasker._models["landmarks"] = Elsewhere()
    kept = unmasker.find(two_masks())
    rough = face_from_points(np.array(kept[0].points), kept[0].box)
    assert kept[0].center == pytest.approx(rough.center) and kept[0].side == pytest.approx(rough.side)
    assert kept[0].center == pytest.approx(believed[0].center, abs=15)


def test_a_mask_that_runs_out_of_the_crop_is_filled_as_one(unmasker):
    """The crop grows until the mask is inside it; what is painted elsewhere by hand makes no crop larger."""
    photo = np.full((900, 700, 3), 90, np.uint8)
    photo[::2] = (110, 90, 70)
    photo[300:400, 250:370] = (0, 255, 0)
    (face,) = unmasker.find(photo)
    mask = np.zeros((900, 700), np.uint8)
    mask[330:400, 270:350] = 255
    assert frame_of(mask, [face], 0) == face
    mask[850:890, 600:690] = 255
    assert frame_of(mask, [face], 0) == face
    bottom = round(face.center[1] + face.side / 2)
    mask[330 : bottom + 60, 270:350] = 255
    frame = frame_of(mask, [face], 0)
    assert face.side < frame.side <= LARGEST * face.side
    lowest = frame.center[1] + frame.side / 2
    assert bottom + 60 < lowest < bottom + 60 + 0.05 * face.side
    assert frame.center[1] - frame.side / 2 == pytest.approx(face.center[1] - face.side / 2)
    result = unmasker.remove(photo, mask, ["ganmasker"], faces=[face])["ganmasker"]
    assert (result[mask == 0] == photo[mask == 0]).all()
    across = result[bottom - 20 : bottom + 20, 310].astype(int)
    assert np.abs(np.diff(across, axis=0)).max() <= 3, "a straight cut at the crop's border"
    mask[330:, 270:350] = 255
    assert frame_of(mask, [face], 0).side == pytest.approx(LARGEST * face.side)


def test_a_mask_is_looked_for_where_it_runs_out_of_the_crop(unmasker):
    photo = np.full((900, 700, 3), 90, np.uint8)
    photo[300:400, 250:370] = (0, 255, 0)
    (face,) = unmasker.find(photo)
    mask, frame = unmasker.find_whole_mask(photo, face)
    assert frame == face and mask.any()
    bottom = round(face.center[1] + face.side / 2)
    photo[400 : bottom + 30, 290:330] = (0, 255, 0)
    photo[bottom + 40 : bottom + 60, 250:280] = (0, 255, 0)  # somebody else's
    mask, frame = unmasker.find_whole_mask(photo, face)
    assert frame.side == pytest.approx(1.25 * face.side)
    found = unmasker.segment(photo, faces=[face])
    assert (found[300:400, 250:370] == 255).all() and (found[400 : bottom + 30, 290:330] == 255).all()
    assert found[bottom + 30 + round(0.03 * face.side) :].max() == 0
    # A photo that ends where the crop does has nothing more to show.
    crop = align(photo, face, 256)
    assert unmasker.find_whole_mask(crop, whole_photo(crop))[1] == whole_photo(crop)


def test_the_margin_grows_towards_the_face(unmasker):
    """The mean face's oval: more above a mask's upper edge than beyond the jaw or the cheeks."""
    crop = np.full((256, 256, 3), 90, np.uint8)
    crop[150:256, 20:236] = (0, 255, 0)
    mask = unmasker.segment(crop, aligned=True)
    assert mask[:, 128].argmax() == 150 - 7 and mask[:, 22].argmax() == 150 - 3
    assert mask[200].argmax() == 20 - 3


def test_what_may_be_fabric_counts_where_it_touches_what_is():
    probability = torch.zeros(256, 256)
    probability[150:220, 80:180] = 0.9
    probability[100:150, 80:88] = 0.2  # a strap
    probability[20:60, 200:240] = 0.2  # something in the background
    sure, whole = (mask_of(probability, (256, 256), doubtful) for doubtful in (0.5, DOUBTFUL))
    assert sure[160:210, 90:170].all() and not sure[:145].any()
    assert whole[105:150, 81:87].all() and not whole[20:60, 200:240].any()
    assert not mask_of(probability / 2, (256, 256), DOUBTFUL).any(), "a face without a mask"


class FindGreenOnTheLeft(nn.Module):
    """A segmentation model that sees green in the left half of what it is shown, and half believes it elsewhere."""

    size = 256

    def forward(self, crop):
        green = FindGreen()(crop)
        green[..., 128:] *= 0.2
        return green


def test_a_mask_is_looked_for_both_ways_round(unmasker):
    unmasker._models["mseg"] = FindGreenOnTheLeft()
    crop = np.full((256, 256, 3), 90, np.uint8)
    crop[150:220, 70:200] = (0, 255, 0)
    found = unmasker.find_mask(crop)
    assert (found[152:218, 72:198] == 255).all(), "each half is seen by one of the two looks"
    assert (unmasker.find_mask(cv2.flip(crop, 1)) == cv2.flip(found, 1)).all()
    assert unmasker.mask_probability(crop)[180, 180] < 0.5, "one look alone, for the live view"
