"""Studies of pictures that other systems made: matched by name, beside or instead of our models, and blind."""

import shutil

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.study.study_maker import SIZE, PainterUnmasker, make_picture
from unmask import Unmasker
from unmask.cli.main import main
from unmask.imaging.metadata import write_png
from unmask.study.create import create_study
from unmask.study.order import order_pairs, order_screens
from unmask.study.pictures import gather, pair
from unmask.study.plan import StudyError, open_study
from unmask.study.store import Store
from unmask.web.study_page import Studies, build_app

NAMES = ("SuperNet", "rival <b>&")
SHADES = dict(zip(NAMES, (30, 90)))
STEMS = ("face SuperNet 1", "rival 2", "third")  # as careless a lab may call its files


@pytest.fixture
def folders(tmp_path):
    """What two systems made of three faces, and the masked and bare photos: folder -> its path."""
    for name in (*NAMES, "masked", "bare", "masks"):
        (tmp_path / name).mkdir()
    for number, stem in enumerate(STEMS):
        picture = make_picture(number)
        for name, shade in SHADES.items():
            image = np.where(picture.mask[..., None] > 0, np.uint8(shade), picture.truth)
            Image.fromarray(image).save(tmp_path / name / f"{stem}.png", pnginfo=None)
        for name, image in (("masked", picture.masked), ("bare", picture.truth), ("masks", picture.mask)):
            write_png(tmp_path / name / f"{stem}.png", image)
    return tmp_path


def both(folders):
    return [gather(name, (folders / name).iterdir()) for name in NAMES]


def make(folders, pictures, models=(), **options):
    options = {"title": "Faces", "repeats": 1, "attention": 1} | options
    return create_study(pictures, folders / "studies" / "mine", models, PainterUnmasker(), **options)


def create(folders, *more) -> int:
    conditions = [f"--condition={name}={folders / name}" for name in NAMES]
    try:
        return main(["study", "create", *conditions, "--out", str(folders / "studies" / "mine"), *map(str, more)])
    except SystemExit as ended:
        return ended.code


def test_conditions_alone_are_a_study(folders, capsys):
    assert create(folders, "--truth", folders / "bare", "--title", "Faces", "--labels", "odd", "usual") == 0
    plan = open_study(folders / "studies" / "mine").plan
    roles = {(item.model, item.picture) for item in plan.stimuli if item.role == "test"}
    assert roles == {(name, stem) for name in NAMES for stem in STEMS}
    assert {item.picture for item in plan.stimuli if item.role == "reference"} == set(STEMS)
    assert not [item for item in plan.stimuli if item.role == "anchor"], "nobody knows where the hole is"
    assert plan.models == {} and list(plan.conditions) == list(NAMES)
    assert all(len(digest) == 64 for digest in plan.conditions.values())
    assert plan.scale_labels == {"1": "odd", "10": "usual"} and plan.size == SIZE
    for item in plan.stimuli:
        image = np.array(Image.open(folders / "studies" / "mine" / "stimuli" / f"{item.item_id}.png"))
        if item.role in ("test", "repeat"):
            assert (image[-1, SIZE // 2] == SHADES[item.model]).all()


def test_conditions_beside_our_models(folders):
    masked, bare = (gather(name, (folders / name).iterdir()) for name in ("masked", "bare"))
    masks = {stem: make_picture(number).mask for number, stem in enumerate(STEMS)}
    pictures = pair(both(folders), masked, bare, lambda path, shape: masks[path.stem])
    study = make(folders, pictures, ["ganmasker"], pairs=True)
    tested = {item.model for item in study.plan.stimuli if item.role == "test"}
    assert tested == {"ganmasker", *NAMES}
    assert [item for item in study.plan.stimuli if item.role == "anchor"]
    asked = {item for screen in order_screens(study.plan, 0) for item in screen}
    assert asked == {item.item_id for item in study.plan.stimuli} and len(order_pairs(study.plan, 0)) == 3


def test_the_study_is_called_as_its_folder_unless_it_gets_a_name(folders):
    assert create(folders) == 0
    assert open_study(folders / "studies" / "mine").plan.title == "mine"


def test_no_two_studies_have_one_name(folders):
    make(folders, pair(both(folders)))
    with pytest.raises(StudyError, match="a study called FACES already: give this one a name of its own"):
        create_study(pair(both(folders)), folders / "studies" / "other", [], PainterUnmasker(), title=" FACES ")


def test_what_does_not_match_is_said_in_one_sentence(folders, capsys):
    one, other = (folders / name for name in NAMES)

    def said(*more) -> str:
        assert create(folders, *more) == 1
        assert not (folders / "studies" / "mine").exists()
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said.strip().splitlines()[-1]  # after the progress bar

    (other / "third.png").rename(other / "thrid.png")
    assert "third is in SuperNet and not in rival <b>&: every picture is needed from each" in said()
    (other / "thrid.png").rename(other / "third.png")
    shutil.copy(one / "third.png", one / "third.jpg")
    assert "third.jpg and third.png" in said()
    (one / "third.jpg").unlink()
    write_png(one / "third.png", np.zeros((SIZE, SIZE + 6, 3), np.uint8))
    assert "has another size than the others of this picture (64 x 64 and 70 x 64 pixels)" in said()
    (one / "third.png").write_text("no picture at all")
    assert said().startswith("third.png: ")
    write_png(one / "third.png", np.zeros((SIZE, SIZE, 3), np.uint8))
    assert "give the masked photos, too" in said("--models", "telea")
    (folders / "bare" / "third.png").unlink()
    assert "There is no bare photo of third" in said("--truth", folders / "bare")
    assert "has the condition's name in it, SuperNet" in said("--question", "Is SuperNet good?")
    assert create(folders, "--condition", "third") == 2
    assert create(folders, "--condition", f"third={folders / 'nothing'}") == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "models", "sentence"),
    [
        (["a"], [], "There is nothing to compare: give a second condition, or masked photos and a model."),
        ([], [], "one picture or more"),
        (["a", "a"], [], "two conditions called a"),
        (["a", "anchor"], [], "No condition can be called anchor"),
        (["a", "b\n"], [], "1 to 40 characters"),
        (["a", " "], [], "1 to 40 characters"),
        (["a", "telea"], ["telea"], "telea is one of our models here"),
    ],
)
def test_conditions_that_cannot_be_compared(folders, names, models, sentence):
    found = list((folders / NAMES[0]).iterdir())
    with pytest.raises(StudyError, match=sentence):
        make(folders, pair([gather(name, found) for name in names]), models)
    assert not (folders / "studies" / "mine").exists()


