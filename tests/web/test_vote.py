"""The blind vote: what is asked, what is told before the answer and after it, and the board of all answers."""

import io
import json
import re
import sqlite3
from types import SimpleNamespace

import gradio as gr
import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.paths import EXAMPLES
from tests.web.inverting import StandIn
from tests.web.real.test_for_everybody import RULES
from tests.web.test_board import full_store
from tests.web.test_safety import API
from tests.web.web_page import (
    PHONE,
    card,
    give_photo,
    in_both_schemes,
    needs_browser,
    run_again,
    serve,
    tiles,
    visit,
    wait_until_done,
)
from unmask import Guide, Unmasker, read_photo
from unmask.imaging.metadata import NOTICE
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.study.plan import StudyError
from unmask.study.votes import VoteStore
from unmask.web import board_page, build_demo, i18n
from unmask.web.board_page import Board, build_app
from unmask.web.components import vote_card
from unmask.web.components.vote_card import Ballot, Votes
from unmask.web.pictures import View, views_of
from unmask.web.session import Run, Visit

OWN = EXAMPLES / "hopper-kn95.png"  # a face, and none of the examples that are clicked


class EachItsOwn(StandIn):
    """Models that paint different flat colours, by which their results are told apart."""

    def remove(self, photo, mask=None, models=("ganmasker",), *args, **options):
        mask = self.segment(photo) if mask is None else mask
        return {name: np.where(mask[..., None] > 127, color_of(name), photo).astype(np.uint8) for name in models}


