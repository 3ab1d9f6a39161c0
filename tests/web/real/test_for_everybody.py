"""The page for everybody: what axe-core finds, the keyboard, reduced motion, phones, and other languages."""

import re

import numpy as np
import pytest

from tests.paths import EXAMPLES
from tests.web.web_page import (
    PHONE,
    card,
    give_photo,
    in_both_schemes,
    needs_browser,
    open_live_tab,
    run_again,
    settled,
    toast,
    visit,
    wait_until_done,
)
from unmask import read_photo
from unmask.imaging.container import UNREADABLE
from unmask.imaging.metadata import write_png
from unmask.web import i18n
from unmask.web.components import cards

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Texts for a reader of English, in any language: names, and what Gradio itself does not translate.
ENGLISH = {"Unmask", "GANMasker", "Pix2Pix", "GLCIC", "Telea (classical)", "Navier-Stokes (classical)"}


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A masked face with a second copy of it beside: a photo of two faces, with everything the page can show."""
    path = tmp_path_factory.mktemp("pictures") / "two.png"
    photo = read_photo(EXAMPLES / "astronaut-photo.png")
    write_png(path, np.concatenate([photo, photo], axis=1))
    return path


def open_second_tab(page):
    page.locator("button[role=tab]:visible").nth(1).click()
    page.locator("#bare-examples button").first.click()
    page.wait_for_selector("#truth-status .done")


@needs_browser
@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser, demo, picture, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def check(state):
        for scheme in in_both_schemes(page):
            page.wait_for_function("dark => document.body.matches('.dark') === dark", arg=scheme == "dark")
            page.wait_for_timeout(500)  # what fades in is not yet in its colours
            found = axe.run(page, options=RULES).response["violations"]
            assert not found, f"{state}, {scheme}: " + "\n".join(
                f"{each['id']} ({each['impact']}): {[node['html'][:200] for node in each['nodes']]}" for each in found
            )

    with visit(browser, demo, size) as page:
        page.wait_for_selector("#examples img")
        check("empty")
        give_photo(page, picture)
        wait_until_done(page)
        assert page.locator("#faces .tile").count() == 2
        check("with results")
        open_second_tab(page)
        check("bare face")
        open_live_tab(page)
        check("live, off")
        page.click("#live [data-act=start]")
        page.get_by_text("No face is in sight.").wait_for()  # Chromium's test picture
        check("live, on")


# The name of what has the focus, unless that is not to be seen. What is drawn by the browser has its own mark.
FOCUSED = """() => {
  const element = document.activeElement;
  const drawn = ["range", "checkbox", "file"].includes(element.type) || element === document.body;
  const marked = drawn || getComputedStyle(element).outlineStyle !== "none";
  if (!marked) return "no outline: " + element.outerHTML.slice(0, 120);
  return element.ariaLabel || element.innerText.trim() || element.querySelector("img")?.alt || element.tagName;
}"""


def tab_until_reached(page, wanted: set[str]):
    """Press Tab until each of the wanted controls has had the focus, and each an outline."""
    reached = set()
    for _ in range(200):  # from the end of the page it goes on at its beginning
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
        if wanted <= reached:
            break
    assert wanted <= reached
    assert not [name for name in reached if name.startswith("no outline")]


@needs_browser
def test_the_keyboard_reaches_everything(browser, demo, picture):
    with visit(browser, demo, reduced_motion="reduce") as page:
        page.locator("#examples button").first.focus()
        page.keyboard.press("Enter")
        wait_until_done(page)
        page.mouse.move(5, 5)
        wanted = {"Edit the mask", "Grow", "Shrink", "Clear", "Reset to the found mask", "Import a mask"}
        wanted |= {"Remove the mask", "Drag the line: before and after", "Download at full size"}
        tab_until_reached(page, wanted)
        page.get_by_role("button", name="Edit the mask", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".workbench.open #editor canvas")
        tab_until_reached(page, {"Brush", "Erase"})
        # The arrows move the line between the pictures.
        line = card(page).get_by_label("Drag the line: before and after")
        line.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        clip = card(page).locator(".after").evaluate("image => getComputedStyle(image).clipPath")
        assert clip.endswith(f" {cards.LINE_AT + 3}%)")
        # It stays there when another result comes, and the pictures are cut where it says.
        run_again(page)
        assert int(line.input_value()) == cards.LINE_AT + 3
        clip = card(page).locator(".after").evaluate("image => getComputedStyle(image).clipPath")
        assert clip.endswith(f" {cards.LINE_AT + 3}%)")


@needs_browser
def test_the_line_is_dragged(browser, demo):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        page.locator("#examples button").first.click()
        wait_until_done(page)
        frame = card(page).locator(".before-after")
        frame.scroll_into_view_if_needed()
        page.wait_for_timeout(600)
        box = frame.bounding_box()
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * cards.LINE_AT / 100, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=5)
        page.mouse.up()
        at = float(frame.evaluate("frame => getComputedStyle(frame).getPropertyValue('--at')"))
        assert abs(at - 70) < 2, "the line is not under the finger"


@needs_browser
def test_nothing_moves_for_who_does_not_want_it(browser, demo):
    moving = """() => [...document.querySelectorAll("*")].filter(element => {
      const style = getComputedStyle(element), long = text => Math.max(...text.split(",").map(parseFloat)) > 0.01;
      return style.scrollBehavior === "smooth"
        || (style.transitionProperty !== "none" && long(style.transitionDuration))
        || (style.animationName !== "none" && long(style.animationDuration));
    }).length"""
    with visit(browser, demo) as page:
        assert page.evaluate(moving) > 0
    with visit(browser, demo, reduced_motion="reduce") as page:
        page.locator("#examples button").first.click()
        wait_until_done(page)
        assert page.evaluate(moving) == 0


# What a visitor reads, and what a screen reader says, of what is ours.
SAID = """() => {
  const said = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const say = (text, element) => {
    if (element.closest("[lang=en], script, style, svg")) return;
    if (element.checkVisibility()) said.push(text.replace(/\\s+/g, " ").trim());
  };
  while (walker.nextNode()) say(walker.currentNode.textContent, walker.currentNode.parentElement);
  for (const element of document.querySelectorAll("[aria-label], [title], [alt]"))
    for (const name of ["aria-label", "title", "alt"]) say(element.getAttribute(name) ?? "", element);
  return said.filter(Boolean);
}"""


def left_in_english(said: list[str], locale: str) -> list[str]:
    """What of the page's words is English of ours, as far as Japanese and this language have other words for it."""
    tables = i18n.TABLES["ja"], i18n.TABLES[locale[:2]]
    keys = [key for key in tables[0] if all(table[key] != key for table in tables)]
    sentence = "|".join(re.sub(r"\\{\w+\\}", ".+", re.escape(key)) for key in keys if " " in key)
    pattern, words = re.compile(rf"\b({sentence})(?!\w)"), {key for key in keys if " " not in key}
    return [text for text in said if text not in ENGLISH and (text in words or pattern.search(text))]


