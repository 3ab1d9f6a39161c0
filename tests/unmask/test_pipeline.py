"""Geometry of crops and the way from photo to result, with stand-ins for the networks where weights do not matter."""

import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from tests.unmask.pasted import paste_back
from unmask import PhotoError, Unmasker, WeightsError
from unmask.faces.alignment import align, align_mask, mask_to_photo, upright_crop
from unmask.faces.face import Face, face_from_box, face_from_points, whole_photo
from unmask.faces.framing import LARGEST
from unmask.faces.landmarks import five_points
from unmask.holes import frame_of
from unmask.registry import DEFAULT_MODELS
from unmask.synth import MEAN_LANDMARKS


class Paint(nn.Module):
    """An inpainting model that paints the hole red."""

    def forward(self, crop, mask, *guide):
        red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand_as(crop)
        return torch.where(mask > 0, red, crop)


class FindGreen(nn.Module):
    """A segmentation model that calls green pixels mask."""

    def forward(self, crop):
        return ((crop[:, 1:2] > 0.5) & (crop[:, :1] < 0)).float()


class FindGreenFaces(nn.Module):
    """A face detector for faces whose mask is a green rectangle, twice as wide and a third as high again as it."""

    def __init__(self):
        super().__init__()
        self.device = nn.Parameter(torch.zeros(1))  # whose device the pipeline asks for

    def forward(self, x):
        green = ((x[0, 1] > 0.5) & (x[0, 0] < 0)).numpy().astype(np.uint8)
        rows = []
        for left, top, width, height, area in cv2.connectedComponentsWithStats(green)[2][1:]:
            if area < 20:
                continue
            x0, y0, x1, y1 = left - width / 2, top - 2 * height, left + 1.5 * width, top + height
            across = [[x0 + f * (x1 - x0), y0 + g * (y1 - y0)] for f, g in FIVE]
            rows.append([4.0, 3.0, x0, y0, x1, y1, *np.ravel(across)])
        return torch.tensor(rows or np.full((1, 16), -9.0), dtype=torch.float32)[None]


FIVE = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))  # in a face's box


class MeanFace(nn.Module):
    """Landmarks that agree with any crop."""

    def forward(self, crop):
        return torch.tensor(MEAN_LANDMARKS / 256)[None]


@pytest.fixture
def unmasker():
    unmasker = Unmasker("cpu")
    unmasker._models = {"mseg": FindGreen()} | {name: Paint() for name in DEFAULT_MODELS}
    unmasker._models |= {"face-detector": FindGreenFaces(), "landmarks": MeanFace()}
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
    assert list(result) == list(DEFAULT_MODELS)
    assert not ((result["glcic"] == (0, 255, 0)).all(axis=2)).any()


def two_masks() -> np.ndarray:
    """A wide photo with a large and a small green mask."""
    photo = np.full((400, 900, 3), 90, np.uint8)
    photo[::2] = (110, 90, 70)  # in more than one tone
    photo[200:300, 150:270] = (0, 255, 0)
    photo[120:170, 600:660] = (0, 255, 0)
    return photo


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


def test_every_face_is_unmasked_and_strokes_elsewhere_are_filled_too(unmasker):
    photo = two_masks()
    mask = unmasker.segment(photo)
    mask[330:390, 780:880] = 255  # painted by hand, outside of both faces
    result = unmasker.remove(photo, mask, ["ganmasker"])["ganmasker"]
    assert (result[mask == 0] == photo[mask == 0]).all()
    inside = cv2.erode(mask, np.ones((25, 25))) > 0
    assert inside[350:370].any() and np.abs(result[inside].astype(int) - [255, 0, 0]).max() < 40


def test_models_side_by_side_keep_their_results_apart(unmasker):
    """Visitors at the same time, each with several models and faces: everybody gets what they get alone."""
    photos = [cv2.add(two_masks(), (0, 0, level, 0)) for level in (0, 40, 80, 120)]
    photos = [np.where((two_masks() == (0, 255, 0)).all(axis=2, keepdims=True), two_masks(), p) for p in photos]
    names = ["telea", "ganmasker", "glcic", "ganmasker"]
    alone = [unmasker.remove(photo, models=names) for photo in photos]
    with ThreadPoolExecutor(4) as visitors:
        together = list(visitors.map(lambda photo: unmasker.remove(photo, models=names), photos))
    for first, second in zip(alone, together):
        assert list(first) == list(second) == ["telea", "ganmasker", "glcic"]
        assert all((first[name] == second[name]).all() for name in first)
    assert (together[0]["telea"] != together[1]["telea"]).any()


def test_a_model_that_fails_costs_nobody_else_the_result(unmasker):
    class Broken(nn.Module):
        size = 256

        def forward(self, crop, mask):
            raise RuntimeError("out of memory")

    unmasker._models["pix2pix"] = Broken()
    photo = two_masks()
    with ThreadPoolExecutor(2) as visitors:
        fails = visitors.submit(unmasker.remove, photo, models=["pix2pix", "ganmasker"])
        works = visitors.submit(unmasker.remove, photo, models=["ganmasker"])
        with pytest.raises(RuntimeError, match="out of memory"):
            fails.result()
        assert list(works.result()) == ["ganmasker"]
    assert list(unmasker.remove(photo, models=["glcic"])) == ["glcic"]


