"""Heads turned into profile: what is near hides what is behind it, and landmarks stay on what they mark."""

import cv2
import numpy as np
import pytest
import torch

from tests.train.test_backdrop import GreenIsBehind
from train.data import profiles
from train.data.batches import MIRROR
from train.data.draws import Draws
from train.data.faces import load_faces
from train.evaluation import evaluate_landmarks
from train.evaluation.evaluate import masked_faces
from unmask.faces.layout import LEFT_EAR, NOSE, NOSE_TIP, RIGHT_EAR
from unmask.synth import MEAN_LANDMARKS

SIZE = 256
GREEN, SKIN, RED, BLUE, YELLOW = (0, 255, 0), (200, 150, 120), (250, 20, 20), (20, 20, 250), (250, 250, 20)


def known_face():
    """(92, 3), as `profiles.solid_face` gives it: round from ear to ear, with a nose."""
    flat = (MEAN_LANDMARKS + (MEAN_LANDMARKS * [-1, 1] + [255, 0])[MIRROR]) / 2
    flat = torch.from_numpy(flat).double()[None]
    x, y = ((flat - flat.mean(dim=1, keepdim=True)) / profiles._length(flat)[:, None, None])[0].unbind(1)
    depth = 0.4 - 1.0 * x**2 - 0.1 * y**2
    depth[NOSE] += 0.35 * torch.exp(-8 * ((flat[0, NOSE] - flat[0, NOSE_TIP]) / 40).square().sum(dim=1))
    return torch.stack([x, y, depth - depth.mean()], dim=1).float()


def landmarks_of(face, turn):
    """(N, 92, 2) in 0-1, of the face turned by (N,) degrees, in the middle of a picture."""
    angle = torch.deg2rad(turn)[:, None]
    x = face[:, 0] * angle.cos() + face[:, 2] * angle.sin()
    return 0.22 * torch.stack([x, face[:, 1].expand_as(x)], dim=2) + 0.5


