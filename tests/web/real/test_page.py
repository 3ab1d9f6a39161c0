"""The page as a visitor meets it: a real server, a real browser, and the pixels on the screen."""

import re
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.web.web_page import (
    PHONE,
    bring_up,
    card,
    download_mask,
    download_result,
    drag,
    give_photo,
    in_both_schemes,
    look_at_editor,
    mask_change,
    mask_status,
    needs_browser,
    read_download,
    run_again,
    screenshot,
    tiles,
    toast,
    visit,
    wait_until_done,
)
from unmask import read_photo
from unmask.faces.alignment import align, align_mask
from unmask.faces.face import whole_photo
from unmask.imaging.metadata import NOTICE, write_png
from unmask.masks import share
from unmask.metrics import iou
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.mask_layers import to_layer
from unmask.web.session import EDITOR_SIZE, PAD, Visit


@needs_browser
@pytest.mark.parametrize("name", ["square", "tall"])
def test_the_found_mask_is_drawn_where_it_is(page, pictures, unmasker, name):
    photo = read_photo(pictures[name])
    found = unmasker.segment(photo)
    assert 0.05 < share(found) < 0.6
    frame = whole_photo(photo)
    give_photo(page, pictures[name])
    wait_until_done(page)
    canvas, tinted = look_at_editor(page, align(photo, frame, EDITOR_SIZE, pad=PAD))
    expected = cv2.resize(align_mask(found, frame, EDITOR_SIZE), (canvas.side, canvas.side))
    assert iou(tinted, expected) > 0.9
    assert f"{share(found):.0%}" in mask_status(page)
    # The download has the photo's size, whatever the editor's; untouched, it is the very mask that was found.
    assert np.array_equal(download_mask(page), found)


@needs_browser
def test_results_come_by_themselves_and_fit_the_photo(page, pictures, unmasker):
    give_photo(page, pictures["square"])
    wait_until_done(page)
    photo = read_photo(pictures["square"])
    found = unmasker.segment(photo)
    expected = unmasker.remove(photo, found, DEFAULT_MODELS)
    # All stand side by side, by the default order; each comes up large, with all that is to be said of it.
    titles = [MODELS[name].title for name in DEFAULT_MODELS]
    assert tiles(page).locator("b").all_inner_texts() == [*titles, "Where the models disagree"]
    assert titles[0] == "GANMasker" and card(page).is_visible(), "GANMasker does not open large"
    for title in titles:
        text = bring_up(page, title).inner_text()
        assert text.count("This is an invention, not the person's face.") == 1
        assert re.search(r"\d+ ms", text) and "parameters" not in text
        assert page.locator("#results .card:visible").count() == 1
    bring_up(page)
    # The first result came into view without a scroll of the visitor's.
    page.wait_for_function("document.querySelector('#results').getBoundingClientRect().top < innerHeight / 2")
    image = read_download(page, card(page).get_by_text("Download at full size"))
    assert image.info["Description"] == NOTICE
    assert np.array_equal(np.array(image), expected["ganmasker"])
    shown = screenshot(page, "#results .card[data-current] .before-after")
    assert shown.std() > 20, "the slider is blank"


