"""The rating study as raters and researchers meet it: a real server, a real browser, the real database."""

import re
import tempfile
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from fastapi.testclient import TestClient
from gradio_client import Client

from tests.study.study_maker import make_study
from tests.web.web_page import DESKTOP, PHONE, free_port, needs_browser
from unmask import Unmasker
from unmask.registry import MODELS
from unmask.study.backup import Backup, read_rows
from unmask.study.database import _open_engine
from unmask.study.order import count_questions
from unmask.study.plan import find_studies
from unmask.study.store import Store
from unmask.web import launch, study_page
from unmask.web.study_page import Studies, build_app

# ---------------------------------------------------------------- server, browser, studies


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the studies that the server runs."""
    folder = tmp_path_factory.mktemp("studies")
    make_study(folder / "single", pictures=2, pairs=True)
    make_study(folder / "side", pictures=2, presentation="side-by-side", repeats=0, title="Side by side")
    return folder


@pytest.fixture(scope="module")
def demo(folder):
    """The app as `python app.py` starts it, on a free port, with these studies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_STUDIES", str(folder))
        demo = launch("127.0.0.1", free_port(), wait=False)
        yield demo
        demo.close()


@pytest.fixture(scope="module")
def single(folder):
    return find(folder, "A study")


@pytest.fixture(scope="module")
def side(folder):
    return find(folder, "Side by side")


def find(folder, title) -> Store:
    return Store(next(study for study in find_studies(folder).values() if study.plan.title == title))


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


# ---------------------------------------------------------------- rating


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
    one, other = (f"{url(demo, store)}#{code}" for code in store.invitations(2))
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


# ---------------------------------------------------------------- blind


@needs_browser
def test_no_model_is_named_in_anything_that_a_rater_receives(browser, demo, single):
    received = []
    with visitor(browser) as context:
        page = context.new_page()
        context.on("response", lambda response: received.append(response))
        begin(page, demo, single)
        for place in range(len(single.study.plan.stimuli)):
            progress(page, place)
            press(page, "5")
        page.get_by_text("now two at a time").wait_for()
        page.keyboard.press("Enter")
        for place in range(2):
            progress(page, len(single.study.plan.stimuli) + place)
            press(page, "ArrowRight")
        page.get_by_text("All your answers are saved").wait_for()
        bodies = {
            response.url + "\n" + str(response.all_headers()): response.body()
            for response in received
            if response.status == 200
        }
        dom = page.content() + str(page.evaluate("JSON.stringify(localStorage)"))
    assert len([key for key in bodies if ".png" in key]) >= len(single.study.plan.stimuli)
    assert all(key.startswith(f"{demo.local_url}study/") for key in bodies), "nothing of Gradio's is loaded"
    pictures = {item.picture for item in single.study.plan.stimuli}
    words = {
        word.lower() for name, info in MODELS.items() for word in (name, info.title.split(" (")[0])
    } | pictures
    for text in (*bodies, *(body.decode("latin-1") for body in bodies.values()), dom):
        found = [word for word in words if re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text.lower())]
        assert not found, text[:200]
    for key, body in bodies.items():
        if "/api/" in key and ".png" not in key:
            assert not re.search(rb"reference|anchor|attention|repeat|role", body), key


def test_the_study_answers_with_no_schema_and_no_plan(demo, single):
    root = f"{demo.local_url}study/"
    here = single.study.plan
    for path in ("openapi.json", "docs", f"api/{here.study_id}/images/plan.json"):
        body = httpx.get(root + path).text
        assert "telea" not in body and here.stimuli[0].item_id not in body
    for path in ("../plan", "%2e%2e/secret.key", "0" * 16):
        assert httpx.get(f"{root}api/{here.study_id}/images/{path}.png").status_code == 404
    assert "script-src 'self'" in httpx.get(root).headers["content-security-policy"]


# ---------------------------------------------------------------- endpoints


@pytest.fixture
def rater(demo, single):
    """Somebody who takes part by a program: what the server handed out."""
    answer = httpx.post(
        f"{demo.local_url}study/api/{single.study.plan.study_id}/raters", json={"consent": True}
    )
    return answer.json()


def send(demo, store, rater, **body):
    address = f"{demo.local_url}study/api/{store.study.plan.study_id}/answers"
    return httpx.post(address, json=body, headers={"Authorization": f"Bearer {rater['token']}"})


