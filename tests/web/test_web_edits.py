"""Live editing: strokes on the mask and what follows by itself, keys and wheel. A stand-in plays the networks."""

import re
import threading
import time

import cv2
import numpy as np
import pytest

from tests.web.face_crowd import LEFT, StandIn
from tests.web.web_page import (
    PHONE,
    Canvas,
    begin_editing,
    bring_up,
    card,
    download_mask,
    download_result,
    drag,
    give_photo,
    look_at_editor,
    look_at_still,
    mask_change,
    needs_browser,
    one_at_work,
    open_editor,
    screenshot,
    serve,
    stroke,
    tiles,
    visit,
    wait_for_edits,
    wait_until_done,
)
from unmask import read_photo
from unmask.faces.face import face_from_box
from unmask.imaging.metadata import write_png
from unmask.masks import share
from unmask.metrics import iou
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.session import Visit

pytestmark = needs_browser
TITLES = [MODELS[name].title for name in DEFAULT_MODELS]
ABOVE = [(0.3, 0.2), (0.7, 0.2)]  # a stroke on the forehead, which is free
BELOW = [(0.3, 0.28), (0.7, 0.28)]
# Notes every size that is set: it is shown for a moment only.
SIZES = """() => {
  window.sizes = [];
  const editor = document.getElementById("editor");
  editor.addEventListener("input", ({ target }) => sizes.push(Number(target.value)), true);
}"""


class Counting(StandIn):
    """Remembers what it was asked to paint, and does so while it may."""

    def __init__(self):
        super().__init__("cpu")
        self.go = threading.Event()
        self.go.set()
        self.asked = []  # (model, mask) in the order of the calls

    def remove(self, photo, mask=None, models=(), *args, **options):
        if models:
            self.asked.append((models[0], mask))
            assert self.go.wait(60)
        return super().remove(photo, mask, models, *args, **options)


@pytest.fixture(scope="module")
def stand_in():
    return Counting()


@pytest.fixture(scope="module")
def demo(stand_in):
    with serve(stand_in) as demo:
        yield demo


@pytest.fixture(autouse=True)
def at_rest(stand_in):
    yield
    stand_in.go.set()


def first_visit(photo) -> Visit:
    faces = [face_from_box(LEFT)]
    return Visit.begin(photo, StandIn().segment(photo, faces=faces), faces)


def give(page, pictures):
    """Give the photo and wait for its results; its mask is shown in the still."""
    give_photo(page, pictures["one"])
    wait_until_done(page)


def begin(page, pictures) -> Canvas:
    """Give the photo, wait for its results, and find the picture in the editor."""
    give(page, pictures)
    return look_at_editor(page, first_visit(read_photo(pictures["one"])).copy)[0]


def percent(page) -> int:
    page.locator("#mask-status").get_by_text("%").wait_for()
    return int(re.search(r"(\d+)%", page.inner_text("#mask-status")).group(1))


def opacity(page) -> float:
    picture = page.locator("#results .card:visible .before-after").first
    return picture.evaluate("element => Number(getComputedStyle(element).opacity)")


def test_results_follow_the_strokes_two_models_first(page, pictures, stand_in):
    canvas = begin(page, pictures)
    photo, before, said = read_photo(pictures["one"]), download_mask(page), percent(page)
    assert "by hand" not in page.inner_text("#mask-status")
    stand_in.asked.clear()
    stand_in.go.clear()
    stroke(page, canvas, "Brush", ABOVE)
    # At once, and until the server answers, what is on the page is said to be of another mask.
    assert "Edited by hand" in page.inner_text("#mask-status")
    assert not page.locator("#run-status .done").is_visible() and opacity(page) < 0.6
    page.wait_for_selector("#run-status .busy")
    assert percent(page) > said and "Edited by hand: the mask covers" in page.inner_text("#mask-status")
    assert opacity(page) < 0.6 and page.locator("#run-status .done").count() == 0
    stand_in.go.set()
    wait_for_edits(page)
    wait_until_done(page)
    assert opacity(page) == 1
    assert [name for name, _ in stand_in.asked] == list(DEFAULT_MODELS)
    edited = download_mask(page)
    assert share(edited) > share(before)
    for title in TITLES[:2]:
        result = download_result(page, title)
        assert np.array_equal((result != photo).any(axis=2) | (edited == 0), np.ones_like(edited, bool))


