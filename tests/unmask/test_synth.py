"""Synthetic masks: what they cover, what they leave alone, and that a seed decides everything."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.faces.layout import CHIN, LEFT_EYE, MOUTH, NOSE_TIP, RIGHT_EYE
from unmask.synth import KINDS, MEAN_LANDMARKS, PATTERNS, WEARS, put_mask_on
from unmask.synth.mean_face import draw_plain_face

SEEDS = range(4)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def face():
    return draw_plain_face(256, 256)


def is_covered(mask, points):
    """Whether the mask covers each of the points (n, 2), as seen on the nearest pixel."""
    x, y = np.round(points).astype(int).T
    return mask[y, x] == 255


def check_contract(masked, photo):
    assert masked.image.shape == photo.shape and masked.image.dtype == np.uint8
    assert masked.alpha.shape == masked.mask.shape == photo.shape[:2]
    assert masked.alpha.dtype == np.float32 and masked.mask.dtype == np.uint8
    assert set(np.unique(masked.mask)) == {0, 255}
    assert masked.alpha.min() == 0 and masked.alpha.max() <= 1 and masked.alpha.max() > 0.99
    np.testing.assert_array_equal(masked.mask == 255, masked.alpha > 0)
    outside = masked.mask == 0
    np.testing.assert_array_equal(masked.image[outside], photo[outside])


def test_mean_landmarks_are_a_face():
    assert MEAN_LANDMARKS.shape == (92, 2) and MEAN_LANDMARKS.dtype == np.float32
    assert MEAN_LANDMARKS[7, 0] > 180 and MEAN_LANDMARKS[29, 0] < 75  # beside the ears
    assert MEAN_LANDMARKS[50:62, 1].mean() < MEAN_LANDMARKS[NOSE_TIP, 1] < MEAN_LANDMARKS[MOUTH, 1].mean()
    assert MEAN_LANDMARKS[CHIN, 1] == MEAN_LANDMARKS[:, 1].max()


@pytest.mark.parametrize("wear", WEARS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_wear(face, kind, wear):
    photo, landmarks = face
    for seed in SEEDS:
        masked = put_mask_on(photo, landmarks, seed, kind=kind, wear=wear)
        check_contract(masked, photo)
        assert (masked.kind, masked.wear) == (kind, wear) and masked.pattern in PATTERNS
        share = (masked.mask > 0).mean()
        assert 0.08 < share < 0.45, share
        # Most of the mask is cloth, which hides the photo, and hides it for good.
        assert (masked.alpha > 0.99).sum() > 0.6 * (masked.mask > 0).sum()
        changed = (masked.image != photo).any(2)
        assert changed[masked.mask > 0].mean() > 0.97

        assert is_covered(masked.mask, landmarks[MOUTH]).all()
        assert is_covered(masked.mask, landmarks[[CHIN]] - [0, 3]).all()
        assert is_covered(masked.mask, landmarks[[NOSE_TIP]]).all() == (wear != "under-nose")
        eyes = np.stack([landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)])
        assert not is_covered(masked.mask, np.concatenate([eyes, landmarks[62:72]])).any(), (
            "eyes and brows stay free"
        )


def test_color_is_the_cloths(face):
    photo, landmarks = face
    mouth = np.round(landmarks[MOUTH].mean(0)).astype(int)
    for channel in range(3):
        color = np.full(3, 30)
        color[channel] = 220
        image = put_mask_on(photo, landmarks, 3, "surgical", "well", "plain", color).image
        patch = image[mouth[1] - 8 : mouth[1] + 8, mouth[0] - 8 : mouth[0] + 8].mean((0, 1))
        assert patch.argmax() == channel and np.sort(patch)[-1] > 1.5 * np.sort(patch)[-2]


def test_patterns_differ_from_plain_cloth_and_each_other(face):
    photo, landmarks = face
    pictures = {}
    for pattern in PATTERNS:
        masked = put_mask_on(photo, landmarks, 8, "cloth", "well", pattern, (200, 60, 60))
        assert masked.pattern == pattern
        pictures[pattern] = masked.image.astype(float)
    names = list(PATTERNS)
    for k, first in enumerate(names):
        for second in names[k + 1 :]:
            assert np.abs(pictures[first] - pictures[second]).mean() > 0.5, (first, second)


def test_a_seed_decides_everything(face):
    photo, landmarks = face
    for seed in (0, 7, 123):
        first, second = put_mask_on(photo, landmarks, seed), put_mask_on(photo, landmarks, seed)
        third = put_mask_on(photo, landmarks, np.random.default_rng(seed))
        for other in (second, third):
            assert (first.kind, first.wear, first.pattern) == (other.kind, other.wear, other.pattern)
            assert first.image.tobytes() == other.image.tobytes()
            assert first.alpha.tobytes() == other.alpha.tobytes()


def test_two_hundred_seeds_give_two_hundred_masks(face):
    photo, landmarks = face
    drawn = [put_mask_on(photo, landmarks, seed) for seed in range(200)]
    assert len({hashlib.sha256(masked.image.tobytes()).digest() for masked in drawn}) == 200
    assert len({hashlib.sha256(masked.mask.tobytes()).digest() for masked in drawn}) == 200
    assert {masked.kind for masked in drawn} == set(KINDS)
    assert {masked.wear for masked in drawn} == set(WEARS)
    assert len({masked.pattern for masked in drawn}) > len(PATTERNS) // 2


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (512, 512), (300, 200), (180, 420)])
@pytest.mark.parametrize("kind", KINDS)
def test_any_size(size, kind):
    photo, landmarks = draw_plain_face(*size)
    masked = put_mask_on(photo, landmarks, 1, kind=kind, wear="well")
    check_contract(masked, photo)
    assert is_covered(masked.mask, landmarks[MOUTH]).all()
    face = min(size) ** 2 / (size[0] * size[1])
    assert 0.1 < (masked.mask > 0).mean() / face < 0.45


def test_the_same_mask_at_another_size(face):
    large = put_mask_on(*draw_plain_face(512, 512), 5, "kn95", "well", "plain", (255, 255, 255))
    small = put_mask_on(*face, 5, "kn95", "well", "plain", (255, 255, 255))
    shrunk = large.mask.reshape(256, 2, 256, 2).mean((1, 3)) > 127
    both, either = (shrunk & (small.mask > 0)).sum(), (shrunk | (small.mask > 0)).sum()
    assert both / either > 0.95


def test_a_tilted_face_wears_a_tilted_mask(face):
    photo, landmarks = face
    upright = put_mask_on(photo, landmarks, 2, "surgical", "well", "plain")
    turned_photo = np.ascontiguousarray(np.rot90(photo, -1))  # clockwise: (x, y) -> (255 - y, x)
    turned = np.column_stack([255 - landmarks[:, 1], landmarks[:, 0]])
    masked = put_mask_on(turned_photo, turned, 2, "surgical", "well", "plain")
    check_contract(masked, turned_photo)
    expected = np.rot90(upright.mask, -1)
    assert ((masked.mask > 0) == (expected > 0)).mean() > 0.99


def test_light_and_sharpness_follow_the_photo(face):
    photo, landmarks = face
    choice = {"kind": "surgical", "wear": "well", "pattern": "plain", "color": (230, 230, 230)}
    cloth = put_mask_on(photo, landmarks, 4, **choice).alpha > 0.99
    light = put_mask_on(photo, landmarks, 4, **choice).image[cloth].mean()
    dark_photo = photo // 4
    assert put_mask_on(dark_photo, landmarks, 4, **choice).image[cloth].mean() < 0.75 * light

    from_left = (photo * np.linspace(1.1, 0.4, 256)[None, :, None]).clip(0, 255).astype(np.uint8)
    image = put_mask_on(from_left, landmarks, 4, **choice).image.mean(2)
    left, right = np.zeros_like(cloth), np.zeros_like(cloth)
    left[:, :110], right[:, 146:] = cloth[:, :110], cloth[:, 146:]
    assert image[left].mean() > 1.2 * image[right].mean()

    grey = np.repeat(photo.mean(2).astype(np.uint8)[:, :, None], 3, axis=2)
    covered = put_mask_on(grey, landmarks, 4, "cloth", "well", "floral", (220, 30, 30))
    spread = np.ptp(covered.image[covered.alpha > 0.99].astype(int), axis=1)
    assert np.median(spread) <= 2, "a black-and-white photo gets a black-and-white mask"


def test_a_face_outside_the_picture_changes_nothing(face):
    photo, landmarks = face
    masked = put_mask_on(photo, landmarks + 2000, 0)
    assert not masked.mask.any() and not masked.alpha.any()
    np.testing.assert_array_equal(masked.image, photo)


def test_a_face_half_outside_the_picture(face):
    photo, landmarks = face
    masked = put_mask_on(photo, landmarks + [90, 60], 0, kind="bandana")
    check_contract(masked, photo)


def test_the_photo_is_not_written_to(face):
    photo, landmarks = face
    before = photo.copy()
    put_mask_on(photo, landmarks, 0)
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("kind", KINDS)
def test_mask_that_stands_off_is_wider_and_lower(kind):
    photo, landmarks = draw_plain_face(360, 256)
    close = put_mask_on(photo, landmarks, 6, kind, "well", "plain")
    same = put_mask_on(photo, landmarks, 6, kind, "well", "plain", stand_off=0)
    np.testing.assert_array_equal(close.image, same.image)
    loose = put_mask_on(photo, landmarks, 6, kind, "well", "plain", stand_off=10)
    check_contract(loose, photo)
    covered, wider = close.alpha > 0.9, loose.alpha > 0.9
    rows, low = (np.nonzero(cloth)[0] for cloth in (covered, wider))
    assert low.max() >= rows.max() + 6 and abs(low.min() - rows.min()) <= 3
    mouth = round(landmarks[MOUTH, 1].mean())  # below the straps
    assert wider[mouth].sum() >= covered[mouth].sum() + 8


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
def test_stand_off_is_no_negative_length(face, wrong):
    with pytest.raises(ValueError, match="stand_off"):
        put_mask_on(*face, 0, stand_off=wrong)


@pytest.mark.parametrize("wrong", [{"kind": "visor"}, {"wear": "upside-down"}, {"pattern": "tartan kilt"}])
def test_unknown_names_are_refused(face, wrong):
    with pytest.raises(ValueError, match="no such"):
        put_mask_on(*face, 0, **wrong)


def test_the_examples_are_what_their_script_makes(tmp_path):
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    script = ROOT / "scripts" / "make_examples.py"
    subprocess.run([sys.executable, script, "--out", tmp_path], check=True)
    made, committed = (
        {path.name: path for path in folder.glob("*.png")} for folder in (tmp_path, ROOT / "examples")
    )
    assert set(made) == set(committed) and len(made) > 7
    notes = (ROOT / "examples" / "README.md").read_text()
    for name, path in made.items():
        assert name in notes
        ours, theirs = (np.asarray(Image.open(file)).astype(int) for file in (path, committed[name]))
        assert ours.shape == theirs.shape and max(ours.shape) <= 1200
        assert np.abs(ours - theirs).mean() < 2, (
            "another version of OpenCV may round differently, but no more"
        )
    assert sum(path.stat().st_size for path in committed.values()) < 4e6


def test_pictures_of_synthetic_people_are_small_and_their_licence_is_there():
    notes = (ROOT / "examples" / "README.md").read_text()
    pictures = sorted((ROOT / "examples").glob("*.jpg"))
    assert len(pictures) == 8 and "MIT License" in notes and "do not exist" in notes
    for path in pictures:
        assert f"`{path.name}`" in notes and path.stat().st_size < 350e3 and max(Image.open(path).size) <= 1100
