"""Answers, tokens and invitations, and what is kept when a server dies."""

import os
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.study.study_maker import answer_all, make_study, token
from unmask.study import database
from unmask.study.order import count_questions
from unmask.study.plan import StudyError, open_study
from unmask.study.store import Store

ROOT = Path(__file__).resolve().parents[2]


def test_an_answer_is_kept_and_an_edit_keeps_the_first(store):
    rater = store.join(consent=True)
    assert store.answer(token(store, rater), 3, 2.345) == 1
    assert store.answer(token(store, rater), 5) == 2
    assert store.answer(token(store, rater), 5) == 2, "the same again is no edit"
    [row] = store.answers()
    assert (row["answer"], row["version"], row["position"]) == ("5", 2, 0)
    assert [(row["answer"], row["seconds"]) for row in store.answers(history=True)] == [
        ("3", 2.35),
        ("5", None),
    ]
    assert store.rater(rater.rater_id).answers == {rater.screens[0][0]: "5"}
    left, right = rater.pairs[0]
    store.answer(token(store, rater, f"{left}-{right}"), "tie")
    assert store.progress() == {"joined": 1, "finished": 0, "withdrawn": 0, "answers": 2}


def test_tokens_are_good_for_one_rater_and_one_item(store, tmp_path):
    one, other = store.join(consent=True), store.join(consent=True)
    good = token(store, one)
    study_id, rater_id, question, signature = good.split(".")
    another_item = one.screens[1][0]
    other_study = Store(make_study(tmp_path / "other", title="Another"))
    forged = [
        f"{study_id}.{other.rater_id}.{question}.{signature}",  # replayed for another rater
        f"{study_id}.{rater_id}.{another_item}.{signature}",  # for another item
        f"{study_id}.{rater_id}.{question}.{'0' * 32}",
        f"{study_id}.{rater_id}.{question}.{store.tokens.of_rater(rater_id).split('.')[-1]}",
        f"{study_id}.{rater_id}.{question}.é",
        f"{other_study.study.plan.study_id}.{rater_id}.{question}.{signature}",
        other_study.tokens.of_question(rater_id, question),
        store.tokens.of_rater(rater_id),
        "",
        "....",
    ]
    for wrong in forged:
        with pytest.raises(StudyError, match="not valid here") as refusal:
            store.answer(wrong, 5)
        assert refusal.value.status == 403
    with pytest.raises(StudyError, match="handed to another rater"):
        store.answer(good, 5, rater_id=other.rater_id)
    with pytest.raises(StudyError, match="not among those"):
        store.answer(store.tokens.of_question(rater_id, "0" * 16), 5)
    with pytest.raises(StudyError, match="no such rater"):
        store.answer(store.tokens.of_question("0" * 32, question), 5)
    with pytest.raises(StudyError, match="not valid here"):
        store.tokens.read_rater(good)
    assert store.answers() == []
    assert store.tokens.read_rater(store.tokens.of_rater(rater_id)) == rater_id


@pytest.mark.parametrize(("said", "kept"), [(float("nan"), 0), (-1, 0), (float("inf"), 3600), (None, None)])
def test_seconds_that_cannot_be_are_cut(store, said, kept):
    rater = store.join(consent=True)
    store.answer(token(store, rater), 5, said)
    assert store.answers()[0]["seconds"] == kept


@pytest.mark.parametrize("score", [0, 11, -1, 7.5, "7.0", "left", "", "٣", True])
def test_a_score_off_the_scale_is_refused(store, score):
    rater = store.join(consent=True)
    with pytest.raises(StudyError, match="A score is a whole number from 1 to 10") as refusal:
        store.answer(token(store, rater), score)
    assert refusal.value.status == 422 and store.answers() == []
    with pytest.raises(StudyError, match="The choice is one of left, right, tie"):
        store.answer(token(store, rater, "-".join(rater.pairs[0])), 7)


def test_an_ended_study_takes_nothing_and_loses_nothing(store):
    rater = store.join(consent=True)
    store.answer(token(store, rater), 4)
    ended = Store(store.study.close())
    for act in (lambda: ended.answer(token(store, rater), 5), lambda: ended.join(consent=True)):
        with pytest.raises(StudyError, match="has ended") as refusal:
            act()
        assert refusal.value.status == 410
    assert [row["answer"] for row in ended.answers()] == ["4"]
    assert open_study(store.study.folder).plan.ended


