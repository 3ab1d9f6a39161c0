"""The queue as it is told on the page: five visitors at once, on a stand-in that takes its time."""

import re
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from tests.web.web_page import (
    DESKTOP,
    PHONE,
    in_both_schemes,
    middle_face,
    needs_browser,
    one_at_work,
    visit,
    wait_until_done,
)
from unmask.web.zero import OneByOne

pytestmark = needs_browser
LINE, STATUS = "#run-status + .queue-line .queue", "#run-status .status"
PLACE = re.compile(r"Waiting: number (\d) of (\d) in line(?:, about (\d+) s)?\.")


class Slow(OneByOne):
    """Finds a mask at once, and takes it off when `go` is set."""

    def __init__(self):
        super().__init__("cpu")
        self.go, self.at_work = threading.Event(), threading.Event()
        self.go.set()

    def find(self, photo, aligned=False):
        return [middle_face(photo)]

    def segment(self, photo, *args, **options):
        mask = np.zeros(photo.shape[:2], np.uint8)
        mask[len(mask) // 2 : -40, 60:-60] = 255
        return mask

    def remove(self, photo, mask=None, models=(), *args, **options):
        self.at_work.set()
        self.go.wait(60)
        return {name: photo for name in models}


@pytest.fixture(scope="module")
def unmasker():
    return Slow()


@pytest.fixture(scope="module")
def demo(unmasker):
    with one_at_work(unmasker) as demo:
        yield demo


def click_example(page):
    page.locator("#examples button").first.click()


@contextmanager
def busy(unmasker, page):
    """The server is at work for this page, and gets no further."""
    unmasker.at_work.clear()
    unmasker.go.clear()
    click_example(page)
    assert unmasker.at_work.wait(30)
    yield
    unmasker.go.set()


def test_who_waits_is_told_the_place_and_the_time(browser, demo, unmasker):
    first, second, third = (visit(browser, demo) for _ in range(3))
    with visit(browser, demo) as page, first as one, second as two, third as three:
        click_example(one)
        wait_until_done(one)  # from now on the server knows how long it takes
        with busy(unmasker, one):
            for other in (two, three):
                click_example(other)
                other.locator(LINE).get_by_text("Waiting").wait_for()
            click_example(page)
            page.locator(LINE).get_by_text("about").wait_for()
            place, waiting, seconds = map(int, PLACE.fullmatch(page.inner_text(LINE)).groups())
            assert place == waiting == 3 and seconds >= 1
            # It stands where the status was, and nothing of Gradio's own, English words is seen.
            assert not page.is_visible(STATUS) and not page.is_visible("#run-status .progress-text")
            colours = "line => [getComputedStyle(line).color, getComputedStyle(document.body).backgroundColor]"
            seen = set()
            for scheme in in_both_schemes(page):
                page.wait_for_function("dark => document.body.matches('.dark') === dark", arg=scheme == "dark")
                seen.add(tuple(page.locator(LINE).evaluate(colours)))
                assert contrast(*page.locator(LINE).evaluate(colours)) > 4.5
                for width, height in (PHONE, DESKTOP):
                    page.set_viewport_size({"width": width, "height": height})
                    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert len(seen) == 2
        wait_until_done(page)
        assert page.is_visible(STATUS) and not page.is_visible(LINE)


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours, each "rgb(r, g, b)"."""

    def luminance(colour):
        values = np.array([float(each) for each in re.findall(r"[\d.]+", colour)[:3]]) / 255
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_who_does_not_wait_sees_nothing_of_it(browser, demo):
    with visit(browser, demo) as page:
        click_example(page)  # the first screen looks different before
        wait_until_done(page)
        page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
        page.evaluate(f"""() => {{
          window.said = [];
          window.moved = [];
          new MutationObserver(() => {{
            window.said.push(document.querySelector("{LINE}").innerText);
            window.moved.push(document.querySelector(".step:last-child .how-to").getBoundingClientRect().top + scrollY);
          }}).observe(document.body, {{ subtree: true, childList: true, characterData: true, attributes: true }});
        }}""")
        page.locator("#examples button").nth(1).click()
        page.wait_for_selector("#run-status .done:not(.old)")
        assert page.evaluate("said.length") > 10 and not any(page.evaluate("said"))
        # The lines of the status differ in length; nothing else moves what is below them.
        moved = page.evaluate("moved")
        assert max(moved) - min(moved) <= 1.5 * 22


def test_in_the_visitors_language(browser, demo, unmasker):
    with visit(browser, demo) as first, visit(browser, demo, locale="de-DE") as page:
        with busy(unmasker, first):
            page.get_by_role("tab").nth(1).click()
            page.locator("#bare-examples button").first.click()
            line = page.locator("#truth-status + .queue-line")
            line.get_by_text("Bitte warten: Nummer 1 von 1 in der Reihe").wait_for()
        page.wait_for_selector("#truth-status .done")
