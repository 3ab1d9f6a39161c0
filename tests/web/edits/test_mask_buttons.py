"""The buttons that change the mask, with the editor open and without it: results follow, as after a stroke."""

import cv2
import numpy as np

from tests.web.edits.editing import begin, first_visit, give, masks_of, opacity
from tests.web.web_page import (
    download_mask,
    look_at_editor,
    look_at_still,
    mask_change,
    needs_browser,
    wait_for_edits,
    wait_until_done,
)
from unmask import read_photo
from unmask.imaging.metadata import write_png
from unmask.masks import share
from unmask.metrics import iou
from unmask.registry import DEFAULT_MODELS

pytestmark = needs_browser


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