def test_nobody_is_let_in_without_consent_or_beyond_the_plan(store):
    with pytest.raises(StudyError, match="agree"):
        store.join(consent=False)
    full = Store(replace(store.study, plan=replace(store.study.plan, raters=1)))
    rater = full.join(consent=True)
    waiting = full.join(consent=True)  # nobody has finished yet
    answer_all(full, rater)
    with pytest.raises(StudyError, match="all the raters that it needs"):
        full.join(consent=True)
    answer_all(full, waiting)
    assert full.progress() == {
        "joined": 2,
        "finished": 2,
        "withdrawn": 0,
        "answers": 2 * count_questions(full.study.plan),
    }


def test_an_invitation_lets_in_one_person_once(store):
    by_link = Store(replace(store.study, plan=replace(store.study.plan, by_invitation=True, raters=1)))
    first, second = by_link.tokens.invitations(2)
    assert by_link.tokens.invitations(1, first=1) == [second] != [first]
    with pytest.raises(StudyError, match="by invitation"):
        by_link.join(consent=True)
    for forged in ("0", f"1.{first.split('.')[1]}", first + "0", "é.é", second.replace("1.", "01.")):
        with pytest.raises(StudyError, match="This invitation is not valid here") as refusal:
            by_link.join(consent=True, invitation=forged)
        assert refusal.value.status == 403
    rater = by_link.join(consent=True, invitation=first)
    answer_all(by_link, rater)
    again = by_link.join(consent=True, invitation=first)  # full by now, but not for who is in already
    assert again == by_link.rater(rater.rater_id) and len(again.answers) == count_questions(store.study.plan)
    with pytest.raises(StudyError, match="all the raters that it needs"):
        by_link.join(consent=True, invitation=second)
    assert first.split(".")[1] not in rater.rater_id
    by_link.withdraw(rater.rater_id)
    with pytest.raises(StudyError, match="You have withdrawn"):
        by_link.join(consent=True, invitation=first)
    assert by_link.progress()["joined"] == 1


def test_one_invitation_opened_twice_at_once_is_one_rater(store):
    [invitation] = store.tokens.invitations(1)
    with ThreadPoolExecutor(8) as pool:
        raters = list(pool.map(lambda _: store.join(consent=True, invitation=invitation), range(8)))
    assert len({rater.rater_id for rater in raters}) == 1 and store.progress()["joined"] == 1


def test_many_at_once_leave_one_rating_per_rater_and_item(store):
    with ThreadPoolExecutor(8) as pool:
        raters = list(pool.map(lambda _: store.join(consent=True), range(8)))
        assert sorted(rater.number for rater in raters) == list(range(8))
        rater = raters[0]
        versions = list(pool.map(lambda score: store.answer(token(store, rater), score), range(1, 9)))
        assert sorted(versions) == list(range(1, 9))
        list(pool.map(lambda each: store.answer(token(store, each, each.screens[1][0]), 7), raters * 2))
    rows = store.answers()
    assert len(rows) == 9 and len({(row["rater_id"], row["question"]) for row in rows}) == 9
    assert len(store.answers(history=True)) == 16


def test_withdrawal_deletes_all_but_a_tombstone(store):
    rater, other = store.join(consent=True), store.join(consent=True)
    for each in (rater, other):
        store.answer(token(store, each), 3)
        store.answer(token(store, each), 4)
    store.withdraw(rater.rater_id)
    for history in (False, True):
        assert {row["rater_id"] for row in store.answers(history)} == {other.rater_id}
    for act in (
        lambda: store.answer(token(store, rater), 5),
        lambda: store.rater(rater.rater_id),
        lambda: store.withdraw(rater.rater_id),
    ):
        with pytest.raises(StudyError, match="You have withdrawn"):
            act()
    assert store.progress()["withdrawn"] == 1
    assert store.join(consent=True).number == 2, "the place in the line is not given away again"


WRITER = """

import sys
from pathlib import Path
from unmask.study.plan import open_study
from unmask.study.store import Store

store = Store(open_study(Path(sys.argv[1])))
rater = store.join(consent=True)
for score in list(range(1, 11)) * 1000:
    version = store.answer(store.tokens.of_question(rater.rater_id, rater.screens[0][0]), score)
    print(version, score, flush=True)
"""


