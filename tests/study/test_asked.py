"""Pairs that are chosen one by one: kept, never twice, sides balanced, many at once, after a restart, in a browser."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.study.rating_page import newest_rater, press, progress, serve_studies, url, visitor
from tests.study.study_maker import answer_all, make_study, token
from tests.web.web_page import PHONE, needs_browser
from unmask import Unmasker
from unmask.study import asked, report
from unmask.study.export import load
from unmask.study.order import count_questions, order_contenders, order_pairs
from unmask.study.plan import StudyError
from unmask.study.store import Store
from unmask.web.study_page import Studies, build_app

PICTURES = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path, monkeypatch):
    """A study whose pairs are chosen actively, on either database."""
    if request.param == "postgresql":
        monkeypatch.setenv("UNMASK_DATABASE_URL", request.getfixturevalue("postgres"))
    return Store(make(tmp_path))


def make(folder, **options):
    return make_study(folder / "study", **({"pictures": PICTURES, "pairs": True, "choose": "active"} | options))


def model_of(store):
    return {item.item_id: item.model for item in store.study.plan.stimuli}


def judge(store, rater_id, better):
    """Ask for a pair and answer it: `better` (models, best first) wins. The pair, as (left, right) models."""
    rater = store.ask_pair(rater_id)
    names = model_of(store)
    left, right = (names[item] for item in rater.pairs[-1])
    chosen = "left" if better.index(left) < better.index(right) else "right"
    store.answer(token(store, rater, "-".join(rater.pairs[-1])), chosen)
    return left, right


def test_one_pair_of_each_picture_each_kept_until_it_is_answered(store):
    rater = store.join(consent=True)
    assert rater.pairs == []
    picture = {item.item_id: item.picture for item in store.study.plan.stimuli}
    for count in range(1, PICTURES + 1):
        pairs = store.ask_pair(rater.rater_id).pairs
        assert len(pairs) == count and store.ask_pair(rater.rater_id).pairs == pairs  # the same while it waits
        assert store.rater(rater.rater_id).pairs == pairs
        assert store.answer(token(store, rater, "-".join(pairs[-1])), "tie") == 1
        assert store.answer(token(store, rater, "-".join(pairs[-1])), "left") == 2  # an edit
    assert {picture[item] for pair in pairs for item in pair} == {f"face-{n}" for n in range(PICTURES)}
    assert all(picture[left] == picture[right] for left, right in pairs) and len(set(pairs)) == PICTURES
    with pytest.raises(StudyError, match="You have been asked about all pairs."):
        store.ask_pair(rater.rater_id)
    stranger = store.join(consent=True)
    for key in ("-".join(pairs[0]), "-".join(order_pairs(store.study.plan, 0)[0])):
        with pytest.raises(StudyError, match="not among those that you were asked about"):
            store.answer(token(store, stranger, key), "left")


def test_all_answers_and_checks_count_a_rater_as_finished(store):
    rater = store.join(consent=True)
    answer_all(store, rater)
    assert not store.rater(rater.rater_id).finished
    assert count_questions(store.study.plan) == len(store.study.plan.stimuli) + PICTURES
    for _ in range(PICTURES):
        judge(store, rater.rater_id, ["ganmasker", "glcic", "pix2pix"])
    assert store.rater(rater.rater_id).finished and store.progress()["finished"] == 1
    assert load(store.study).pairs["position"].tolist() == [0, 1, 2, 3]


def test_the_choice_follows_from_what_was_said_and_asks_what_is_open(tmp_path):
    """ganmasker beats all, always; the other two are as good as each other: these meet more often."""
    met = []
    for name in ("one", "other"):
        store, pairs = Store(make_study(tmp_path / name / "s", pictures=6, pairs=True, choose="active")), []
        rng = np.random.default_rng(5)
        for _ in range(15):
            rater = store.join(consent=True)
            for _ in range(6):
                others = list(rng.permutation(["glcic", "pix2pix"]))
                pairs.append(judge(store, rater.rater_id, ["ganmasker", *others]))
        met.append(pairs)
    assert met[0] == met[1], "the same answers, the same pairs"
    counts = Counter(frozenset(pair) for pair in met[0])
    assert counts[frozenset({"glcic", "pix2pix"})] > 0.4 * len(met[0])
    at_left = Counter(met[0])
    assert all(abs(at_left[pair] - at_left[pair[::-1]]) <= 1 for pair in at_left)
    data = load(store.study)
    assert data.choose == "active"
    summary = report.summarise(data)
    assert summary["stopping"].empty, "shares of wins say nothing here, and may end no study"
    page = report.render(data, summary)
    assert "Pairs were chosen actively" in page and "read strengths, not wins" in page
    balanced = replace(data, choose="balanced")
    assert "chosen actively" not in report.render(balanced, report.summarise(balanced))
    strengths = summary["preferences"].query("screening == 'before'").set_index("model")["comparisons"]
    assert strengths["ganmasker"] < strengths["glcic"]


def test_many_at_once_get_each_a_pair_of_their_own(store):
    """Fifty people ask at the same time, some of them on two devices."""
    raters = [store.join(consent=True).rater_id for _ in range(50)]

    def ask(rater_id):
        return store.ask_pair(rater_id).pairs

    with ThreadPoolExecutor(16) as threads:
        first = list(threads.map(ask, raters + raters[:10]))
    assert all(len(pairs) == 1 for pairs in first) and first[50:] == first[:10]
    names = model_of(store)
    counts = Counter(frozenset(names[item] for item in pairs[0]) for pairs in first[:50])
    assert len(counts) == 3 and min(counts.values()) >= 8, "those who answer still count as asked"
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda rater: judge(store, rater, ["pix2pix", "glcic", "ganmasker"]), raters))
    with store.engine.connect() as connection:
        said = asked.read_said(connection, store.study.plan)
    assert said.out.sum() == 0 and said.wins.sum() == said.shown.sum() == 50


def test_who_withdraws_leaves_no_pair(store, backup):
    store.backup = backup
    gone, stays = store.join(consent=True), store.join(consent=True)
    for rater in (gone, stays):
        judge(store, rater.rater_id, ["ganmasker", "glcic", "pix2pix"])
    store.withdraw(gone.rater_id)
    with pytest.raises(StudyError, match="You have withdrawn"):
        store.ask_pair(gone.rater_id)
    with store.engine.connect() as connection:
        assert asked.read_said(connection, store.study.plan).shown.sum() == 1


def test_a_lost_disk_comes_back_with_the_pair_that_waits(tmp_path, backup):
    from unmask.study.backup import read_rows

    study = make(tmp_path)
    store = Store(study, backup)
    rater = store.join(consent=True)
    judge(store, rater.rater_id, ["ganmasker", "glcic", "pix2pix"])
    waiting = store.ask_pair(rater.rater_id).pairs
    copy = Store(replace(study, folder=tmp_path))  # another database
    copy.replay(reversed(list(read_rows([backup.file]))))
    assert copy.rater(rater.rater_id).pairs == waiting and copy.ask_pair(rater.rater_id).pairs == waiting
    assert copy.answer(token(copy, rater, "-".join(waiting[-1])), "right") == 1


def test_a_cap_a_preview_and_a_picture_with_fewer_results(tmp_path):
    study = make(tmp_path, trials=12)
    store = Store(study)
    pairs = len(order_contenders(study.plan, 0))
    assert 1 <= pairs < PICTURES and len(store.preview(store.tokens.preview()).pairs) == pairs
    for _ in range(3):
        rater = store.join(consent=True)
        for _ in range(pairs):
            judge(store, rater.rater_id, ["ganmasker", "glcic", "pix2pix"])
    few = replace(study.plan, stimuli=[item for item in study.plan.stimuli if item.model != "glcic"], trials=None)
    store = Store(replace(study, plan=few, folder=tmp_path))
    rater = store.join(consent=True)
    assert {frozenset(judge(store, rater.rater_id, ["ganmasker", "pix2pix"])) for _ in range(PICTURES)} == {
        frozenset({"ganmasker", "pix2pix"})
    }


def test_what_cannot_be_chosen_is_refused(tmp_path):
    with pytest.raises(StudyError, match="There are no pairs to choose from"):
        make(tmp_path, pairs=False)
    with pytest.raises(StudyError, match="Pairs are chosen by one of balanced, active, not by chance."):
        make(tmp_path, choose="chance")


def test_programs_ask_by_the_same_route(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make(tmp_path)
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    here = f"/api/{study.plan.study_id}"
    rater = client.post(f"{here}/raters", json={"consent": True}).json()
    who = {"Authorization": f"Bearer {rater['token']}"}
    assert rater["pairs"] == [] and client.get(here).json()["pairs"] == PICTURES
    for count in range(1, PICTURES + 1):
        *_, newest = client.post(f"{here}/rater/pair", headers=who).json()["pairs"]
        said = client.post(f"{here}/answers", json={"token": newest["token"], "answer": "right"}, headers=who)
        assert said.json() == {"saved": True, "version": 1}
        assert len(client.get(f"{here}/rater", headers=who).json()["pairs"]) == count
    refused = client.post(f"{here}/rater/pair", headers=who)
    assert refused.status_code == 410 and refused.json() == {"error": "You have been asked about all pairs."}
    assert client.post(f"{here}/rater/pair").status_code == 403


@needs_browser
def test_a_rater_is_asked_pair_by_pair_and_goes_on_after_a_pause(browser, tmp_path):
    store = Store(make(tmp_path, pictures=2, repeats=0, attention=0))
    with serve_studies(tmp_path) as demo, visitor(browser, PHONE) as context:
        page = context.new_page()
        page.goto(url(demo, store))
        page.check("#agree")
        page.get_by_role("button", name="Begin").click()
        page.wait_for_selector("section.ready")
        rater = newest_rater(store)
        answer_all(store, rater)
        page.reload()
        page.get_by_role("button", name="Go on").click()
        page.wait_for_selector(".pair.ready")
        page.reload()  # the pair that waits is still there
        page.get_by_role("button", name="Go on").click()
        page.wait_for_selector(".pair.ready")
        assert len(store.rater(rater.rater_id).pairs) == 1
        press(page, "ArrowLeft")
        progress(page, len(store.study.plan.stimuli) + 1)
        page.wait_for_selector(".pair.ready")
        page.get_by_role("button", name="Back").click()  # to the first one, and on again
        page.wait_for_selector(".pair.ready")
        assert page.get_by_role("button", name="Left").get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="Next").click()
        page.wait_for_selector(".pair.ready")
        press(page, "ArrowDown")
        page.get_by_text("All your answers are saved").wait_for()
    now = store.rater(rater.rater_id)
    assert now.finished and [now.answers["-".join(pair)] for pair in now.pairs] == ["left", "tie"]
