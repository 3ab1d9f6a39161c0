"""Ranking several pictures at once: balanced, kept, blind, analysed by Plackett-Luce, and by mouse, finger and keys."""

import re
from collections import Counter
from dataclasses import replace

import choix
import numpy as np
import pandas as pd
import pytest

from tests.study.rating_page import newest_rater, progress, serve_studies, url, visitor
from tests.study.study_maker import make_study, token
from tests.web.web_page import DESKTOP, PHONE, needs_browser
from unmask.registry import MODELS
from unmask.study import report
from unmask.study.export import export_study, load, simulated
from unmask.study.order import count_questions, find_position, order_rankings
from unmask.study.plan import StudyError
from unmask.study.questions import ranking_key, read_key
from unmask.study.statistics import ranking, screening
from unmask.study.store import Store
from unmask.study.tables import ANSWERS


@pytest.fixture
def store(request, tmp_path, monkeypatch):
    """On either database, as the parameter says."""
    if getattr(request, "param", "sqlite") == "postgresql":
        monkeypatch.setenv("UNMASK_DATABASE_URL", request.getfixturevalue("postgres"))
    return Store(make_study(tmp_path / "study", pictures=2, rank=3, attention=0, repeats=0))


@pytest.mark.parametrize(
    ("rank", "sentence"),
    [(1, "From 2 to 8 pictures can be ranked at once, not 1."), (4, "There are 3 results of a photo to rank")],
)
def test_what_cannot_be_ranked_is_refused(tmp_path, rank, sentence):
    with pytest.raises(StudyError, match=sentence):
        make_study(tmp_path / "study", rank=rank)
    assert not (tmp_path / "study").exists()


def test_items_whose_ids_begin_alike_cannot_be_ranked(store):
    plan = store.study.plan
    first, second, *others = plan.stimuli
    alike = replace(plan, stimuli=[first, replace(second, item_id=first.item_id[:10] + "abcdef"), *others])
    with pytest.raises(StudyError, match="begin alike"):
        alike.check()
    replace(alike, rank=0).check()


def test_all_results_come_equally_often_and_everywhere(tmp_path):
    plan = make_study(tmp_path / "study", pictures=3, rank=2).plan
    models = {item.item_id: item.model for item in plan.stimuli if item.role == "test"}
    sets, places = Counter(), Counter()
    for number in range(300):
        rankings = order_rankings(plan, number)
        assert rankings == order_rankings(plan, number) and len(rankings) == 3
        for items in rankings:
            sets[frozenset(models[item] for item in items)] += 1
            places[models[items[0]]] += 1
    assert len(sets) == 3 and set(sets.values()) == {300}
    assert all(abs(count - 300) < 4 * np.sqrt(300) for count in places.values())


def test_a_key_holds_eight_pictures_in_an_old_database():
    """The columns of version 0.1.0: nothing is changed in them."""
    items = [f"{n:016x}"[::-1] for n in range(8)]
    key = ranking_key(items)
    assert len(key) <= ANSWERS.c.question.type.length == 64 and ANSWERS.c.answer.type.length == 8
    assert read_key(key).items == tuple(item[:7] for item in items) and "." not in key


@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_an_order_is_kept_and_a_wrong_one_refused(store):
    rater = store.join(consent=True)
    key = ranking_key(rater.rankings[0])
    assert find_position(store.study.plan, rater.number, key) == 0
    assert store.answer(token(store, rater, key), 231) == 1  # as /rate gives it
    assert store.answer(token(store, rater, key), "231") == 1 and store.answer(token(store, rater, key), "312") == 2
    for wrong in ("3", "331", "4321", "210", "left"):
        with pytest.raises(StudyError, match="An order names each place once, like 321, not"):
            store.answer(token(store, rater, key), wrong)
    other = ranking_key(rater.rankings[0][::-1])
    with pytest.raises(StudyError, match="not among those that you were asked about"):
        store.answer(token(store, rater, other), "123")
    assert store.rater(rater.rater_id).answers == {key: "312"} and not store.rater(rater.rater_id).finished
    assert count_questions(store.study.plan) == len(store.study.plan.stimuli) + 2


def test_rankings_become_tables_that_plackett_luce_reads(store, tmp_path):
    """The strengths of what was stored are those that choix finds by another algorithm."""
    models = {item.item_id: item.model for item in store.study.plan.stimuli}
    rng, said = np.random.default_rng(3), []
    for _ in range(12):
        rater = store.join(consent=True)
        for items in rater.rankings:
            order = rng.permutation(3)
            store.answer(token(store, rater, ranking_key(items)), "".join(str(place + 1) for place in order))
            said.append([models[items[place]] for place in order])
    data = load(store.study)
    assert len(data.rankings) == 12 * 2 * 3
    ranked = data.rankings.sort_values("rank").assign(model=data.rankings["item_id"].map(models))
    stored = ranked.groupby(["rater_id", "question"])["model"].agg(tuple)
    assert Counter(stored) == Counter(map(tuple, said))
    found = ranking.plackett_luce(data).set_index("model")
    names = sorted(found.index)
    expected = choix.ilsr_rankings(3, [[names.index(model) for model in each] for each in said])
    assert found.loc[names, "strength"].to_numpy() == pytest.approx(expected - expected.mean(), abs=1e-6)
    assert (found["low"] < found["strength"]).all() and (found["strength"] < found["high"]).all()
    assert set(screening.screen(data)["rater_id"]) == set(data.rankings["rater_id"])
    export_study(store.study, tmp_path / "out")
    for table in (pd.read_csv(tmp_path / "out/rankings.csv"), pd.read_parquet(tmp_path / "out/rankings.parquet")):
        assert set(table["rank"]) == set(table["shown"]) == {1, 2, 3} and len(table) == len(data.rankings)