def test_the_last_of_several_masks_wins(page, pictures, stand_in):
    canvas = begin(page, pictures)
    stand_in.asked.clear()
    stand_in.go.clear()
    stroke(page, canvas, "Brush", ABOVE)
    page.wait_for_selector("#run-status .busy")  # the first model is at work on this mask
    with page.expect_response(lambda answer: "/gradio_api/run/" in answer.url):  # the server has heard of it
        stroke(page, canvas, "Brush", BELOW)
    stand_in.go.set()
    wait_for_edits(page)
    wait_until_done(page)
    last = download_mask(page)
    masks = [mask for _, mask in stand_in.asked]
    of_last = [np.array_equal(mask, last) for mask in masks]
    # The run on the first mask ended after what it was painting; all models have painted the last one.
    assert sum(of_last) == len(DEFAULT_MODELS) and all(of_last[-len(DEFAULT_MODELS) :])
    assert 1 <= of_last.count(False) < len(DEFAULT_MODELS)
    shown = page.locator("#results .card[data-current] .after img").first.get_attribute("src")
    page.wait_for_timeout(1500)
    assert page.locator("#results .card[data-current] .after img").first.get_attribute("src") == shown
    assert page.locator("#run-status .done").is_visible() and opacity(page) == 1


def test_strokes_in_a_row_are_one_event_and_none_is_sent_while_one_is_at_work(page, pictures, stand_in):
    canvas = begin(page, pictures)
    joined = []
    page.on("request", lambda request: joined.append(time.monotonic()) if "queue/join" in request.url else None)
    stand_in.go.clear()
    page.get_by_label("Brush", exact=True).click()
    page.mouse.move(*canvas.point(0.3, 0.2))
    page.mouse.down()
    for x in np.linspace(0.3, 0.7, 6):
        page.mouse.move(*canvas.point(x, 0.2))
        page.wait_for_timeout(400)
    assert not joined, "sent before the stroke was over"
    page.mouse.up()
    page.wait_for_selector("#run-status .busy")
    assert len(joined) == 1
    for height in (0.24, 0.28, 0.32):
        stroke(page, canvas, "Brush", [(0.3, height), (0.7, height)])
        page.wait_for_timeout(1500)
    assert len(joined) == 1, "a second event was sent beside the first"
    stand_in.go.set()
    wait_for_edits(page)
    wait_until_done(page)
    assert len(joined) == 2


def test_undo_and_redo_by_key(page, pictures):
    canvas = begin(page, pictures)
    found, said = download_mask(page), page.inner_text("#mask-status")
    assert "by hand" not in said
    drag(page, canvas, "Brush", ABOVE)
    wait_until_done(page)
    painted = download_mask(page)
    page.keyboard.press("Control+z")
    wait_for_edits(page)
    wait_until_done(page)
    assert np.array_equal(download_mask(page), found), "undone, the mask is not the very one that was found"
    assert page.inner_text("#mask-status") == said
    page.keyboard.press("Control+Shift+z")
    wait_for_edits(page)
    wait_until_done(page)
    assert np.array_equal(download_mask(page), painted)
    assert "by hand" in page.inner_text("#mask-status")


def test_keys_and_wheel(page, pictures):
    canvas = begin(page, pictures)
    brush, eraser = page.get_by_label("Brush", exact=True), page.get_by_label("Erase", exact=True)

    def is_on(tool):
        return tool.evaluate("button => button.classList.contains('highlight')")

    # Before anything was pressed in the editor, the wheel turns the page, and X does nothing.
    page.keyboard.press("x")
    assert is_on(brush)
    page.mouse.move(*canvas.point(0.5, 0.5))
    page.mouse.wheel(0, 60)
    page.wait_for_function("scrollY > 0")
    assert page.locator("#editor input[type=range]").count() == 0
    page.wait_for_timeout(500)

    canvas = look_at_editor(page, first_visit(read_photo(pictures["one"])).copy)[0]
    drag(page, canvas, "Brush", ABOVE)
    wait_until_done(page)
    top = page.evaluate("scrollY")
    page.mouse.move(*canvas.point(0.5, 0.5))
    page.wait_for_timeout(500)
    page.evaluate(SIZES)
    page.mouse.wheel(0, -300)
    page.wait_for_function("sizes.at(-1) > 18")
    page.mouse.wheel(0, 600)
    page.wait_for_function("sizes.at(-1) < 18")
    assert page.evaluate("scrollY") == top, "the page was turned"
    page.locator("#editor input[type=range]").wait_for(state="detached")  # the size is shown for a while only
    assert not page.locator("#edits").is_visible(), "another size is no edit"
    page.keyboard.press("x")
    assert is_on(eraser) and not is_on(brush)
    page.keyboard.press("x")
    assert is_on(brush)
    # Beside the editor the wheel is the page's again.
    page.mouse.move(5, 300)
    page.mouse.wheel(0, 200)
    page.wait_for_function("old => scrollY > old", arg=top)