def test_no_face_and_no_mask_are_said(unmasker):
    with pytest.raises(PhotoError, match="No face was found"):
        unmasker.remove(photo_of(100, 100))
    with pytest.raises(PhotoError, match="No mask was found"):
        unmasker.remove(photo_of(100, 100), aligned=True)


def test_results_come_one_by_one_and_are_those_of_remove(unmasker):
    photo = two_masks()
    faces, mask = unmasker.find(photo), unmasker.segment(photo)
    names = ["telea", "ganmasker", "glcic"]
    found = {done.model: done for done in unmasker.remove_each(photo, mask, names, faces)}
    together = unmasker.remove(photo, mask, names, faces=faces)
    assert set(found) == set(names)
    for name in names:
        assert found[name].error is None and found[name].seconds > 0
        assert np.array_equal(found[name].image, together[name])


def test_one_model_without_weights_does_not_keep_the_others_away(unmasker, monkeypatch):
    def model(self, name, output=None):
        if name == "glcic":
            raise WeightsError("The weights of GLCIC are broken.")
        return load(self, name, output)

    load = Unmasker.model
    monkeypatch.setattr(Unmasker, "model", model)
    photo = two_masks()
    mask = unmasker.segment(photo)
    found = {done.model: done for done in unmasker.remove_each(photo, mask, ["glcic", "telea"], unmasker.find(photo))}
    assert "broken" in str(found["glcic"].error) and found["glcic"].image is None
    assert found["telea"].error is None and (found["telea"].image[mask == 0] == photo[mask == 0]).all()


def test_a_closed_iterator_gives_up_the_models_that_have_not_begun(unmasker, monkeypatch):
    begun, go_on = [], threading.Event()

    def inpaint(self, photo, holes, name, guide, realism):
        begun.append(name)
        if len(begun) > 1:
            assert go_on.wait(60)
        return photo

    monkeypatch.setattr(Unmasker, "inpaint", inpaint)
    photo = two_masks()
    one_by_one = ThreadPoolExecutor(1)
    monkeypatch.setattr(unmasker, "_pool", one_by_one)
    outcomes = unmasker.remove_each(photo, unmasker.segment(photo), DEFAULT_MODELS, unmasker.find(photo))
    next(outcomes)
    outcomes.close()
    go_on.set()
    one_by_one.shutdown(wait=True)
    assert len(begun) <= 2 < len(DEFAULT_MODELS)


def test_bad_masks_and_names_are_refused(unmasker):
    photo = photo_of(100, 120)
    with pytest.raises(PhotoError):
        unmasker.remove(photo, np.zeros((100, 120), np.uint8))
    with pytest.raises(PhotoError):
        unmasker.remove(photo, np.full((100, 120), 255, np.uint8))
    with pytest.raises(PhotoError):
        unmasker.remove(photo, np.full((120, 100), 255, np.uint8))
    with pytest.raises(PhotoError, match="no inpainting model"):
        unmasker.remove(photo, models=["nonesuch"])
    with pytest.raises(PhotoError, match="no inpainting model"):
        unmasker.remove(photo, models=["mseg"])


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


class Grey(nn.Module):
    """An inpainting model that paints everything in one grey."""

    size = 256

    def __init__(self, level: float):
        super().__init__()
        self.level = level

    def forward(self, crop, mask):
        return torch.where(mask > 0, torch.full_like(crop, self.level), crop)


def test_realism_mixes_the_two_outputs_and_runs_what_is_needed(unmasker, monkeypatch):
    crop, mask = np.full((256, 256, 3), 120, np.uint8), np.zeros((256, 256), np.uint8)
    mask[100:150, 100:150] = 255
    unmasker._models |= {"ganmasker": Grey(0.0), "ganmasker-faithful": Grey(0.4)}
    levels = [unmasker.fill("ganmasker", crop, mask, realism=each)[125, 125, 0] for each in (1, 0.5, 0)]
    assert levels[0] == 128 and levels[2] == 178 and abs(levels[1] - 153) <= 1
    loaded = []
    model = Unmasker.model
    monkeypatch.setattr(Unmasker, "model", lambda self, *name: loaded.append(name) or model(self, *name))
    unmasker.fill("ganmasker", crop, mask)
    unmasker.fill("ganmasker", crop, mask, realism=0.0)
    assert loaded == [("ganmasker", "realistic"), ("ganmasker", "faithful")]


def test_realism_is_checked_and_a_model_with_one_output_says_that_it_does_not_listen(unmasker, caplog):
    photo = two_masks()
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(PhotoError, match="Realism is a number from 0"):
            unmasker.remove(photo, models=["glcic"], realism=wrong)
    with caplog.at_level("INFO", "unmask"):
        default = unmasker.remove(photo, models=["glcic"])["glcic"]
        assert not caplog.text
        asked = unmasker.remove(photo, models=["glcic"], realism=0.3)["glcic"]
    assert "GLCIC has one output" in caplog.text and (default == asked).all()
