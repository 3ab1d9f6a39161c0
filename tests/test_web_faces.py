"""The demo with several faces in a photo: choosing among them, editing one, boxing one by hand.

The page is the real one; a stand-in, whose answers can be told in advance, plays the networks.
"""

import base64
import io
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from web_page import (
    PHONE,
    card,
    download_mask,
    download_result,
    drag,
    free_port,
    give_photo,
    look_at_editor,
    mask_change,
    mask_status,
    needs_browser,
    run_again,
    screenshot,
    toast,
    visit,
    wait_until_done,
)

from unmask import PhotoError, read_photo
from unmask.faces import Face, align, align_mask, crop_region, face_from_box, whole_photo
from unmask.image import write_png
from unmask.masks import is_empty, to_layer
from unmask.metrics import iou
from unmask.models import DEFAULT_MODELS
from unmask.web import faces_panel, launch
from unmask.web.visit import EDITOR_SIZE, LOADING, PAD, Visit

CLOTH = (40, 90, 200)  # RGB of the drawn masks
FILL = (210, 160, 130)  # what the stand-in puts in their place
LEFT, RIGHT, MISSED = (60, 70, 150, 190), (300, 110, 380, 214), (470, 60, 560, 178)  # faces' boxes in `crowd`
CAMERA_READY = "document.querySelector('#photo video')?.videoWidth > 0"


class StandIn:
    """Knows the faces it was told of, and finds what has the colour of CLOTH on them."""

    boxes = {}  # photo's shape -> boxes of the faces that it finds, largest first

    def model(self, name):
        """It has none to load."""

    def hint(self, crop):
        return 0.0

    def find(self, photo, aligned=False):
        return [face_from_box(box) for box in self.boxes.get(photo.shape, [])] or [whole_photo(photo)]

    def segment(self, photo, aligned=False, faces=None):
        cloth = np.abs(photo.astype(int) - CLOTH).max(axis=2) < 30
        seen = np.zeros(cloth.shape, bool)
        for face in self.find(photo) if faces is None else faces:
            seen |= crop_region(face, cloth.shape)
        return np.where(cloth & seen, 255, 0).astype(np.uint8)

    def remove(self, photo, mask=None, models=DEFAULT_MODELS, aligned=False, faces=None, guide=None):
        filled = np.where(mask[..., None] > 127, np.uint8(FILL), photo)
        return {name: filled for name in models}


