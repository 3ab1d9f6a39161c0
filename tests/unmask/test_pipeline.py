"""From photo to result: `Unmasker.remove` with stand-ins for the networks."""

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from tests.unmask.green_masks import SHAPES, photo_of, two_masks
from unmask import PhotoError, Unmasker, WeightsError
from unmask.faces.face import whole_photo
from unmask.faces.framing import GLANCES, Glance
from unmask.registry import DEFAULT_MODELS


def whole(name: str, image: np.ndarray) -> np.ndarray:
    """What `remove_each` is to keep."""
    return image


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
    found = {done.model: done for done in unmasker.remove_each(photo, mask, names, faces, whole)}
    together = unmasker.remove(photo, mask, names, faces=faces)
    assert set(found) == set(names)
    for name in names:
        assert found[name].error is None and found[name].seconds > 0
        assert np.array_equal(found[name].kept, together[name])


def test_one_model_without_weights_does_not_keep_the_others_away(unmasker, monkeypatch):
    def model(self, name, output=None):
        if name == "glcic":
            raise WeightsError("The weights of GLCIC are broken.")
        return load(self, name, output)

    load = Unmasker.model
    monkeypatch.setattr(Unmasker, "model", model)
    photo = two_masks()
    mask = unmasker.segment(photo)
    outcomes = unmasker.remove_each(photo, mask, ["glcic", "telea"], unmasker.find(photo), whole)
    found = {done.model: done for done in outcomes}
    assert "broken" in str(found["glcic"].error) and found["glcic"].kept is None
    assert found["telea"].error is None and (found["telea"].kept[mask == 0] == photo[mask == 0]).all()


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
    outcomes = unmasker.remove_each(photo, unmasker.segment(photo), DEFAULT_MODELS, unmasker.find(photo), whole)
    next(outcomes)
    outcomes.close()
    go_on.set()
    one_by_one.shutdown(wait=True)
    assert len(begun) <= 2 < len(DEFAULT_MODELS)


def test_no_more_images_are_there_at_a_time_than_threads(unmasker, monkeypatch):
    """A photo's results may have 150 MB each: of several callers with several models only a few can be there."""
    there, most, lock = [0], [0], threading.Lock()

    def inpaint(self, photo, holes, name, guide, realism):
        image = photo.copy()
        with lock:
            there[0] += 1
            most[0] = max(most[0], there[0])
        weakref.finalize(image, gone)
        return image

    def gone():
        with lock:
            there[0] -= 1

    monkeypatch.setattr(Unmasker, "inpaint", inpaint)
    monkeypatch.setattr(unmasker, "_pool", ThreadPoolExecutor(2))
    photo = two_masks()
    mask, faces = unmasker.segment(photo), unmasker.find(photo)
    callers = [
        unmasker.remove_each(photo, mask, DEFAULT_MODELS, faces, lambda name, image: image.shape) for _ in range(3)
    ]
    shapes = [done.kept for outcomes in zip(*callers, strict=True) for done in outcomes]
    assert shapes == [photo.shape] * 3 * len(DEFAULT_MODELS)
    assert 1 <= most[0] <= 2 and there[0] == 0


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


class Grey(nn.Module):
    """An inpainting model that paints everything in one grey."""

    size = 256

    def __init__(self, level: float):
        super().__init__()
        self.level = level

    def forward(self, crop, mask):
        return torch.where(mask > 0, torch.full_like(crop, self.level), crop)


