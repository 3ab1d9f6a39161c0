"""Live editing: strokes on the mask and what follows by itself, keys and wheel. A stand-in plays the networks."""

import time

import numpy as np

from tests.web.edits.editing import ABOVE, BELOW, TITLES, begin, first_visit, opacity, percent
from tests.web.web_page import (
    download_mask,
    download_result,
    drag,
    give_photo,
    look_at_editor,
    mask_change,
    needs_browser,
    one_at_work,
    stroke,
    tiles,
    visit,
    wait_for_edits,
    wait_until_done,
)
from unmask import read_photo
from unmask.masks import share
from unmask.registry import DEFAULT_MODELS
from unmask.web.session import Visit

pytestmark = needs_browser
# Notes every size that is set: it is shown for a moment only.
SIZES = """() => {
  window.sizes = [];
  const editor = document.getElementById("editor");
  editor.addEventListener("input", ({ target }) => sizes.push(Number(target.value)), true);
}"""


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