def test_a_wider_brush_paints_more(page, pictures):
    canvas = begin(page, pictures)
    found = download_mask(page)
    drag(page, canvas, "Brush", ABOVE)
    thin = share(download_mask(page)) - share(found)
    page.keyboard.press("Control+z")
    wait_for_edits(page)
    wait_until_done(page)
    canvas = look_at_editor(page, first_visit(read_photo(pictures["one"])).copy)[0]
    page.get_by_label("Brush", exact=True).click()  # the download was pressed outside the editor
    page.mouse.move(*canvas.point(0.5, 0.2))
    page.wait_for_timeout(500)
    page.evaluate(SIZES)
    page.mouse.wheel(0, -600)
    page.wait_for_function("sizes.at(-1) > 27")
    page.locator("#editor input[type=range]").wait_for(state="detached")
    drag(page, canvas, "Brush", ABOVE)
    assert share(download_mask(page)) - share(found) > 1.3 * thin


def test_who_has_asked_for_nothing_is_told_to(page, pictures, stand_in):
    """No mask was found, so nothing was painted: half a mask is not painted over before the visitor says so."""
    give_photo(page, pictures["nobody"])
    page.get_by_text("No face was found").wait_for()
    page.wait_for_timeout(500)
    nobody = read_photo(pictures["nobody"])
    canvas = look_at_editor(page, Visit.begin(nobody, np.zeros(nobody.shape[:2], np.uint8), []).copy)[0]
    stand_in.asked.clear()
    drag(page, canvas, "Brush", [(0.4, 0.5), (0.6, 0.5)])
    page.locator("#run-status").get_by_text('press "Remove the mask"').wait_for()
    assert percent(page) > 0 and "by hand" in page.inner_text("#mask-status")
    assert not stand_in.asked and tiles(page).count() == 0
    page.click("#run")
    wait_until_done(page)
    assert tiles(page).count() >= len(DEFAULT_MODELS)
    asked = len(stand_in.asked)
    page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
    canvas = look_at_editor(page, Visit.begin(nobody, np.zeros(nobody.shape[:2], np.uint8), []).copy)[0]
    drag(page, canvas, "Brush", [(0.4, 0.6), (0.6, 0.6)])
    page.wait_for_selector("#run-status .done:not(.old)")
    assert len(stand_in.asked) == asked + len(DEFAULT_MODELS)


def test_an_erased_mask_pops_nothing_up_and_comes_back(page, pictures):
    canvas = begin(page, pictures)
    for height in np.linspace(0.3, 0.9, 10):
        stroke(page, canvas, "Erase", [(0.1, height), (0.9, height)])
    wait_for_edits(page)
    page.locator("#mask-status").get_by_text("Nothing is marked").wait_for()
    page.locator("#run-status").get_by_text("No mask is marked").wait_for()
    assert page.locator(".toast-body").count() == 0
    assert opacity(page) < 0.6
    with mask_change(page):
        page.get_by_role("button", name="Reset to the found mask").click()
    assert "by hand" not in page.inner_text("#mask-status")


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_the_editor_has_the_same_tools_in_every_language(browser, demo, pictures, locale):
    """The style sheet finds by their places what our own buttons replace: another Gradio may have others there."""
    seen = "buttons => buttons.filter(each => each.checkVisibility()).length"
    with visit(browser, demo, locale=locale) as page:
        give_photo(page, pictures["one"])
        wait_until_done(page)
        page.locator("#edit-switch button").click()
        page.wait_for_selector(".workbench.open")
        top, side = page.locator("#editor .icon-button-wrapper button"), page.locator("#editor .toolbar-wrap button")
        page.locator("#editor .half-container:first-child .highlight").wait_for()
        # Pan, zoom out, zoom in, undo, redo, without the last; brush, eraser, size, without colour and layers.
        assert (top.count(), top.evaluate_all(seen)) == (6, 5)
        assert (side.count(), side.evaluate_all(seen)) == (5, 3)
        assert not page.get_by_role("button", name="Show Layers").is_visible()
        side.nth(1).click()  # the eraser, which has a size alone
        page.locator("#editor .half-container:first-child button ~ button.highlight").wait_for()
        assert side.evaluate_all(seen) == 3
        if locale == "en-US":
            hidden = ("Clear canvas", "Color")
            assert not any(page.locator("#editor").get_by_label(name, exact=True).is_visible() for name in hidden)