@needs_browser
def test_brush_and_eraser_change_mask_and_result(page, pictures, unmasker):
    photo = read_photo(pictures["square"])
    frame = whole_photo(photo)
    copy = align(photo, frame, EDITOR_SIZE, pad=PAD)
    give_photo(page, pictures["square"])
    wait_until_done(page)
    found, first = download_mask(page), download_result(page)
    canvas, _ = look_at_editor(page, copy)

    ys, xs = np.nonzero(found)
    middle, height = xs.mean() / len(found), ys.mean() / len(found)
    drag(page, canvas, "Erase", [(middle - 0.12, height), (middle + 0.12, height)])
    drag(page, canvas, "Brush", [(0.4, 0.25), (0.6, 0.25)])
    _, tinted = look_at_editor(page, copy)

    def tinted_share(x, y):
        x, y, reach = int(x * canvas.side), int(y * canvas.side), canvas.side // 60
        return share(tinted[y - reach : y + reach, x - reach : x + reach])

    assert tinted_share(middle, height) < 0.1, "the eraser left no trace on the screen"
    assert tinted_share(0.5, 0.25) > 0.9, "the brush left no trace on the screen"

    run_again(page)
    edited, second = download_mask(page), download_result(page)
    assert edited[round(height * len(found)), round(middle * len(found))] == 0
    assert edited[len(found) // 4, len(found) // 2] == 255
    assert np.array_equal(second[edited == 0], photo[edited == 0]), "a pixel outside the mask has changed"
    painted = (edited == 255) & (found == 0)
    erased = (edited == 0) & (found == 255)
    assert (second[painted] != first[painted]).any()
    assert (second[erased] != first[erased]).any()

    with mask_change(page):
        page.get_by_role("button", name="Reset to the found mask").click()
    assert np.array_equal(download_mask(page), found)


@needs_browser
def test_grow_shrink_clear_and_import(page, pictures, tmp_path):
    give_photo(page, pictures["tall"])
    wait_until_done(page)
    found = download_mask(page)

    def press(name):
        with mask_change(page):
            page.get_by_role("button", name=name, exact=True).click()
        return download_mask(page)

    grown = press("Grow")
    assert share(grown) > share(found) and (grown[found == 255] == 255).all()
    assert share(press("Shrink")) < share(grown)
    assert share(press("Clear")) == 0
    page.click("#run")
    assert "No mask is marked" in toast(page)
    page.locator("#run-status").get_by_text("No mask is marked").wait_for()

    mine = np.zeros_like(found)
    mine[200:280, 90:190] = 255
    write_png(tmp_path / "mine.png", mine)
    with mask_change(page):
        page.set_input_files(".toolbar input[type=file]", tmp_path / "mine.png")
    assert np.array_equal(download_mask(page), mine)
    # A mask of another size is refused in one sentence, and the one before stays.
    page.set_input_files(".toolbar input[type=file]", pictures["square"])
    assert "The mask is" in toast(page)
    assert np.array_equal(download_mask(page), mine)
    # Other models keep the mask.
    page.locator(".models").first.get_by_label("Telea (classical)").check()
    page.locator(".models").first.get_by_label("GLCIC", exact=True).uncheck()
    run_again(page)
    assert tiles(page, "Telea (classical)").is_visible() and not tiles(page, "GLCIC").is_visible()
    assert np.array_equal(download_mask(page), mine)


def test_a_quick_second_click_does_not_undo_the_first():
    """The browser loads a new mask in its own time; until then the editor sends the one before."""
    photo, mask = np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400), np.uint8)
    mask[100:200, 150:250] = 255
    visit = Visit.begin(photo, mask, [])
    visit.turns.editing = True
    late = {"background": visit.copy, "layers": [to_layer(visit.shown)]}
    grown = visit.edited(late).grown(+1)
    assert grown.edited(late) is grown
    assert grown.grown(+1).edited(late).mask.sum() > grown.mask.sum() > mask.sum()
    # Long after, the same answer means that the visitor has drawn it.
    by_hand = replace(grown, put_at=-1000.0).edited(late)
    assert np.array_equal(by_hand.shown, visit.shown)
    assert iou(by_hand.mask, mask) > 0.95


@needs_browser
def test_a_bare_face_can_be_marked_by_hand(page, pictures):
    bare = read_photo(pictures["bare"])
    give_photo(page, pictures["bare"])
    page.get_by_text("No mask was found").wait_for()
    assert page.locator("#results .card:visible").count() == 0
    canvas, tinted = look_at_editor(page, align(bare, whole_photo(bare), EDITOR_SIZE, pad=PAD))
    assert share(tinted) < 0.03  # the tools lie over the edge of the picture
    drag(page, canvas, "Brush", [(0.4, 0.6), (0.6, 0.6), (0.6, 0.7), (0.4, 0.7)])
    run_again(page)
    mask, result = download_mask(page), download_result(page)
    assert 0.01 < share(mask) < 0.2
    assert np.array_equal(result[mask == 0], bare[mask == 0])


