"""The rating study without its page: the plan, the orders, the answers and how they are kept."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from study_maker import MODELS, SIZE, PainterUnmasker, make_picture, make_study, run_postgres

from unmask.cli import main
from unmask.image import write_png
from unmask.study import backup as backup_module
from unmask.study import database
from unmask.study.backup import Backup, backup_from_environment, read_rows
from unmask.study.create import create_study
from unmask.study.order import count_questions, find_position, order_pairs, order_screens, williams
from unmask.study.plan import Plan, StudyError, find_studies, open_study
from unmask.study.store import Store

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Studies that no test writes into, by name."""
    folder = tmp_path_factory.mktemp("made")
    return {
        "single": make_study(folder / "single", pictures=5, repeats=3, attention=2, pairs=True),
        "side-by-side": make_study(folder / "side", pictures=4, presentation="side-by-side", attention=2),
    }


# ---------------------------------------------------------------- databases


@pytest.fixture(scope="session")
def postgres():
    with run_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path, monkeypatch):
    """A store with nobody in it, on either database."""
    if request.param == "postgresql":
        monkeypatch.setenv("UNMASK_DATABASE_URL", request.getfixturevalue("postgres"))
    return Store(make_study(tmp_path / "study", pairs=True))


def token(store, rater, question=None):
    return store.question_token(rater.rater_id, question or rater.screens[0][0])


# ---------------------------------------------------------------- plan


def test_the_plan_is_written_as_it_is_read(made):
    plan = made["single"].plan
    assert Plan.read(made["single"].folder / "plan.json") == plan
    roles = Counter(item.role for item in plan.stimuli)
    assert roles == {"test": 15, "reference": 5, "anchor": 2, "repeat": 3, "attention": 2}
    assert list(plan.models) == list(MODELS) and len(plan.training) == 3
    by_id = {item.item_id: item for item in plan.stimuli}
    repeated = [by_id[item.repeat_of] for item in plan.stimuli if item.role == "repeat"]
    assert {item.model for item in repeated} == set(MODELS), "repeats are spread over the models"
    text = (made["single"].folder / "plan.json").read_text()
    assert made["single"].secret.decode() not in text
    assert (made["single"].folder / "secret.key").stat().st_mode & 0o077 == 0


def test_stimuli_differ_in_nothing_but_their_pixels(made):
    for study in made.values():
        files = sorted((study.folder / "stimuli").iterdir())
        ids = {*study.plan.training, *(item.item_id for item in study.plan.stimuli)}
        assert {file.stem for file in files} == ids
        for file in files:
            image = Image.open(file)
            assert (image.size, image.mode, image.info) == ((SIZE, SIZE), "RGB", {})
            assert chunks(file.read_bytes()) <= {"IHDR", "IDAT", "IEND"}


def chunks(png: bytes) -> set[str]:
    names, place = set(), 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        names.add(png[place + 4 : place + 8].decode())
        place += 12 + length
    return names


def test_every_picture_has_a_reference_of_its_own(made):
    # Also where two masked pictures were made of one bare photo: DMOS compares within a picture.
    for study in made.values():
        tested = Counter(item.picture for item in study.plan.stimuli if item.role == "test")
        references = Counter(item.picture for item in study.plan.stimuli if item.role == "reference")
        assert references == dict.fromkeys(tested, 1)