def masks_of(stand_in, count: int = len(DEFAULT_MODELS)) -> list[np.ndarray]:
    """What the last models were asked to paint over."""
    return [mask for _, mask in stand_in.asked[-count:]]


def test_the_editor_opens_where_the_still_is(page, pictures):
    """By the keyboard: it says that it opens, shows the same in the same place, and has the focus."""
    give(page, pictures)
    now = first_visit(read_photo(pictures["one"]))
    assert not page.locator("#editor").count()
    still, still_mask = look_at_still(page, now.copy)
    top = page.evaluate("scrollY")
    switch = page.locator("#edit-switch button")
    switch.focus()
    said = page.evaluate("() => { const it = document.activeElement; it.click(); return it.textContent; }")
    assert said == "Opening the editor …"
    page.wait_for_selector(".workbench.open")
    assert page.evaluate("document.activeElement.closest('#editor') !== null"), "the focus is elsewhere"
    assert not switch.is_visible() and not page.locator("#still").is_visible()
    place, mask = look_at_editor(page, now.copy)
    moved = page.evaluate("scrollY") - top
    apart = place.x - still.x, place.y + moved - still.y, place.side - still.side
    assert np.abs(apart).max() <= 3, apart
    # Both are read off screenshots, up to three pixels apart: at 330 px that alone costs a tenth.
    assert iou(mask, cv2.resize(still_mask, mask.shape[::-1])) > 0.8
    assert np.array_equal(download_mask(page), now.mask)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_still_and_editor_lie_on_the_same_ground(browser, demo, pictures, scheme):
    with visit(browser, demo, color_scheme=scheme) as page:
        give_photo(page, pictures["one"])
        wait_until_done(page)
        page.wait_for_function("[...document.querySelectorAll('#still img')].every(each => each.complete)")
        ground = screenshot(page, "#still .still")[60:120, 8:20]
        open_editor(page)
        now = first_visit(read_photo(pictures["one"]))
        look_at_editor(page, now.copy)  # which waits until it is drawn
        editor = screenshot(page, "#editor")[60:120, 8:20]
        assert np.ptp(ground, axis=(0, 1)).max() == 0, "this is no ground"
        assert np.abs(editor.astype(int) - ground).max() <= 2


def test_another_photo_goes_back_to_the_still(page, pictures, stand_in):
    canvas = begin(page, pictures)
    drag(page, canvas, "Brush", ABOVE)
    wait_until_done(page)
    stand_in.asked.clear()
    give_photo(page, pictures["crowd"])
    page.locator("#editor").wait_for(state="detached")
    page.locator("#edit-switch").get_by_role("button", name="Edit the mask", exact=True).wait_for()
    page.wait_for_selector("#faces .several")
    wait_until_done(page)
    crowd = read_photo(pictures["crowd"])
    assert np.array_equal(download_mask(page), StandIn().segment(crowd)), "the stroke has come along"
    # And the editor opens once more, with this photo.
    there = Visit.begin(crowd, StandIn().segment(crowd), StandIn().find(crowd))
    canvas, mask = look_at_editor(page, there.copy)
    assert iou(mask, cv2.resize(there.shown, mask.shape[::-1])) > 0.9
    drag(page, canvas, "Brush", ABOVE)
    assert share(download_mask(page)) > share(StandIn().segment(crowd))


def test_buttons_act_on_an_open_editor_too(page, pictures):
    begin(page, pictures)
    found = download_mask(page)
    with mask_change(page):
        page.get_by_role("button", name="Grow", exact=True).click()
    grown = download_mask(page)
    assert share(grown) > share(found)
    now = first_visit(read_photo(pictures["one"])).with_mask(grown)
    page.wait_for_timeout(1000)  # the editor loads its pictures
    _, mask = look_at_editor(page, now.copy)
    assert iou(mask, cv2.resize(now.shown, mask.shape[::-1])) > 0.9