@needs_browser
def test_a_bad_file_gets_a_sentence_and_costs_nothing(page, pictures):
    give_photo(page, pictures["bad"])
    assert "not a readable JPEG, PNG, WebP" in toast(page)
    give_photo(page, pictures["square"])
    wait_until_done(page)
    found = download_mask(page)
    with mask_change(page):
        give_photo(page, pictures["bad"])
    assert "not a readable JPEG, PNG, WebP" in toast(page)
    assert page.evaluate("document.querySelector('#photo img').naturalWidth") > 0, "the photo is gone"
    assert np.array_equal(download_mask(page), found)
    run_again(page)


@needs_browser
def test_the_camera(page):
    page.click("#photo [aria-label='Capture from camera']")
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
    page.wait_for_timeout(500)
    page.locator("#photo [aria-label='capture photo']").click()
    page.wait_for_selector("#still img")
    page.wait_for_function(
        "/No (face|mask) was found|The mask covers/.test(document.querySelector('#mask-status').innerText)"
    )
    assert page.evaluate("document.querySelector('#photo img').naturalWidth") > 100


@needs_browser
def test_an_example_runs_at_one_click(page):
    page.locator("#examples button").first.click()
    wait_until_done(page)
    assert tiles(page).count() == len(DEFAULT_MODELS) + 1, "the models', and where they disagree"


@needs_browser
def test_two_visitors_each_see_their_own(browser, demo, pictures, unmasker):
    with visit(browser, demo) as first, visit(browser, demo) as second:
        give_photo(first, pictures["square"])
        give_photo(second, pictures["tall"])
        for page in (first, second):
            wait_until_done(page)
        run_again(first)
        for page, name in ((first, "square"), (second, "tall")):
            photo = read_photo(pictures[name])
            expected = unmasker.remove(photo, None, ["ganmasker"])["ganmasker"]
            assert np.array_equal(download_result(page), expected)


@needs_browser
def test_photos_are_forgotten_when_the_page_is_closed(browser, demo, pictures):
    def photos_kept():
        states = (state.state_data.values() for state in demo.state_holder.session_data.values())
        return sum(getattr(value, "photo", None) is not None for values in states for value in values)

    def wait_until_kept(count):
        deadline = time.monotonic() + 20
        while photos_kept() != count and time.monotonic() < deadline:
            time.sleep(0.1)
        assert photos_kept() == count

    wait_until_kept(0)
    with visit(browser, demo) as page:
        give_photo(page, pictures["square"])
        wait_until_done(page)
        wait_until_kept(1)
    wait_until_kept(0)


@needs_browser
def test_nothing_is_cut_off_on_a_phone(browser, demo, pictures):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:

        def overflow():
            wide = "document.documentElement.scrollWidth - window.innerWidth"
            return max(page.evaluate(wide) for _ in in_both_schemes(page))

        assert overflow() <= 0
        give_photo(page, pictures["square"])
        wait_until_done(page)
        assert overflow() <= 0
        page.get_by_role("tab", name="On a bare face").click()
        page.set_input_files("#bare-photo input[type=file]", pictures["bare"])
        page.wait_for_selector("#truth-status .done")
        assert overflow() <= 0


@needs_browser
def test_a_bare_face_is_scored_against_the_truth(page, pictures):
    page.get_by_role("tab", name="On a bare face").click()
    page.set_input_files("#bare-photo input[type=file]", pictures["bare"])

    def scores():
        page.wait_for_selector("#truth-status .done")
        rows = page.locator("#scores tbody tr").all()
        return np.array(
            [[float(cell.split()[0]) for cell in row.locator("td").all_inner_texts()[:4]] for row in rows]
        )

    first = scores()
    assert first.shape == (len(DEFAULT_MODELS) + 1, 4) and np.isfinite(first).all()
    psnr_hole, psnr_whole = first[:, 0], first[:, 2]
    assert (psnr_whole > psnr_hole).all()
    assert (psnr_hole[:-1] > psnr_hole[-1]).all(), "no model may be worse than leaving the mask on"
    assert page.locator("#scores .best").count() >= 4
    masked = page.get_attribute("#masked-preview img", "src")
    page.click("#another")
    page.wait_for_function("old => document.querySelector('#masked-preview img').src !== old", arg=masked)
    page.wait_for_selector("#truth-status .busy")
    assert not np.array_equal(scores(), first)
