"""A cap a rater: at most so many screens, dealt so that all comes equally often, and results of a photo together."""

from collections import Counter

import pytest

from tests.study.rating_page import newest_rater, press, progress, url, visitor
from tests.study.study_maker import answer_all, make_study, token
from tests.web.web_page import DESKTOP, PHONE, needs_browser
from unmask.study import report
from unmask.study.cap import deal, shares
from unmask.study.export import load
from unmask.study.order import count_questions, order_pairs, order_rankings, order_screens
from unmask.study.plan import Plan, StudyError
from unmask.study.questions import STATEMENTS, ranking_key
from unmask.study.store import Store


def test_shares_are_in_proportion_and_nothing_is_asked_twice():
    assert shares(20, [30, 6, 4]) == [15, 3, 2]
    assert shares(3, [30, 1, 1]) == [1, 1, 1] and shares(5, [30, 0, 1]) == [4, 0, 1]
    assert shares(99, [30, 6, 0]) == [30, 6, 0]
    for most in range(3, 40):
        given = shares(most, [30, 6, 4])
        assert sum(given) == most and all(have <= total for have, total in zip(given, [30, 6, 4]))


def test_cards_are_dealt_equally_often():
    dealt = Counter()
    for number in range(23):
        mine = deal(10, 4, number)
        assert len({card for card, _ in mine}) == 4 and all(before == dealt[card] for card, before in mine)
        dealt.update(card for card, _ in mine)
        assert len(dealt) < 10 or max(dealt.values()) - min(dealt.values()) <= 1


@pytest.mark.parametrize("presentation", ["single", "side-by-side"])
def test_every_rater_has_as_many_and_every_item_comes_as_often(tmp_path, presentation):
    most = 11 if presentation == "single" else 6
    options = {"presentation": presentation, "pairs": True, "rank": 3, "trials": most, "further": [STATEMENTS["eerie"]]}
    plan = make_study(tmp_path / "study", pictures=6, repeats=2, attention=2, **options).plan
    seen, compared = Counter(), Counter()
    raters = 132
    for number in range(raters):
        screens = order_screens(plan, number)
        pairs, rankings = order_pairs(plan, number), order_rankings(plan, number)
        assert len(screens) + len(pairs) + len(rankings) == most and pairs and rankings
        items = [item for screen in screens for item in screen]
        assert len(items) == len(set(items))
        assert sum(len(plan.keys(item)) for item in items) + len(pairs) + len(rankings) == count_questions(plan)
        assert screens[0] not in [[item.item_id] for item in plan.stimuli if item.role == "attention"]
        seen.update(items)
        compared.update(map(frozenset, pairs))
    checks = {item.item_id for item in plan.stimuli if item.role == "attention"}
    assert all(seen[check] == raters for check in checks)
    others = [seen[item.item_id] for item in plan.stimuli if item.item_id not in checks]
    assert max(others) - min(others) <= 1 and len(others) == len(plan.stimuli) - 2
    assert len(compared) == 6 * 3 and max(compared.values()) - min(compared.values()) <= 1


def test_results_of_a_photo_go_to_the_same_rater(tmp_path):
    """Models are compared within raters and photos: a rater sees all of a photo, but for the first and the last."""
    plan = make_study(tmp_path / "study", pictures=8, repeats=0, attention=0, trials=12).plan
    pictures = {item.item_id: item.picture for item in plan.stimuli}
    whole = Counter(item.picture for item in plan.stimuli)
    for number in range(20):
        mine = Counter(pictures[screen[0]] for screen in order_screens(plan, number))
        assert sum(mine[picture] < whole[picture] for picture in mine) <= 2


def test_without_a_cap_or_with_a_high_one_all_is_asked(tmp_path):
    plan = make_study(tmp_path / "study", pictures=2, pairs=True).plan
    assert plan.trials is None
    free = [order_screens(plan, number) for number in range(5)]
    high = Plan(**{**plan.__dict__, "trials": 500})
    assert [order_screens(high, number) for number in range(5)] == free
    assert count_questions(high) == count_questions(plan)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"trials": 0}, "A rater needs 2 trials or more here, checks included, not 0."),
        ({"trials": 4, "pairs": True, "rank": 2, "attention": 2}, "A rater needs 5 trials or more"),
    ],
)
def test_a_cap_that_is_too_low_is_refused(tmp_path, options, sentence):
    with pytest.raises(StudyError, match=sentence):
        make_study(tmp_path / "study", **options)


def test_whoever_has_answered_his_part_has_finished_and_is_analysed(tmp_path):
    store = Store(make_study(tmp_path / "study", pictures=6, trials=9, pairs=True, rank=3, raters=8))
    for number in range(8):
        rater = store.join(consent=True)
        answer_all(store, rater, 3 + number % 5)
        for items in rater.rankings:
            assert not store.rater(rater.rater_id).finished
            store.answer(token(store, rater, ranking_key(items)), "213")
        assert store.rater(rater.rater_id).finished and store.progress()["finished"] == number + 1
    with pytest.raises(StudyError, match="has all the raters that it needs"):
        store.join(consent=True)
    foreign = {item.item_id for item in store.study.plan.stimuli} - {i for screen in rater.screens for i in screen}
    with pytest.raises(StudyError, match="not among those that you were asked about"):
        store.answer(token(store, rater, foreign.pop()), 5)
    summary = report.summarise(load(store.study))
    assert (summary["models"]["raters"] >= 2).all() and summary["comparisons"]["raters"].min() >= 2


@needs_browser
def test_a_session_goes_on_on_another_device(browser, demo, single):
    with visitor(browser, DESKTOP) as context:
        page = context.new_page()
        page.goto(url(demo, single))
        page.check("#agree")
        page.get_by_role("button", name="Begin").click()
        for number in (1, 2, 3):
            page.get_by_text(f"Practice {number} of 3").wait_for()
            press(page, "5")
        page.get_by_role("button", name="Start").click()
        press(page, "7")
        progress(page, 1)
        press(page, "Escape")
        page.get_by_role("button", name="Use another device").click()
        code = page.get_by_role("img", name="The link as a QR code")
        code.wait_for()
        assert code.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
        link = page.locator(".elsewhere .code").inner_text()
        assert link.startswith(f"{url(demo, single)}#go-on.")
    rater = newest_rater(single)
    with visitor(browser, PHONE, is_mobile=True, has_touch=True) as context:
        page = context.new_page()
        page.goto(link)
        page.get_by_text("Welcome back").wait_for()
        page.get_by_role("button", name="Go on").tap()
        progress(page, 1)
        page.wait_for_selector("section.ready")
        page.get_by_label("4 of 10").tap()
        progress(page, 2)
        page.reload()
        page.get_by_text("Welcome back").wait_for()
    assert list(single.rater(rater.rater_id).answers.values()).count("4") == 1
    assert newest_rater(single).rater_id == rater.rater_id, "nobody new has joined"
