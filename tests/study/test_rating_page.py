"""The raters' page as raters meet it: a real server, a real browser, the real database."""

import pytest

from tests.study.rating_page import begin, newest_rater, press, progress, scores, url, visitor
from tests.study.study_maker import make_study
from tests.web.web_page import PHONE, needs_browser
from unmask.study.order import count_questions
from unmask.study.store import Store


@needs_browser
def test_a_whole_rating_with_the_keyboard(browser, demo, single):
    keys = "1234567890"
    items = len(single.study.plan.stimuli)
    typed = [keys[place % 10] for place in range(items)]
    with visitor(browser) as context:
        page = context.new_page()
        begin(page, demo, single)
        for place, key in enumerate(typed):
            progress(page, place)
            press(page, key)
        page.get_by_text("now two at a time").wait_for()
        page.keyboard.press("Enter")
        for place, key in enumerate(("ArrowLeft", "ArrowDown")):
            progress(page, items + place)
            press(page, key)
        page.get_by_text("All your answers are saved").wait_for()
        rater = newest_rater(single)
        assert scores(rater) == [{"0": "10"}.get(key, key) for key in typed]
        assert [rater.answers[f"{left}-{right}"] for left, right in rater.pairs] == ["left", "tie"]
        assert page.inner_text(".code") == rater.rater_id
        rows = [row for row in single.answers() if row["rater_id"] == rater.rater_id]
        assert all(row["version"] == 1 and 0 < row["seconds"] < 60 for row in rows)
        assert len(rows) == count_questions(single.study.plan)


@needs_browser
def test_an_interrupted_rating_goes_on_where_it_stopped(browser, demo, single):
    with visitor(browser) as context:
        page = context.new_page()
        begin(page, demo, single)
        for place in range(4):
            progress(page, place)
            press(page, "7")
        progress(page, 4)
        press(page, "Escape")
        page.get_by_text("Paused").wait_for()
        page.keyboard.press("3")  # no screen to rate
        page.keyboard.press("Enter")
        press(page, "8")
        progress(page, 5)
        page.close()

        page = context.new_page()
        page.goto(url(demo, single))
        page.get_by_text("Welcome back").wait_for()
        progress(page, 5)
        page.keyboard.press("Enter")
        press(page, "9")
        progress(page, 6)
        # Back by one, twice, and another score: an edit, and no second rating.
        for _ in range(2):
            page.wait_for_selector("section.ready")
            page.keyboard.press("Backspace")
        page.wait_for_selector("section.ready")
        assert page.locator(".scale button[aria-pressed=true]").inner_text() == "8"
        press(page, "2")
        page.get_by_text("Saved").wait_for()
    rater = newest_rater(single)
    assert scores(rater)[:7] == ["7", "7", "7", "7", "2", "9", None]
    versions = [row["version"] for row in single.answers() if row["rater_id"] == rater.rater_id]
    assert versions == [1, 1, 1, 1, 2, 1]


@needs_browser
def test_an_invitation_goes_on_in_another_browser(browser, demo, folder):
    store = Store(make_study(folder / "invited", pictures=1, title="By link", by_invitation=True))
    one, other = (f"{url(demo, store)}#{code}" for code in store.tokens.invitations(2))
    with visitor(browser) as context:
        page = context.new_page()
        page.goto(url(demo, store))
        page.get_by_text("by invitation").wait_for()
        page.goto(one)
        page.reload()  # a change behind the # alone loads nothing
        page.check("#agree")
        page.get_by_role("button", name="Begin").click()
        for _ in range(3):
            press(page, "5")
            page.wait_for_timeout(100)
        page.get_by_role("button", name="Start").click()
        press(page, "7")
        progress(page, 1)
        page.goto("about:blank")
        page.goto(other)  # somebody else at the same computer
        page.get_by_role("button", name="Begin").wait_for()
    with visitor(browser) as context:
        page = context.new_page()
        page.goto(one)
        page.check("#agree")
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("Welcome back").wait_for()
        page.keyboard.press("Enter")
        progress(page, 1)
    assert store.progress()["joined"] == 1 and len(store.answers()) == 1