class Stripes(Grey):
    """The same with stripes of two pixels, lighter and darker by 0.2."""

    def forward(self, crop, mask):
        stripes = 0.2 * (1 - torch.arange(256) // 2 % 2 * 2)
        return torch.where(mask > 0, self.level + stripes.expand_as(crop), crop)


def test_realism_mixes_the_two_outputs_and_runs_what_is_needed(unmasker, monkeypatch):
    crop, mask = np.full((256, 256, 3), 120, np.uint8), np.zeros((256, 256), np.uint8)
    mask[100:150, 100:150] = 255
    unmasker._models |= {"ganmasker": Stripes(0.0), "ganmasker-faithful": Grey(0.4)}
    fills = [unmasker.fill("ganmasker", crop, mask, realism=each)[112:140, 112:140, 0] for each in (1, 0.5, 0)]
    contrasts = [int(fill.max()) - fill.min() for fill in fills]
    assert abs(contrasts[0] - 51) <= 1 and abs(contrasts[1] - 26) <= 1 and contrasts[2] == 0
    assert all(abs(fill.mean() - 178) < 1 for fill in fills), "all are as light as the faithful one"
    loaded = []
    model = Unmasker.model
    monkeypatch.setattr(Unmasker, "model", lambda self, *name: loaded.append(name) or model(self, *name))
    unmasker.fill("ganmasker", crop, mask)
    unmasker.fill("ganmasker", crop, mask, realism=0.0)
    both = [("ganmasker", "faithful"), ("ganmasker", "realistic")]
    assert loaded == [*both, *2 * [("ganmasker", "faithful")]]


class Ramp(nn.Module):
    """An inpainting model that paints from dark at the left to light at the right."""

    size = 256

    def forward(self, crop, mask):
        return torch.where(mask > 0, torch.linspace(-1, 1, 256).expand_as(crop), crop)


def test_the_faithful_output_is_the_mean_of_both_ways_round(unmasker):
    crop, mask = np.full((256, 256, 3), 120, np.uint8), np.zeros((256, 256), np.uint8)
    mask[100:150, 20:60] = 255
    unmasker._models |= {"ganmasker": Ramp(), "ganmasker-faithful": Ramp()}
    fill = unmasker.fill("ganmasker", crop, mask, realism=0.0)[mask > 0].astype(int)
    assert np.abs(fill - 127.5).max() <= 1, "left and right are alike"


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


class Tilted(nn.Module):
    """An inpainting model that paints from dark at the top left to light at the bottom right of what it sees."""

    size = 256

    def forward(self, crop, mask):
        ramp = torch.linspace(-1, 1, 256)
        return torch.where(mask > 0, ((ramp + ramp[:, None]) / 2).expand_as(crop), crop)


def test_every_sample_is_another_face_in_the_same_place(unmasker):
    photo, mask = photo_of(300, 400), np.zeros((300, 400), np.uint8)
    mask[150:240, 140:260] = 255
    unmasker._models["pix2pix"] = Tilted()
    results = [
        unmasker.remove(photo, mask, ["pix2pix"], faces=[whole_photo(photo)], sample=each)["pix2pix"]
        for each in range(len(GLANCES))
    ]
    assert (results[0] == unmasker.remove(photo, mask, ["pix2pix"], faces=[whole_photo(photo)])["pix2pix"]).all()
    assert all((each[mask == 0] == photo[mask == 0]).all() for each in results)
    inside = cv2.erode(mask, np.ones((15, 15))) > 0
    for i, first in enumerate(results):
        for second in results[i + 1 :]:
            assert np.abs(first[inside].astype(int) - second[inside]).mean() > 2
    for wrong in (-1, len(GLANCES), 0.5):
        with pytest.raises(PhotoError, match="The sample is a whole number from 0 to 3."):
            unmasker.remove(photo, mask, sample=wrong)


def test_a_mirrored_sample_is_what_the_mirrored_photo_gets(unmasker):
    photo, mask = photo_of(256, 256), np.zeros((256, 256), np.uint8)
    mask[130:220, 60:150] = 255
    unmasker._models["pix2pix"] = Tilted()
    mirrored = GLANCES.index(Glance(mirrored=True))
    face, images = [whole_photo(photo)], [photo, cv2.flip(photo, 1)]
    plain, turned = (
        unmasker.remove(image, hole, ["pix2pix"], faces=face, sample=sample)["pix2pix"]
        for image, hole, sample in zip(images, [mask, cv2.flip(mask, 1)], [mirrored, 0])
    )
    assert np.abs(plain.astype(int) - cv2.flip(turned, 1)).max() <= 1
