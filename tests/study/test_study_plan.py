"""A study's plan, its stimuli, and the order in which a rater sees them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.study.study_maker import MODELS, SIZE, PainterUnmasker, make_picture, make_study
from unmask.study.create import create_study
from unmask.study.order import count_questions, find_position, order_pairs, order_screens, williams
from unmask.study.plan import Plan, StudyError, find_studies, open_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Studies that no test writes into, by name."""
    folder = tmp_path_factory.mktemp("made")
    return {
        "single": make_study(folder / "single", title="One by one", pictures=5, repeats=3, attention=2, pairs=True),
        "side-by-side": make_study(folder / "side", pictures=4, presentation="side-by-side", attention=2),
    }


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
    ids = [{item.item_id for item in make_study(tmp_path / name / "study").plan.stimuli} for name in "ab"]
    assert not ids[0] & ids[1]


def test_two_servers_with_one_secret_make_the_same_study(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_STUDY_SECRET", "a secret that the host chose")
    first, second = (make_study(tmp_path / name / "study", study_id="abc") for name in "ab")
    assert first.plan.stimuli == second.plan.stimuli


def test_a_photo_that_is_not_square_is_put_on_grey(tmp_path):
    picture = make_picture(0)
    wide = replace(
        picture, masked=picture.masked[:32], mask=picture.mask[:32] | 255, truth=picture.truth[:32]
    )
    study = create_study([wide], tmp_path / "s", MODELS, PainterUnmasker(), title="Wide", size=SIZE)
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
        ({"title": " "}, "needs a name, which raters read"),
        ({"completion": "http://plain.example"}, "an address that begins with https://"),
        ({"completion": "javascript://x"}, "an address that begins with https://"),
    ],
)
def test_a_study_that_cannot_be_run_is_not_made(tmp_path, options, sentence):
    with pytest.raises(StudyError, match=sentence):
        make_study(tmp_path / "study", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_study_is_never_overwritten(made, tmp_path):
    with pytest.raises(StudyError, match="is there already"):
        make_study(made["single"].folder)
    with pytest.raises(StudyError, match="There is no inpainting model mseg"):
        create_study([make_picture(0)], tmp_path / "x", ["mseg"], PainterUnmasker(), title="X")


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