@needs_browser
def test_saved_is_said_only_when_it_is(browser, demo, single):
    with visitor(browser, expected="503") as context:
        page = context.new_page()
        begin(page, demo, single)
        progress(page, 0)
        page.route(
            "**/answers",
            lambda route: route.fulfill(status=503, json={"error": "The disk is full."}),
            times=1,
        )
        page.wait_for_selector("section.ready")
        page.keyboard.press("6")
        page.get_by_text("Not saved yet. The disk is full. Trying again").wait_for()
        assert not newest_rater(single).answers and page.get_by_text("Saved", exact=True).count() == 0
        page.keyboard.press("9")  # too early: the 6 is still on its way
        page.get_by_text("Saved", exact=True).wait_for()
        progress(page, 1)
        assert list(newest_rater(single).answers.values()) == ["6"]


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_all_fits_on_the_screen(browser, demo, single, side, scheme):
    with visitor(browser, PHONE, color_scheme=scheme, is_mobile=True, has_touch=True) as context:
        page = context.new_page()

        def fits(wide_only=False):
            page.wait_for_selector("section.ready")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert wide_only or page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0

        page.goto(url(demo, single))
        page.check("#agree")
        page.get_by_role("button", name="Begin").tap()
        for _ in range(3):
            fits()
            page.get_by_label("4 of 10").tap()
            page.wait_for_timeout(100)
        page.get_by_role("button", name="Start").tap()
        fits()
        sizes = page.locator(".scale button").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().toJSON())"
        )
        assert all(size["width"] >= 44 and size["height"] >= 44 for size in sizes), "too small for a thumb"
        for place in range(len(single.study.plan.stimuli)):
            progress(page, place)
            fits()
            page.get_by_label("4 of 10").tap()
        page.get_by_role("button", name="Go on").tap()
        fits()
        page.get_by_role("button", name="I cannot tell").tap()
        progress(page, len(single.study.plan.stimuli) + 1)
        page.goto(url(demo, side))
        page.check("#agree")
        page.get_by_role("button", name="Begin").tap()
        fits()
    assert set(scores(newest_rater(single))) == {"4"}


@needs_browser
def test_side_by_side_every_picture_has_its_own_score(browser, demo, side):
    with visitor(browser) as context:
        page = context.new_page()
        begin(page, demo, side)
        page.wait_for_selector("section.many.ready")
        forward = page.get_by_role("button", name="Next")
        for key in "12345":
            assert forward.is_disabled()
            press(page, key)
            page.wait_for_function(
                "key => !document.querySelector('.saving') && "
                "[...document.querySelectorAll('[aria-pressed=true]')].some(one => one.innerText === key)",
                arg=key,
            )
        page.locator(".card").nth(2).get_by_label("9 of 10").click()
        page.wait_for_function("() => !document.querySelector('.saving')")
        page.keyboard.press("Enter")
        progress(page, 1)
    assert scores(newest_rater(side))[:5] == ["1", "2", "9", "4", "5"]


@needs_browser
def test_withdrawing_takes_two_clicks_and_deletes_all(browser, demo, single):
    with visitor(browser) as context:
        page = context.new_page()
        begin(page, demo, single)
        press(page, "3")
        progress(page, 1)
        rater = newest_rater(single)
        press(page, "Escape")
        page.get_by_role("button", name="Withdraw from the study").click()
        assert newest_rater(single).answers
        page.get_by_role("button", name="Delete my answers").click()
        page.get_by_text("all your answers are deleted").wait_for()
        assert rater.rater_id not in {row["rater_id"] for row in single.answers(history=True)}
        page.reload()
        page.get_by_role("button", name="Begin").wait_for()
