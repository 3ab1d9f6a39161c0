"""The raters' page in a real browser, for the tests: who visits it, and the keys that are pressed there."""

from contextlib import contextmanager

import pytest

from tests.web.web_page import DESKTOP, free_port
from unmask.study.plan import find_studies
from unmask.study.store import Store
from unmask.web import launch


def find(folder, title) -> Store:
    return Store(next(study for study in find_studies(folder).values() if study.plan.title == title))


@contextmanager
def serve_studies(folder):
    """The demo on a free port, with the studies of a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_STUDIES", str(folder))
        demo = launch("127.0.0.1", free_port(), wait=False)
        yield demo
        demo.close()


@contextmanager
def visitor(browser, size=DESKTOP, expected=None, **options):
    """One rater's browser. Fails on a script error, and on an error message without `expected` in it."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(20_000)
    faults = []

    def watch(page):
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))

    context.on("page", watch)
    yield context
    context.close()
    assert not [fault for fault in faults if expected is None or expected not in fault]


def url(demo, store) -> str:
    return f"{demo.local_url}study/{store.study.plan.study_id}"


def begin(page, demo, store):
    """Consent, and the three training items."""
    page.goto(url(demo, store))
    assert page.get_by_role("button", name="Begin").is_disabled()
    page.check("#agree")
    page.get_by_role("button", name="Begin").click()
    for number in (1, 2, 3):
        page.get_by_text(f"Practice {number} of 3").wait_for()
        press(page, "5")
    page.get_by_text("That was the practice").wait_for()
    page.keyboard.press("Enter")


def press(page, key):
    """A key, once the screen's pictures are there."""
    page.wait_for_selector("section.ready")
    page.keyboard.press(key)


def progress(page, count):
    page.wait_for_function(
        "count => document.querySelector('#progress span').textContent.startsWith(`${count} of`)", arg=count
    )


def newest_rater(store):
    """The answers in order, of whoever joined last."""
    with store.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT rater_id FROM raters ORDER BY number DESC").all()
    return store.rater(rows[0].rater_id)


def scores(rater) -> list:
    return [rater.answers.get(item) for screen in rater.screens for item in screen]
