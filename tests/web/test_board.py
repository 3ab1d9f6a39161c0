"""The public board: what it shows of the votes, in which languages, and that it harms nobody."""

import re

import httpx
import pytest
from starlette.testclient import TestClient

from tests.web.inverting import serve_with_votes
from unmask.registry import MODELS
from unmask.study.plan import StudyError
from unmask.study.votes import LEAST_VOTES, Vote, VoteStore
from unmask.web import board_page, i18n
from unmask.web.board_page import Board, build_app


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with serve_with_votes(tmp_path_factory.mktemp("votes")) as demo:
        yield demo


def full_store(folder) -> VoteStore:
    """Votes on examples that can be ranked, and a few on own pictures."""
    store = VoteStore(folder / "full.db")
    for number in range(3 * LEAST_VOTES // 2):
        first, second = (("ganmasker", "glcic"), ("glcic", "telea"), ("telea", "ganmasker"))[number % 3]
        answer = "tie" if number % 11 == 0 else "AAB"[number // 3 % 3] if first != "telea" else "BBA"[number // 3 % 3]
        store.save(Vote(first, second, answer, "example"))
    store.save(Vote("glcic", "telea", "A", "own"))
    return store


def test_the_board_shows_counts_and_no_ranking_below_enough_votes(tmp_path):
    store = full_store(tmp_path)
    web = TestClient(build_app(Board(store)))
    text = web.get("/").text
    examples, own = text.split("<section>")[1:]
    assert f"Votes: {3 * LEAST_VOTES // 2}" in examples and examples.count("<tr>") == 4
    order = [examples.index(MODELS[name].title) for name in ("ganmasker", "glcic", "telea")]
    assert order == sorted(order), "not by score"
    assert "Votes: 1" in own and "<table>" not in own and f"from {LEAST_VOTES} votes on" in own
    assert "This is not a study" in text


def test_a_model_that_won_everything_has_no_score(tmp_path):
    store = VoteStore(tmp_path / "votes.db")
    for _ in range(LEAST_VOTES):
        store.save(Vote("ganmasker", "glcic", "A", "own"))
    text = TestClient(build_app(Board(store))).get("/").text
    assert "no scores while a model has won, or lost, every comparison" in text and "nan" not in text


def test_the_board_is_worked_out_once_a_minute(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(board_page.time, "monotonic", lambda: now[0])
    store = full_store(tmp_path)
    board = Board(store)
    assert board.sections()["own"][0] == 1
    store.save(Vote("glcic", "telea", "A", "own"))
    now[0] += board_page.FRESH - 1
    assert board.sections()["own"][0] == 1
    now[0] += 2
    assert board.sections()["own"][0] == 2


@pytest.mark.parametrize("language", ["en", *sorted(i18n.TABLES)])
def test_the_board_in_every_language(tmp_path, language):
    web = TestClient(build_app(Board(full_store(tmp_path))))
    header = {"zh": "zh-CN"}.get(language, language)
    answer = web.get("/", headers={"Accept-Language": header})
    words = i18n.TABLES.get(language, {})
    assert f'<html lang="{language}">' in answer.text and answer.headers["vary"] == "Accept-Language"
    with i18n.in_language(language):
        missing = [key for key, word in board_page._words().items() if "{" not in word and "'" not in word
                   and key not in ("no_score", "count") and word not in answer.text]  # fmt: skip
    assert missing == [] and (language == "en" or words["Rank"] in answer.text)
    assert "{count}" not in answer.text


def test_the_board_escapes_what_it_shows(tmp_path):
    store = VoteStore(tmp_path / "votes.db")
    for answer in "AB":
        for _ in range(LEAST_VOTES):
            store.save(Vote("<script>alert(1)</script>", "glcic", answer, "own"))
    text = TestClient(build_app(Board(store))).get("/").text
    assert "<script" not in text and "&lt;script&gt;" in text


def test_the_board_loads_nothing_from_elsewhere(demo):
    with httpx.Client(base_url=demo.local_url) as web:
        assert web.get("board").headers["location"] == "board/"
        page = web.get("board/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "script" not in page.text and not re.search(r'(src|href)="(?!\.\./|board\.css|data:,)', page.text)
        assert web.get("board/board.css").headers["content-type"].startswith("text/css")
        for gone in ("board/x", "board/../votes.db", "board/votes.db"):
            assert web.get(gone).status_code == 404 or not web.get(gone).content.startswith(b"SQLite")
        assert web.post("board/", json={}).status_code == 405


def test_a_board_without_its_database_says_so(tmp_path, monkeypatch):
    store = VoteStore(tmp_path / "votes.db")

    def fail(source):
        raise StudyError("This could not be done, because the database does not answer.", 503)

    monkeypatch.setattr(store, "read", fail)
    answer = TestClient(build_app(Board(store))).get("/")
    assert answer.status_code == 503 and "does not answer" in answer.text
