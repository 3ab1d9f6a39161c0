"""How results are looked at: the original, zoom, faces and the whole photo, several at once. A stand-in paints."""

import numpy as np
import pytest

from tests.web.face_crowd import LEFT, RIGHT, StandIn, crowd
from tests.web.web_page import (
    PHONE,
    card,
    give_photo,
    needs_browser,
    settled,
    tiles,
    visit,
    wait_until_done,
)
from unmask.faces.face import face_from_box
from unmask.web.components.canvas import within
from unmask.web.pictures import views_of

FRAME = "#results .card[data-current] .frame"


@pytest.fixture(scope="module")
def page(browser, demo, pictures):
    """A page with the results of a crowd, which every test leaves as it was: one large, not zoomed, the first face."""
    with visit(browser, demo, (1440, 900), reduced_motion="reduce") as page:
        give_photo(page, pictures["crowd"])
        wait_until_done(page)
        page.locator(FRAME).first.scroll_into_view_if_needed()
        yield page


def act(page, name: str):
    return page.locator(f"#viewer [data-act={name}]")


def zoom(page) -> int:
    return int(page.inner_text("#viewer output").rstrip("%"))


def wait_for_zoom(page, expected: str):
    page.wait_for_function(f"Number(document.querySelector('#viewer output').innerText.slice(0, -1)) {expected}")


def seen(page, frame: int = 0) -> list[float]:
    """Which part of the photo a frame shows: x, y, width, height in shares."""
    return page.locator(FRAME).nth(frame).evaluate(
        """frame => {
          const outer = frame.getBoundingClientRect(), inner = frame.querySelector(".scene").getBoundingClientRect();
          return [(outer.x - inner.x) / inner.width, (outer.y - inner.y) / inner.height,
                  outer.width / inner.width, outer.height / inner.height];
        }"""
    )  # fmt: skip


def middle(page) -> tuple[float, float]:
    box = settled(page, FRAME)[0]
    return box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.3


def after_is_seen(page) -> bool:
    return page.locator(f"{FRAME} .after").first.evaluate("each => getComputedStyle(each).visibility") == "visible"


@needs_browser
def test_the_original_is_seen_while_a_button_a_key_or_the_picture_is_held(page):
    held = page.locator("#results.held")
    page.mouse.move(*(lambda box: (box["x"] + 20, box["y"] + 20))(act(page, "hold").bounding_box()))
    page.mouse.down()
    held.wait_for()
    assert not after_is_seen(page) and act(page, "hold").get_attribute("aria-pressed") == "true"
    assert page.locator(f"{FRAME} .badge").first.is_visible()
    page.mouse.up()
    held.wait_for(state="detached")
    assert after_is_seen(page) and act(page, "hold").get_attribute("aria-pressed") == "false"
    act(page, "hold").focus()
    page.keyboard.down(" ")
    held.wait_for()
    page.keyboard.up(" ")
    held.wait_for(state="detached")
    page.mouse.move(*middle(page))
    page.mouse.down()
    held.wait_for()
    page.mouse.up()
    held.wait_for(state="detached")
    # A screen reader only clicks: the original stays until it does so again.
    act(page, "hold").evaluate("button => button.click()")
    held.wait_for()
    act(page, "hold").evaluate("button => button.click()")
    held.wait_for(state="detached")


@needs_browser
def test_the_wheel_zooms_where_it_is_and_a_drag_moves(page):
    whole, (x, y) = seen(page), middle(page)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    wait_for_zoom(page, "> 150")
    near = seen(page)
    assert near[2] < whole[2] / 1.5
    point = [start + share * size for start, share, size in zip(near, (0.5, 0.3), near[2:])]
    before = [start + share * size for start, share, size in zip(whole, (0.5, 0.3), whole[2:])]
    assert np.allclose(point, before, atol=0.01), "what is under the pointer has moved away"
    page.mouse.down()
    page.mouse.move(x - 60, y - 30, steps=4)
    page.mouse.up()
    moved = seen(page)
    assert moved[0] > near[0] and moved[1] > near[1] and moved[2:] == near[2:]
    page.mouse.dblclick(x, y)
    wait_for_zoom(page, "=== 100")
    assert np.allclose(seen(page), whole, atol=1e-3)


@needs_browser
def test_keys_zoom_and_move(page):
    whole = seen(page)
    page.locator("#results .card[data-current] .before-after input").focus()
    page.keyboard.press("+")
    assert zoom(page) == 150
    at = seen(page)
    page.keyboard.press("Shift+ArrowRight")
    assert seen(page)[0] > at[0]
    page.keyboard.press("-")
    assert zoom(page) == 100
    act(page, "in").click()
    assert zoom(page) == 150 and act(page, "reset").is_enabled()
    act(page, "reset").click()
    assert np.allclose(seen(page), whole, atol=1e-3) and act(page, "reset").is_disabled()


@needs_browser
def test_zoom_place_and_line_stay_for_another_model(page):
    line = page.locator("#results .card[data-current] .before-after input")
    line.focus()
    page.keyboard.press("ArrowRight")
    act(page, "in").click()
    page.locator("#results .card[data-current] .before-after input").focus()
    page.keyboard.press("Shift+ArrowRight")
    before, at = seen(page), line.input_value()
    page.locator("#results .tile input:checked").focus()
    page.keyboard.press("ArrowRight")
    card(page, "Pix2Pix").locator("h3").wait_for()
    assert np.allclose(seen(page), before, atol=1e-3) and line.input_value() == at
    tiles(page, "Where the models disagree").click()
    page.locator(".card.disagreement[data-current]").wait_for()
    assert np.allclose(seen(page), before, atol=1e-3), "the map is not seen as the results are"
    tiles(page, "GANMasker").click()
    act(page, "reset").click()