def test_rate_by_gradio_client(demo, single, rater):
    client = Client(demo.local_url, verbose=False)
    token = rater["screens"][0][0]["token"]
    assert client.predict(token, 8, api_name="/rate") == {"saved": True, "version": 1}
    assert client.predict(token, 9, api_name="/rate") == {"saved": True, "version": 2}
    for arguments, sentence in (
        ((token, 11), "A score is a whole number from 1 to 10, not '11'."),
        ((token[:-1] + "x", 5), "This token is not valid here"),
        (("nothing", 5), "There is no such study"),
    ):
        with pytest.raises(Exception, match=re.escape(sentence)) as error:
            client.predict(*arguments, api_name="/rate")
        assert "Traceback" not in str(error.value)
    assert scores(single.rater(rater["code"]))[0] == "9"
    assert "/rate" in client.view_api(return_format="dict", print_info=False)["named_endpoints"]


def test_bad_answers_get_one_sentence(demo, single, rater):
    other = httpx.post(
        f"{demo.local_url}study/api/{single.study.plan.study_id}/raters", json={"consent": True}
    ).json()
    mine, theirs = (each["screens"][0][0]["token"] for each in (rater, other))
    for status, sentence, body in (
        (422, "A score is a whole number from 1 to 10, not '11'.", {"token": mine, "answer": 11}),
        (422, "A score is a whole number from 1 to 10, not '7.5'.", {"token": mine, "answer": 7.5}),
        (403, "This item was handed to another rater.", {"token": theirs, "answer": 5}),
        (403, "This token is not valid here: open the study's page anew.", {"token": "x", "answer": 5}),
        (422, "The request is not one that this page makes.", {"token": "x" * 300, "answer": 5}),
        (422, "The request is not one that this page makes.", {"answer": 5}),
        (422, "The request is not one that this page makes.", {"token": mine, "answer": None}),
        (422, "The request is not one that this page makes.", {"token": mine, "answer": True}),
        (422, f"A score is a whole number from 1 to 10, not '{'x' * 20}'.", {"token": mine, "answer": "x" * 999}),
    ):
        answer = send(demo, single, rater, **body)
        assert (answer.status_code, answer.json()) == (status, {"error": sentence})
    assert send(demo, single, {"token": other["token"] + "0"}, token=theirs, answer=5).status_code == 403
    refused = httpx.post(
        f"{demo.local_url}study/api/{single.study.plan.study_id}/raters", json={"consent": False}
    )
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "Please read the text and agree to it first.",
    )
    assert not single.rater(rater["code"]).answers


def test_an_item_rated_twice_is_one_rating(demo, single, rater):
    token, item = (rater["screens"][0][0][name] for name in ("token", "image"))
    assert [send(demo, single, rater, token=token, answer=score).json()["version"] for score in (4, 4, 6)] == [1, 1, 2]
    mine = [[row for row in single.answers(history) if row["rater_id"] == rater["code"]] for history in (False, True)]
    assert [[(row["question"], row["answer"]) for row in rows] for rows in mine] == [
        [(item, "6")],
        [(item, "4"), (item, "6")],
    ]


