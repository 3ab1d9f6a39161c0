"""A study that only compares: no scores, no practice, and all the same a report, exports and a plan of its size."""

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from tests.study.rating_page import newest_rater, press, serve_studies, url, visitor
from tests.study.study_maker import make_study, token
from tests.web.web_page import DESKTOP, PHONE, needs_browser
from unmask import Unmasker
from unmask.study import report
from unmask.study.export import export_study, load, simulated
from unmask.study.order import count_questions
from unmask.study.plan import StudyError
from unmask.study.questions import STATEMENTS, ranking_key
from unmask.study.store import Store
from unmask.web.study_page import Studies, build_app


def make(folder, **options):
    return make_study(folder / "study", **({"pictures": 2, "presentation": "none"} | options))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Without scores there must be something to compare"),
        ({"rank": 3, "further": [STATEMENTS["eerie"]]}, "Further questions are answered by scores"),
        ({"rank": 3, "trials": 0}, "A rater needs 1 trials or more here"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, options, sentence):
    with pytest.raises(StudyError, match=sentence):
        make(tmp_path, **options)


def test_only_what_is_compared_is_there_and_asked(tmp_path):
    study = make(tmp_path, rank=3, pairs=True)
    plan = study.plan
    assert {item.role for item in plan.stimuli} == {"test"} and plan.training == [] and count_questions(plan) == 4
    store = Store(study)
    rater = store.join(consent=True)
    assert rater.screens == [] and len(rater.pairs) == len(rater.rankings) == 2
    with pytest.raises(StudyError, match="not among those that you were asked about"):
        store.answer(token(store, rater, plan.stimuli[0].item_id), 5)
    for pair in rater.pairs:
        store.answer(token(store, rater, "-".join(pair)), "left")
    for items in rater.rankings:
        store.answer(token(store, rater, ranking_key(items)), "213")
    assert store.rater(rater.rater_id).finished and store.progress()["finished"] == 1


def test_the_report_and_the_exports_need_no_score(tmp_path):
    """ganmasker is always first and glcic second: the sentence and the tables say so."""
    study = make(tmp_path, pictures=3, rank=3)
    store = Store(study)
    model = {item.item_id: item.model for item in study.plan.stimuli}
    best = ["ganmasker", "glcic", "pix2pix"]
    for number in range(20):
        rater = store.join(consent=True)
        for place, items in enumerate(rater.rankings):
            order = sorted(items, key=lambda item: best.index(model[item]))
            if (number + place) % 5 == 0:
                order = order[::-1]
            digits = "".join(str(items.index(item) + 1) for item in order)
            store.answer(token(store, rater, ranking_key(items)), digits)
    data = load(study)
    summary = report.summarise(data)
    placings = summary["placings"].query("screening == 'after'").set_index("model")
    assert placings["strength"].idxmax() == "ganmasker" and placings["low"].notna().all()
    page = report.write_report(data, tmp_path / "report").read_text(encoding="utf-8")
    assert "Plackett-Luce strength" in page and "nan" not in page.replace("nance", "")
    assert "GANMasker was preferred to GLCIC: in " in page and "20 raters" in page
    assert "Like index</h2>" not in page and "<b>MOS</b>" not in page and "How far raters agree" not in page
    said = export_study(study, tmp_path / "out")
    assert {path.name for path in said} >= {"rankings.csv", "arena_rankings.csv"}
    assert len(pd.read_csv(tmp_path / "out/rankings.csv")) == 20 * 3 * 3
    dry = simulated(study, raters=15, seed=1)
    assert dry.ratings.empty and len(dry.rankings) == 15 * 3 * 3
    assert "SIMULATED" in report.render(dry, report.summarise(dry))


def test_a_browser_learns_that_there_is_no_score(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make(tmp_path, rank=2)
    about = TestClient(build_app(Studies(Unmasker("cpu")))).get(f"/api/{study.plan.study_id}").json()
    assert about["screens"] == 0 and about["training"] == [] and about["rankings"] == 2 and about["answers"] == 2


@needs_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_rater_compares_and_nothing_else(browser, tmp_path, size):
    store = Store(make(tmp_path, rank=3, pairs=True, pictures=1))
    with serve_studies(tmp_path) as demo, visitor(browser, size) as context:
        page = context.new_page()
        page.goto(url(demo, store))
        page.get_by_text("2 questions, about 1 min.").wait_for()
        assert "With a keyboard: 1-9" not in page.inner_text("main")
        page.check("#agree")
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("heading", name="Two at a time").wait_for()
        page.get_by_role("button", name="Go on").click()
        press(page, "ArrowRight")
        page.get_by_role("heading", name="Almost done: now several at a time").wait_for()
        page.keyboard.press("Enter")
        press(page, "Enter")
        page.get_by_text("All your answers are saved").wait_for()
    answers = newest_rater(store).answers
    assert sorted(answers.values()) == ["123", "right"]
