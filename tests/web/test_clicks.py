"""Outline by click: what a visitor's clicks ask of Segment Anything, and what becomes of the outlines."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unmask.small_sam import Counting, build_small, picture, save_small_sam
from unmask import PhotoError, WeightsError, sam
from unmask.faces.alignment import align, mask_to_photo
from unmask.faces.face import face_from_box
from unmask.sam import Sam
from unmask.web.clicks import EMBEDDINGS, LOOKED_AT, PAD, Click, Clicks
from unmask.web.components import outline_tool
from unmask.web.mask_layers import to_layer
from unmask.web.session import EDITOR_SIZE, UNDO_STEPS, Visit

LEFT, RIGHT = (60, 70, 150, 190), (300, 110, 380, 214)


def crowd() -> Visit:
    photo = picture(1, (300, 600))
    return Visit.begin(photo, np.zeros(photo.shape[:2], np.uint8), [face_from_box(LEFT), face_from_box(RIGHT)])


def test_a_frame_is_looked_at_once():
    asked, visit = Counting(), crowd()
    for at in (None, (0.5, 0.5), (0.2, 0.9)):
        assert visit.clicks.knows(visit.frame) == (at is not None)
        visit.clicks.work(asked, visit.photo, Click(visit.frame, at))
    assert len(asked.embedded) == 1 and len(visit.clicks.take()) == 2 and visit.clicks.take() == []
    assert np.array_equal(asked.embedded[0], align(visit.photo, visit.frame, LOOKED_AT, pad=PAD))
    assert np.allclose(asked.points, [(512, 512), (204.8, 921.6)])
    # Another face is another picture; back again, it is still known, through every change of the mask.
    other = visit.look_at(1).grown(+1)
    other.clicks.work(asked, other.photo, Click(other.frame, (0.5, 0.5)))
    other.look_at(0).clicks.work(asked, visit.photo, Click(visit.frame, (0.1, 0.1)))
    assert len(asked.embedded) == 2
    # A new photo knows nothing of the last one.
    assert not crowd().clicks.knows(visit.frame)


def test_embeddings_do_not_pile_up():
    asked, clicks, photo = Counting(), Clicks(), picture(2)
    frames = [face_from_box((i, i, i + 20, i + 20)) for i in range(EMBEDDINGS + 1)]
    for frame in frames:
        clicks.work(asked, photo, Click(frame))
    assert [clicks.knows(frame) for frame in frames] == [False] + [True] * EMBEDDINGS


def test_impatient_clicks_are_done_by_one_event():
    gate = threading.Event()
    asked, visit = Counting(gate), crowd()
    first = threading.Thread(target=visit.clicks.work, args=(asked, visit.photo, Click(visit.frame, (0.1, 0.1))))
    first.start()
    while not asked.embedded:
        time.sleep(0.01)
    for at in ((0.2, 0.2), (0.3, 0.3)):  # neither looks, nor waits
        visit.clicks.work(asked, visit.photo, Click(visit.frame, at))
    gate.set()
    first.join()
    assert [click.at for click, _ in visit.clicks.take()] == [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3)]
    assert len(asked.embedded) == 1


def test_a_failure_is_no_end():
    class Failing(Counting):
        def embed(self, picture):
            raise WeightsError("There is nothing.")

    visit = crowd()
    for _ in range(2):
        with pytest.raises(WeightsError):
            visit.clicks.work(Failing(), visit.photo, Click(visit.frame, (0.5, 0.5)))
    visit.clicks.work(Counting(), visit.photo, Click(visit.frame, (0.5, 0.5)))
    assert len(visit.clicks.take()) == 1


def test_two_visitors_at_once_get_their_own(tmp_path, monkeypatch):
    """One network, two photos, in threads: each visit ends with the mask that it ends with alone."""
    monkeypatch.setattr(sam, "build", build_small)
    for name, value in save_small_sam(tmp_path)[1].items():
        monkeypatch.setenv(name, value)
    small = Sam()

    def clicked(seed: int) -> np.ndarray:
        photo = picture(seed, (200, 300))
        visit = Visit.begin(photo, np.zeros(photo.shape[:2], np.uint8), [])
        for at in ((0.3, 0.4), (0.6, 0.5), (0.5, 0.6)):
            visit.clicks.work(small, photo, Click(visit.frame, at))
            for click, outline in visit.clicks.take():
                visit = visit.outlined(click, outline)
        return visit.mask

    alone = [clicked(10), clicked(11)]
    assert not np.array_equal(*alone)
    together, start = {}, threading.Barrier(2)

    def visitor(i):
        start.wait()
        together[i] = clicked(10 + i)

    threads = [threading.Thread(target=visitor, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(together[0], alone[0]) and np.array_equal(together[1], alone[1])


@pytest.mark.parametrize("current", [0, 1, None])
def test_an_outline_lands_where_it_was_clicked(current):
    visit = crowd().look_at(current)
    asked = Counting()
    visit.clicks.work(asked, visit.photo, Click(visit.frame, (0.25, 0.6)))
    ((click, outline),) = visit.clicks.take()
    marked = visit.outlined(click, outline)
    ys, xs = np.nonzero(marked.mask)
    matrix = visit.frame.to_crop(1)
    x, y = matrix[:, :2] @ (xs.mean() + 0.5, ys.mean() + 0.5) + matrix[:, 2]
    assert abs(x - 0.25) < 0.005 and abs(y - 0.6) < 0.005
    radius = 50 / LOOKED_AT * visit.frame.side
    assert len(ys) == pytest.approx(np.pi * radius**2, rel=0.1)
    # The editor shows it, and what is clicked on again with the other mode goes.
    assert marked.shown[round(0.6 * EDITOR_SIZE), round(0.25 * EDITOR_SIZE)] == 255
    gone = marked.outlined(Click(visit.frame, (0.25, 0.6), adds=False), outline)
    assert not gone.mask.any()
    assert np.array_equal(gone.undone().mask, marked.mask) and not gone.undone().undone().mask.any()


def test_undo_takes_back_the_outline_and_nothing_else():
    visit = crowd().look_at(0)
    visit.turns.editing = True
    disk = Counting().outline(sam.Embedding(None, (LOOKED_AT, LOOKED_AT)), [(512, 512)])
    before = visit.with_mask(np.where(np.arange(600) < 100, 255, 0).astype(np.uint8) + np.zeros((300, 1), np.uint8))
    marked = before.outlined(Click(visit.frame, (0.5, 0.5)), disk)
    # On another face and back: it can still be undone.
    back = marked.look_at(1).look_at(0).undone()
    assert np.array_equal(back.mask, before.mask) and back.steps == () and back.undone() is back
    # What was painted since, beside the outline, stays.
    layer = marked.shown.copy()
    layer[:40, -40:] = 255
    painted = marked.edited({"background": visit.copy, "layers": [to_layer(layer)]})
    stroke = painted.mask & ~marked.mask
    assert stroke.any() and np.array_equal(painted.undone().mask, before.mask | stroke)
    # Whatever makes a mask of its own leaves nothing to undo.
    assert marked.steps and not marked.cleared().steps and not marked.choose(1, False).steps
    for _ in range(UNDO_STEPS + 3):
        marked = marked.outlined(Click(visit.frame, (0.5, 0.5), adds=not marked.steps[-1].adds), disk)
    assert len(marked.steps) == UNDO_STEPS
    assert marked.outlined(Click(visit.frame, (0.5, 0.5), marked.steps[-1].adds), disk) is marked
    assert mask_to_photo(disk, visit.frame, (300, 600)).any()


def test_clicks_from_elsewhere_are_refused_in_a_sentence():
    visit = crowd()
    good = {"x": 0.5, "y": 1, "adds": True, "face": 0}
    assert outline_tool.click_of(visit, SimpleNamespace(_data=good)) == Click(visit.frame, (0.5, 1.0), True)
    for wrong in ({"x": None}, {"x": "0"}, {"y": 1.1}, {"y": -0.1}, {"x": float("nan")}, {"adds": 1}, {"x": True}):
        with pytest.raises(PhotoError, match="no place on the photo"):
            outline_tool.click_of(visit, SimpleNamespace(_data=good | wrong))
    with pytest.raises(PhotoError, match="not here any more"):
        outline_tool.click_of(visit, SimpleNamespace(_data=good | {"face": 1}))
