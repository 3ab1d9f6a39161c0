"""A researcher's whole way in the browser: pictures in, preview, link, raters on phone and desktop, the report."""

import io
import json
import re
import zipfile
from types import SimpleNamespace

import httpx
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.study.study_maker import make_study
from tests.web.web_page import DESKTOP, PHONE, free_port, needs_browser
from unmask import Unmasker
from unmask.study.plan import find_studies
from unmask.study.questions import STATEMENTS
from unmask.study.store import Store
from unmask.web import build_demo, launch
from unmask.web.security import researcher
from unmask.web.tabs import researcher_tab, study_wizard

TOKEN = "the researcher's token"
CONDITIONS = {"SuperNet": 90, "Rival": 200}  # name -> the shade that it fills holes with
FILES = ("SuperNet face.png", "Rival 2.png", "third.png")  # as careless a lab may call them
SIDE = 96


@pytest.fixture
def folders(tmp_path):
    """What two systems made of three faces."""
    for name, shade in CONDITIONS.items():
        (tmp_path / name).mkdir()
        for number, file in enumerate(FILES):
            image = np.random.default_rng(number).integers(60, 200, (SIDE, SIDE, 3), np.uint8)
            image[SIDE // 2 :, SIDE // 4 : -SIDE // 4] = shade
            Image.fromarray(image).save(tmp_path / name / file)
    return tmp_path


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """The demo as it is on a new machine: no study, no token."""
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path / "studies"))
    for name in ("UNMASK_RESEARCHER_TOKEN", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    demo = launch("127.0.0.1", free_port(), wait=False)
    yield demo
    demo.close()


def open_tab(browser, demo, **options):
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, **options)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(demo.local_url)
    page.get_by_role("tab", name="Rating studies").click()
    return page


def fill_in(page, folders, title):
    """The three steps of the form."""
    for place, name in enumerate(CONDITIONS):
        page.get_by_label(f"Condition {place + 1}", exact=True).fill(name)
        paths = [folders / name / file for file in FILES]
        page.locator("#new-study input[type=file]").nth(place).set_input_files(paths)
        page.locator("#new-study .file-preview").nth(place).locator("tr").nth(len(FILES) - 1).wait_for()
    page.get_by_role("button", name="Next: the question").click()
    page.get_by_label("Name of the study").fill(title)
    page.get_by_role("button", name="Next: the raters").click()
    page.get_by_text("30 raters and 3 photos can show a mean difference of").wait_for()
    page.get_by_label("Attention checks").fill("0")
    page.get_by_role("button", name="Make it, and look at it").click()


def rate(browser, link, store, rules, size, **options):
    """One rater, who gives each condition's pictures what the rules say; returns all that the browser received."""
    models = {item.item_id: item.model for item in store.study.plan.stimuli}
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(60_000)
    received, bodies = [], []

    def read():
        """What has come so far; a browser forgets it when it goes to another page."""
        page.wait_for_load_state("networkidle")
        while received:
            answer = received.pop()
            bodies.append(answer.url + str(answer.all_headers()) + answer.body().decode("latin-1"))

    page = context.new_page()
    page.on("response", lambda answer: received.append(answer))
    page.goto(link)
    page.check("#agree")
    page.get_by_role("button", name="Begin").click()
    for number in (1, 2, 3):
        page.get_by_text(f"Practice {number} of 3").wait_for()
        page.wait_for_selector("section.ready")
        page.keyboard.press("5")
    page.get_by_role("button", name="Start").click()
    for place in range(len(models)):
        page.wait_for_function(
            "count => document.querySelector('#progress span').textContent.startsWith(`${count} of`)", arg=place
        )
        page.wait_for_selector("section.ready")
        item = re.search(r"([0-9a-f]{16})\.png", page.get_attribute(".picture img", "src"))[1]
        if place == 3 and options.get("is_mobile"):
            read()
            page.reload()
            page.get_by_role("button", name="Go on").click()
            page.wait_for_selector("section.ready")
        page.get_by_role("button", name=re.compile(f"^{rules[models[item]]} of 10")).click()
    page.get_by_text("All your answers are saved").wait_for()
    read()
    bodies.append(page.content())
    context.close()
    return bodies