def run_python(code, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_killed_server_loses_nothing_that_it_called_saved(store):
    writer = run_python(WRITER, store.study.folder)
    said = [tuple(map(int, writer.stdout.readline().split())) for _ in range(25)]
    writer.kill()
    said += [
        tuple(map(int, line.split())) for line in writer.stdout.read().splitlines() if line.count(" ") == 1
    ]
    kept = {(row["version"], int(row["answer"])) for row in store.answers(history=True)}
    assert set(said) <= kept
    assert len(kept) <= len(said) + 1, "at most the one that was not yet said"
    assert store.answers()[0]["version"] == max(version for version, _ in kept)


def test_another_process_reads_an_answer_at_once(store):
    rater = store.join(consent=True)
    store.answer(token(store, rater), 9)
    code = WRITER.split("rater =")[0] + "print([row['answer'] for row in store.answers()])"
    reader = run_python(code, store.study.folder)
    assert reader.communicate()[0].strip() == "['9']"


def test_a_full_disk_is_said_and_costs_nothing(tmp_path):
    store = Store(make_study(tmp_path / "study"))
    rater = store.join(consent=True)
    questions = [item for screen in rater.screens for item in screen]
    store.answer(token(store, rater), 9)
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StudyError, match="the disk is full: please try again later") as refusal:
        for score in (1, 2, 3, 4, 5, 6):
            for question in questions[1:]:
                store.answer(token(store, rater, question), score)
    assert refusal.value.status == 503
    assert store.rater(rater.rater_id).answers[questions[0]] == "9"
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    answer_all(store, rater, 8)
    assert set(store.rater(rater.rater_id).answers.values()) == {"8"}


def test_sqlite_commits_to_the_disk(tmp_path):
    engine = Store(make_study(tmp_path / "study")).engine
    with engine.connect() as connection:
        ask = lambda name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        assert (ask("journal_mode"), ask("synchronous"), ask("secure_delete")) == ("wal", 2, 1)


def test_a_database_that_is_not_there_is_said(tmp_path, monkeypatch):
    study = make_study(tmp_path / "study")
    for url, sentence in (
        ("postgres://nobody@127.0.0.1:1/nothing", "the database does not answer"),  # nothing listens there
        ("postgresql://nobody@127.0.0.1:1/nothing?sslmode=require", "the database does not answer"),
        ("nonsense", "UNMASK_DATABASE_URL cannot be used"),
        ("oracle+nonsense://x", "UNMASK_DATABASE_URL cannot be used"),
    ):
        if url.startswith("postgres") and not (find_spec("psycopg") or find_spec("pg8000")):
            continue
        monkeypatch.setenv("UNMASK_DATABASE_URL", url)
        with pytest.raises(StudyError, match=sentence) as refusal:
            Store(study)
        assert refusal.value.status == 503


def test_a_host_s_url_gets_the_driver_that_is_there(monkeypatch):
    installed = set()
    monkeypatch.setattr(database, "find_spec", lambda name: name in installed or None)
    choose = lambda url: database._choose_driver(url)
    assert choose("postgres://a:b@c/d")[0].render_as_string(False) == "postgresql+pg8000://a:b@c/d"
    assert choose("postgresql://c/d?sslmode=require") == (sa.make_url("postgresql+pg8000://c/d"), {"ssl_context": True})
    checked = choose("postgresql+pg8000://c/d?sslmode=verify-full")[1]["ssl_context"]
    assert checked.check_hostname and checked.verify_mode == ssl.CERT_REQUIRED
    installed.add("psycopg")
    assert choose("postgresql://c/d?sslmode=require") == (sa.make_url("postgresql+psycopg://c/d?sslmode=require"), {})


def test_nothing_about_a_person_is_stored(tmp_path):
    from unmask.study.tables import META

    names = {column.name for table in META.tables.values() for column in table.columns}
    assert names == {
        "study_id", "rater_id", "number", "consent", "version", "joined_at", "withdrawn_at",
        "question", "position", "answer", "seconds", "answered_at",
    }  # fmt: skip
