"""One result large, all of them side by side below it. A stand-in plays the networks."""

import cv2
import numpy as np
import pytest

from tests.web.face_crowd import StandIn
from tests.web.web_page import (
    PHONE,
    card,
    give_photo,
    needs_browser,
    screenshot,
    settled,
    tiles,
    visit,
    wait_until_done,
)
from unmask import read_photo
from unmask.faces.face import face_from_box, whole_photo
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.pictures import view_of


def checked(page) -> str:
    return page.locator("#results .tile input:checked").get_attribute("value")


@needs_browser
def test_all_results_stand_side_by_side_and_one_is_large(browser, demo, pictures):
    with visit(browser, demo, (1440, 900)) as page:
        give_photo(page, pictures["one"])
        wait_until_done(page)
        models = tiles(page).filter(has_not_text="disagree")
        assert models.count() == len(DEFAULT_MODELS)
        page.wait_for_function("[...document.querySelectorAll('#results img')].every(each => each.complete)")
        page.locator("#results .tile .crop").last.scroll_into_view_if_needed()
        boxes = settled(page, "#results .tile .crop")[: len(DEFAULT_MODELS)]
        assert min(box["width"] for box in boxes) >= 240
        assert len({round(box["y"]) for box in boxes}) == 1, "they do not stand in one row"
        (large,) = settled(page, "#results .card[data-current] .before-after")
        assert large["height"] > 500 and large["y"] < boxes[0]["y"]
        # The small picture is the face of the photo: as the stand-in left it.
        photo = read_photo(pictures["one"])
        mask = StandIn().segment(photo)
        view = view_of(mask, StandIn().find(photo))
        result = view.cut(StandIn().remove(photo, mask)["ganmasker"])
        x, y, width, height = np.multiply(view.face, (*result.shape[1::-1], *result.shape[1::-1]))
        face = result[round(y) : round(y + height), round(x) : round(x + width)]
        shot = screenshot(page, "#results .tile:first-child .crop")[12:-12, 12:-12]
        expected = cv2.resize(face, (round(boxes[0]["width"]), round(boxes[0]["height"])))
        error = cv2.minMaxLoc(cv2.matchTemplate(expected, shot, cv2.TM_SQDIFF_NORMED))[0]
        assert error < 0.02
        # What is on the card is in plain sight, and the rest behind one click.
        said = page.locator("#results").inner_text()
        assert said.count("This is an invention, not the person's face.") == 1
        paper = MODELS["ganmasker"].paper
        assert paper not in said
        card(page).get_by_text("About this model").click()
        assert paper in card(page).inner_text()


@needs_browser
def test_arrows_and_clicks_bring_one_up_and_the_line_stays(page, pictures):
    give_photo(page, pictures["one"])
    wait_until_done(page)
    assert checked(page) == "ganmasker"
    line = page.locator("#results .card[data-current] .before-after input")
    line.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    moved = line.input_value()
    page.locator("#results .tile input:checked").focus()
    page.keyboard.press("ArrowRight")
    assert checked(page) == "pix2pix" and card(page, "Pix2Pix").is_visible()
    assert page.locator("#results .card:visible").count() == 1
    assert line.input_value() == moved, "the line has jumped"
    assert page.evaluate("document.activeElement.value") == "pix2pix", "the focus is lost"
    tiles(page, "GLCIC").click()
    assert card(page, "GLCIC").is_visible() and line.input_value() == moved
    # Another photo: the same model comes up.
    page.evaluate("document.querySelector('#run-status .done').dataset.earlier = true")
    give_photo(page, pictures["crowd"])
    page.wait_for_selector("#run-status .done:not([data-earlier])")
    assert checked(page) == "glcic"


@needs_browser
def test_another_model_is_one_click_away(browser, demo, pictures):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        give_photo(page, pictures["one"])
        wait_until_done(page)
        assert not page.locator(".models").first.get_by_label("Telea (classical)").is_checked()
        page.locator(".more").get_by_text("Telea (classical)").tap()
        tiles(page, "Telea (classical)").wait_for()
        page.wait_for_selector(".model-telea[data-current] .invention")
        assert page.locator(".models").first.get_by_label("Telea (classical)").is_checked()
        assert tiles(page).count() == len(DEFAULT_MODELS) + 2
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert not page.locator(".more").get_by_text("Telea (classical)").count()


def test_a_view_has_the_face_its_surroundings_and_the_whole_mask():
    mask = np.zeros((600, 1000), np.uint8)
    mask[200:260, 480:560] = 255
    face = face_from_box((460, 120, 580, 280))
    view = view_of(mask, [face])
    height, width = view.rows.stop - view.rows.start, view.columns.stop - view.columns.start
    assert (view.cut(mask) > 0).sum() == (mask > 0).sum()
    assert face.side < height < 1.5 * face.side and abs(width / height - 1.5) < 0.02
    x, y, w, h = view.face
    assert abs(w * width - h * height) < 1 and 0 <= x <= x + w <= 1 and 0 <= y <= y + h <= 1
    middle = view.columns.start + (x + w / 2) * width, view.rows.start + (y + h / 2) * height
    assert np.allclose(middle, face.center, atol=1.5)
    # What is painted far from the face is shown too; at the border the view stays as wide, as far as there is photo.
    far = mask.copy()
    far[500:520, 20:40] = 255
    assert (view_of(far, [face]).cut(far) > 0).sum() == (far > 0).sum()
    corner = view_of(np.roll(mask, -480, axis=1), [face_from_box((0, 120, 100, 280))])
    assert corner.columns.start == 0 and corner.columns.stop - corner.columns.start > 1.3 * (
        corner.rows.stop - corner.rows.start
    )
    # Without a face there is what was painted, and the whole photo.
    photo = np.zeros((600, 1000, 3), np.uint8)
    whole = view_of(mask, [whole_photo(photo)])
    assert whole.cut(photo).shape == photo.shape


@needs_browser
@pytest.mark.parametrize("gesture", [None, "wheel", "touchmove"])
def test_the_first_results_come_into_view_unless_one_scrolls_meanwhile(browser, demo, pictures, gesture):
    with visit(browser, demo, PHONE, reduced_motion="reduce") as page:
        # A hand at the page as the first result appears, within the third of a second before it comes into view.
        page.evaluate(
            """gesture => {
              const seen = new MutationObserver(() => {
                if (!document.querySelector("#run-status .first")) return;
                seen.disconnect();
                if (gesture) setTimeout(() => dispatchEvent(new Event(gesture)), 100);
              });
              seen.observe(document.body, { subtree: true, childList: true, attributes: true });
            }""",
            gesture,
        )
        give_photo(page, pictures["one"])
        wait_until_done(page)
        page.wait_for_timeout(600)
        assert (page.evaluate("scrollY") > 100) == (gesture is None)
