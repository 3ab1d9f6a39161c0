"""The realism of pictures that are known to look more or less real, on bare faces under drawn masks."""

import cv2
import numpy as np
import pytest

from tests.unmask.test_holes import BARE, bare_face
from unmask import Unmasker, WeightsError
from unmask.faces.alignment import CROP
from unmask.holes import hole_of
from unmask.metrics import psnr
from unmask.realism import judge_of, realism
from unmask.synth import MEAN_LANDMARKS, put_mask_on


@pytest.fixture(scope="module")
def unmasker():
    return Unmasker("cpu")


@pytest.fixture(scope="module")
def cases(unmasker):
    """(truth, masked face, hole) of every bare example."""
    faces = [bare_face(unmasker, name) for name in BARE]
    masks = [put_mask_on(face, MEAN_LANDMARKS, seed, "surgical", "well", "plain") for seed, face in enumerate(faces)]
    return [(face, mask.image, hole_of(mask.mask, CROP)) for face, mask in zip(faces, masks)]


def into(truth, hole, picture):
    return np.where(hole[..., None] > 127, picture, truth)


def blurred(truth, hole, sigma):
    return into(truth, hole, cv2.GaussianBlur(truth, (0, 0), sigma))


def grainy(picture, hole, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return into(picture, hole, np.clip(picture + noise, 0, 255).astype(np.uint8))


def test_blur_and_grain_cost_realism(unmasker, cases):
    judge = judge_of(unmasker)
    for truth, _, hole in cases:
        assert realism(judge, truth, truth, hole) == pytest.approx(1, abs=1e-5)
        for damage, steps in ((blurred, (1, 2, 4)), (grainy, (8, 16, 32))):
            falling = [realism(judge, truth, damage(truth, hole, step), hole) for step in steps]
            assert 1 > falling[0] > falling[1] > falling[2] > 0


def test_texture_that_is_not_in_its_place_is_real_and_blur_is_not(unmasker, cases):
    """PSNR says the opposite."""
    judge = judge_of(unmasker)
    for truth, _, hole in cases:
        moved, soft = into(truth, hole, np.roll(truth, 4, axis=1)), blurred(truth, hole, 2)
        assert psnr(truth, moved, hole) < psnr(truth, soft, hole)
        assert realism(judge, truth, moved, hole) > realism(judge, truth, soft, hole) + 0.02


def test_the_realistic_output_looks_more_real_than_the_faithful_one(unmasker, cases):
    """On all but one of the faces. Nor does grain, which a blurred fill lacks, make up for the rest that it lacks, in
    the mean of the faces."""
    judge, found = judge_of(unmasker), []
    for truth, masked, hole in cases:
        sharp, soft = (unmasker.remove(masked, hole, ["ganmasker"], True, realism=x)["ganmasker"] for x in (1, 0))
        pictures = (sharp, soft, *(grainy(soft, hole, sigma) for sigma in (3, 6, 15)))
        found.append([realism(judge, truth, picture, hole) for picture in pictures])
    assert sum(sharp > soft for sharp, soft, *_ in found) >= len(found) - 1
    best, *others = np.mean(found, axis=0)
    assert max(others) < best - 0.03


def test_only_the_hole_counts(unmasker, cases):
    judge = judge_of(unmasker)
    truth, _, hole = cases[0]
    elsewhere = truth.copy()
    elsewhere[:24] = 0  # the forehead and above, far from the mask
    assert not hole[:64].any()
    assert realism(judge, truth, elsewhere, hole) > 0.98 > realism(judge, truth, elsewhere, 255 - hole)


@pytest.mark.parametrize("wrong", ["size", "empty"])
def test_what_has_no_answer_is_refused(unmasker, cases, wrong):
    truth, _, hole = cases[0]
    hole = hole[1:] if wrong == "size" else np.zeros_like(hole)
    with pytest.raises(ValueError, match="differ|empty"):
        realism(judge_of(unmasker), truth, truth, hole)


def test_without_weights_nobody_judges(unmasker, monkeypatch):
    def missing(name):
        raise WeightsError("No weights.")

    monkeypatch.setattr(unmasker, "model", missing)
    assert judge_of(unmasker) is None
