"""The copy of the ratings in a private repository."""

import shutil
from pathlib import Path

import pytest

from tests.study.study_maker import make_study, token
from unmask.study import backup as backup_module
from unmask.study.backup import backup_from_environment, read_rows
from unmask.study.plan import StudyError, open_study
from unmask.study.store import Store

ROOT = Path(__file__).resolve().parents[2]


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
