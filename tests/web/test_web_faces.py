"""The demo with several faces in a photo: choosing among them, editing one, boxing one by hand.

The page is the real one; a stand-in, whose answers can be told in advance, plays the networks.
"""

import base64
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.web.face_crowd import FILL, LEFT, MISSED, RIGHT, StandIn
from tests.web.web_page import (
    PHONE,
    begin_editing,
    card,
    download_mask,
    download_result,
    drag,
    give_photo,
    look_at_editor,
    look_at_still,
    mask_change,
    mask_status,
    needs_browser,
    run_again,
    screenshot,
    settled,
    toast,
    visit,
    wait_for_edits,
    wait_until_done,
)
from unmask import read_photo
from unmask.faces.alignment import align
from unmask.faces.face import face_from_box, whole_photo
from unmask.masks import is_empty
from unmask.metrics import iou
from unmask.web.session import EDITOR_SIZE, PAD, Visit

PICTURE = "#faces .picture"
CAMERA_READY = "document.querySelector('#photo video')?.videoWidth > 0"


def outline(page, number: int):
    return page.locator(box_of(number))


def box_of(number: int) -> str:
    return f"#faces .box[data-face='{number - 1}']"


def tile(page, number: int):
    return page.locator("#faces .tile").nth(number - 1)


def edit_button(page, number: int):
    return page.get_by_role("button", name=f"Edit the mask of face {number}")


def edit(page, number: int):
    """Bring a face into the editor."""

    edit_button(page, number).click()
    page.wait_for_selector(f"#faces .edit[data-face='{number - 1}'][aria-pressed='true']")
    page.wait_for_timeout(1000)  # the editor loads its pictures


