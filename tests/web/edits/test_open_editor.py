"""The editor: where it opens and when it closes, what it shows, and what is seen beside it."""

import cv2
import numpy as np
import pytest

from tests.web.edits.editing import ABOVE, TITLES, begin, first_visit, give, percent
from tests.web.face_crowd import StandIn
from tests.web.web_page import (
    PHONE,
    begin_editing,
    bring_up,
    card,
    download_mask,
    drag,
    give_photo,
    look_at_editor,
    look_at_still,
    needs_browser,
    open_editor,
    screenshot,
    settled,
    stroke,
    visit,
    wait_for_edits,
    wait_until_done,
)
from unmask import read_photo
from unmask.masks import share
from unmask.metrics import iou
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.session import Visit

pytestmark = needs_browser


def test_the_editor_opens_where_the_still_is(page, pictures):
    """By the keyboard: it says that it opens, shows the same in the same place, and has the focus."""
    give(page, pictures)
    now = first_visit(read_photo(pictures["one"]))
    assert not page.locator("#editor").count()
    still, still_mask = look_at_still(page, now.copy)
    switch = page.locator("#edit-switch button")
    switch.focus()
    said = page.evaluate("() => { const it = document.activeElement; it.click(); return it.textContent; }")
    assert said == "Opening the editor …"
    page.wait_for_selector(".workbench.open")
    assert page.evaluate("document.activeElement.closest('#editor') !== null"), "the focus is elsewhere"
    assert not switch.is_visible() and not page.locator("#still").is_visible()
    place, mask = look_at_editor(page, now.copy)
    moved = place.scrolled - still.scrolled
    apart = place.x - still.x, place.y + moved - still.y, place.side - still.side
    assert np.abs(apart).max() <= 3, apart
    # Both are read off screenshots, up to three pixels apart: at 330 px that alone costs a tenth.
    assert iou(mask, cv2.resize(still_mask, mask.shape[::-1])) > 0.8
    assert np.array_equal(download_mask(page), now.mask)


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


def test_the_editor_of_a_forgotten_photo_says_so(page, pictures, demo):
    give(page, pictures)
    for state in demo.state_holder.session_data.values():
        state.state_data.clear()
    page.locator("#edit-switch button").click()
    page.locator(".toast-body").get_by_text("No photo is here").wait_for()
    page.locator("#edit-switch").get_by_role("button", name="Edit the mask", exact=True).wait_for()
    assert not page.locator("#editor").count() and page.locator("#still").is_visible()


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
        page.wait_for_timeout(500)  # the page is brought to the results
        # Nobody has said that he edits: the finger turns the page, and the picture stays as it is.
        page.evaluate("document.querySelector('#still').scrollIntoView({ block: 'center', behavior: 'instant' })")
        (box,) = settled(page, "#still")
        top = box["scrolled"]
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
            places = [each["y"] for each in settled(page, "#photo", "#results", "#still")]
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
        place = "document.querySelector('#editor').getBoundingClientRect().top"
        top = page.evaluate(place)
        page.locator("#beside .others").get_by_label(TITLES[1]).click()
        page.wait_for_function("title => document.querySelector('#beside .name').textContent === title", arg=TITLES[1])
        # Cards differ in height: the page may scroll by as much, so that the editor stays where it is.
        assert abs(page.evaluate(place) - top) < 2
        page.locator("#beside").get_by_role("button", name="Show it large").click()
        page.wait_for_function("Math.abs(document.querySelector('#results').getBoundingClientRect().top) < 60")
        assert card(page, TITLES[1]).is_visible()