def picture(points):
    """(N, 9, SIZE, SIZE): heads before green with a dot at the nose's tip and at each ear, a mask over the whole left
    half, a free-form hole, all photograph."""
    x = torch.zeros(len(points), 9, SIZE, SIZE)
    for row, places in enumerate((SIZE * points).numpy()):
        shown = np.full((SIZE, SIZE, 3), GREEN, np.uint8)
        cv2.fillConvexPoly(shown, cv2.convexHull(places).astype(np.int32), SKIN)
        for colour, mark in ((BLUE, LEFT_EAR), (YELLOW, RIGHT_EAR), (RED, NOSE_TIP)):
            cv2.circle(shown, tuple(places[mark].astype(int).tolist()), 10, colour, -1)
        x[row, :6] = torch.from_numpy(np.concatenate([shown, shown], axis=2)).permute(2, 0, 1)
    x[:, 6, :, : SIZE // 2] = 255
    x[:, 7, 20:40, 20:40] = 255
    x[:, 8] = 255
    return x


def turned(turn, seed=0, share=1.0, rows=slice(None)):
    turn = torch.tensor(turn)
    points = landmarks_of(known_face(), turn)
    draws = Draws(seed, len(turn), rows, torch.device("cpu"))
    given = picture(points)[rows], points[rows], turn[rows]
    return given, profiles.turn_heads(*(each.clone() for each in given), known_face(), GreenIsBehind(), draws, share)


def off_at(x, place, colour):
    """How far the pixels within 6 px of a place are from a colour, the nearest of them: a profile's rim is mixed with
    what is behind it."""
    column, row = (place * SIZE).long().tolist()
    near = x[:3, row - 6 : row + 7, column - 6 : column + 7]
    return (near - torch.tensor(colour).float().view(3, 1, 1)).abs().amax(dim=0).min()


def test_the_mean_face_is_the_one_that_was_turned():
    turn = 40 * torch.rand(800, generator=torch.Generator().manual_seed(0)) - 20
    found = profiles.solid_face(landmarks_of(known_face(), turn), turn)
    torch.testing.assert_close(found, known_face(), atol=0.03, rtol=0)  # lengths shrink by what the mouth comes nearer


def test_no_depth_from_faces_that_look_ahead():
    points, turn = landmarks_of(known_face(), torch.zeros(400)), torch.zeros(400)
    assert profiles.solid_face(points, turn) is None


@pytest.mark.parametrize("turn", [14.0, -14.0])
def test_landmarks_stay_on_what_they_mark_and_the_far_ear_is_hidden(turn):
    (_, _, before), (x, points, after) = turned([turn] * 4)
    assert (after.abs() - before.abs() >= profiles.FURTHER[0]).all() and (after.sign() == before.sign()).all()
    near, far = (LEFT_EAR, RIGHT_EAR) if turn > 0 else (RIGHT_EAR, LEFT_EAR)
    near_colour, far_colour = (BLUE, YELLOW) if turn > 0 else (YELLOW, BLUE)
    for row in range(4):
        for mark, colour in ((NOSE_TIP, RED), (near, near_colour)):
            assert off_at(x[row], points[row, mark], colour) < 70, f"landmark {mark} is not on its dot"
        far_off = (x[row, :3] - torch.tensor(far_colour).float().view(3, 1, 1)).abs().amax(dim=0)
        assert far_off.min() > 60, "the far ear shows through the head"
        # The nose is what stands out furthest.
        ahead = points[row, :, 0] * np.sign(turn)
        assert NOSE.start <= ahead.argmax() < NOSE.stop


def test_the_background_closes_behind_the_head():
    _, (x, points, _) = turned([30.0])
    green = x[0, 1] - x[0, [0, 2]].amax(dim=0)
    assert green[:, -24:].min() > 150 and green[:, :8].max() > 150
    assert x[0, 8, :, -24:].min() > 250, "what is put there is to be learned"
    assert x[0, 6, :, -24:].max() < 5, "a mask where there is no head"


def test_what_is_not_to_be_turned_stays():
    turn = [0.0, 5.0, 30.0, 60.0, -30.0, -55.0]
    (before, points, _), (x, marks, after) = turned(turn)
    for row in (0, 1, 3, 5):
        assert torch.equal(x[row], before[row]) and torch.equal(marks[row], points[row]) and after[row] == turn[row]
    for row in (2, 4):
        assert not torch.equal(x[row, :3], before[row, :3])
        assert torch.equal(x[row, 7], before[row, 7]), "the free-form hole was turned"


def test_a_picture_that_is_mostly_reflection_is_not_turned():
    points = landmarks_of(known_face(), torch.tensor([30.0]))
    x = picture(points)
    x[:, 8, :, SIZE // 2 :] = 0
    draws = Draws(0, 1, slice(None), torch.device("cpu"))
    after = profiles.turn_heads(x.clone(), points, torch.tensor([30.0]), known_face(), GreenIsBehind(), draws, 1.0)[0]
    assert torch.equal(after, x)


def test_rows_of_a_batch_are_turned_as_in_the_whole():
    turn = [25.0, -20.0, 15.0, 35.0]
    _, (whole, _, _) = turned(turn, seed=7, share=0.6)
    _, (part, _, _) = turned(turn, seed=7, share=0.6, rows=slice(2, 4))
    torch.testing.assert_close(whole[2:], part, atol=1e-3, rtol=0)
    assert not torch.equal(turned(turn, seed=8, share=1.0)[1][2], turned(turn, seed=7, share=1.0)[1][2])


def test_a_mask_stands_ahead_of_a_profile():
    worn = torch.zeros(3, 4, SIZE, SIZE)
    worn[:, 1] = 255
    worn[:, :, 100:150, 60:120] = torch.tensor([30.0, 60, 200, 255]).view(4, 1, 1)
    ahead, far = torch.tensor([1.0, -1.0, 1.0]), torch.tensor([1.0, 1.0, 0.0])
    right, left, same = profiles.stand_off(worn, ahead, far)
    torch.testing.assert_close(same, worn[0], atol=0.1, rtol=0)
    reach = round(profiles.AHEAD * SIZE)
    for reached, columns in ((right, slice(60, 120 + reach)), (left, slice(60 - reach, 120))):
        inside = reached[:, 104:146, columns.start + 2 : columns.stop - 2]
        torch.testing.assert_close(inside, worn[0, :, 120:121, 80:81].expand_as(inside), atol=12, rtol=0)
        outside = torch.cat([reached[:, :, : columns.start - 2], reached[:, :, columns.stop + 2 :]], dim=2)
        assert outside[3].max() < 1 and outside[0].max() < 1


def test_what_is_drawn_afterwards_hangs_on_no_row():
    """Processes share a batch: each draws as often as the others, whether it has a head to turn or not."""
    after = []
    for turn in ([0.0, 60.0], [30.0, -30.0]):
        points = landmarks_of(known_face(), torch.tensor(turn))
        draws = Draws(0, 2, slice(None), torch.device("cpu"))
        profiles.turn_heads(picture(points), points, torch.tensor(turn), known_face(), GreenIsBehind(), draws, 1.0)
        after.append(draws.uniform())
    assert torch.equal(*after)


def test_landmarks_are_judged_in_profile_too(folder, monkeypatch):
    faces = load_faces(folder, "val", folder / "cache")
    for row in faces.rows:
        row["yaw"] = "25"
    monkeypatch.setattr(profiles, "solid_face", lambda *given, **options: known_face())
    turned = list(evaluate_landmarks._profiles(faces, masked_faces(faces)))
    assert len(turned) == len(faces.rows)
    for (photo, worn, points), straight in zip(turned, faces.landmarks):
        assert photo.shape == worn.shape == (256, 256, 3) and not np.array_equal(photo, worn)
        eyes_apart = np.ptp(points[50:62, 0]) / np.ptp(straight[50:62, 0])
        assert eyes_apart < 0.9, "the head was not turned"