def test_the_editor_of_a_forgotten_photo_says_so(page, pictures, demo):
    give(page, pictures)
    for state in demo.state_holder.session_data.values():
        state.state_data.clear()
    page.locator("#edit-switch button").click()
    page.locator(".toast-body").get_by_text("No photo is here").wait_for()
    page.locator("#edit-switch").get_by_role("button", name="Edit the mask", exact=True).wait_for()
    assert not page.locator("#editor").count() and page.locator("#still").is_visible()


def test_results_follow_the_buttons(page, pictures, stand_in, tmp_path):
    """Grow, shrink, clear, reset and an imported mask: as after a stroke, the old results dimmed until then. They need
    no editor, and the still shows what they do."""
    give(page, pictures)
    found = download_mask(page)
    last = found
    for name, is_other in (
        ("Grow", lambda mask, before: share(mask) > share(before)),
        ("Reset to the found mask", lambda mask, before: np.array_equal(mask, found)),
        ("Shrink", lambda mask, before: share(mask) < share(before)),
    ):
        stand_in.asked.clear()
        stand_in.go.clear()
        page.get_by_role("button", name=name, exact=True).click()
        assert opacity(page) < 0.6 and not page.locator("#run-status .done").is_visible()
        page.wait_for_selector("#run-status .busy")
        assert opacity(page) < 0.6
        stand_in.go.set()
        wait_for_edits(page)
        wait_until_done(page)
        assert opacity(page) == 1
        before, last = last, download_mask(page)
        assert is_other(last, before), name
        shown = first_visit(read_photo(pictures["one"])).with_mask(last)
        _, tinted = look_at_still(page, shown.copy)
        assert iou(tinted, cv2.resize(shown.shown, tinted.shape[::-1])) > 0.9, name
        assert [model for model, _ in stand_in.asked] == list(DEFAULT_MODELS), name
        assert all(np.array_equal(mask, last) for mask in masks_of(stand_in)), name

    with mask_change(page):
        page.get_by_role("button", name="Clear", exact=True).last.click()
    page.locator("#run-status").get_by_text("No mask is marked").wait_for()
    wait_for_edits(page)
    assert opacity(page) < 0.6, "results of another mask look like its own"

    stand_in.asked.clear()
    other = np.zeros_like(found)
    other[100:150, 80:160] = 255
    write_png(tmp_path / "other.png", other)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import a mask").click()
    chooser.value.set_files(tmp_path / "other.png")
    page.locator("#mask-status").get_by_text("by hand").wait_for()
    wait_until_done(page)
    assert np.array_equal(download_mask(page), other)
    assert all(np.array_equal(mask, other) for mask in masks_of(stand_in)) and opacity(page) == 1
    assert not page.locator("#editor").count(), "the editor has come up unasked"


def test_a_button_pressed_several_times_is_one_run(page, pictures, stand_in):
    give(page, pictures)
    stand_in.asked.clear()
    grow = page.get_by_role("button", name="Grow", exact=True)
    for _ in range(3):
        grow.click()
    wait_for_edits(page)
    wait_until_done(page)
    last = download_mask(page)
    assert len(stand_in.asked) == len(DEFAULT_MODELS)
    assert all(np.array_equal(mask, last) for mask in masks_of(stand_in))


def test_a_button_pressed_while_the_models_paint_begins_anew(page, pictures, stand_in):
    give(page, pictures)
    found = download_mask(page)
    stand_in.go.clear()
    stand_in.asked.clear()
    page.click("#run")
    page.wait_for_selector("#run-status .busy")
    with mask_change(page):
        page.get_by_role("button", name="Grow", exact=True).click()
    assert opacity(page) < 0.6
    stand_in.go.set()
    wait_for_edits(page)
    wait_until_done(page)
    grown = download_mask(page)
    assert share(grown) > share(found) and opacity(page) == 1
    assert all(np.array_equal(mask, grown) for mask in masks_of(stand_in))


