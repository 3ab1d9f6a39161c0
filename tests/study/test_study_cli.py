"""`python -m unmask study`: from folders of pictures to the report."""

import json
from pathlib import Path

from tests.study.study_maker import answer_all, make_picture, make_study, token
from unmask.cli.main import main
from unmask.imaging.metadata import write_png
from unmask.study.plan import open_study
from unmask.study.questions import STATEMENTS
from unmask.study.store import Store

ROOT = Path(__file__).resolve().parents[2]


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
    call += ["--choose", "active"]
    assert status(*call, "--raters", 12, "--title", "Mine", "--seed", 3, "--statement", "eerie") == 0
    assert f"UNMASK_STUDIES={tmp_path}" in capsys.readouterr().out
    plan = open_study(tmp_path / "study").plan
    assert (plan.title, plan.raters, plan.scale_max, plan.seed) == ("Mine", 12, 5, 3)
    assert plan.pairs and plan.choose == "active"
    assert plan.further == [STATEMENTS["eerie"]]
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
    assert [link.split("#") for link in links] == [[page, code] for code in store.tokens.invitations(2, 5)]
    assert status("invite", study.folder, "--count", 0) == 1
    assert "Invite one person or more" in capsys.readouterr().err
    assert status("restore", study.folder, backup.file) == 0
    assert len(store.answers()) == 1, "who withdrew here stays away"
    assert status("withdraw", tmp_path, rater.rater_id) == 1
    assert "There is no study in" in capsys.readouterr().err


def test_load_gives_what_the_statistics_take(tmp_path):
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


def test_report_export_and_a_dry_run_that_leaves_no_trace(tmp_path, capsys):
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
    tables = ("stimuli", "ratings", "statements", "pairs", "rankings", "history")
    files = {f"{table}.{kind}" for table in tables for kind in ("csv", "parquet")}
    files |= {"plan.json", "sureal_dataset.py", "arena_pairs.csv", "arena_pairs.parquet"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["study_id"] == study.plan.study_id
    assert study.secret.decode() not in "".join(
        path.read_text(errors="replace") for path in (tmp_path / "out").iterdir()
    )


def test_careless_raters_guess_in_the_pairs_too(tmp_path):
    from unmask.study.export import simulated

    study = make_study(tmp_path / "study", pairs=True)
    data = simulated(study, 4, careless=0.5)
    careless = {rater for rater in data.ratings["rater_id"] if rater.endswith("-careless")}
    assert len(careless) == 2
    assert careless == {rater for rater in data.pairs["rater_id"] if rater.endswith("-careless")}