@needs_browser
def test_every_face_is_a_page_and_the_photo_another(page):
    pages = page.locator("#viewer .pages button")
    assert pages.all_inner_texts() == ["Face 1", "Face 2", "Whole photo"]
    shape = crowd().shape
    faces, mask = [face_from_box(box) for box in (LEFT, RIGHT)], StandIn().segment(crowd())
    views = views_of(mask, faces)
    for index in (1, 0):
        pages.nth(index).click()
        assert pages.nth(index).get_attribute("aria-pressed") == "true"
        assert np.allclose(seen(page), views[index].place(shape), atol=2e-3)
        # The small pictures show the same face.
        crop = tiles(page, "GANMasker").locator("img").evaluate(
            "image => ['--x', '--y', '--width', '--height'].map(name => Number(image.style.getPropertyValue(name)))"
        )  # fmt: skip
        assert np.allclose(crop, views[index].face, atol=1e-3)
    pages.nth(2).click()
    assert np.allclose(seen(page), [0, 0, 1, 1], atol=1e-3)
    pages.nth(0).click()


@needs_browser
def test_two_to_four_are_compared_and_move_as_one(page):
    act(page, "compare").click()
    frames = page.locator(FRAME)
    assert frames.count() == 4 and act(page, "compare").get_attribute("aria-pressed") == "true"
    tops = [each["y"] for each in settled(page, FRAME)]
    assert tops[0] == tops[1] and tops[2] == tops[3] > tops[0]
    assert "These are inventions" in page.inner_text("#viewer")
    page.wait_for_timeout(500)  # a wheel that has just turned the page does not zoom
    page.mouse.move(*middle(page))
    page.mouse.wheel(0, -400)
    wait_for_zoom(page, "> 150")
    assert len({tuple(np.round(seen(page, each), 3)) for each in range(4)}) == 1
    # Which ones is ticked in the row; the fifth takes the place of the first, and two are the least.
    boxes = page.locator("#results .tile input")
    assert [each.is_checked() for each in boxes.all()] == [True, True, True, True, False]
    tiles(page).nth(4).click()
    assert [each.is_checked() for each in boxes.all()] == [False, True, True, True, True]
    for index in (4, 3, 2):
        tiles(page).nth(index).click()
    assert [each.is_checked() for each in boxes.all()] == [False, True, True, False, False]
    act(page, "reset").click()
    act(page, "compare").click()
    assert frames.count() == 1


@needs_browser
def test_fingers_zoom_move_and_hold_on_a_phone(browser, demo, pictures):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        give_photo(page, pictures["crowd"])
        wait_until_done(page)
        page.locator(FRAME).scroll_into_view_if_needed()
        (box,) = settled(page, FRAME)
        assert abs(box["width"] - box["height"]) < 2, "on a narrow screen the face is not as large as can be"
        x, y = middle(page)
        touch = page.context.new_cdp_session(page)

        def fingers(kind: str, *points: tuple[float, float]):
            spots = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

        fingers("touchStart", (x, y))
        page.locator("#results.held").wait_for()
        fingers("touchEnd")
        page.locator("#results.held").wait_for(state="detached")
        fingers("touchStart", (x - 20, y))
        fingers("touchStart", (x - 20, y), (x + 20, y))
        for reach in (30, 40, 50, 60):
            fingers("touchMove", (x - reach, y), (x + reach, y))
        fingers("touchEnd")
        page.locator("#results.zoomed").wait_for()
        near = seen(page)
        fingers("touchStart", (x, y))
        for way in (10, 20, 40):
            fingers("touchMove", (x - way, y))
        fingers("touchEnd")
        page.wait_for_function("scrollX === 0")
        assert seen(page)[0] > near[0]
        act(page, "compare").click()
        lefts = [each["x"] for each in settled(page, FRAME)]
        assert len(lefts) == 4 and lefts[0] == lefts[2] < lefts[1] == lefts[3]
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        small = "button => button.checkVisibility() && Math.min(button.offsetWidth, button.offsetHeight) < 44"
        assert not page.evaluate(f"[...document.querySelectorAll('#viewer button')].filter({small}).length")


@needs_browser
def test_without_a_full_screen_the_picture_fills_the_window(browser, demo, pictures):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        page.evaluate("Element.prototype.requestFullscreen = undefined")
        give_photo(page, pictures["one"])
        wait_until_done(page)
        card(page).get_by_label("Show full screen").tap()
        page.locator(".before-after.fills").wait_for()
        (box,) = settled(page, ".before-after.fills")
        assert (box["width"], box["height"]) == PHONE
        card(page).get_by_label("Show full screen").tap()
        page.locator(".before-after.fills").wait_for(state="detached")


def test_views_show_every_face_with_its_mask_and_all_that_is_covered():
    boxes = (100, 100, 220, 260), (600, 100, 720, 260), (900, 100, 990, 220)
    faces = [face_from_box(box) for box in boxes]
    mask = np.zeros((600, 1000), np.uint8)
    mask[200:250, 120:200] = mask[200:250, 620:700] = mask[560:570, 500:510] = 255
    views = views_of(mask, faces)
    assert list(views) == [0, 1], "a face without a mask has a page"
    shown = np.zeros_like(mask)
    for view in views.values():
        shown[view.rows, view.columns] = 255
    assert not (mask & ~shown).any()
    x, y, width, height = within(views[1].place(mask.shape), views[1].face)
    assert abs((x + width / 2) * 1000 - faces[1].center[0]) < 2 and abs(width * 1000 - height * 600) < 1
