"""Batches: the same for a seed and a step, with landmarks that follow every change, and holes of many sizes."""

import pytest
import torch

from tests.train.test_profiles import known_face
from train.data import profiles
from train.data.batches import MIRROR, Batches
from train.data.faces import draw_pairs, free_form_holes, load_faces
from unmask.nets.layers import dilate


def test_batches_depend_on_seed_and_step_alone(folder):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    batches = Batches(faces, pairs, size=128, seed=3, device=torch.device("cpu"))
    one, again, other = batches.get(5, 4, 1.0), batches.get(5, 4, 1.0), batches.get(6, 4, 1.0)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["photo"], other["photo"])
    assert one["photo"].shape == (4, 3, 128, 128) and one["mask"].shape == (4, 1, 128, 128)
    assert one["photo"].is_contiguous(memory_format=torch.channels_last)
    for key in ("mask", "free"):
        assert set(one[key].unique().tolist()) <= {0.0, 1.0} and one[key].any()
    own = batches.get(5, 4, 1.0, slice(1, 3))  # a process's rows, whatever the others draw
    assert all(torch.equal(one[key][1:3], own[key]) for key in one)
    plain = Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu")).get(5, 4)
    # Softening carries the fabric's colour over the mask's edge, as a photograph's blur does.
    outside = (dilate(plain["mask"], 8) == 0).expand_as(plain["photo"])
    assert torch.equal(plain["photo"][outside], plain["masked"][outside])


def test_a_window_shows_the_mask(folder):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    whole, cut = (
        Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu"), window=window).get(5, 4)
        for window in (None, 160)
    )
    assert cut["mask"].shape == (4, 1, 160, 160)
    assert (cut["mask"].sum(dim=(1, 2, 3)) > 0.8 * whole["mask"].sum(dim=(1, 2, 3))).all()


@pytest.mark.parametrize("window", [None, 208])
def test_landmarks_follow_every_warp_flip_and_cut(folder, window):
    """Points painted as single colours are found where the batch says they are."""
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    batches = Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu"), window=window)
    side = window or 256
    marks = (42, 50, 72)  # the nose's tip and, to tell left from right, an eye's and the mouth's outer corner
    batches.photos = torch.zeros_like(batches.photos)
    for i in range(len(faces.names)):
        for channel, mark in enumerate(marks):
            x, y = (int(v) for v in faces.landmarks[i, mark])
            batches.photos[i, y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    batches._jitter, batches.parsing = lambda x, draws: x, None
    mirrored = MIRROR[list(marks)]
    flips = set()
    for step in range(6):
        batch = batches.get(step, 4, 0.5)
        assert batch["photo"].shape == (4, 3, side, side)
        for photo, points in zip(batch["photo"], batch["points"]):
            seen = []
            for channel in range(3):
                y, x = (photo[channel] > 0).nonzero().float().mean(dim=0)
                seen.append(torch.stack([x, y]) + 0.5)
            kept, flipped = (
                max(float((a - side * points[b]).norm()) for a, b in zip(seen, order)) for order in (marks, mirrored)
            )
            assert min(kept, flipped) < 3
            flips.add(kept > flipped)
    assert flips == {True, False}


def test_free_form_holes_are_of_many_sizes():
    holes = free_form_holes(64, 0) > 0
    shares = holes.mean(axis=(1, 2))
    assert shares.min() >= 0.03 and shares.max() < 0.6 and shares.std() > 0.05


@pytest.mark.parametrize("turning", [True, False])
def test_heads_are_turned_on_where_their_landmarks_tell_depth(folder, turning, monkeypatch):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    monkeypatch.setattr(profiles, "solid_face", lambda *given: known_face())
    batches = Batches(faces, pairs, size=128, seed=3, device=torch.device("cpu"), turning=turning)
    batches.turn[:] = 30.0
    turns = torch.cat([batches.get(step, 8)["turn"] for step in range(4)])
    turned = turns.abs() > 31
    assert (turned.sum() > 8) == turning and not turned.all()
    assert (turns[~turned].abs() == 30).all() and turns.min() < 0 < turns.max()
    later = batches.get(2, 8, rows=slice(4, 8))  # a process's rows, whatever the others draw
    torch.testing.assert_close(later["photo"], batches.get(2, 8)["photo"][4:], atol=1e-4, rtol=0)