def draw_face(photo, box, masked=True):
    """A face as a child would draw it, to fill the box."""
    x0, y0, x1, y1 = box
    middle, half = ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2)
    cv2.ellipse(photo, middle, half, 0, 0, 360, (225, 180, 150), -1)
    for side in (-1, 1):
        eye = (middle[0] + side * half[0] // 2, middle[1] - half[1] // 4)
        cv2.circle(photo, eye, max(half[0] // 8, 2), (40, 30, 30), -1)
    if masked:
        lower, size = (middle[0], middle[1] + half[1] // 3), (half[0] * 4 // 5, half[1] // 2)
        cv2.ellipse(photo, lower, size, 0, 0, 360, CLOTH, -1)


def crowd(shape=(300, 600)) -> np.ndarray:
    """A photo of three masked faces on a wall with a pattern, of which the stand-in finds two."""
    noise = np.random.default_rng(3).integers(60, 200, (shape[0] // 20, shape[1] // 20, 3), np.uint8)
    photo = cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
    for box in (LEFT, RIGHT, MISSED):
        draw_face(photo, box)
    return photo


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Test pictures by name, as files."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = crowd()
    StandIn.boxes = {photo.shape: [LEFT, RIGHT]}
    paths = {name: folder / f"{name}.png" for name in ("crowd", "one", "nobody")}
    write_png(paths["crowd"], photo)
    write_png(paths["nobody"], np.full((200, 330, 3), 120, np.uint8))
    one = photo[:, :250]
    StandIn.boxes[one.shape] = [LEFT]
    write_png(paths["one"], one)
    # Lying on its side in the file, with the note that says how it is to be turned.
    turned = photo[:, :590]
    StandIn.boxes[turned.shape] = [LEFT, RIGHT]
    for orientation, back in EXIF_TURNS.items():
        paths[orientation] = folder / f"turned-{orientation}.jpg"
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(back(turned)).save(paths[orientation], quality=95, exif=exif)
    paths["upright"] = folder / "upright.png"
    write_png(paths["upright"], turned)
    return paths


# Orientation in EXIF -> what was done to an upright picture that is stored so.
EXIF_TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, -1),
}


# ---------------------------------------------------------------- without a browser


def begin(photo=None) -> Visit:
    photo = crowd() if photo is None else photo
    faces = [face_from_box(LEFT), face_from_box(RIGHT)]
    return Visit.begin(photo, StandIn().segment(photo, faces=faces), faces)


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
    visit = Visit.begin(photo, np.zeros(photo.shape[:2], np.uint8), [whole_photo(photo)])
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


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def demo():
    demo = launch("127.0.0.1", free_port(), wait=False, unmasker=StandIn())
    yield demo
    demo.close()


def outline(page, number: int):
    return page.locator(f"#faces .box[data-face='{number - 1}']")


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
    box = page.locator("#faces .picture").bounding_box()
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
        box = outline(page, number).bounding_box()
        left, top = corner(page, x0, y0, photo)
        right, bottom = corner(page, x1, y1, photo)
        seen = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        assert np.abs(np.subtract(seen, (left, top, right, bottom))).max() < 2
    # Left out on the photo, a face keeps its mask on.
    with mask_change(page):
        outline(page, 2).click()
    assert outline(page, 2).get_attribute("aria-pressed") == "false"
    assert "1 chosen" in mask_status(page)
    assert 'press "Remove the mask"' in page.inner_text("#run-status")
    run_again(page)
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
    add.click()
    page.locator("#faces .picture").scroll_into_view_if_needed()
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
    box = outline(page, 3).bounding_box()
    left, top = corner(page, 0.42 * photo.shape[1], 0.3 * photo.shape[0], photo)
    assert abs(box["x"] - left) < 2 and abs(box["y"] - top) < 2


@needs_browser
def test_a_photo_without_a_face(page, pictures):
    give_photo(page, pictures["nobody"])
    page.get_by_text("No face was found: the whole picture is used.").wait_for()
    assert page.locator("#results .card:visible").count() == 0
    assert page.locator("#faces button:visible").count() == 1, "there is nothing to choose from"
    assert not page.locator("#faces .picture").is_visible()
    page.get_by_role("button", name="Box a face by hand").click()
    photo = read_photo(pictures["nobody"])
    page.locator("#faces .picture").scroll_into_view_if_needed()
    page.mouse.move(*corner(page, 200, 40, photo))
    page.mouse.down()
    page.mouse.move(*corner(page, 400, 150, photo), steps=4)  # beyond the photo: the edge counts
    page.mouse.up()
    page.get_by_text("No mask was found on the new face").wait_for()
    box = outline(page, 1).bounding_box()
    frame = page.locator("#faces .picture").bounding_box()
    assert abs(box["x"] + box["width"] - frame["x"] - frame["width"]) < 2
    with mask_change(page):
        page.get_by_role("button", name="Remove the box of face 1").click()
    assert not page.locator("#faces .picture").is_visible()


@needs_browser
def test_one_face_keeps_the_panel_small(page, pictures):
    give_photo(page, pictures["one"])
    wait_until_done(page)
    page.wait_for_timeout(500)
    assert page.locator("#faces").bounding_box()["height"] < 60
    assert not page.locator("#faces .picture").is_visible()
    # The editor shows the face, larger than in the photo.
    photo = read_photo(pictures["one"])
    now = Visit.begin(photo, StandIn().segment(photo), StandIn().find(photo))
    assert now.frame.side < 250
    canvas, tinted = look_at_editor(page, now.copy)
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
    shot = screenshot(page, "#faces .picture")
    shown = cv2.resize(photo, shot.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.median(np.abs(shot.astype(int) - shown)) < 8
    now = Visit.begin(photo, StandIn().segment(photo), StandIn().find(photo))
    canvas, tinted = look_at_editor(page, now.copy)
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