def test_a_dry_run_finds_the_better_model(store):
    data = simulated(store.study, raters=30, seed=2)
    summary = report.summarise(data)
    placings = summary["placings"].query("screening == 'after'").set_index("model")
    assert placings["mean_rank"].idxmin() == "pix2pix" and placings["rankings"].eq(60).all()
    assert "Plackett-Luce strength" in report.render(data, summary)


@pytest.fixture
def demo(tmp_path, store):
    with serve_studies(tmp_path) as demo:
        yield demo


def come_to_the_rankings(page, demo, store, received=None):
    """All scores are given by a program; the browser goes on there. received: gets what comes from then on."""
    page.goto(url(demo, store))
    page.check("#agree")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector("section.ready")
    rater = newest_rater(store)
    for screen in rater.screens:
        store.answer(token(store, rater, screen[0]), 5)
    if received is not None:
        page.on("response", lambda response: received.append(response))
    page.reload()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector(".ranking.ready")
    return rater


def shown(page) -> list[str]:
    """The letters of the pictures, from the best, as they stand on the screen."""
    cards = page.locator(".ranking .card")
    boxes = [(cards.nth(n).bounding_box(), cards.nth(n).get_attribute("aria-label")) for n in range(cards.count())]
    boxes.sort(key=lambda each: (each[0]["y"], each[0]["x"]))
    names = [re.fullmatch(r"Picture (\w): place (\d) of 3", label).groups() for _, label in boxes]
    assert [place for _, place in names] == ["1", "2", "3"]
    return [letter for letter, _ in names]


def middle(page, letter) -> tuple[float, float]:
    box = page.get_by_role("listitem", name=f"Picture {letter}").locator(".picture").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@needs_browser
def test_pictures_are_put_in_order_by_mouse_and_by_keys(browser, demo, store):
    received = []
    with visitor(browser, DESKTOP) as context:
        page = context.new_page()
        rater = come_to_the_rankings(page, demo, store, received)
        assert shown(page) == ["A", "B", "C"]
        page.mouse.move(*middle(page, "C"))
        page.mouse.down()
        page.mouse.move(*middle(page, "A"), steps=5)
        page.mouse.up()
        assert shown(page) == ["C", "A", "B"]
        page.get_by_text("Picture C: place 1 of 3").wait_for()
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        found = axe.run(page).response["violations"]
        assert not found, [(each["id"], each["nodes"][0]["html"]) for each in found]
        page.get_by_role("button", name="This is my order").click()
        progress(page, len(store.study.plan.stimuli) + 1)
        # The second one by keys alone, from Tab to Enter.
        page.wait_for_selector(".ranking.ready")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        assert shown(page) == ["B", "A", "C"]
        page.keyboard.press("ArrowDown")
        assert shown(page) == ["B", "C", "A"]
        page.get_by_role("button", name="Picture C: one place better").focus()
        page.keyboard.press("Enter")
        assert shown(page) == ["C", "B", "A"]
        assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Picture C")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Go on").click()  # nothing was saved: the order begins anew
        page.wait_for_selector(".ranking.ready")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.get_by_text("All your answers are saved").wait_for()
        bodies = [f"{each.url} {each.all_headers()}" + each.body().decode("latin-1") for each in received if each.ok]
        bodies.append(page.content())
    answers = store.rater(rater.rater_id).answers
    assert [answers[ranking_key(items)] for items in rater.rankings] == ["312", "213"]
    names = {word for name, info in MODELS.items() for word in (name, info.title.split(" (")[0].lower())}
    pictures = {item.picture for item in store.study.plan.stimuli}
    words = re.compile(rf"(?<![a-z])({'|'.join(map(re.escape, names | pictures))})(?![a-z])", re.IGNORECASE)
    assert len(bodies) > 10 and not [found[0] for text in bodies if (found := words.search(text))]


@needs_browser
def test_pictures_are_put_in_order_by_a_finger(browser, demo, store):
    with visitor(browser, PHONE, is_mobile=True, has_touch=True, color_scheme="dark") as context:
        page = context.new_page()
        rater = come_to_the_rankings(page, demo, store)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        sizes = [box.bounding_box() for box in page.locator(".moves button").all()]
        assert all(size["width"] >= 44 and size["height"] >= 44 for size in sizes), "too small for a thumb"
        devtools = context.new_cdp_session(page)

        def touch(kind, *points):
            points = [{"x": x, "y": y} for x, y in points]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", middle(page, "A"))
        touch("touchMove", middle(page, "B"))
        touch("touchMove", middle(page, "C"))
        page.wait_for_timeout(200)  # a finger that lets go in full swing flings, and the next tap only stops the fling
        touch("touchMove", middle(page, "A"))
        touch("touchEnd")
        assert shown(page) == ["B", "C", "A"]
        page.get_by_role("button", name="Picture A: one place better").tap()
        assert shown(page) == ["B", "A", "C"]
        page.get_by_role("button", name="This is my order").tap()
        progress(page, len(store.study.plan.stimuli) + 1)
    assert store.rater(rater.rater_id).answers[ranking_key(rater.rankings[0])] == "213"
