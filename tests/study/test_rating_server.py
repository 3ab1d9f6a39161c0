"""The raters' page's server by itself: full disks, invitations, panels, closed studies, restarts."""

import tempfile
import threading
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from tests.study.study_maker import make_study
from unmask import Unmasker
from unmask.study.backup import Backup, read_rows
from unmask.study.database import _open_engine
from unmask.study.store import Store
from unmask.web import study_page
from unmask.web.study_page import Studies, build_app


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
    one, other = Store(study).tokens.invitations(2)
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
