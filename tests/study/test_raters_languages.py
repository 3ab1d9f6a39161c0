"""The raters' page in eight languages: whole tables, and a German rater who reads German."""

import json
import re

import pytest
from fastapi.testclient import TestClient

from tests.paths import ROOT
from tests.study.study_maker import make_study
from tests.web.web_page import PHONE, free_port, needs_browser
from unmask import Unmasker
from unmask.study.create import EXAMPLE_TITLE, PAIR_QUESTION, RANK_QUESTION
from unmask.study.database import DISK_FULL, NO_ANSWER
from unmask.study.questions import STATEMENTS
from unmask.study.store import Store
from unmask.web import launch
from unmask.web.rater_words import rater_words
from unmask.web.study_page import STATIC, Studies, build_app

SCRIPT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("study*.js")))
FILES = (STATIC.parent / "locales" / "raters").glob("*.json")
TABLES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
SERVING = ("study/store.py", "study/tokens.py", "study/create.py", "study/database.py", "web/study_page.py")
SERVER = [ROOT / "unmask" / name for name in SERVING]
PLACE = r"{\w+}"


def test_every_language_has_every_text_of_the_page():
    said = set(re.findall(r'\btr\("([^"]+)"', SCRIPT))
    assert len(said) > 40 and set(TABLES) == {"de", "es", "fr", "hi", "ja", "ko", "zh"}
    source = SCRIPT + "".join(path.read_text(encoding="utf-8") for path in SERVER)
    for language, table in TABLES.items():
        assert said <= set(table), (language, said - set(table))
        assert list(table) == list(TABLES["de"]), language
        for english, translated in table.items():
            assert f'"{english}"' in source, f"nobody says: {english}"
            assert translated.strip() == translated != "", (language, english)
            assert sorted(re.findall(PLACE, english)) == sorted(re.findall(PLACE, translated)), (language, english)


def test_every_language_has_the_questions_of_pairs_and_rankings_and_what_is_refused():
    source = "".join(path.read_text(encoding="utf-8") for path in SERVER[:2])
    refused = set(re.findall(r'StudyError\("([^"]+)"', source))
    assert len(refused) > 10
    for language, table in TABLES.items():
        assert refused | {PAIR_QUESTION, RANK_QUESTION, DISK_FULL, NO_ANSWER} <= set(table), language


def test_the_script_knows_the_languages_and_the_server_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    known = json.loads(re.search(r"const LANGUAGES = (\[.*\]);", SCRIPT)[1])
    assert sorted(known) == sorted(TABLES)
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    for language in known:
        words = client.get(f"/static/{language}.json").json()
        assert words == rater_words()[language] and TABLES[language].items() <= words.items()
    assert client.get("/static/xx.json").status_code == 404


def test_all_that_the_built_in_study_asks_is_in_every_language(tmp_path):
    """Its title, text to agree to, question and scale, as the plan has them, and the statements of the form."""
    plan = make_study(tmp_path / "study", pictures=1, title=EXAMPLE_TITLE, further=list(STATEMENTS.values())).plan
    asked = [plan.title, *plan.consent.split("\n\n")]
    for question in plan.questions:
        asked += [question.text, *question.scale_labels.values()]
    assert len(asked) == 1 + 3 + 3 + 4 * 3
    for language, words in rater_words().items():
        assert all(words[text].strip() not in ("", text) for text in asked), language


@needs_browser
def test_the_built_in_words_are_translated_and_a_researchers_own_stay(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    make_study(tmp_path / "ours", pictures=1, title=EXAMPLE_TITLE)
    own = {"question": "Is it {odd} or Left?", "scale_labels": ("not odd", "very odd"), "consent": "Agree, please."}
    theirs = make_study(tmp_path / "theirs", pictures=1, title="A researcher's title", **own)
    demo = launch("127.0.0.1", free_port(), wait=False)
    context = browser.new_context(locale="de-DE", viewport={"width": PHONE[0], "height": PHONE[1]})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{demo.local_url}study/")
    page.get_by_role("link", name="Wie echt sehen diese Gesichter aus?").click()
    page.get_by_role("heading", name="Wie echt sehen diese Gesichter aus?").wait_for()
    page.get_by_text("Dies ist eine Studie dazu, wie echt Bilder von Gesichtern aussehen.").wait_for()
    page.get_by_text("Die Teilnahme ist freiwillig").wait_for()
    page.check("#agree")
    page.get_by_role("button", name="Beginnen").click()
    page.get_by_role("heading", name="Wie echt sieht dieses Gesicht aus?").wait_for()
    page.get_by_text("10 = ein echtes Foto").wait_for()
    page.get_by_role("button", name="1 von 10, klar falsch").wait_for()
    page.goto(f"{demo.local_url}study/{theirs.plan.study_id}")
    page.get_by_role("heading", name="A researcher's title").wait_for()
    page.get_by_text("Agree, please.").wait_for()
    page.check("#agree")
    page.get_by_role("button", name="Beginnen").click()
    page.get_by_role("heading", name="Is it {odd} or Left?").wait_for()
    page.get_by_text("10 = very odd").wait_for()
    context.close()
    demo.close()


@needs_browser
@pytest.mark.parametrize(("locale", "begin", "back"), [("de-AT", "Beginnen", "Zurück"), ("ja-JP", "始める", "戻る")])
def test_raters_read_their_language(browser, tmp_path, monkeypatch, locale, begin, back):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study", pictures=1)
    demo = launch("127.0.0.1", free_port(), wait=False)
    context = browser.new_context(locale=locale, viewport={"width": PHONE[0], "height": PHONE[1]})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{demo.local_url}study/{study.plan.study_id}")
    page.check("#agree")
    page.get_by_role("button", name=begin).click()
    page.wait_for_selector("section.ready")
    assert page.get_attribute("html", "lang") == locale[:2]
    assert page.get_by_role("button", name=back).count() == 1
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()
    demo.close()


@needs_browser
def test_a_german_rater_is_asked_of_pairs_and_rankings_in_german(browser, tmp_path, monkeypatch):
    """Also where the study's own words are English; a link that is not valid is refused in German."""
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study", pictures=1, pairs=True, rank=3)
    store = Store(study)
    rater = store.join(consent=True)
    for item in (item for screen in rater.screens for item in screen):
        store.answer(store.tokens.of_question(rater.rater_id, item), 5)
    demo = launch("127.0.0.1", free_port(), wait=False)
    context = browser.new_context(locale="de-DE", viewport={"width": PHONE[0], "height": PHONE[1]})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{demo.local_url}study/{study.plan.study_id}#go-on.{store.tokens.of_rater(rater.rater_id)}")
    page.get_by_role("button", name="Fortfahren", exact=True).click()
    page.get_by_role("heading", name="Welches Gesicht sieht echter aus?").wait_for()
    for pair in rater.pairs:
        store.answer(store.tokens.of_question(rater.rater_id, "-".join(pair)), "left")
    page.reload()
    page.get_by_role("button", name="Fortfahren", exact=True).click()
    page.get_by_role("heading", name="Bringen Sie die Gesichter in eine Reihenfolge, das echteste zuerst.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto(f"{demo.local_url}study/none-such")
    page.get_by_text("Diese Studie gibt es hier nicht.").wait_for()
    context.close()
    demo.close()