def color_of(name: str) -> np.ndarray:
    number = list(MODELS).index(name)
    return np.array([40 + 12 * number, 200 - 9 * number, 30 + 5 * number], np.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("votes") / "votes.db"


@pytest.fixture(scope="module")
def demo(file):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_VOTES", str(file))
        with serve(EachItsOwn()) as demo:
            yield demo


def rows(file) -> list[tuple]:
    with sqlite3.connect(file) as connection:
        return connection.execute("SELECT first, second, answer, source FROM votes ORDER BY id").fetchall()


# ---------------------------------------------------------------- the page


@needs_browser
@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desktop", "phone"])
def test_a_vote_is_blind_and_the_names_come_after_it(browser, demo, file, size):
    before, sent = len(rows(file)), []
    with visit(browser, demo, size) as page:
        page.on("request", lambda request: "queue/join" in request.url and sent.append(request.post_data))
        page.locator("#examples button").first.click()
        page.wait_for_selector("#vote-question")
        wait_until_done(page)
        assert not page.locator("#results").is_visible()
        # To the last byte of the vote's own: its HTML, its pictures' names and their content.
        names = re.compile("|".join([*MODELS, *(info.title for info in MODELS.values())]), re.IGNORECASE)
        asked = page.locator("#vote .vote").evaluate("vote => vote.outerHTML")
        assert not names.search(asked)
        pictures = []
        for image in page.locator("#vote img").all():
            url = image.evaluate("image => image.src")
            data = page.request.get(url).body()
            assert not names.search(url) and not names.search(data.decode("latin-1"))
            pictures.append(Image.open(io.BytesIO(data)))
        assert [each.info["Description"] for each in pictures] == [NOTICE] * 2
        assert pictures[0].size == pictures[1].size and max(pictures[0].size) <= vote_card.SIDE
        assert [image.get_attribute("alt") for image in page.locator("#vote img").all()] == ["Result A", "Result B"]
        # All of it is in sight at once.
        box = page.locator("#vote .answers")
        page.wait_for_function(
            "() => document.querySelector('#vote .answers').getBoundingClientRect().bottom <= innerHeight"
        )
        assert box.is_visible() and page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        sent.clear()
        page.get_by_role("button", name="B looks more real").click()
        page.locator("#vote [role=status]").wait_for()
        (payload,) = sent
        assert not names.search(payload) and set(json.loads(payload)["event_data"]) == {"token", "answer"}
        page.locator("#results").wait_for()
        told = page.locator("#vote").inner_text()
        assert "Thank you" in page.evaluate("document.activeElement.innerText")
        (row,) = rows(file)[before:]
        first, second, answer, source = row
        assert (answer, source) == ("B", "example") and f"A was {MODELS[first].title}" in told
        assert f"B was {MODELS[second].title}" in told and {first, second} < set(DEFAULT_MODELS)
        for picture, name in zip(pictures, (first, second)):
            colors = np.array(picture).reshape(-1, 3)
            assert (colors == color_of(name)).all(axis=1).mean() > 0.05, "the names are the wrong way round"
        assert tiles(page).count() >= len(DEFAULT_MODELS)
        # What has been seen by name is not asked about again.
        run_again(page)
        assert page.locator("#vote .vote").count() == 0 and card(page).is_visible()
        assert len(rows(file)) == before + 1


@needs_browser
def test_whoever_does_not_want_to_vote_gets_the_results(browser, demo, file):
    before = rows(file)
    with visit(browser, demo) as page:
        give_photo(page, OWN)
        page.wait_for_selector("#vote-question")
        page.get_by_role("button", name="Show the results").click()
        card(page).wait_for()
        assert page.locator("#vote .vote").count() == 0
        # Another photo is another question; one that is cleared leaves none behind.
        page.locator("#examples button").nth(1).click()
        page.wait_for_selector("#vote-question")
        page.get_by_label("Remove Image").or_(page.get_by_label("Clear")).first.click()
        page.wait_for_function("() => !document.querySelector('#vote .vote')")
    assert rows(file) == before


@needs_browser
def test_own_pictures_count_apart_and_cannot_tell_is_an_answer(browser, demo, file):
    before = len(rows(file))
    with visit(browser, demo) as page:
        give_photo(page, OWN)
        page.wait_for_selector("#vote-question")
        page.get_by_role("button", name="Cannot tell").click()
        page.locator("#vote [role=status]").wait_for()
        page.get_by_role("link", name="What all votes say").click()
        page.get_by_role("heading", name="On visitors' own pictures").wait_for()
    (row,) = rows(file)[before:]
    assert row[2:] == ("tie", "own")


@needs_browser
@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser, demo, size, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def check(page, state):
        for scheme in in_both_schemes(page):
            page.wait_for_timeout(100)  # the page has heard of it
            found = axe.run(page, options=RULES).response["violations"]
            assert not found, f"{state}, {scheme}: {[(each['id'], each['nodes'][0]['html'][:200]) for each in found]}"

    with visit(browser, demo, size, reduced_motion="reduce") as page:
        page.locator("#examples button").first.click()
        page.wait_for_selector("#vote-question")
        wait_until_done(page)
        check(page, "question")
        page.locator("#vote [data-answer=A]").click()
        page.locator("#vote [role=status]").wait_for()
        check(page, "names")
        html = TestClient(build_app(Board(full_store(tmp_path)))).get("/").text
        page.goto(demo.local_url + "board/")
        check(page, "board without a ranking")
        page.set_content(html.replace('href="board.css"', f'href="{demo.local_url}board/board.css"'))
        page.wait_for_function("() => document.styleSheets.length && getComputedStyle(document.body).margin === '0px'")
        assert page.locator("tbody tr").count() == 3
        check(page, "board with a ranking")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@needs_browser
@pytest.mark.parametrize("locale", ["de-DE", "hi-IN", "ja-JP"])
def test_the_question_and_the_board_speak_the_visitors_language(browser, demo, locale):
    table = i18n.TABLES[locale[:2]]
    with visit(browser, demo, PHONE, locale=locale) as page:
        page.locator("#examples button").first.click()
        page.get_by_role("heading", name=table["Which looks more real, A or B?"]).wait_for()
        wider = "each => each.scrollWidth > each.clientWidth + 1"
        assert page.evaluate(f"() => [...document.querySelectorAll('#vote button')].filter({wider}).length") == 0
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.goto(demo.local_url + "board/")
        page.get_by_role("heading", name=table["The visitors' votes"]).wait_for()
        assert page.evaluate("document.documentElement.lang") == locale[:2]


# ---------------------------------------------------------------- what is asked


def draw(ballot: Ballot, count: int = 400) -> list[tuple[str, str]]:
    return [ballot.draw_two() for _ in range(count)]


def test_pairs_and_sides_are_drawn_at_random():
    crops = {name: np.full((8, 8, 3), number, np.uint8) for number, name in enumerate("abcd")}
    drawn = draw(Ballot(View(slice(0, 8), slice(0, 8)), "own", crops), 1200)
    counts = {pair: drawn.count(pair) for pair in set(drawn)}
    assert len(counts) == 12 and min(counts.values()) > 60, "each of twelve ordered pairs comes up 100 times, about"


def test_equal_results_and_one_alone_are_not_asked_about():
    same = np.zeros((8, 8, 3), np.uint8)
    view = View(slice(0, 8), slice(0, 8))
    assert Ballot(view, "own", {"a": same, "b": same.copy()}).draw_two() is None
    assert Ballot(view, "own", {"a": same}).draw_two() is None


def test_the_crop_is_the_face_and_no_larger_than_is_shown():
    result = np.zeros((2000, 3000, 3), np.uint8)
    result[400:1400, 1000:2000] = 255
    ballot = Ballot(View(slice(200, 1800), slice(500, 2500), (0.25, 0.125, 0.5, 0.625)), "own")
    ballot.add("a", result)
    assert ballot.crops["a"].shape == (512, 512, 3) and ballot.crops["a"].min() == 255


@pytest.fixture
def votes(tmp_path):
    with gr.Blocks():
        yield Votes(gr.HTML(), VoteStore(tmp_path / "votes.db"))


def test_only_a_photos_first_run_of_models_as_they_are_is_asked_about(votes):
    photo = read_photo(OWN)
    mask, faces = StandIn().segment(photo), StandIn().find(photo)
    now, views = Visit.begin(photo, mask, faces), views_of(mask, faces)
    usual = (("glcic", "telea"), Guide(), 1.0)
    assert votes.begin(now, views, *usual).source == "own"
    assert votes.begin(now, views, ("glcic",), *usual[1:]) is None
    assert votes.begin(now, views, usual[0], Guide(smile=1.0), 1.0) is None
    assert votes.begin(now, views, usual[0], Guide(), 0.5) is None
    seen = Run(now.kept_mask, now.faces, ("glcic",))
    assert votes.begin(SimpleNamespace(ran=seen, kept_photo=photo), views, *usual) is None


# ---------------------------------------------------------------- answers


class Asked:
    """Votes with one question after another, and what visitors are warned of."""

    def __init__(self, votes, monkeypatch):
        self.votes, self.warned = votes, []
        monkeypatch.setattr(vote_card.gr, "Warning", self.warned.append)
        monkeypatch.setattr(vote_card, "cached_png", lambda *args: "face.png")

    def ask(self) -> str:
        """A new question's token."""
        crops = {name: np.full((8, 8, 3), number, np.uint8) for number, name in enumerate(("glcic", "telea"))}
        html = self.votes.ask(Ballot(View(slice(0, 8), slice(0, 8)), "own", crops))
        return re.search('data-token="([^"]+)"', html)[1]

    def answer(self, said, address: str = "198.51.100.7"):
        request = SimpleNamespace(request=SimpleNamespace(scope={"client": (address, 1)}))
        return self.votes.vote(SimpleNamespace(_data=said), request)

    def count(self) -> int:
        return len(self.votes.store.read("own"))


@pytest.fixture
def asked(votes, monkeypatch):
    return Asked(votes, monkeypatch)


def test_a_question_takes_one_answer_and_unknown_ones_get_a_sentence(asked):
    token = asked.ask()
    assert "Thank you" in asked.answer({"token": token, "answer": "A"}) and asked.warned == []
    for said in (token, "unknown", "", None, 3, [token], {"a": 1}):
        assert asked.answer({"token": said, "answer": "A"}, "198.51.100.8") == ""
        assert asked.warned.pop() == "This question is not open any more." and asked.warned == []
        asked.votes._limit = vote_card.RateLimit(vote_card.VOTES_A_MINUTE)
    assert asked.count() == 1


def test_what_is_no_answer_leaves_the_question_open(asked):
    token = asked.ask()
    for said in ({"token": token}, {"token": token, "answer": "C"}, {"token": token, "answer": ["A"]}, None, "A", []):
        asked.answer(said)
        assert "no answer" in asked.warned.pop()
    assert "Thank you" in asked.answer({"token": token, "answer": "tie"}) and asked.count() == 1


def test_a_visitor_votes_so_many_times_a_minute(asked):
    for _ in range(vote_card.VOTES_A_MINUTE):
        asked.answer({"token": asked.ask(), "answer": "B"})
    token = asked.ask()
    asked.answer({"token": token, "answer": "B"})
    assert "please wait" in asked.warned.pop() and asked.count() == vote_card.VOTES_A_MINUTE
    assert "Thank you" in asked.answer({"token": token, "answer": "B"}, "203.0.113.1"), "another visitor"


def test_questions_grow_old_and_are_bounded(asked, monkeypatch):
    token = asked.ask()
    now = vote_card.monotonic()
    monkeypatch.setattr(vote_card, "monotonic", lambda: now + vote_card.FORGET_AFTER + 1)
    assert asked.answer({"token": token, "answer": "A"}) == "" and asked.count() == 0
    monkeypatch.setattr(vote_card, "MOST_OPEN", 5)
    tokens = [asked.ask() for _ in range(8)]
    assert len(asked.votes._open) == 5 and asked.votes.take(tokens[2]) is None and asked.votes.take(tokens[3])


def test_a_vote_that_cannot_be_saved_is_said_to_be_lost(asked, monkeypatch):
    def fail(vote):
        raise StudyError("The disk is full.", 503)

    monkeypatch.setattr(asked.votes.store, "save", fail)
    assert "A was" in asked.answer({"token": asked.ask(), "answer": "A"}), "the names are not withheld for it"
    assert asked.warned == ["Your vote could not be saved."]


@pytest.mark.parametrize("said", [None, [], "x", {"token": "x" * 10**5, "answer": "A"}, {"answer": {"a": []}}])
def test_strangers_words_do_no_harm(demo, file, said):
    before = rows(file)
    with httpx.Client(base_url=demo.local_url, timeout=30) as web:
        config = web.get("config").json()
        (event,) = [each for each in config["dependencies"] if any(name == "vote" for _, name in each["targets"])]
        body = {"fn_index": event["id"], "data": [], "event_data": said, "session_hash": "stranger"}
        assert web.post(API + "queue/join", json=body).status_code == 200
        with web.stream("GET", API + "queue/data", params={"session_hash": "stranger"}) as stream:
            lines = [line for line in stream.iter_lines() if "process_completed" in line]
        assert len(lines) == 1 and "Traceback" not in lines[0] and "votes.db" not in lines[0]
        assert not {"/vote", "/skip"} & set(web.get(API + "info").json()["named_endpoints"])
    assert rows(file) == before


def test_it_is_off_unless_a_host_asks(monkeypatch, tmp_path):
    ids = lambda: {getattr(block, "elem_id", None) for block in build_demo(Unmasker("cpu")).blocks.values()}
    monkeypatch.delenv("UNMASK_VOTES", raising=False)
    assert "vote" not in ids() and board_page.routes() == []
    monkeypatch.setenv("UNMASK_VOTES", str(tmp_path / "votes.db"))
    assert "vote" in ids() and [route.path for route in board_page.routes()] == ["/board", "/board"]