@needs_browser
@pytest.mark.slow
def test_from_pictures_to_the_sentence(browser, demo, folders):
    page = open_tab(browser, demo)
    fill_in(page, folders, "Faces of spring")

    frame = page.frame_locator("iframe.study-preview")
    frame.locator("#agree").check()
    frame.get_by_role("button", name="Begin").click()
    frame.get_by_text("Practice 1 of 3").wait_for()
    assert frame.get_by_text("Preview: nothing is saved.").count() == 1
    [study] = find_studies(folders / "studies").values()
    assert study.plan.draft and list(study.plan.conditions) == list(CONDITIONS)

    page.get_by_role("button", name="Open it to raters").click()
    page.locator("#link").wait_for()
    link = page.locator("#link :is(input, textarea)").input_value()
    assert link == f"{demo.local_url}study/{study.plan.study_id}"
    assert page.get_by_role("img", name=f"QR code of {link}").locator("svg").count() == 1
    page.get_by_label("Address at which raters find this page").fill("https://lab.example/unmask")
    page.get_by_role("img", name=f"QR code of https://lab.example/unmask/study/{study.plan.study_id}").wait_for()
    page.get_by_text("The study has no ratings yet.").wait_for()

    store = Store(find_studies(folders / "studies")[study.plan.study_id])
    assert store.progress()["joined"] == 0, "a preview is no rater"
    phone = {"is_mobile": True, "has_touch": True}
    received = rate(browser, link, store, {"SuperNet": 8, "Rival": 3}, DESKTOP)
    received += rate(browser, link, store, {"SuperNet": 9, "Rival": 3}, PHONE, **phone)
    received += rate(browser, f"{link}?PROLIFIC_PID=5f3d2c1b0a9e", store, {"SuperNet": 8, "Rival": 4}, DESKTOP)
    assert store.progress() == {"joined": 3, "finished": 3, "withdrawn": 0, "answers": 3 * len(study.plan.stimuli)}
    words = [word.lower() for file in FILES for word in (*CONDITIONS, file.removesuffix(".png")) if word != "third"]
    assert len(received) > 30 and not [text for text in received if any(word in text.lower() for word in words)]

    with store.engine.begin() as connection:  # or screening would find that nobody took the time of a person
        connection.exec_driver_sql("UPDATE answers SET seconds = 3.0")

    page.get_by_role("button", name="Refresh").click()
    page.get_by_text("3 of 30 raters have finished").wait_for()
    # Mean differences 5, 6 and 4: 5 -+ 4.3027 / sqrt(3).
    sentence = "SuperNet was liked more than Rival: 83.3 against 33.3 of 100, difference 50.0, "
    sentence += "95 % interval 25.2 to 74.8"
    page.get_by_text(f"{sentence}, 3 raters.").wait_for()
    page.get_by_role("button", name="Report and tables").click()
    files = {}
    for name in ("report", "tables"):
        address = page.locator(".file-preview tr", has_text=name).get_by_role("link").get_attribute("href")
        files[name] = httpx.get(address).content
    assert sentence in files["report"].decode()
    with zipfile.ZipFile(io.BytesIO(files["tables"])) as tables:
        with tables.open("ratings.csv") as file:
            ratings = pd.read_csv(file)
        assert json.loads(tables.read("report.json"))["title"] == "Faces of spring"
        assert {"ratings.parquet", "references.bib"} <= set(tables.namelist())
    assert len(ratings) == 3 * len(study.plan.stimuli) and ratings["rater_id"].nunique() == 3

    # A second study: it must have another name, and shows nothing of the first.
    page.get_by_role("button", name="New study").click()
    page.get_by_role("button", name="Make it, and look at it").click()
    page.get_by_text("There is a study called Faces of spring already").wait_for()
    page.locator("#new-study [role=tab]").nth(1).click()
    page.get_by_label("Name of the study").fill("Faces of summer")
    for place, statement in enumerate(list(STATEMENTS.values())[:2]):
        page.get_by_role("button", name="Ask something else, too").click()
        expect(page.get_by_label(f"Further question {place + 1}")).to_have_value(statement.text)
    page.get_by_label("Further question 1").fill("This face looks tired.")
    page.get_by_role("button", name="Next: the raters").click()
    page.get_by_role("button", name="Make it, and look at it").click()
    frame.locator("#agree").check()
    frame.get_by_role("button", name="Begin").click()
    [*_, study] = find_studies(folders / "studies").values()
    asked = ["This face looks tired.", STATEMENTS["resembles"].text]
    assert [question.text for question in study.plan.further] == asked
    for text in asked:
        frame.get_by_role("group", name=f"{text} The picture to rate").get_by_label("5 of 5, strongly agree").wait_for()
    page.get_by_role("button", name="Open it to raters").click()
    page.get_by_text("The study has no ratings yet.").wait_for()
    assert page.get_by_text("was liked more").count() == 0 and page.locator(".file-preview").count() == 0
    page.context.close()


