"""More than one question: each has its own scale, one screen asks all, and the like index is of the first."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.study.rating_page import newest_rater, press, progress, serve_studies, url, visitor
from tests.study.study_maker import answer_all, make_study
from tests.web.web_page import DESKTOP, PHONE, needs_browser
from unmask.study import report
from unmask.study.export import export_study, load, simulated
from unmask.study.order import count_questions
from unmask.study.plan import Plan, StudyError, open_study
from unmask.study.questions import STATEMENTS, read_statement, scale
from unmask.study.statistics.data import check
from unmask.study.store import Store

FURTHER = [STATEMENTS["realistic"], scale("How tired does it look?", 10, "not at all", "very")]


@pytest.fixture
def store(request, tmp_path, monkeypatch):
    """On either database, as the parameter says."""
    if getattr(request, "param", "sqlite") == "postgresql":
        monkeypatch.setenv("UNMASK_DATABASE_URL", request.getfixturevalue("postgres"))
    return Store(make_study(tmp_path / "study", pictures=2, further=FURTHER, scale_max=7))


def keys_of(store) -> list[str]:
    plan = store.study.plan
    return [key for item in plan.stimuli for key in plan.keys(item.item_id)]


def test_statements_are_read_by_name_or_as_they_are():
    assert read_statement("eerie") == STATEMENTS["eerie"]
    assert read_statement("Tired? | 7 | no | yes") == scale("Tired?", 7, "no", "yes")
    for text in ("eery", "Tired?|seven|no|yes", "Tired?|7|no"):
        with pytest.raises(ValueError, match="is no statement: give one of realistic, resembles"):
            read_statement(text)


@pytest.mark.parametrize(
    ("further", "sentence"),
    [
        ([scale("Old?", 11)], "The scale of 'Old\\?' may end at 2 to 10"),
        ([scale(" ", 5)], "A further question has 1 to 200 characters."),
        ([scale("Old?", 5), scale("old?", 7)], "'old\\?' is asked twice."),
        ([scale("How real does this face look?", 5)], "is asked twice"),
        ([scale(f"Old {n}?", 5) for n in range(7)], "At most 6 further questions"),
        ([scale("Old?", 5, "like glcic", "new")], "names the model glcic"),
    ],
)
def test_a_plan_whose_questions_cannot_be_asked_is_refused(tmp_path, further, sentence):
    with pytest.raises(StudyError, match=sentence):
        make_study(tmp_path / "study", further=further)
    assert not (tmp_path / "study").exists()


def test_the_plan_keeps_its_questions(store):
    plan = open_study(store.study.folder).plan
    assert [question.text for question in plan.questions] == [plan.question, *(each.text for each in FURTHER)]
    written = json.loads((store.study.folder / "plan.json").read_text())
    del written["further"]  # a plan of before
    path = store.study.folder / "old.json"
    path.write_text(json.dumps(written))
    assert Plan.read(path).questions == plan.questions[:1]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_every_question_has_its_own_scale_and_place(store):
    rater = store.join(consent=True)
    item = next(item.item_id for item in store.study.plan.stimuli if item.role == "test")
    save = lambda key, score: store.answer(store.tokens.of_question(rater.rater_id, key), score)
    for key, most in ((item, 7), (f"{item}:1", 5), (f"{item}:2", 10)):
        assert save(key, most) == 1
        with pytest.raises(StudyError, match=f"A score is a whole number from 1 to {most}, not '{most + 1}'"):
            save(key, most + 1)
    check_item = next(item.item_id for item in store.study.plan.stimuli if item.role == "attention")
    for key in (f"{item}:3", f"{item}:x", f"{item}:01", f"{item}:", f"{check_item}:1"):
        with pytest.raises(StudyError, match="not among those that you were asked about"):
            save(key, 1)
    rows = [row for row in store.answers() if row["question"].startswith(item)]
    assert len({row["position"] for row in rows}) == 1


@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_whoever_has_answered_all_questions_has_finished(store):
    rater = store.join(consent=True)
    keys = keys_of(store)
    assert len(keys) == count_questions(store.study.plan) == 3 * len(store.study.plan.stimuli) - 2
    for count, key in enumerate(keys):
        assert not store.rater(rater.rater_id).finished and store.progress()["finished"] == 0
        assert count == len(store.rater(rater.rater_id).answers)
        store.answer(store.tokens.of_question(rater.rater_id, key), 3)
    assert store.rater(rater.rater_id).finished and store.progress()["finished"] == 1


def test_tables_and_files_carry_the_question(store, tmp_path):
    rater = store.join(consent=True)
    answer_all(store, rater, 6)
    plan = store.study.plan
    tests = [item.item_id for item in plan.stimuli if item.role == "test"]
    for item in tests:
        store.answer(store.tokens.of_question(rater.rater_id, f"{item}:1"), 2)
        store.answer(store.tokens.of_question(rater.rater_id, f"{item}:2"), 9)
    data = load(store.study)
    assert set(data.ratings["score"]) == {6} and set(data.ratings["question"]) == {plan.question}
    assert len(data.statements) == 2 * len(tests)
    export_study(store.study, tmp_path / "out")
    for table in (pd.read_csv(tmp_path / "out/statements.csv"), pd.read_parquet(tmp_path / "out/statements.parquet")):
        means = table.groupby("question")[["score", "scale_max"]].mean()
        assert means.to_dict("index") == {
            FURTHER[0].text: {"score": 2, "scale_max": 5},
            FURTHER[1].text: {"score": 9, "scale_max": 10},
        }
    assert set(pd.read_csv(tmp_path / "out/ratings.csv")["question"]) == {plan.question}


def test_the_report_gives_a_mean_for_each_question_and_the_index_of_the_first(store):
    data = simulated(store.study, raters=20, seed=1)
    summary = report.summarise(data)
    raw = data.statements.merge(data.stimuli, on="item_id").query("role == 'test'")
    means = raw.groupby(["question", "model"])["score"].mean()
    found = summary["questions"].query("screening == 'before' and role == 'test'").set_index(["question", "model"])
    assert len(means) == 6 and found["mos"].to_dict() == pytest.approx(means.to_dict())
    assert (found["t_low"] < found["mos"]).all() and (found["t_high"] > found["mos"]).all()
    assert not [name for name in found if name.startswith("like")]
    first = report.summarise(replace(data, statements=data.statements[:0]))
    pd.testing.assert_frame_equal(summary["models"], first["models"])
    page = report.render(data, summary)
    for question in FURTHER:
        assert f"<h2>{question.text}</h2>" in page
    assert "MOS of 1 to 5" in page and "MOS of 1 to 10" in page


def test_answers_off_a_questions_scale_are_refused(store):
    data = simulated(store.study, raters=3)
    with pytest.raises(ValueError, match="that are not on its scale"):
        check(replace(data, statements=data.statements.assign(score=6.5)))
    with pytest.raises(ValueError, match="twice of one item"):
        check(replace(data, statements=pd.concat([data.statements, data.statements[:1]])))


@pytest.fixture
def demo(tmp_path, store):
    with serve_studies(tmp_path) as demo:
        yield demo


@needs_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_one_screen_asks_all(browser, demo, store, size):
    with visitor(browser, size, color_scheme="light") as context:
        page = context.new_page()
        page.goto(url(demo, store))
        page.check("#agree")
        page.get_by_role("button", name="Begin").click()
        forward = page.get_by_role("button", name="Next")
        for number in (1, 2, 3):
            page.get_by_text(f"Practice {number} of 3").wait_for()
            for key in "345":
                press(page, key)
            forward.click()
        page.get_by_role("button", name="Start").click()
        first = store.study.plan
        checks = {item.item_id for item in first.stimuli if item.role == "attention"}
        rater = newest_rater(store)
        for place, (item,) in enumerate(rater.screens):
            progress(page, place)
            page.wait_for_selector("section.ready")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            if item in checks:
                press(page, "5")
                continue
            for question in [first.question, *(each.text for each in FURTHER)]:
                group = page.get_by_role("group", name=f"{question} The picture to rate")
                assert forward.is_disabled()
                group.get_by_role("button", name="4 of").click()
                group.locator("[aria-pressed=true]").wait_for()
                expect(page.locator("main.saving")).to_have_count(0, timeout=30_000)
                # What is asked does not hide the picture that it is asked of.
                box = page.locator(".picture").bounding_box()
                assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
            forward.click()
        page.get_by_text("All your answers are saved").wait_for()
    rater = newest_rater(store)
    assert rater.finished
    assert {answer for key, answer in rater.answers.items() if key not in checks} == {"4"}
