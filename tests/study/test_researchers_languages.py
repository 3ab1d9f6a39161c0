"""The researcher's tab in other languages: the form, a draft, and a study that runs."""

import re

import pytest
from playwright.sync_api import TimeoutError

from tests.study.study_maker import answer_all, make_study
from tests.web.real.test_for_everybody import SAID, left_in_english
from tests.web.web_page import DESKTOP, PHONE, free_port, needs_browser
from unmask.study.create import CONSENT, QUESTION
from unmask.study.questions import STATEMENTS
from unmask.study.store import Store
from unmask.web import i18n, launch


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """With a study that runs and has answers, and a draft."""
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    for name in ("UNMASK_RESEARCHER_TOKEN", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    make_study(tmp_path / "draft", pictures=1, title="Zweite", draft=True)
    store = Store(make_study(tmp_path / "open", pictures=2, title="Erste", ends="2099-01-31", by_invitation=True))
    for invitation in store.tokens.invitations(3):
        answer_all(store, store.join(True, invitation), 6)
    demo = launch("127.0.0.1", free_port(), wait=False)
    yield demo
    demo.close()


def choose(page, label: str, title: str):
    """Choose from a list, again where it was closed meanwhile by news of what it holds."""
    for left in range(4, -1, -1):
        page.get_by_label(label, exact=True).click()
        try:
            page.get_by_role("option", name=title, exact=True).click(timeout=10_000)
            return
        except TimeoutError:
            if not left:
                raise
            page.keyboard.press("Escape")


@needs_browser
@pytest.mark.parametrize(("locale", "size"), [("de-DE", PHONE), ("ja-JP", DESKTOP)], ids=["de", "ja"])
def test_no_english_of_ours_is_left_in_the_tab(browser, demo, locale, size):
    table = i18n.TABLES[locale[:2]]
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale=locale)
    page = context.new_page()
    page.set_default_timeout(90_000)

    def look():
        assert not left_in_english(page.evaluate(SAID), locale)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    page.goto(demo.local_url)
    page.get_by_role("tab", name=table["Rating studies"]).click()
    page.locator("b", has_text=re.compile("^(Erste|Zweite)$")).wait_for()  # else the list closes when they come
    page.locator(".study-preview, .scores").wait_for()
    for title, button in (("Erste", "Report and tables"), (f"Zweite ({table['draft']})", "Open it to raters")):
        choose(page, table["Study"], title)
        page.get_by_role("button", name=table[button]).wait_for()
        if title == "Erste":
            page.locator(".scores th", has_text=table["Like index, 95 %"]).wait_for(state="attached")
        look()
    page.get_by_role("button", name=table["New study"]).click()
    page.get_by_text(table["Add a condition"]).wait_for()
    look()
    page.get_by_role("button", name=table["Next: the question"]).click()
    # What raters read begins in the researcher's language, too.
    question = page.get_by_label(table["Question"], exact=True)
    page.wait_for_function("([box, text]) => box.value === text", arg=[question.element_handle(), table[QUESTION]])
    consent = page.get_by_label(table["What raters agree to (an empty line begins a paragraph)"])
    assert consent.input_value() == table[CONSENT]
    page.get_by_role("button", name=table["Ask something else, too, of every picture"]).click()
    further = page.get_by_label(table["Further question {number} (empty: not asked)"].format(number=1))
    statement = table[STATEMENTS["realistic"].text]
    page.wait_for_function("([box, text]) => box.value === text", arg=[further.element_handle(), statement])
    look()
    page.get_by_role("button", name=table["Next: the raters"]).click()
    page.locator("#study-size .status").wait_for()
    look()
    context.close()
