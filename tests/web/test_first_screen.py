"""What a visitor finds on arrival: one result large, the place for a photo beside it, few words."""

import sys

import numpy as np
import pytest
from PIL import Image

from tests.paths import ROOT
from tests.web.web_page import PHONE, give_photo, needs_browser, screenshot, toast, visit, wait_until_done
from unmask import Unmasker, read_photo
from unmask.imaging.metadata import NOTICE
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.components.first_result import AFTER, BEFORE
from unmask.web.components.inputs import models_on_page

PATH = ROOT / "scripts" / "make_first_result.py"
# What can be read without scrolling.
WORDS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), said = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    // Gradio measures its tabs by a second row of them, which nobody sees.
    if (element.closest("script, style, .visually-hidden")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const { top, bottom, width } = range.getBoundingClientRect();
    if (width > 1 && bottom > 0 && top < innerHeight) said.push(walker.currentNode.textContent);
  }
  return said.join(" ");
}"""


@needs_browser
@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desktop", "phone"])
def test_the_first_screen_is_a_result_and_the_place_for_a_photo(browser, demo, size):
    with visit(browser, demo, size, has_touch=size == PHONE, is_mobile=size == PHONE) as page:
        page.wait_for_function(
            "[...document.querySelectorAll('.first-result img')].every(image => image.naturalWidth) && "
            "document.querySelector('.first-result img')"
        )
        words = page.evaluate(WORDS)
        assert "drawn mask" in words and "invention" in words
        for name in DEFAULT_MODELS:
            assert MODELS[name].title in words, "a newcomer does not see what will be compared"
        assert f"{len(models_on_page()) - len(DEFAULT_MODELS)} more" in words
        assert 10 < len(words.split()) < 80, words
        result, drop = page.locator(".first-result .frame").bounding_box(), page.locator("#photo").bounding_box()
        assert result["width"] > 0.45 * size[0] and result["y"] + result["height"] < size[1]
        assert drop["y"] + drop["height"] < size[1]
        if size != PHONE:
            assert drop["x"] + drop["width"] < result["x"], "they do not stand side by side"
        assert screenshot(page, ".first-result .frame").std() > 20
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if size == PHONE:
            for icon in page.locator("#photo .source-selection button").all():
                assert min(icon.bounding_box()["width"], icon.bounding_box()["height"]) >= 44, "too small for a finger"


@needs_browser
def test_it_gives_way_to_a_photo_and_to_what_is_said_of_a_bad_one(page, pictures, tmp_path):
    line = page.locator(".first-result input")
    line.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".first-result .before-after").evaluate("each => each.style.getPropertyValue('--at')") == "51"
    bad = tmp_path / "bad.png"
    bad.write_text("This is no picture.")
    give_photo(page, bad)
    assert "not a readable" in toast(page)
    page.locator("#mask-status .warn").wait_for()
    assert page.locator(".first-result").is_visible()
    give_photo(page, pictures["one"])
    wait_until_done(page)
    assert page.locator(".first-result").count() == 0
    assert page.locator("#still img").first.is_visible() and page.locator("#run").is_visible()


def test_it_is_what_the_released_network_makes_of_the_example(script):
    """The stored pictures are those that the script would make now."""
    for stored, made in zip((BEFORE, AFTER), script.make(Unmasker(device="cpu"))):
        kept = read_photo(stored)
        assert kept.shape == made.shape, f"run scripts/make_first_result.py again: {stored.name} has another size"
        apart = np.abs(kept.astype(int) - made).mean()
        assert apart < 1, f"run scripts/make_first_result.py again: {stored.name} is {apart:.1f} off"
    assert Image.open(AFTER).info["Description"] == NOTICE


def test_the_script_writes_both(script, tmp_path, monkeypatch):
    pictures = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 200, np.uint8)
    monkeypatch.setattr(script, "make", lambda unmasker: pictures)
    monkeypatch.setattr(sys, "argv", [str(PATH), "--out", str(tmp_path)])
    assert script.main() == 0
    for path, expected in zip((BEFORE, AFTER), pictures):
        assert np.array_equal(np.array(Image.open(tmp_path / path.name)), expected)


@needs_browser
@pytest.mark.parametrize("language", ["en-US", "de-DE"])
def test_all_tabs_are_in_one_row_on_a_phone(browser, demo, language):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True, locale=language) as page:
        page.wait_for_function("document.querySelectorAll('[role=tab]').length >= 4")
        tabs = page.get_by_role("tab")
        boxes = [tab.bounding_box() for tab in tabs.all()]
        assert len({box["y"] for box in boxes}) == 1
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0] and box["height"] >= 44 for box in boxes)
        assert not page.locator(".overflow-menu").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        for number in range(tabs.count()):
            tabs.nth(number).tap()
            page.wait_for_function(
                "number => document.querySelectorAll('[role=tab]')[number].ariaSelected === 'true'", arg=number
            )


@needs_browser
def test_tabs_that_a_row_has_no_room_for_are_scrolled_to(browser, demo):
    with visit(browser, demo, (260, 700), has_touch=True, is_mobile=True) as page:
        page.wait_for_function("document.querySelectorAll('[role=tab]').length >= 4")
        page.get_by_role("tab").last.tap()
        page.wait_for_function("document.querySelector('[role=tab]:last-of-type').ariaSelected === 'true'")
        assert page.evaluate("document.querySelector('[role=tablist]').scrollLeft") > 0


@needs_browser
def test_a_visitor_takes_nothing_over_from_the_one_before(browser, demo):
    """Of the tests' own visitors, who share a browser's cache one after the other."""
    with visit(browser, demo) as page:
        before = page.context
        page.evaluate("localStorage.left = 'x'; sessionStorage.left = 'x'; document.cookie = 'left=x'")
    with visit(browser, demo) as page, visit(browser, demo) as other:
        assert page.context == before != other.context
        kept = "['left' in localStorage, 'left' in sessionStorage, document.cookie.includes('left')]"
        assert page.evaluate(kept) == [False, False, False]
