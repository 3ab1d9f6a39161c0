"""What a visitor has on the page: faces, masks and edits, without a browser. A stand-in plays the networks."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from tests.web.face_crowd import EXIF_TURNS, LEFT, MISSED, RIGHT, StandIn, crop_region, crowd
from unmask import PhotoError, read_photo
from unmask.faces.alignment import align_mask
from unmask.faces.face import Face, face_from_box, whole_photo
from unmask.masks import is_empty
from unmask.metrics import iou
from unmask.web.components import faces_panel
from unmask.web.mask_layers import to_layer
from unmask.web.session import EDITOR_SIZE, LOADING, PAD, Visit
from unmask.web.turns import Turns


def begin(photo=None) -> Visit:
    photo = crowd() if photo is None else photo
    faces = [face_from_box(LEFT), face_from_box(RIGHT)]
    visit = Visit.begin(photo, StandIn().segment(photo, faces=faces), faces)
    visit.turns.editing = True
    return visit


def drawn(now: Visit, add: Face | None = None, erase: Face | None = None) -> dict:
    """The editor's answer after a disk was painted, or erased, in the middle of what it shows."""
    layer = now.shown.copy()
    cv2.circle(layer, (EDITOR_SIZE // 2, EDITOR_SIZE // 2), 40, 255 if add else 0, -1)
    return {"background": now.copy, "layers": [to_layer(layer)]}


def test_a_stroke_lands_where_it_was_drawn_and_nowhere_else():
    visit = begin().look_at(1)
    edited = visit.edited(drawn(visit, add=True))
    x, y = visit.frame.center
    radius = 40 / EDITOR_SIZE * visit.frame.side
    painted = np.zeros_like(visit.mask)
    cv2.circle(painted, (round(x * 16 - 8), round(y * 16 - 8)), round(radius * 16), 255, -1, shift=4)
    assert iou(edited.mask, visit.mask | painted) > 0.97
    # Away from the stroke not one pixel of the found mask has been resampled.
    far = cv2.dilate(painted, np.ones((9, 9))) == 0
    assert np.array_equal(edited.mask[far], visit.mask[far])
    assert edited.edited(drawn(visit, add=True)) is edited


def test_an_editor_that_is_not_open_changes_nothing():
    visit = begin().look_at(1)
    stroke = drawn(visit, add=True)
    assert visit.edited(None) is visit
    assert visit.edited({"background": None, "layers": [], "composite": None}) is visit
    visit.turns.editing = False
    assert visit.edited(stroke) is visit


def test_edits_are_kept_when_the_face_changes():
    first = begin()
    edited = first.edited(drawn(first, add=True))
    there = edited.look_at(1)
    assert np.array_equal(there.mask, edited.mask)
    assert np.array_equal(there.look_at(0).shown, align_mask(edited.mask, first.frame, EDITOR_SIZE))
    both = there.edited(drawn(there, erase=True))
    left = crop_region(first.frame, first.mask.shape)
    assert np.array_equal(both.mask[left], edited.mask[left])
    assert both.mask.sum() < edited.mask.sum()
    assert np.array_equal(both.look_at(None).shown, align_mask(both.mask, whole_photo(both.photo), EDITOR_SIZE))


def test_what_was_drawn_on_the_face_before_is_not_taken_for_this_one(monkeypatch):
    """A slow browser still shows the first face when the second one is worked on already."""
    first = begin()
    stroke = drawn(first, add=True)
    there = first.look_at(1)
    monkeypatch.setattr("time.monotonic", lambda later=there.put_at + 2 * LOADING: later)
    assert there.edited(stroke) is there
    assert there.edited(drawn(there, add=True)) is not there


def test_a_face_left_out_takes_its_mask_with_it_and_brings_it_back():
    visit = begin().look_at(1)
    edited = visit.edited(drawn(visit, add=True))
    out = edited.choose(1, False)
    assert out.faces == [face_from_box(LEFT)] and out.current == 0
    assert is_empty(out.mask[:, 280:]) and np.array_equal(out.mask[:, :280], edited.mask[:, :280])
    back = out.choose(1, True)
    assert np.array_equal(back.mask, edited.mask) and back.faces == edited.faces
    nobody = out.choose(0, False)
    assert nobody.faces == [] and is_empty(nobody.mask)
    assert nobody.choose(1, True).current == 1


def test_the_buttons_change_only_the_face_that_is_shown():
    visit = begin().look_at(1)
    right = np.arange(visit.mask.shape[1]) > 250
    for change in (lambda now: now.grown(+1), lambda now: now.grown(-1), Visit.cleared):
        changed = change(visit)
        assert np.array_equal(changed.mask[:, ~right], visit.mask[:, ~right])
        assert not np.array_equal(changed.mask[:, right], visit.mask[:, right])
        assert np.array_equal(changed.reset().mask, visit.mask)
    assert is_empty(visit.look_at(None).cleared().mask)
    # The found mask of a face that was left out does not come back with the others'.
    assert is_empty(visit.choose(0, False).look_at(None).reset().mask[:, ~right])


def test_a_face_boxed_by_hand_comes_and_goes():
    visit = begin()
    height, width = visit.photo.shape[:2]
    x0, y0, x1, y1 = MISSED
    face = visit.box_to_face((x1 / width, y1 / height, x0 / width, y0 / height))  # the corners in any order
    assert face == face_from_box(MISSED)
    found = StandIn().segment(visit.photo, faces=[face])
    added = visit.with_face(face, found)
    assert added.current == 2 and added.faces[2] == face
    assert np.array_equal(added.mask, visit.mask | found) and not is_empty(found)
    gone = added.without_face(2)
    assert gone.faces == visit.faces and np.array_equal(gone.mask, visit.mask) and gone.current == 0
    assert np.array_equal(gone.found, visit.found)
    assert np.array_equal(added.look_at(1).without_face(2).shown, visit.look_at(1).shown)
    # Beyond the photo's edge there is no face; what is left of the box counts.
    assert visit.box_to_face((-3.0, 0.0, 0.5, 0.5)).box == (0, 0, width / 2, height / 2)
    for box in ((0.5, 0.5, 0.51, 0.9), (1.2, 0.1, 1.9, 0.5)):
        with pytest.raises(PhotoError, match="too small"):
            visit.box_to_face(box)


def test_the_first_face_of_a_photo_without_one():
    photo = crowd()
    visit = Visit.begin(photo, np.zeros(photo.shape[:2], np.uint8), [])
    assert visit.faces == [whole_photo(photo)] and visit.candidates == () and visit.frame == whole_photo(photo)
    face = face_from_box(MISSED)
    added = visit.with_face(face, StandIn().segment(photo, faces=[face]))
    assert added.faces == [face] and added.current == 0
    assert added.without_face(0).faces == [whole_photo(photo)]


def test_what_the_editor_shows_of_a_face():
    photo = crowd()
    shape = photo.shape[:2]
    corner = face_from_box((5, 5, 65, 83))
    visit = Visit.begin(photo, np.zeros(shape, np.uint8), [corner])
    # A small face fills the editor; beside the photo's edge, the frame stays within the photo.
    assert visit.frame.side == pytest.approx(1.25 * corner.side)
    assert (visit.copy == PAD).all(axis=2).mean() < 0.01
    # A crop is shown whole, and so is a face that nearly fills the photo.
    large = face_from_box((130, 20, 470, 290))
    assert Visit.begin(photo, np.zeros(shape, np.uint8), [large]).frame == whole_photo(photo)


def test_events_from_elsewhere_are_refused_in_a_sentence():
    visit = begin()
    for data in ({}, {"face": 2}, {"face": -1}, {"face": True}, {"face": "0"}):
        with pytest.raises(PhotoError, match="not here any more"):
            faces_panel.face_index(visit, SimpleNamespace(_data=data))
    for corners in (None, [1, 2, 3], ["a", 0, 1, 1], [0, 0, 1, float("nan")], [True, 0, 1, 1]):
        with pytest.raises(PhotoError, match="no box"):
            faces_panel.box_corners(SimpleNamespace(_data={"corners": corners}))


@pytest.mark.parametrize("orientation", EXIF_TURNS)
def test_every_exif_orientation_is_upright(pictures, orientation):
    upright = read_photo(pictures["upright"])
    photo = read_photo(pictures[orientation])
    assert photo.shape == upright.shape
    assert np.abs(photo.astype(int) - upright).mean() < 6
    assert iou(StandIn().segment(photo), StandIn().segment(upright)) > 0.9


def test_strokes_that_were_all_undone_leave_the_very_mask_that_was_found():
    visit = begin()
    edited = visit.edited(drawn(visit, add=True))
    assert edited.is_by_hand() and not visit.is_by_hand()
    undone = edited.edited({"background": edited.copy, "layers": [to_layer(visit.shown)]})
    assert undone.kept_mask == visit.kept_found and not undone.is_by_hand()
    # A face that is left out takes its part of the mask with it: that is no edit.
    assert not visit.choose(1, False).is_by_hand()


def test_only_the_last_run_may_show_results():
    turns = Turns()
    first = turns.take()
    assert turns.holds(first) and turns.at_work and not turns.settled
    second = turns.take()
    assert not turns.holds(first) and not turns.settle(first) and not turns.settled
    assert turns.settle(second) and turns.settled and not turns.at_work
    turns.interrupt()  # a stroke: what stands stays
    assert turns.settled and not turns.holds(second) and turns.run == second
    third = turns.take()
    turns.close()
    assert not turns.settle(third) and not turns.settled
    turns.reopen()
    assert turns.holds(turns.take())
