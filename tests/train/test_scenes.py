"""What the face detector learns on, and which of its cells learns which face."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from train.data.faces import draw_pairs, load_faces
from train.data.photos import held_back
from train.data.scenes import IGNORED, Boxes, Scenes
from train.recipes.face_detector import assign, overlaps
from unmask.faces.face import Face
from unmask.nets.face_detector import grid


def scenes_of(folder, **options):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    return Scenes(folder, faces, pairs, size=192, seed=1, device=torch.device("cpu"), **options)


def test_scenes_depend_on_seed_and_step_alone(folder):
    scenes = scenes_of(folder)
    one, again, other = scenes.get(5, 3), scenes.get(5, 3), scenes.get(6, 3)
    assert all(torch.equal(one[key].nan_to_num(), again[key].nan_to_num()) for key in one)
    assert not torch.equal(one["photo"], other["photo"])
    own = scenes.get(5, 3, 0.0, slice(1, 3))
    assert all(torch.equal(one[key][1:].nan_to_num(), own[key].nan_to_num()) for key in one)
    assert one["photo"].shape == (3, 3, 192, 192) and one["boxes"].shape == (3, 48, 4)
    assert one["points"].shape == (3, 48, 5, 2) and one["wears"].shape == (3, 48)


def test_scenes_never_show_a_photo_that_is_held_back(folder):
    rows = json.loads((folder / "photos.json").read_text())
    back = {row["name"] for row in held_back(rows)}
    assert len(scenes_of(folder).photos) == len(rows) - len(back) == 5
    assert len(scenes_of(folder, held_out=True).photos) == len(back) == 4


def test_faces_that_people_left_out_are_not_learnt_as_background(folder, monkeypatch):
    found = lambda detector, photo, threshold: [Face((500, 500, 540, 560), (520, 530), 40), Face(known, (0, 0), 1)]
    plain = scenes_of(folder)
    known = tuple(plain.photos[plain.crowd[0]][1].box[0])
    monkeypatch.setattr("train.data.scenes.detect", found)
    cleaned = scenes_of(folder, detector=nn.Identity())
    before, after = (scenes.photos[scenes.crowd[0]][1] for scenes in (plain, cleaned))
    assert len(after.box) == len(before.box) + 1  # the one that has a box is known already
    assert after.box[-1].tolist() == [500, 500, 540, 560] and after.masked[-1] == IGNORED


def test_boxes_and_points_follow_the_face():
    face = Boxes(
        box=np.float32([[10, 20, 30, 60]]),
        points=np.float32([[[14, 30], [26, 30], [20, 40], [15, 50], [25, 50]]]),
        masked=np.float32([1]),
    )
    quarter = np.array([[0, -2, 200], [2, 0, 0]], float)  # a quarter turn clockwise, twice as large
    moved = face.moved(quarter)
    assert np.allclose(moved.box, [[100, 0, 140, 80]])  # the sides keep their lengths around the turned middle
    assert np.allclose(moved.points[0, 0], [140, 28])
    mirrored = face.moved(np.eye(3)[:2], mirror_width=100)
    assert np.allclose(mirrored.box, [[70, 20, 90, 60]])
    assert np.allclose(mirrored.points[0, 0], [74, 30])  # the left eye as seen is the other one now


def test_cells_learn_the_face_they_are_in_the_middle_of():
    centers, strides = grid(192, 192)
    nan = [float("nan")] * 4
    boxes = torch.tensor([[[20.0, 20, 60, 60], [30, 30, 190, 190], [100, 4, 108, 12], nan]])
    masked = torch.tensor([[1.0, 0, 1, -1]])
    owner, counted = assign(centers, strides, boxes, masked)

    def cell(x: float, y: float, stride: int) -> int:
        away = (centers - torch.tensor([x, y])).abs().sum(dim=1)
        return int((away + 999 * (strides != stride)).argmin())

    assert owner[0, cell(40, 40, 8)] == 0 and owner[0, cell(40, 40, 16)] == 0  # 40 px suits two levels
    assert owner[0, cell(112, 112, 16)] == 1 and owner[0, cell(112, 112, 32)] == 1
    assert owner[0, cell(112, 112, 8)] == -1 and counted[0, cell(140, 140, 8)] == 1  # too large for the finest
    assert owner[0, cell(22, 22, 8)] == -1 and counted[0, cell(180, 20, 8)] == 1  # its corner; nothing at all
    assert counted[0, cell(52, 40, 8)] == 0  # the rim of the middle: neither answer is wrong
    assert owner[0, cell(104, 8, 8)] == -1 and counted[0, cell(104, 8, 8)] == 0  # a face of 8 px does not count
    assert (assign(centers, strides, boxes[:, 3:], masked[:, 3:])[1] == 1).all()


def test_overlaps_by_hand():
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]])
    b = torch.tensor([[1.0, 1, 3, 3], [3, 0, 4, 1], [0, 0, 2, 2]])
    iou, giou = overlaps(a, b)
    assert iou.tolist() == pytest.approx([1 / 7, 0, 1])
    assert giou.tolist() == pytest.approx([1 / 7 - 2 / 9, -0.5, 1])
