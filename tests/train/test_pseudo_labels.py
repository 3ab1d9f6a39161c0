"""Self-training of M-Seg: which of its own answers are trusted as labels."""

import io
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from train.data.batches import Batches
from train.data.faces import Faces
from train.data.pseudo_labels import VIEWS, is_held_back, label_real_masks, probabilities, trusted_label
from train.recipes.mseg import MSegRecipe, recolour

MASK = np.zeros((256, 256), np.float32)
MASK[140:235, 60:196] = 1


class Blue(torch.nn.Module):
    """A segmentation model of blue: right in every view."""

    size = 128

    def forward(self, x):
        return ((x[:, 2:] > 0.2) & (x[:, :1] < 0)).float()


def crop_with(mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 0, (20, 60, 240), (220, 180, 160)).astype(np.uint8)


def test_every_view_comes_back_to_the_crops_own_frame():
    views = probabilities(Blue(), crop_with(MASK))
    assert views.shape == (len(VIEWS), 256, 256)
    for view in views:
        wrong = (view > 0.5) != (MASK > 0)
        assert wrong.mean() < 0.01  # the edge, resampled


def test_an_answer_that_holds_in_every_view_is_trusted():
    mask, certain = trusted_label(np.stack([MASK] * 7))
    assert np.array_equal(mask > 0, MASK > 0)
    assert certain.min() == 255


def test_pixels_that_the_views_disagree_about_do_not_count():
    other = MASK.copy()
    other[140:145] = 0
    mask, certain = trusted_label(np.stack([MASK] * 4 + [other] * 3))
    assert not certain[141, 100] and certain[200, 100] and mask[141, 100]


def doubtful():
    shifted = np.roll(MASK, 40, axis=1)
    pieces, holed, high, tiny = MASK.copy(), MASK.copy(), np.roll(MASK, -120, axis=0), np.zeros_like(MASK)
    pieces[5:35, 5:35] = 1
    holed[150:170, 70:100] = 0
    tiny[176:200, 108:148] = 1
    yield "views disagree", [MASK, shifted] * 3
    yield "two pieces", [pieces] * 7
    yield "a hole", [holed] * 7
    yield "not over the mouth", [high] * 7
    yield "too small", [tiny] * 7
    yield "everything", [np.ones_like(MASK)] * 7
    yield "nothing", [np.zeros_like(MASK)] * 7


@pytest.mark.parametrize(("why", "views"), list(doubtful()), ids=[why for why, _ in doubtful()])
def test_a_doubtful_answer_is_not(why, views):
    assert trusted_label(np.stack(views)) is None


def test_labelling_leaves_out_the_held_back_pictures(tmp_path):
    names = [f"face{i}" for i in range(12)]
    with tarfile.open(tmp_path / "real-masked.tar", "w") as tar:
        for name in names:
            buffer = io.BytesIO()
            Image.fromarray(crop_with(MASK)).save(buffer, "PNG")
            info = tarfile.TarInfo(f"{name}.png")
            info.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(info, buffer)
    said = label_real_masks(Blue(), tmp_path, tmp_path / "real.npz")
    stored = np.load(tmp_path / "real.npz")
    wanted = [name for name in names if not is_held_back(name)]
    assert 0 < len(wanted) < len(names)
    assert list(stored["names"]) == wanted and said.startswith(f"{len(wanted)} of {len(wanted)}")
    assert stored["pictures"].shape == (len(wanted), 256, 256, 5)


def test_real_masks_reach_the_loss_and_uncertain_pixels_do_not():
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (2, 256, 256, 3), np.uint8)
    faces = Faces(["a", "b"], photos, rng.uniform(0, 256, (2, 92, 2)).astype(np.float32),
                  [{"group": "", "gender": "", "side": "300"}] * 2)  # fmt: skip
    pairs = np.concatenate([photos, photos[..., :1]], axis=3)
    real = np.dstack([crop_with(MASK), (255 * MASK).astype(np.uint8), np.zeros((256, 256), np.uint8)])[None]
    batches = Batches(faces, pairs, size=64, seed=0, device=torch.device("cpu"), real=real)
    data = batches.get(0, 4, 1.0)
    assert data["real"].shape == (4, 3, 64, 64) and data["real_mask"].sum() > 0 and data["certain"].sum() == 0
    recipe = MSegRecipe(64, width=8)
    recipe.real, recipe.bare = 1.0, 0.0
    torch.manual_seed(0)
    loss, parts = recipe.g_loss(data, recipe.generate(data), SimpleNamespace())
    assert parts["bce"].item() == 0  # nothing is certain here


def test_recolouring_stays_within_the_mask_and_keeps_its_folds():
    torch.manual_seed(0)
    crop = torch.rand(8, 3, 64, 64) - 0.5
    mask = torch.zeros(8, 1, 64, 64)
    mask[:, :, 40:60, 20:50] = 1
    painted = recolour(crop, mask, 1.0)
    assert torch.equal(painted[mask.expand_as(crop) == 0], crop[mask.expand_as(crop) == 0])
    before, after = (x[:, :, 40:60, 20:50].flatten(1) for x in (crop, painted))
    assert (before - after).abs().mean() > 0.1
    alike = [torch.corrcoef(torch.stack([b[:600], a[:600]]))[0, 1] for b, a in zip(before, after)]
    assert min(alike) > 0.8
    assert torch.equal(recolour(crop, torch.zeros_like(mask), 1.0), crop)