@needs_browser
def test_from_elsewhere_the_tab_asks_for_the_token(browser, demo, tmp_path, monkeypatch):
    make_study(tmp_path / "studies" / "one", pictures=1, title="Somebody's study")
    page = open_tab(browser, demo, extra_http_headers={"X-Forwarded-For": "203.0.113.7"})
    page.get_by_text("This tab is for whoever runs rating studies.").wait_for()
    assert page.get_by_text("Somebody's study").count() == 0 and page.locator("#new-study").count() == 0
    page.context.close()

    monkeypatch.setenv("UNMASK_RESEARCHER_TOKEN", TOKEN)
    with_token = launch("127.0.0.1", free_port(), wait=False)
    page = open_tab(browser, with_token, extra_http_headers={"X-Forwarded-For": "203.0.113.7"})
    page.get_by_label("Researcher's token").fill("a guess")
    page.get_by_role("button", name="Open", exact=True).click()
    page.get_by_text("This is not the researcher's token.").wait_for()
    assert page.get_by_text("Somebody's study").count() == 0
    page.get_by_label("Researcher's token").fill(TOKEN)
    page.get_by_role("button", name="Open", exact=True).click()
    page.get_by_text("0 of 30 raters have finished").wait_for()
    page.get_by_role("button", name="Invitations").click()
    page.locator(".file-preview tr", has_text="invitations").wait_for()
    page.context.close()
    with_token.close()


# ---------------------------------------------------------------- who may


def ask(client="127.0.0.1", http="1.1", **headers):
    """A request as Gradio hands it to a callback."""
    headers = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    client = client and SimpleNamespace(host=client)
    return SimpleNamespace(request=SimpleNamespace(client=client, headers=headers, scope={"http_version": http}))


@pytest.mark.parametrize(
    "request_",
    [
        ask(),
        ask("::1", host="[::1]:7860"),
        ask(host="localhost:7860", origin="http://localhost:7860"),
        ask("127.0.0.2", origin="http://127.0.0.1:7860"),
    ],
)
def test_whoever_is_at_the_machine_needs_no_token(request_, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.delenv("UNMASK_RESEARCHER_TOKEN", raising=False)
    assert researcher.is_at_the_machine(request_)
    researcher.check("", request_)
    monkeypatch.setenv("SPACE_ID", "somebody/unmask")
    assert not researcher.is_at_the_machine(request_), "a Space's proxy makes everybody look local"


@pytest.mark.parametrize(
    "request_",
    [
        ask("192.168.1.7"),
        ask("172.17.0.1"),  # out of a container
        ask(None),
        ask(x_forwarded_for="203.0.113.7"),
        ask(x_forwarded_for=""),
        ask(x_real_ip="203.0.113.7"),
        ask(forwarded="for=203.0.113.7"),
        ask(via="1.1 proxy"),
        ask(http="1.0"),  # a proxy that says nothing
        ask(host="unmask.example"),  # a proxy, or a name that was made to lead here
        ask(host=""),
        ask(origin="https://evil.example"),
        ask(origin="null"),
    ],
)
def test_everybody_else_needs_the_token(request_, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setattr(researcher, "AFTER_A_WRONG_TOKEN", 0)
    monkeypatch.delenv("UNMASK_RESEARCHER_TOKEN", raising=False)
    for given in ("", TOKEN):
        with pytest.raises(Exception, match="not the researcher's token"):
            researcher.check(given, request_)
    monkeypatch.setenv("UNMASK_RESEARCHER_TOKEN", TOKEN)
    for wrong in ("", "a guess", None):
        with pytest.raises(Exception, match="not the researcher's token"):
            researcher.check(wrong, request_)
    researcher.check(TOKEN, request_)


def test_the_tab_is_there_wherever_somebody_could_open_it(monkeypatch, tmp_path):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    has_tab = lambda: "studies-tab" in {block.elem_id for block in build_demo(Unmasker("cpu")).blocks.values()}
    monkeypatch.delenv("UNMASK_RESEARCHER_TOKEN", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert has_tab()
    monkeypatch.setenv("SPACE_ID", "somebody/unmask")
    assert not has_tab() and not researcher_tab.wanted()
    monkeypatch.setenv("UNMASK_RESEARCHER_TOKEN", TOKEN)
    assert has_tab()


# ---------------------------------------------------------------- the form's uploads


def test_uploads_outlive_the_pages_own_clean_up(tmp_path):
    upload = tmp_path / "face.png"
    upload.write_bytes(b"a picture")
    kept = study_wizard._keep("0", [str(upload)], {})
    upload.unlink()
    kept = study_wizard._keep("0", [str(upload)], kept)  # another file has come, and the first is still listed
    [path] = study_wizard._files(kept, "0")
    assert path.name == "face.png" and path.read_bytes() == b"a picture"
    study_wizard._forget(kept)
    assert not path.exists()
    with pytest.raises(ValueError, match="please add them again"):
        study_wizard._files(kept, "0")