def test_no_name_of_a_condition_or_a_file_reaches_a_rater(folders, monkeypatch):
    study = make(folders, pair(both(folders), truth=gather("bare", (folders / "bare").iterdir())), pairs=True)
    monkeypatch.setenv("UNMASK_STUDIES", str(folders / "studies"))
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    api = f"/api/{study.plan.study_id}"
    joined = client.post(f"{api}/raters", json={"consent": True})
    rater = joined.json()
    images = [question["image"] for screen in rater["screens"] for question in screen]
    images += [image for question in rater["pairs"] for image in question["images"]]
    addresses = ["/", f"/{study.plan.study_id}", "/api/studies", api, "/static/study.js", "/static/study.css"]
    addresses += [f"{api}/images/{image}.png" for image in images]
    received = [joined, *map(client.get, addresses)]
    question = rater["screens"][0][0]
    headers = {"Authorization": f"Bearer {rater['token']}"}
    received.append(client.post(f"{api}/answers", json={"token": question["token"], "answer": 4}, headers=headers))
    received.append(client.get(f"{api}/rater", headers=headers))
    assert len(received) > 15 and all(answer.status_code == 200 for answer in received)
    for answer in received:
        whole = (str(answer.url) + str(answer.headers) + answer.content.decode("latin-1")).lower()
        assert not [word for word in (*NAMES, *STEMS, "supernet", "rival") if word.lower() in whole], answer.url


def test_nobody_is_let_into_a_draft(folders, monkeypatch):
    study = make(folders, pair(both(folders)), draft=True)
    monkeypatch.setenv("UNMASK_STUDIES", str(folders / "studies"))
    client = TestClient(build_app(Studies(Unmasker("cpu"))))
    join = lambda: client.post(f"/api/{study.plan.study_id}/raters", json={"consent": True})
    assert join().status_code == 403
    assert join().json()["error"] == "This study has not begun yet: please come back later."
    assert client.get("/api/studies").json() == [] and Store(study).progress()["joined"] == 0
    assert not study.publish().plan.draft
    assert join().status_code == 200 and len(client.get("/api/studies").json()) == 1
