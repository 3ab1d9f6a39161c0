"""Outline by click in a browser: what is clicked on is marked at that place, also on one face of several."""

from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from tests.unmask.small_sam import build_small, save_small_sam
from tests.web.face_crowd import LEFT, RIGHT, StandIn, crowd
from tests.web.web_page import (
    PHONE,
    begin_editing,
    download_mask,
    drag,
    free_port,
    give_photo,
    look_at_editor,
    mask_status,
    needs_browser,
    screenshot,
    settled,
    visit,
    wait_until_done,
)
from unmask import read_photo
from unmask.imaging.metadata import write_png
from unmask.sam import Sam
from unmask.web import app, launch
from unmask.web.clicks import LOOKED_AT
from unmask.web.mask_layers import MASK_COLOR
from unmask.web.session import Visit

RADIUS = 60 / LOOKED_AT  # of the disks that are found, in shares of the frame


class Disks(Sam):
    """A small SAM with random weights, which really looks; but its answer is a disk around the point."""

    looks = 0

    def embed(self, picture):
        Disks.looks += 1
        return super().embed(picture)

    def outline(self, embedding, points, labels=None):
        found = super().outline(embedding, points, labels)
        ((x, y),) = points
        center = (round(16 * x - 8), round(16 * y - 8))
        return cv2.circle(np.zeros_like(found), center, round(16 * RADIUS * len(found)), 255, -1, shift=4)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    _, variables = save_small_sam(tmp_path_factory.mktemp("sam"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(app, "Sam", Disks)
        patch.setattr("unmask.sam.build", build_small)
        demo = launch("127.0.0.1", free_port(), wait=False, unmasker=StandIn())
        yield demo
        demo.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "crowd.png"
    write_png(path, crowd())
    StandIn.boxes = {crowd().shape: [LEFT, RIGHT]}
    return path


def switch(page):
    page.get_by_role("button", name="Outline by click").click()


def wait_until_ready(page):
    page.locator("#outline-note").get_by_text("Click on what covers the face").wait_for()


@contextmanager
def new_mask(page):
    """Wait until the tool shows another mask. The texts may stay: a small outline is less than a percent."""
    before = page.locator("#outline .view img").nth(1).get_attribute("src")
    yield
    page.wait_for_function(
        """before => {
            const shown = document.querySelectorAll('#outline .view img')[1];
            return shown.getAttribute('src') !== before && shown.decode().then(() => true);
        }""",
        arg=before,
    )


def click_at(page, x: float, y: float):
    """Click on the picture, at shares of it, and wait for the answer."""
    page.locator("#outline .view").click(trial=True)  # waits until it stays where it is
    (box,) = settled(page, "#outline .view")
    assert box["width"] == pytest.approx(box["height"], abs=1)
    with new_mask(page):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def disk(frame, x: float, y: float, shape) -> np.ndarray:
    """What a click there marks on the photo: bool, far from its edge, and where nothing of it is."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    matrix = frame.to_crop(1)
    at = matrix[:, :2] @ np.stack([xs.ravel(), ys.ravel()]) + matrix[:, 2:]
    return np.hypot(at[0] - x, at[1] - y).reshape(shape)


@needs_browser
@pytest.mark.parametrize("size", [(1280, 900), PHONE], ids=["desktop", "phone"])
def test_a_click_marks_what_is_there(browser, demo, photo, size):
    options = {"has_touch": True, "is_mobile": True} if size == PHONE else {}
    picture = read_photo(photo)
    found = StandIn().segment(picture)
    frames = Visit.begin(picture, found, StandIn().find(picture))
    with visit(browser, demo, size, **options) as page:
        page.wait_for_selector("#examples img")
        assert not page.locator("#outline").is_visible()
        give_photo(page, photo)
        wait_until_done(page)
        looks = Disks.looks
        assert not page.locator("#outline .stage").is_visible()
        if size == PHONE:
            begin_editing(page)
        switch(page)
        wait_until_ready(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.locator("#outline .view").scroll_into_view_if_needed()
        # The picture lies where the still or the editor is, and shows its mask.
        below, stage = settled(page, "#editor" if size == PHONE else "#still", "#outline .stage")
        assert all(abs(stage[key] - below[key]) <= 2 for key in stage), (stage, below)
        click_at(page, 0.3, 0.2)
        mask, away = download_mask(page), disk(frames.frame, 0.3, 0.2, found.shape)
        assert (mask[away < 0.9 * RADIUS] == 255).all()
        assert np.array_equal(mask[away > 1.2 * RADIUS], found[away > 1.2 * RADIUS])
        shot = screenshot(page, "#outline .view")
        pixel = shot[round((0.2 - 0.85 * RADIUS) * len(shot)), round(0.3 * len(shot))].astype(int)
        plain = frames.copy[round((0.2 - 0.85 * RADIUS) * len(frames.copy)), round(0.3 * len(frames.copy))]
        assert np.abs(pixel - (0.6 * np.array(MASK_COLOR) + 0.4 * plain)).max() < 40, "the mark is not seen"
        # The other mode takes away, on the face mask; and each step can be taken back.
        page.get_by_role("button", name="Unmark what I click").click()
        click_at(page, 0.5, 0.65)
        gone, away = download_mask(page), disk(frames.frame, 0.5, 0.65, found.shape)
        assert not gone[away < 0.9 * RADIUS].any() and found[away < 0.9 * RADIUS].any()
        undo = page.get_by_role("button", name="Undo", exact=True).and_(page.locator("#outline button"))
        for expected in (mask, found):
            with new_mask(page):
                undo.click()
            assert np.array_equal(download_mask(page), expected)
        assert undo.is_disabled()
        assert Disks.looks == looks + 1, "the picture was looked at again"


@needs_browser
def test_it_works_on_the_face_in_the_editor_and_beside_the_brush(page, photo):
    picture = read_photo(photo)
    found = StandIn().segment(picture)
    there = Visit.begin(picture, found, StandIn().find(picture)).look_at(1)
    give_photo(page, photo)
    wait_until_done(page)
    switch(page)
    wait_until_ready(page)
    looks = Disks.looks
    page.get_by_role("button", name="Edit the mask of face 2").click()
    page.wait_for_selector("#outline .view[data-face='1']")
    click_at(page, 0.25, 0.15)
    away = disk(there.frame, 0.25, 0.15, found.shape)
    marked = download_mask(page)
    assert (marked[away < 0.9 * RADIUS] == 255).all()
    assert np.array_equal(marked[away > 1.2 * RADIUS], found[away > 1.2 * RADIUS])
    assert Disks.looks == looks + 1
    # By the keyboard: the cross is where the last click was, and moves.
    page.locator("#outline .view").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    with new_mask(page):
        page.keyboard.press("Enter")
    away = disk(there.frame, 0.35, 0.15, found.shape)
    assert (download_mask(page)[away < 0.9 * RADIUS] == 255).all()
    # Switched off, the editor comes up with what was marked, and the brush works; what it paints is kept.
    switch(page)
    assert not page.locator("#outline .stage").is_visible()
    page.wait_for_timeout(1000)
    canvas, tinted = look_at_editor(page, there.copy)
    assert tinted[round(0.15 * canvas.side), round(0.25 * canvas.side)] == 255
    drag(page, canvas, "Brush", [(0.7, 0.1), (0.9, 0.1)])
    switch(page)
    wait_until_ready(page)
    click_at(page, 0.1, 0.9)
    last = disk(there.frame, 0.1, 0.9, found.shape) < 0.01
    for _ in range(20):  # what the brush changed may have been said after the click, and the outline is yet to come
        if (final := download_mask(page))[last].all():
            break
        page.wait_for_timeout(500)
    for x, y in ((0.8, 0.1), (0.1, 0.9), (0.25, 0.15)):
        assert final[disk(there.frame, x, y, found.shape) < 0.01].all(), (x, y)
    assert "covers" in mask_status(page)


@needs_browser
def test_what_is_missing_is_said_on_the_page(page, photo, monkeypatch, tmp_path):
    """And nothing is lost by it."""
    monkeypatch.setattr(Sam, "network", missing)
    give_photo(page, photo)
    wait_until_done(page)
    switch(page)
    page.locator("#outline-note .warn").get_by_text("names its file in UNMASK_SAM").wait_for()
    assert np.array_equal(download_mask(page), StandIn().segment(read_photo(photo)))


def missing(self):
    from unmask import sam

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_SAM", "/nowhere")
        return sam._load()