def test_stimuli_show_what_the_plan_says(made):
    study = made["single"]
    for item in study.plan.stimuli:
        image = np.array(Image.open(study.image(item.item_id)))
        if item.role in ("test", "repeat"):
            assert (image[-1, SIZE // 2] == 40 + 10 * len(item.model)).all()
        if item.role == "reference":
            assert np.array_equal(image, make_picture(int(item.picture[-1])).truth)
        if item.role == "repeat":
            assert study.image(item.item_id).read_bytes() == study.image(item.repeat_of).read_bytes()
        if item.role == "attention":
            assert 1 <= item.expected_low == item.expected_high <= 10


def test_ids_cannot_be_told_from_a_published_plan_of_another_secret(tmp_path):
    ids = [{item.item_id for item in make_study(tmp_path / name).plan.stimuli} for name in "ab"]
    assert not ids[0] & ids[1]


def test_two_servers_with_one_secret_make_the_same_study(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDY_SECRET", "a secret that the host chose")
    first, second = (make_study(tmp_path / name, study_id="abc") for name in "ab")
    assert first.plan.stimuli == second.plan.stimuli


def test_a_photo_that_is_not_square_is_put_on_grey(tmp_path):
    picture = make_picture(0)
    wide = replace(
        picture, masked=picture.masked[:32], mask=picture.mask[:32] | 255, truth=picture.truth[:32]
    )
    study = create_study([wide], tmp_path / "s", MODELS, PainterUnmasker(), size=SIZE)
    image = np.array(Image.open(study.image(study.plan.stimuli[0].item_id)))
    assert image.shape == (SIZE, SIZE, 3) and (image[0] == 128).all() and (image[-1] == 128).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"title": "Is GANMasker any good?"}, "names the model ganmasker"),
        ({"question": "Does this telea look real?"}, "names the model telea"),
        ({"scale_max": 11}, "The scale may end at 2 to 10"),
        ({"ends": "soon"}, "'soon' is no date"),
        ({"presentation": "upside-down"}, "The presentation is one of"),
        ({"raters": 0}, "one rater or more"),
        ({"pictures": 0}, "one picture or more"),
    ],
)
def test_a_study_that_cannot_be_run_is_not_made(tmp_path, options, sentence):
    with pytest.raises(StudyError, match=sentence):
        make_study(tmp_path / "study", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_study_is_never_overwritten(made, tmp_path):
    with pytest.raises(StudyError, match="is there already"):
        make_study(made["single"].folder)
    with pytest.raises(StudyError, match="There is no remover mseg"):
        create_study([make_picture(0)], tmp_path / "x", ["mseg"], PainterUnmasker())


def test_a_damaged_study_says_what_is_wrong(tmp_path):
    study = make_study(tmp_path / "study")
    assert list(find_studies(tmp_path)) == [study.plan.study_id]
    path = study.folder / "plan.json"
    whole = path.read_text()
    path.write_text(whole.replace('"title"', '"titel"'))
    with pytest.raises(StudyError, match="titel"):
        open_study(study.folder)
    assert find_studies(tmp_path) == {}
    path.write_text(whole)
    study.image(study.plan.training[0]).unlink()
    _forget_opened()
    with pytest.raises(StudyError, match="has lost its picture"):
        open_study(study.folder)
    with pytest.raises(StudyError, match="There is no study in"):
        open_study(tmp_path)


def _forget_opened():
    from unmask.study import plan

    plan._open.cache_clear()


# ---------------------------------------------------------------- orders


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
def test_williams_designs_are_balanced(n):
    rows = williams(n)
    assert len(rows) == (n if n % 2 == 0 else 2 * n)
    for place in range(n):
        assert len({count for count in Counter(row[place] for row in rows).values()}) == 1
    followers = Counter(pair for row in rows for pair in zip(row, row[1:]))
    assert len(followers) == n * (n - 1) and len(set(followers.values())) <= 1


@pytest.mark.parametrize("name", ["single", "side-by-side"])
def test_orders_are_balanced_over_raters(made, name):
    plan = made[name].plan
    ids = sorted(item.item_id for item in plan.stimuli)
    positions = {item: [] for item in ids}
    for number in range(240):
        order = [item for screen in order_screens(plan, number) for item in screen]
        assert sorted(order) == ids, "everybody rates every item once"
        for place, item in enumerate(order):
            positions[item].append(place)
    middle = (len(ids) - 1) / 2
    for item in plan.stimuli:
        if item.role in ("test", "reference", "anchor"):
            # The mean of 240 random places strays by 0.5 (one standard error); 2 is four of them.
            assert abs(np.mean(positions[item.item_id]) - middle) < 2, item


@pytest.mark.parametrize("name", ["single", "side-by-side"])
def test_repeats_are_kept_apart_and_attention_never_comes_first(made, name):
    plan = made[name].plan
    role = {item.item_id: item.role for item in plan.stimuli}
    for number in range(100):
        screens = order_screens(plan, number)
        place = {item: count for count, screen in enumerate(screens) for item in screen}
        for item in plan.stimuli:
            if item.role == "repeat":
                assert abs(place[item.item_id] - place[item.repeat_of]) >= len(screens) // 4
        assert role[screens[0][0]] != "attention"


def test_one_at_a_time_no_face_follows_itself(made):
    plan = made["single"].plan
    picture = {item.item_id: item.picture for item in plan.stimuli if item.role != "attention"}
    for number in range(100):
        shown = [picture.get(screen[0]) for screen in order_screens(plan, number)]
        assert not [face for face, following in zip(shown, shown[1:]) if face == following and face]


def test_side_by_side_a_screen_has_all_of_one_face(made):
    plan = made["side-by-side"].plan
    items = {item.item_id: item for item in plan.stimuli}
    first = Counter()
    for number in range(40):
        for screen in order_screens(plan, number):
            assert len({items[item].picture for item in screen}) == 1
            if items[screen[0]].role == "attention":
                assert len(screen) == 1
            else:
                assert {items[item].model for item in screen} == {*MODELS, "reference", "anchor"}
        first[items[order_screens(plan, number)[0][0]].model] += 1
    assert len(first) >= 5, "any model may open"


def test_pairs_are_of_one_face_balanced_and_on_random_sides(made):
    plan = made["single"].plan
    items = {item.item_id: item for item in plan.stimuli}
    asked, left = Counter(), Counter()
    for number in range(60):
        pairs = order_pairs(plan, number)
        assert len(pairs) == 5
        for one, other in pairs:
            assert items[one].picture == items[other].picture and items[one].model != items[other].model
            asked[frozenset((items[one].model, items[other].model))] += 1
            left[items[one].model] += 1
    assert set(asked.values()) == {100}
    assert all(70 < count < 130 for count in left.values())
    assert order_pairs(made["side-by-side"].plan, 0) == []


def test_an_order_is_the_same_whenever_it_is_asked_for(made):
    plan = made["single"].plan
    again = Plan.read(made["single"].folder / "plan.json")
    assert order_screens(plan, 7) == order_screens(again, 7) != order_screens(plan, 8)
    assert find_position(plan, 7, order_screens(plan, 7)[4][0]) == 4
    assert count_questions(plan) == len(plan.stimuli) + 5


# ---------------------------------------------------------------- answers


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
    other_study = Store(make_study(tmp_path / "other"))
    forged = [
        f"{study_id}.{other.rater_id}.{question}.{signature}",  # replayed for another rater
        f"{study_id}.{rater_id}.{another_item}.{signature}",  # for another item
        f"{study_id}.{rater_id}.{question}.{'0' * 32}",
        f"{study_id}.{rater_id}.{question}.{store.rater_token(rater_id).split('.')[-1]}",
        f"{study_id}.{rater_id}.{question}.é",
        f"{other_study.study.plan.study_id}.{rater_id}.{question}.{signature}",
        other_study.question_token(rater_id, question),
        store.rater_token(rater_id),
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
        store.answer(store.question_token(rater_id, "0" * 16), 5)
    with pytest.raises(StudyError, match="no such rater"):
        store.answer(store.question_token("0" * 32, question), 5)
    with pytest.raises(StudyError, match="not valid here"):
        store.read_rater_token(good)
    assert store.answers() == []
    assert store.read_rater_token(store.rater_token(rater_id)) == rater_id


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
    first, second = by_link.invitations(2)
    assert by_link.invitations(1, first=1) == [second] != [first]
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
    [invitation] = store.invitations(1)
    with ThreadPoolExecutor(8) as pool:
        raters = list(pool.map(lambda _: store.join(consent=True, invitation=invitation), range(8)))
    assert len({rater.rater_id for rater in raters}) == 1 and store.progress()["joined"] == 1


def answer_all(store, rater, score=6):
    for question in [item for screen in rater.screens for item in screen]:
        store.answer(token(store, rater, question), score)
    for pair in rater.pairs:
        store.answer(token(store, rater, "-".join(pair)), "left")


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


# ---------------------------------------------------------------- durability

WRITER = """
import sys
from pathlib import Path
from unmask.study.plan import open_study
from unmask.study.store import Store

store = Store(open_study(Path(sys.argv[1])))
rater = store.join(consent=True)
for score in list(range(1, 11)) * 1000:
    version = store.answer(store.question_token(rater.rater_id, rater.screens[0][0]), score)
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
    from unmask.study.store import META

    names = {column.name for table in META.tables.values() for column in table.columns}
    assert names == {
        "study_id", "rater_id", "number", "consent", "version", "joined_at", "withdrawn_at",
        "question", "position", "answer", "seconds", "answered_at",
    }  # fmt: skip


# ---------------------------------------------------------------- backup


class FakeScheduler:
    """Takes what huggingface_hub's CommitScheduler takes, and pushes nothing."""

    def __init__(self, **options):
        self.options = options
        self.lock = threading.Lock()


@pytest.fixture
def backup(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Backup("owner/ratings", "hf_token", FakeScheduler)


def test_the_backup_is_private_and_append_only(backup, tmp_path):
    store = Store(make_study(tmp_path / "study"), backup)
    options = backup.scheduler.options
    assert options["private"] is True and options["repo_type"] == "dataset" and options["every"] >= 5
    rater = store.join(consent=True)
    store.answer(token(store, rater), 3)
    before = backup.file.read_bytes()
    store.answer(token(store, rater), 3)  # a retry is no row
    store.answer(token(store, rater), 4)
    store.withdraw(rater.rater_id)
    assert backup.file.read_bytes().startswith(before)
    rows = list(read_rows([backup.file]))
    assert [row["event"] for row in rows] == ["join", "answer", "answer", "withdraw"]
    assert Path(options["folder_path"]) == backup.file.parent


def test_an_empty_database_is_filled_from_the_backup(backup, tmp_path):
    study = make_study(tmp_path / "study")
    store = Store(study, backup)
    stayed, left = store.join(consent=True), store.join(consent=True)
    for rater in (stayed, left):
        store.answer(token(store, rater), 3)
        store.answer(token(store, rater), 4)
    store.withdraw(left.rater_id)
    rows = list(read_rows([backup.file]))
    shutil.copytree(study.folder, tmp_path / "fresh", ignore=shutil.ignore_patterns("ratings.db*"))
    fresh = Store(open_study(tmp_path / "fresh"))
    for order in (rows, rows[::-1]):  # twice is the same as once
        assert fresh.replay(order) == len(rows)
        assert fresh.answers() == store.answers() and fresh.answers(history=True) == store.answers(
            history=True
        )
    assert fresh.rater(stayed.rater_id).number == stayed.number
    with pytest.raises(StudyError, match="You have withdrawn"):
        fresh.rater(left.rater_id)


def test_a_backup_that_fails_costs_no_rating(backup, tmp_path, caplog):
    store = Store(make_study(tmp_path / "study"), backup)
    rater = store.join(consent=True)
    backup.file = tmp_path / "no such folder" / "rows.jsonl"
    assert store.answer(token(store, rater), 3) == 1
    assert "not backed up" in caplog.text and len(store.answers()) == 1


def test_a_backup_line_cut_off_is_passed_over(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"event": "join"}\n{"event": "ans')
    assert list(read_rows([tmp_path / "rows.jsonl"])) == [{"event": "join"}]


def test_only_a_space_with_token_and_repository_backs_up(monkeypatch):
    made = []
    monkeypatch.setattr(backup_module, "Backup", lambda *arguments: made.append(arguments))
    settings = {"SPACE_ID": "owner/space", "HF_TOKEN": "token", "UNMASK_RATINGS_REPO": "owner/ratings"}
    for missing in (*settings, None):
        for name, value in settings.items():
            monkeypatch.delenv(name, raising=False)
            if name != missing:
                monkeypatch.setenv(name, value)
        backup_from_environment.cache_clear()
        backup_from_environment()
    backup_from_environment.cache_clear()
    assert made == [("owner/ratings", "token")]


# ---------------------------------------------------------------- command line and analysis


@pytest.fixture
def analysis():
    for package in ("statsmodels", "pyarrow", "matplotlib"):
        pytest.importorskip(package)


def status(*arguments) -> int:
    try:
        return main(["study", *map(str, arguments)])
    except SystemExit as ended:
        return ended.code


def test_create_from_folders(tmp_path, capsys):
    for folder in ("masked", "bare", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(2):
        picture = make_picture(number)
        write_png(tmp_path / "masked" / f"{picture.name}.png", picture.masked)
        write_png(tmp_path / "bare" / f"{picture.name}.png", picture.truth)
        write_png(tmp_path / "masks" / f"{picture.name}.png", picture.mask)
    folders = ["--images", tmp_path / "masked", "--truth", tmp_path / "bare", "--mask", tmp_path / "masks"]
    call = ["create", *folders, "--models", "telea", "--out", tmp_path / "study", "--pairs", "--scale", 5]
    assert status(*call, "--raters", 12, "--title", "Mine", "--seed", 3) == 0
    assert f"UNMASK_STUDIES={tmp_path}" in capsys.readouterr().out
    plan = open_study(tmp_path / "study").plan
    assert (plan.title, plan.raters, plan.scale_max, plan.pairs, plan.seed) == ("Mine", 12, 5, True, 3)
    assert {item.picture for item in plan.stimuli if item.role == "reference"} == {"face-0", "face-1"}
    assert status(*call) == 1
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "bare" / "face-1.png").unlink()
    call[call.index(tmp_path / "study")] = tmp_path / "second"
    assert status(*call) == 1
    assert "There is no bare photo of face-1" in capsys.readouterr().err
    assert (
        status("create", "--images", tmp_path / "nothing", "--models", "telea", "--out", tmp_path / "x") != 0
    )
    assert not (tmp_path / "x").exists()


def test_withdraw_close_and_restore(tmp_path, backup, capsys):
    study = make_study(tmp_path / "study")
    store = Store(study, backup)
    rater, other = store.join(consent=True), store.join(consent=True)
    for each in (rater, other):
        store.answer(token(store, each), 4)
    assert status("withdraw", study.folder, rater.rater_id) == 0
    assert len(store.answers()) == 1
    assert status("withdraw", study.folder, "nobody") == 1
    assert "There is no such rater" in capsys.readouterr().err
    assert status("close", study.folder) == 0 and open_study(study.folder).plan.ended
    capsys.readouterr()
    assert status("invite", study.folder, "--count", 2, "--first", 5, "--url", "https://a.b/") == 0
    links = capsys.readouterr().out.split()
    page = f"https://a.b/study/{study.plan.study_id}"
    assert [link.split("#") for link in links] == [[page, code] for code in store.invitations(2, 5)]
    assert status("invite", study.folder, "--count", 0) == 1
    assert "Invite one person or more" in capsys.readouterr().err
    assert status("restore", study.folder, backup.file) == 0
    assert len(store.answers()) == 1, "who withdrew here stays away"
    assert status("withdraw", tmp_path, rater.rater_id) == 1
    assert "There is no study in" in capsys.readouterr().err


def test_load_gives_what_the_statistics_take(tmp_path, analysis):
    from unmask.study.export import load

    study = make_study(tmp_path / "study", pairs=True)
    store = Store(study)
    empty = load(study)
    assert len(empty.ratings) == len(empty.pairs) == 0
    rater = store.join(consent=True)
    answer_all(store, rater, 3)
    store.answer(token(store, rater), 9, 1.5)
    data = load(study)
    assert list(data.stimuli.columns) == [
        "item_id", "model", "picture", "role", "repeat_of", "expected_low", "expected_high"
    ]  # fmt: skip
    assert len(data.ratings) == len(study.plan.stimuli) and not data.ratings["simulated"].any()
    first = data.ratings[data.ratings["position"] == 0].iloc[0]
    assert (first["item_id"], first["score"], first["seconds"]) == (rater.screens[0][0], 9, 1.5)
    assert list(zip(data.pairs["left_item"], data.pairs["right_item"])) == rater.pairs
    assert (data.scale_max, data.title) == (10, "A study")


def test_report_export_and_a_dry_run_that_leaves_no_trace(tmp_path, analysis, capsys):
    study = make_study(tmp_path / "study", pairs=True)
    store = Store(study)
    assert status("report", study.folder) == 1
    assert "no ratings yet" in capsys.readouterr().err
    assert status("simulate", study.folder, "--out", tmp_path / "dry", "--raters", 4) == 0
    assert "Simulated" in capsys.readouterr().out
    assert store.progress() == {"joined": 0, "finished": 0, "withdrawn": 0, "answers": 0}
    for score in (3, 6, 7):
        answer_all(store, store.join(consent=True), score)
    assert status("report", study.folder) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    assert status("export", study.folder, "--out", tmp_path / "out") == 0
    tables = ("stimuli", "ratings", "pairs", "history")
    files = {f"{table}.{kind}" for table in tables for kind in ("csv", "parquet")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files | {"plan.json"}
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["study_id"] == study.plan.study_id
    assert study.secret.decode() not in "".join(
        path.read_text(errors="replace") for path in (tmp_path / "out").iterdir()
    )


def test_careless_raters_guess_in_the_pairs_too(tmp_path, analysis):
    from unmask.study.export import simulated

    study = make_study(tmp_path / "study", pairs=True)
    data = simulated(study, 4, careless=0.5)
    careless = {rater for rater in data.ratings["rater_id"] if rater.endswith("-careless")}
    assert len(careless) == 2
    assert careless == {rater for rater in data.pairs["rater_id"] if rater.endswith("-careless")}


def test_size_says_how_many_are_enough(analysis, capsys, monkeypatch):
    from unmask.study import simulate

    plan_size = simulate.plan_size
    monkeypatch.setattr(
        simulate, "plan_size", lambda *args, **options: plan_size(*args, **options, simulations=20)
    )
    assert status("size", "--effect", 1.5, "--models", 2) == 0
    assert "Enough: " in capsys.readouterr().out
    assert status("size", "--effect", -1) == 1
    assert "above 0" in capsys.readouterr().err