def decode(picture: str) -> np.ndarray:
    """A PNG in base64 -> RGB uint8 (H, W, 3)."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"))


def corner(page, x: float, y: float, photo: np.ndarray) -> tuple[float, float]:
    """A point of the photo, on the page."""
    return point_in(settled(page, PICTURE)[0], x, y, photo)


def point_in(box: dict[str, float], x: float, y: float, photo: np.ndarray) -> tuple[float, float]:
    return box["x"] + x / photo.shape[1] * box["width"], box["y"] + y / photo.shape[0] * box["height"]


@needs_browser
def test_choosing_among_faces(page, pictures):
    photo = read_photo(pictures["crowd"])
    found = StandIn().segment(photo)
    give_photo(page, pictures["crowd"])
    wait_until_done(page)
    assert "2 faces, all chosen" in mask_status(page)
    assert np.array_equal(download_mask(page), found)
    # The outlines lie on the faces.
    for number, (x0, y0, x1, y1) in enumerate((LEFT, RIGHT), 1):
        box, picture = settled(page, box_of(number), PICTURE)
        left, top = point_in(picture, x0, y0, photo)
        right, bottom = point_in(picture, x1, y1, photo)
        seen = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        assert np.abs(np.subtract(seen, (left, top, right, bottom))).max() < 2
    # Left out on the photo, a face keeps its mask on.
    with mask_change(page):
        outline(page, 2).click()
    assert outline(page, 2).get_attribute("aria-pressed") == "false"
    assert "1 chosen" in mask_status(page)
    wait_for_edits(page)
    wait_until_done(page)
    result = download_result(page)
    assert np.array_equal(result[:, 250:], photo[:, 250:]) and not np.array_equal(result, photo)
    # Both out, with the keyboard: there is nothing to do, and that is said. Earlier results stay.
    tile(page, 1).locator(".thumb").focus()
    with mask_change(page):
        page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.matches('.thumb[data-face=\"0\"]')"), "the focus is lost"
    page.click("#run")
    assert "No face is chosen" in toast(page)
    assert card(page).is_visible()
    # And in again, by the thumbnail.
    for number in (1, 2):
        with mask_change(page):
            tile(page, number).locator(".thumb").click()
    assert np.array_equal(download_mask(page), found)
    run_again(page)
    assert np.array_equal(download_result(page)[found == 255], np.tile(np.uint8(FILL), (np.sum(found == 255), 1)))


@needs_browser
def test_editing_the_second_face(page, pictures):
    photo = read_photo(pictures["crowd"])
    found = StandIn().segment(photo)
    give_photo(page, pictures["crowd"])
    wait_until_done(page)
    frames = Visit.begin(photo, found, StandIn().find(photo))
    assert edit_button(page, 1).get_attribute("aria-pressed") == "true"
    edit(page, 2)
    there = frames.look_at(1)
    canvas, tinted = look_at_editor(page, there.copy)
    assert iou(tinted, cv2.resize(there.shown, (canvas.side, canvas.side))) > 0.9
    drag(page, canvas, "Brush", [(0.4, 0.2), (0.6, 0.2)])
    edit(page, 1)
    mask = download_mask(page)
    # The stroke is on the second face's forehead, and the rest of the mask as it was found.
    painted = (mask == 255) & (found == 0)
    ys, xs = np.nonzero(painted)
    frame = there.frame
    assert abs(xs.mean() + 0.5 - frame.center[0]) < 2
    assert abs(ys.mean() + 0.5 - (frame.center[1] - 0.3 * frame.side)) < 2
    brush = 40 / EDITOR_SIZE  # of the frame's side, at most: the brush is as wide on the screen whatever the zoom
    assert 0.2 * frame.side < xs.max() - xs.min() < (0.2 + brush) * frame.side
    assert (mask[found == 255] == 255).all()
    # It is still there when the face comes back.
    edit(page, 2)
    canvas, tinted = look_at_editor(page, there.copy)
    assert tinted[round(0.2 * canvas.side), round(0.5 * canvas.side)] == 255
    # And on the whole photo, where anything can be marked.
    page.get_by_role("button", name="Show in the editor: whole photo").click()
    page.wait_for_selector("#faces .edit[data-face='null'][aria-pressed='true']")
    page.wait_for_timeout(1000)
    canvas, _ = look_at_editor(page, align(photo, whole_photo(photo), EDITOR_SIZE, pad=PAD))
    drag(page, canvas, "Brush", [(0.05, 0.3), (0.1, 0.3)])
    run_again(page)
    result, mask = download_result(page), download_mask(page)
    changed = (result != photo).any(axis=2)
    assert changed[painted].mean() > 0.95 and changed[30, 45]
    assert np.array_equal(result[mask == 0], photo[mask == 0])


@needs_browser
def test_boxing_a_missed_face(page, pictures):
    photo = read_photo(pictures["crowd"])
    found = StandIn().segment(photo)
    give_photo(page, pictures["crowd"])
    wait_until_done(page)
    add = page.get_by_role("button", name="Add a face")
    settled(page, PICTURE)  # the page moves to the results first
    add.click()
    page.locator(PICTURE).scroll_into_view_if_needed()
    settled(page, PICTURE)
    # A box that is too small is refused, and nothing is lost.
    page.mouse.move(*corner(page, 500, 100, photo))
    page.mouse.down()
    page.mouse.move(*corner(page, 508, 140, photo), steps=3)
    page.mouse.up()
    assert "too small" in page.inner_text("#faces .hint")
    # Two clicks on opposite corners.
    page.mouse.click(*corner(page, *MISSED[:2], photo))
    assert "opposite corner" in page.inner_text("#faces .hint")
    page.mouse.move(*corner(page, *MISSED[2:], photo))
    assert page.locator("#faces .rubber").is_visible()
    with mask_change(page):
        page.mouse.click(*corner(page, *MISSED[2:], photo))
    outline(page, 3).wait_for()
    page.wait_for_selector("#mask-status .done")
    assert edit_button(page, 3).get_attribute("aria-pressed") == "true"
    expected = found | StandIn().segment(photo, faces=[face_from_box(MISSED)])
    assert not np.array_equal(found, expected)
    assert np.array_equal(download_mask(page), expected)
    # And taken out again.
    with mask_change(page):
        page.get_by_role("button", name="Remove the box of face 3").click()
    assert page.locator("#faces .tile").count() == 2
    assert np.array_equal(download_mask(page), found)
    # With the keyboard: a box in the middle, moved and made larger. Escape gives up.
    add.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert not page.locator("#faces .rubber").is_visible()
    page.keyboard.press("Enter")
    for key in ("ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    outline(page, 3).wait_for()
    box, picture = settled(page, box_of(3), PICTURE)
    left, top = point_in(picture, 0.42 * photo.shape[1], 0.3 * photo.shape[0], photo)
    assert abs(box["x"] - left) < 2 and abs(box["y"] - top) < 2


@needs_browser
def test_a_photo_without_a_face(page, pictures):
    give_photo(page, pictures["nobody"])
    page.get_by_text("No face was found, so nothing is painted by itself.").wait_for()
    assert page.locator("#results .card:visible").count() == 0
    assert page.locator("#faces button:visible").count() == 1, "there is nothing to choose from"
    assert not page.locator(PICTURE).is_visible()
    page.get_by_role("button", name="Box a face by hand").click()
    photo = read_photo(pictures["nobody"])
    page.locator(PICTURE).scroll_into_view_if_needed()
    page.mouse.move(*corner(page, 200, 40, photo))
    page.mouse.down()
    page.mouse.move(*corner(page, 400, 150, photo), steps=4)  # beyond the photo: the edge counts
    page.mouse.up()
    page.get_by_text("No mask was found on the new face").wait_for()
    box, frame = settled(page, box_of(1), PICTURE)
    assert abs(box["x"] + box["width"] - frame["x"] - frame["width"]) < 2
    with mask_change(page):
        page.get_by_role("button", name="Remove the box of face 1").click()
    assert not page.locator(PICTURE).is_visible()


@needs_browser
def test_one_face_keeps_the_panel_small(page, pictures):
    give_photo(page, pictures["one"])
    wait_until_done(page)
    assert settled(page, "#faces")[0]["height"] < 60
    assert not page.locator(PICTURE).is_visible()
    # The still shows the face, larger than in the photo.
    photo = read_photo(pictures["one"])
    now = Visit.begin(photo, StandIn().segment(photo), StandIn().find(photo))
    assert now.frame.side < 250
    canvas, tinted = look_at_still(page, now.copy)
    assert iou(tinted, cv2.resize(now.shown, (canvas.side, canvas.side))) > 0.9


@needs_browser
def test_on_a_phone(browser, demo, pictures):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        photo = read_photo(pictures["crowd"])
        found = StandIn().segment(photo)
        give_photo(page, pictures["crowd"])
        wait_until_done(page)
        page.wait_for_timeout(1500)  # the page has moved on to the results
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        for target in page.locator("#faces :is(.thumb, .plain):visible").all():
            box = target.bounding_box()
            assert min(box["width"], box["height"]) >= 44, "too small for a finger"
        with mask_change(page):
            outline(page, 2).tap()
        assert outline(page, 2).get_attribute("aria-pressed") == "false"
        begin_editing(page)
        assert is_empty(download_mask(page)[:, 280:])
        page.get_by_role("button", name="Add a face").tap()
        page.wait_for_timeout(300)
        page.touchscreen.tap(*corner(page, *MISSED[:2], photo))
        with mask_change(page):
            page.touchscreen.tap(*corner(page, *MISSED[2:], photo))
        outline(page, 3).wait_for()
        page.wait_for_selector("#mask-status .done")
        mask = download_mask(page)
        assert np.array_equal(mask[:, :250], found[:, :250]) and not is_empty(mask[:, 450:])
        run_again(page)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


@needs_browser
def test_two_visitors_choose_each_for_themselves(browser, demo, pictures):
    photo = read_photo(pictures["crowd"])
    found = StandIn().segment(photo)
    with visit(browser, demo) as first, visit(browser, demo) as second:
        for page in (first, second):
            give_photo(page, pictures["crowd"])
            wait_until_done(page)
        for page, number in ((first, 1), (second, 2)):
            with mask_change(page):
                outline(page, number).click()
        half = np.arange(found.shape[1]) < 250
        assert np.array_equal(download_mask(first), np.where(half, 0, found))
        assert np.array_equal(download_mask(second), np.where(half, found, 0))


@needs_browser
def test_a_photo_that_lies_on_its_side(page, pictures):
    give_photo(page, pictures[6])
    wait_until_done(page)
    photo = read_photo(pictures[6])
    assert photo.shape[1] > photo.shape[0]
    for picture in ("#photo img", "#faces .picture img"):
        size = page.locator(picture).evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert size == [photo.shape[1], photo.shape[0]], f"{picture} is turned"
    shot = screenshot(page, PICTURE)
    shown = cv2.resize(photo, shot.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.median(np.abs(shot.astype(int) - shown)) < 8
    now = Visit.begin(photo, StandIn().segment(photo), StandIn().find(photo))
    canvas, tinted = look_at_still(page, now.copy)
    assert iou(tinted, cv2.resize(now.shown, (canvas.side, canvas.side))) > 0.9
    assert download_result(page).shape == photo.shape


@needs_browser
@pytest.mark.parametrize("facing", ["user", "environment"])
def test_only_the_preview_of_the_camera_is_mirrored(page, facing):
    """People aim as in a mirror, at a photo that others would take of them; a rear camera is a window."""
    page.evaluate(
        "(facing) => { MediaStreamTrack.prototype.getSettings = () => ({facingMode: facing, deviceId: 'it'}); }",
        facing,
    )
    page.click("#photo [aria-label='Capture from camera']")
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function(CAMERA_READY)
    page.wait_for_timeout(500)
    turned = page.evaluate("getComputedStyle(document.querySelector('#photo video')).transform")
    assert turned == ("matrix(-1, 0, 0, 1, 0, 0)" if facing == "user" else "none")
    # The camera's own picture, as the video element has it, against the photo that is taken of it.
    frame = page.evaluate(
        """() => {
          const video = document.querySelector("#photo video"), canvas = document.createElement("canvas");
          canvas.width = video.videoWidth; canvas.height = video.videoHeight;
          canvas.getContext("2d").drawImage(video, 0, 0);
          document.querySelector("#photo [aria-label='capture photo']").click();
          return canvas.toDataURL().split(",")[1];
        }"""
    )
    page.wait_for_selector("#photo img")
    page.wait_for_function("document.querySelector('#photo img').naturalWidth > 0")
    taken = page.evaluate(
        """() => {
          const image = document.querySelector("#photo img"), canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
          canvas.getContext("2d").drawImage(image, 0, 0);
          return canvas.toDataURL().split(",")[1];
        }"""
    )
    frame, taken = (decode(each) for each in (frame, taken))
    same, mirrored = (np.abs(taken.astype(int) - each).mean() for each in (frame, frame[:, ::-1]))
    assert same < mirrored / 2