def test_rate_says_that_a_study_has_ended(demo, folder):
    study = make_study(folder / "ended", pictures=1, title="Ended")
    store = Store(study)
    rater = store.join(consent=True)
    token = store.question_token(rater.rater_id, rater.screens[0][0])
    client = Client(demo.local_url, verbose=False)
    client.predict(token, 4, api_name="/rate")
    study.close()
    with pytest.raises(Exception, match="This study has ended and takes no more answers. Thank you!"):
        client.predict(token, 5, api_name="/rate")
    assert [row["answer"] for row in store.answers()] == ["4"]


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A study and its page, without a server: (study, what posts and gets, the study's part of the address)."""
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study")
    return study, TestClient(build_app(Studies(Unmasker("cpu")))), f"/api/{study.plan.study_id}"


def test_a_full_disk_is_said_and_costs_nothing(alone):
    study, client, api = alone
    rater = client.post(f"{api}/raters", json={"consent": True}).json()
    headers = {"Authorization": f"Bearer {rater['token']}"}
    tokens = [question["token"] for screen in rater["screens"] for question in screen]
    answer = lambda token, score: client.post(f"{api}/answers", json={"token": token, "answer": score}, headers=headers)

    def kept():
        screens = client.get(f"{api}/rater", headers=headers).json()["screens"]
        return [question["answer"] for screen in screens for question in screen]

    assert answer(tokens[0], 9).json()["saved"]
    with Store(study).engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    full = [answer(token, score) for score in range(1, 9) for token in tokens[1:]]
    refused = [each for each in full if each.status_code != 200]
    sentence = "This could not be done, because the disk is full: please try again later."
    assert refused and {(each.status_code, each.json()["error"]) for each in refused} == {(503, sentence)}
    saved = {}
    for place, each in enumerate(full):
        if each.status_code == 200:
            saved[1 + place % (len(tokens) - 1)] = str(1 + place // (len(tokens) - 1))
    assert kept() == ["9"] + [saved.get(place) for place in range(1, len(tokens))]
    with Store(study).engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert all(answer(token, 8).json()["saved"] for token in tokens) and set(kept()) == {"8"}


def test_an_invitation_is_one_rater_on_every_device(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study", by_invitation=True)
    client, api = TestClient(build_app(Studies(Unmasker("cpu")))), f"/api/{study.plan.study_id}"
    assert client.get(api).json()["by_invitation"]
    one, other = Store(study).invitations(2)
    join = lambda code: client.post(f"{api}/raters", json={"consent": True, "invitation": code})
    joined = [join(code).json() for code in (one, one, other)]
    assert joined[0] == joined[1] and joined[0]["code"] != joined[2]["code"]
    for code, sentence in (
        (None, "This study is by invitation: open it by the link that you were sent."),
        (one[:-1], "This invitation is not valid here: open the link exactly as you were sent it."),
    ):
        refused = join(code)
        assert (refused.status_code, refused.json()["error"]) == (403, sentence)
    assert Store(study).progress()["joined"] == 2


def test_a_participant_of_a_panel_is_one_rater_and_leaves_no_number(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study", pictures=1, completion="C1A2B3")
    client, api = TestClient(build_app(Studies(Unmasker("cpu")))), f"/api/{study.plan.study_id}"
    pid = "5f3d2c1b0a9e8d7c6b5a4f3e"
    join = lambda who: client.post(f"{api}/raters", json={"consent": True, "participant": who}).json()
    rater, again, other = join(pid), join(pid), join("somebody else")
    assert rater["code"] == again["code"] != other["code"] and Store(study).progress()["joined"] == 2
    headers = {"Authorization": f"Bearer {rater['token']}"}
    about = lambda: client.get(f"{api}/rater", headers=headers).json()["completion"]
    for screen in rater["screens"]:
        assert about() == "" and "C1A2B3" not in client.get(api).text, "nobody gets the code for nothing"
        body = {"token": screen[0]["token"], "answer": 5}
        assert client.post(f"{api}/answers", json=body, headers=headers).json()["saved"]
    assert about() == "C1A2B3"
    kept = b"".join(path.read_bytes() for path in study.folder.glob("ratings.db*"))
    assert pid.encode() not in kept and rater["code"].encode() in kept
    assert Store(study).study.secret not in kept, "without it nobody can try numbers until the hash fits"


def test_a_closed_study_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study")
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    rater = client.post(f"/api/{study.plan.study_id}/raters", json={"consent": True}).json()
    study.close()
    body = {"token": rater["screens"][0][0]["token"], "answer": 5}
    headers = {"Authorization": f"Bearer {rater['token']}"}
    answer = client.post(f"/api/{study.plan.study_id}/answers", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        410,
        "This study has ended and takes no more answers. Thank you!",
    )
    assert (
        client.get("/api/studies").json() == [] and client.get(f"/api/{study.plan.study_id}").json()["ended"]
    )


def test_the_page_works_out_of_the_box(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path / "none yet"))
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    [listed] = client.get("/api/studies").json()
    about = client.get(f"/api/{listed['id']}").json()
    assert (
        about["title"] == "How real do these faces look?"
        and about["pairs"] == 4
        and len(about["training"]) == 3
    )
    rater = client.post(f"/api/{listed['id']}/raters", json={"consent": True}).json()
    image = client.get(f"/api/{listed['id']}/images/{rater['screens'][0][0]['image']}.png")
    assert image.status_code == 200 and image.headers["content-type"] == "image/png"
    assert client.get("/api/studies").json() == [listed], "it is made once"


def test_a_restarted_space_reads_its_backup_first(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDIES", str(tmp_path))
    study = make_study(tmp_path / "study")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    backup = Backup("owner/ratings", "token", lambda **options: SimpleNamespace(lock=threading.Lock()))
    monkeypatch.setattr(backup, "fetch", lambda: read_rows([backup.file] if backup.file.exists() else []))
    monkeypatch.setattr(study_page, "backup_from_environment", lambda: backup)
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    api = f"/api/{study.plan.study_id}"
    rater = client.post(f"{api}/raters", json={"consent": True}).json()
    headers = {"Authorization": f"Bearer {rater['token']}"}
    token = rater["screens"][0][0]["token"]
    assert client.post(f"{api}/answers", json={"token": token, "answer": 6}, headers=headers).json()["saved"]
    for file in study.folder.glob("ratings.db*"):
        file.unlink()
    _open_engine.cache_clear()  # as after a restart

    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    assert client.get(f"{api}/rater", headers=headers).json()["screens"][0][0]["answer"] == "6"

    def fail():
        raise RuntimeError("the Hub is away")

    monkeypatch.setattr(backup, "fetch", fail)
    answer = TestClient(build_app(Studies(Unmasker("cpu")))).get(api)
    assert (answer.status_code, answer.json()["error"]) == (
        503,
        "The study's backup cannot be reached: please try again later.",
    )