def swipe(page, start, end):
    """A finger goes from one point of the screen to another."""
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        places = [dict(zip("xy", map(float, point))) for point in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", start)
    for point in np.linspace(start, end, 6)[1:]:
        send("touchMove", point)
    send("touchEnd")


def test_strokes_of_a_finger(browser, demo, pictures):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        give_photo(page, pictures["one"])
        wait_until_done(page)
        before = percent(page)
        assert not page.locator(".brush-keys").first.is_visible(), "a phone has no keys"
        # Nobody has said that he edits: the finger turns the page, and the picture stays as it is.
        page.evaluate("document.querySelector('#still').scrollIntoView({ block: 'center', behavior: 'instant' })")
        page.wait_for_timeout(500)
        top, box = page.evaluate("scrollY"), page.locator("#still").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        swipe(page, middle, (middle[0], middle[1] - 150))
        page.wait_for_function("top => scrollY > top + 50", arg=top)
        assert percent(page) == before and not page.locator("#edits .unheard").count()
        assert not page.locator(".toolbar").first.is_visible() and not page.locator("#beside").is_visible()

        begin_editing(page)
        page.wait_for_timeout(1000)  # the page is brought to the editor
        canvas = look_at_editor(page, first_visit(read_photo(pictures["one"])).copy)[0]
        page.get_by_label("Brush", exact=True).tap()
        swipe(page, canvas.point(*ABOVE[0]), canvas.point(*ABOVE[1]))
        wait_for_edits(page)
        wait_until_done(page)
        assert percent(page) > before
        assert card(page).is_visible() and bring_up(page, TITLES[1]).is_visible()


def parts_seen(page, *selectors) -> list[float]:
    """Which share of each is on the screen."""
    share = """element => {
      const { top, bottom, height } = element.getBoundingClientRect();
      return (Math.min(bottom, innerHeight) - Math.max(top, 0)) / height;
    }"""
    return [page.locator(each).first.evaluate(share) for each in selectors]


@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desktop", "phone"])
def test_the_result_is_seen_while_one_edits(browser, demo, pictures, size):
    touch = size == PHONE
    with visit(browser, demo, size, has_touch=touch, is_mobile=touch) as page:
        assert not page.locator("#beside .crop img").count()
        give_photo(page, pictures["one"])
        wait_until_done(page)
        if touch:
            places = [page.locator(each).bounding_box()["y"] for each in ("#photo", "#results", "#still")]
            photo, results, editor = places
            assert photo < results < editor and results - photo < 600, "the result is not right under the photo"
            begin_editing(page)
            page.wait_for_timeout(1000)
        canvas = look_at_editor(page, first_visit(read_photo(pictures["one"])).copy)[0]
        assert min(parts_seen(page, "#editor .pixi-target canvas", "#beside .now .crop")) > 0.95
        assert page.inner_text("#beside .name") == MODELS[DEFAULT_MODELS[0]].title
        before = page.get_attribute("#beside .now .crop img", "src")
        if touch:
            swipe(page, canvas.point(*ABOVE[0]), canvas.point(*ABOVE[1]))
        else:
            stroke(page, canvas, "Brush", ABOVE)
        dimmed = "Number(getComputedStyle(document.querySelector('#beside .now img')).opacity) < 0.6"
        page.wait_for_function(dimmed)
        wait_for_edits(page)
        wait_until_done(page)
        page.wait_for_function(f"!({dimmed})")
        assert page.get_attribute("#beside .now .crop img", "src") != before
        # Another model is brought up without leaving the editor.
        top = page.evaluate("scrollY")
        page.locator("#beside .others").get_by_label(TITLES[1]).click()
        page.wait_for_function("title => document.querySelector('#beside .name').textContent === title", arg=TITLES[1])
        assert page.evaluate("scrollY") == top
        page.locator("#beside").get_by_role("button", name="Show it large").click()
        page.wait_for_function("Math.abs(document.querySelector('#results').getBoundingClientRect().top) < 60")
        assert card(page, TITLES[1]).is_visible()


def test_one_rerun_a_visit_where_others_wait(browser, stand_in, pictures):
    with one_at_work(stand_in) as busy, visit(browser, busy) as page, visit(browser, busy) as other:
        canvas = begin(page, pictures)
        stand_in.go.clear()
        stand_in.asked.clear()
        give_photo(other, pictures["one"])
        other.wait_for_selector("#run-status .first")
        for points in (ABOVE, BELOW):
            stroke(page, canvas, "Brush", points)
            page.locator("#run-status + .queue-line .queue").get_by_text("Waiting").wait_for()
            page.wait_for_timeout(1500)
            assert "1 of 1" in page.inner_text("#run-status + .queue-line .queue"), "more than one waits in line"
        stand_in.go.set()
        wait_for_edits(page)
        wait_until_done(page)
        last = download_mask(page)
        assert sum(np.array_equal(mask, last) for _, mask in stand_in.asked) == len(DEFAULT_MODELS)