# Gradio's own tools have English names in every language; none is a text of ours.
@needs_browser
@pytest.mark.parametrize("locale", ["de-DE", "ja-JP", "zh-CN"])
def test_no_english_of_ours_is_left(browser, demo, picture, locale, tmp_path):
    table = i18n.TABLES[locale[:2]]
    with visit(browser, demo, locale=locale) as page:
        page.wait_for_selector("#examples img")
        assert page.evaluate("document.documentElement.lang").startswith(locale[:2])
        assert table["Give a photo"] in page.evaluate(SAID)
        assert not left_in_english(page.evaluate(SAID), locale)
        bad = tmp_path / "bad.png"
        bad.write_text("no picture")
        give_photo(page, bad)
        said = toast(page)
        assert table[UNREADABLE] in said and "Warning" not in said
        give_photo(page, picture)
        wait_until_done(page)
        said = page.evaluate(SAID)
        assert table["This is an invention, not the person's face."] in said
        assert not left_in_english(said, locale)
        open_second_tab(page)
        said = page.evaluate(SAID)
        assert table["Against the truth"] in said
        assert not left_in_english(said, locale)
        open_live_tab(page)
        page.click("#live [data-act=start]")
        page.get_by_text(table["No face is in sight."]).wait_for()
        assert not left_in_english(page.evaluate(SAID), locale)


@needs_browser
@pytest.mark.parametrize("locale", ["de-DE", "hi-IN", "fr-FR"])
def test_long_words_fit(browser, demo, picture, locale):
    """Neither the page nor a button is wider than its place, in the languages with the longest words."""
    cut = """() => [...document.querySelectorAll("button, h2, label, .status")].filter(
      each => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth
        && !each.matches("[data-act=choose], [data-act=drop]")  // wider for a finger than for the eye
        && !each.closest(".examples, #editor, #photo, .tab-container")).map(each => each.outerHTML.slice(0, 120))"""
    with visit(browser, demo, locale=locale) as page:
        give_photo(page, picture)
        wait_until_done(page)
        for to_the_tab in (lambda: None, lambda: open_live_tab(page)):
            to_the_tab()
            for width, height in ((1440, 900), PHONE):
                page.set_viewport_size({"width": width, "height": height})
                settled(page, "#results", "#live")
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
                assert page.evaluate(cut) == []
