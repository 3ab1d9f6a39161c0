"""The command line: what it writes, what it prints, and its exit status."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import unmask
from unmask import PhotoError, WeightsError
from unmask.cli.main import main
from unmask.faces.face import Face
from unmask.imaging.metadata import NOTICE

ROOT = Path(unmask.__file__).parent.parent
MASK = np.zeros((40, 50), np.uint8)
MASK[20:, 10:40] = 255


class FakeUnmasker:
    """Finds MASK in every photo but a black one, and fills it with a grey of its own per model."""

    calls, realisms = [], []

    def __init__(self, device="auto", weights=None):
        self.calls.append(("device", device))

    def find(self, photo, aligned=False):
        self.calls.append(("find", aligned))
        if photo.max() == 0:
            return []
        points = ((1.0, 2.0),) * 5 if photo.mean() < 100 else None
        box = (np.float32(1.5), 2, 30, 39)
        return [Face(box, (16.0, 20.0), 40.0, points=points, score=np.float32(0.5), masked=np.float32(0.25))]

    def segment(self, photo, aligned=False, faces=None, model="mseg"):
        assert faces is not None or self.find(photo, aligned)
        self.calls.append(("segment", model))
        return MASK if photo.max() else np.zeros_like(MASK)

    def remove(self, photo, mask=None, models=(), aligned=False, faces=None, guide=None, realism=1.0):
        assert faces or self.find(photo, aligned)
        self.calls += [("remove", list(models)), ("guide", guide)]
        self.realisms.append(realism)
        if "glcic" in models:
            raise WeightsError("The weights of glcic are missing: train it.")
        if not mask.any():
            raise PhotoError("No mask is marked: paint over the area to remove.")
        greys = {name: 10 * (i + 1) for i, name in enumerate(models)}
        return {name: np.where(mask[..., None] > 0, np.uint8(grey), photo) for name, grey in greys.items()}


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(unmask, "Unmasker", FakeUnmasker)
    monkeypatch.setattr(FakeUnmasker, "calls", [])
    monkeypatch.setattr(FakeUnmasker, "realisms", [])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two good photos, a broken one, and files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (50, 40), (200, 90, 60)).save(folder / "a.JPG", "JPEG")
    Image.new("RGB", (50, 40), (20, 90, 60)).save(folder / "c.webp", lossless=True)
    (folder / "b.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no photo")
    (folder / "inner").mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def status(*arguments: object) -> int:
    """The exit status of a call, also of one that argparse ends."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return ended.code


# remove


def test_json_lines_tell_what_was_written(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert status("remove", photos, "--out", out, "--model", "ganmasker", "--json") == 1
    printed = capsys.readouterr()
    first, broken, last = [json.loads(line) for line in printed.out.splitlines()]
    written = {"mask": str(out / "a.mask.png"), "results": {"ganmasker": str(out / "a.ganmasker.png")}}
    assert first == {"path": str(photos / "a.JPG")} | written and all(map(Path.exists, out.iterdir()))
    assert broken["path"] == str(photos / "b.png") and "not a readable" in broken["error"]
    assert last["results"] == {"ganmasker": str(out / "c.ganmasker.png")}
    assert status("mask", photos / "c.webp", "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(photos / "c.webp"), "mask": str(out / "c.mask.png")}


def test_a_closing_line_counts_the_files(photos, tmp_path, capsys):
    assert status("remove", photos, "--out", tmp_path / "out", "--model", "telea") == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "2 photos done, 1 failed, 1 file skipped: no pictures by their names."
    assert status("mask", photos / "c.webp", photos / "a.JPG", "--out", tmp_path / "out") == 0
    assert capsys.readouterr().err.strip().splitlines()[-1] == "2 photos done."


def test_recursive_takes_subfolders_and_keeps_them_apart(photos, tmp_path, capsys):
    inner = photos / "inner" / "most"
    inner.mkdir()
    Image.new("RGB", (50, 40), (1, 2, 3)).save(inner / "c.png")
    Image.fromarray(MASK).save(tmp_path / "c.png")
    (tmp_path / "masks" / "inner" / "most").mkdir(parents=True)
    for place in ("a", "c", "inner/most/c"):
        Image.fromarray(MASK).save(tmp_path / "masks" / f"{place}.png")
    (photos / "b.png").unlink()
    (inner / "film.mov").write_bytes(b"")
    out = tmp_path / "out"
    words = ("remove", photos, "--out", out, "--model", "telea")
    assert status(*words) == 0 and not (out / "inner").exists()
    assert status(*words, "--recursive", "--mask", tmp_path / "masks") == 0
    assert names(out) == ["a.mask.png", "a.telea.png", "c.mask.png", "c.telea.png", "inner"]
    assert names(out / "inner" / "most") == ["c.mask.png", "c.telea.png"]
    assert "3 photos done, 2 files skipped" in capsys.readouterr().err
    assert status("faces", photos, "--recursive") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert status("mask", photos, inner, "--out", out) == 2
    assert "would both be written" in capsys.readouterr().err


def test_pictures_of_every_format_are_found_in_folders(tmp_path, capsys):
    for ending in ("heic", "HEIF", "avif", "gif", "bmp", "tif", "tiff", "jpg", "jpeg", "png", "webp"):
        (tmp_path / f"{ending}.{ending}").write_bytes(b"")
    assert status("faces", tmp_path, "--json") == 1
    assert len(capsys.readouterr().out.splitlines()) == 11


def test_options_that_no_model_listens_to_are_an_error(photos, tmp_path, capsys):
    words = ("remove", photos / "c.webp", "--out", tmp_path / "out", "--model", "glcic")
    for option in (("--smile", 0.5), ("--mouth", 0)):
        assert status(*words, *option) == 2
        assert f"only landmark-guided listens to {option[0]}" in capsys.readouterr().err
    assert status(*words, "--realism", 0.5) == 2
    assert "--realism needs a model with both outputs: ganmasker" in capsys.readouterr().err
    assert status(*words, "--mask", photos / "c.webp", "--segmentation-model", "mseg") == 2
    assert "one of the two" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_remove_writes_every_model_and_the_mask(photos, tmp_path):
    out = tmp_path / "new" / "out"
    assert status("remove", photos / "c.webp", "--out", out, "--model", "ganmasker", "pix2pix") == 0
    assert names(out) == ["c.ganmasker.png", "c.mask.png", "c.pix2pix.png"]
    np.testing.assert_array_equal(np.array(Image.open(out / "c.mask.png")), MASK)
    photo = np.array(Image.open(photos / "c.webp"))
    result = np.array(Image.open(out / "c.pix2pix.png"))
    np.testing.assert_array_equal(result[MASK == 0], photo[MASK == 0])
    assert (result[MASK > 0] == 20).all()


def test_remove_tells_landmark_guided_what_to_paint(photos, tmp_path, capsys):
    words = ("remove", photos / "c.webp", "--out", tmp_path, "--model", "landmark-guided")
    assert status(*words) == 0 and FakeUnmasker.calls[-1] == ("guide", unmask.Guide())
    assert status(*words, "--smile", -0.5, "--mouth", 1) == 0
    assert FakeUnmasker.calls[-1] == ("guide", unmask.Guide(-0.5, 1.0))
    for wrong in (("--smile", 2), ("--mouth", -0.5), ("--mouth", "nan")):
        assert status(*words, *wrong) == 2
    assert "'2' is not a number from -1 to 1" in capsys.readouterr().err


def test_remove_hands_on_realism_and_names_the_models_that_have_one_output(photos, tmp_path, capsys):
    words = ("remove", photos / "c.webp", "--out", tmp_path, "--model", "ganmasker", "telea")
    assert status(*words) == 0 and not capsys.readouterr().err
    assert status(*words, "--realism", 0.25) == 0
    assert capsys.readouterr().err == "--realism changes nothing for telea: one output each\n"
    assert FakeUnmasker.realisms == [1.0, 0.25]
    assert status(*words[:-1], "--realism", 0) == 0 and not capsys.readouterr().err
    for wrong in ("1.5", "nan", "x"):
        assert status(*words, "--realism", wrong) == 2
        assert f"'{wrong}' is not a number from 0 to 1" in capsys.readouterr().err


def test_masks_are_found_by_the_segmenter_that_is_asked_for(photos, tmp_path, monkeypatch, capsys):
    words = (photos / "c.webp", "--out", tmp_path)
    usable = unmask.catalog.list_models
    both = lambda kind, own=(): ["mseg", "mask-rcnn"] if kind == "segmentation" else usable(kind, own)
    monkeypatch.setattr("unmask.catalog.list_models", both)
    for command in ("mask", "remove"):
        more = ("--model", "telea") if command == "remove" else ()
        assert status(command, *words, *more) == 0 and ("segment", "mseg") in FakeUnmasker.calls
        FakeUnmasker.calls.clear()
        assert status(command, *words, *more, "--segmenter", "mask-rcnn") == 0
        assert ("segment", "mask-rcnn") in FakeUnmasker.calls
        FakeUnmasker.calls.clear()
        assert status(command, *words, "--segmenter", "sam") == 2
        assert "no segmentation model sam here; there are mseg, mask-rcnn" in capsys.readouterr().err


def test_remove_marks_results_as_made_by_a_network(photos, tmp_path):
    assert status("remove", photos / "c.webp", "--out", tmp_path, "--model", "telea") == 0
    assert Image.open(tmp_path / "c.telea.png").text["Title"] == NOTICE
    assert not Image.open(tmp_path / "c.mask.png").text


def test_remove_names_the_files_that_fail_and_writes_the_others(photos, tmp_path, capsys):
    Image.new("RGB", (50, 40)).save(photos / "d.png")
    missing = tmp_path / "missing.jpg"
    assert status("remove", photos, missing, "--out", tmp_path / "out", "--model", "telea") == 1
    assert names(tmp_path / "out") == ["a.mask.png", "a.telea.png", "c.mask.png", "c.telea.png"]
    printed = capsys.readouterr()
    assert f"{photos / 'b.png'}: The file is not a readable JPEG" in printed.err
    assert f"{photos / 'd.png'}: No face mask was found in the picture" in printed.err
    assert f"{missing}: The file could not be opened: No such file or directory." in printed.err
    assert str(photos / "a.JPG") not in printed.err and printed.out == ""


def test_remove_uses_the_default_models_and_reports_missing_weights(photos, tmp_path, capsys):
    assert status("remove", photos / "c.webp", "--out", tmp_path / "out") == 1
    assert ("remove", list(unmask.registry.DEFAULT_MODELS)) in FakeUnmasker.calls
    assert "c.webp: The weights of glcic are missing" in capsys.readouterr().err
    assert names(tmp_path / "out") == []


def test_remove_hands_on_device_and_aligned_and_finds_faces_once(photos, tmp_path):
    arguments = ["--model", "telea", "--model", "pix2pix", "--device", "cpu", "--aligned"]
    assert status("remove", photos / "c.webp", "--out", tmp_path, *arguments) == 0
    expected = [("device", "cpu"), ("find", True), ("segment", "mseg"), ("remove", ["telea", "pix2pix"])]
    assert FakeUnmasker.calls == [*expected, ("guide", unmask.Guide())]


def test_remove_with_a_mask_file(photos, tmp_path):
    given = np.zeros((40, 50), np.uint8)
    given[:5] = 255
    Image.fromarray(given).save(tmp_path / "given.png")
    arguments = ["--mask", tmp_path / "given.png", "--model", "telea", "--out", tmp_path / "out"]
    assert status("remove", photos / "a.JPG", photos / "c.webp", *arguments) == 0
    for stem in "ac":
        np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out" / f"{stem}.mask.png")), given)
    assert "segment" not in [call[0] for call in FakeUnmasker.calls]


def test_remove_with_a_folder_of_masks(photos, tmp_path, capsys):
    folder = tmp_path / "masks"
    folder.mkdir()
    Image.fromarray(MASK).save(folder / "a.mask.png")
    Image.fromarray(255 - MASK).save(folder / "a.png")  # the other name comes second
    Image.fromarray(255 - MASK).save(folder / "c.png")
    Image.new("RGB", (50, 40), "red").save(photos / "e.png")
    Image.new("RGB", (60, 40), "red").save(photos / "f.png")
    Image.fromarray(MASK).save(folder / "f.png")
    Image.new("RGB", (50, 40), "red").save(photos / "g.png")
    Image.fromarray(0 * MASK).save(folder / "g.png")
    (photos / "b.png").unlink()
    assert status("remove", photos, "--mask", folder, "--model", "telea", "--out", tmp_path / "out") == 1
    assert names(tmp_path / "out") == ["a.mask.png", "a.telea.png", "c.mask.png", "c.telea.png"]
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out" / "a.mask.png")), MASK)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out" / "c.mask.png")), 255 - MASK)
    errors = capsys.readouterr().err
    assert "e.png: There is no e.mask.png or e.png in" in errors
    assert "f.png: The mask is 50 x 40 pixels, but the photo is 60 x 40." in errors
    assert "g.png: No mask is marked" in errors


def test_progress_bar_only_for_more_than_one_file(photos, tmp_path, capsys):
    status("mask", photos / "a.JPG", "--out", tmp_path / "out")
    assert capsys.readouterr().err == ""
    status("mask", photos / "a.JPG", photos / "c.webp", "--out", tmp_path / "out")
    assert "2/2" in capsys.readouterr().err


# Wrong calls: status 2, and nothing is done


def refused(capsys, *arguments: object) -> str:
    assert status(*arguments) == 2
    assert FakeUnmasker.calls == []
    return capsys.readouterr().err


def test_two_photos_of_one_name_are_refused(photos, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (50, 40)).save(other / "A.png")
    error = refused(capsys, "mask", photos / "a.JPG", other, "--out", tmp_path / "out")
    assert "a.JPG" in error and "A.png" in error and "rename one" in error
    assert not (tmp_path / "out").exists()


def test_a_result_never_replaces_a_photo(photos, capsys):
    Image.new("RGB", (50, 40)).save(photos / "a.mask.png")
    error = refused(capsys, "mask", photos, "--out", photos)
    assert "a.mask.png" in error and "choose another --out" in error


def test_the_same_file_twice_is_done_once(photos, tmp_path):
    (photos / "b.png").unlink()
    assert (
        status("mask", photos / "a.JPG", photos, photos / "inner" / ".." / "a.JPG", "--out", tmp_path / "out")
        == 0
    )
    assert len([call for call in FakeUnmasker.calls if call[0] == "segment"]) == 2


def test_other_wrong_calls(photos, tmp_path, capsys):
    out = ["--out", tmp_path / "out"]
    assert "COMMAND" in refused(capsys)
    assert "invalid choice" in refused(capsys, "unmask", photos)
    assert "--out" in refused(capsys, "remove", photos)
    error = refused(capsys, "remove", photos, *out, "--model", "telea", "nonsense", "mseg")
    assert "no inpainting model nonsense, mseg" in error and "ganmasker" in error
    assert "no mask" in refused(capsys, "remove", photos, *out, "--mask", tmp_path / "missing")
    assert "picture in" in refused(capsys, "remove", photos / "inner", *out)
    assert "invalid choice" in refused(capsys, "remove", photos, *out, "--device", "tpu")
    assert "no mps device" in refused(capsys, "remove", photos, *out, "--device", "mps")
    for jobs in ("0", "-1", "two", "1.5"):
        assert "is not a whole number above 0" in refused(capsys, "mask", photos, *out, f"--jobs={jobs}")
    assert "--ray-address needs --ray" in refused(capsys, "mask", photos, *out, "--ray-address", "localhost:1")
    assert not (tmp_path / "out").exists()
    error = refused(capsys, "mask", photos / "a.JPG", "--out", photos / "notes.txt")
    assert error.endswith(f"error: {photos / 'notes.txt'} is not a folder\n")
    assert "nothing can be written into" in refused(capsys, "mask", photos, "--out", photos / "notes.txt" / "out")


def test_without_ray_the_call_says_what_to_install(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # what an import of it then raises is ImportError
    error = refused(capsys, "remove", photos, "--out", tmp_path / "out", "--ray")
    assert "pip install '.[ray]'" in error and not (tmp_path / "out").exists()


# mask, faces, models, serve


def test_mask_writes_masks(photos, tmp_path):
    assert status("mask", photos, "--out", tmp_path / "out") == 1
    assert names(tmp_path / "out") == ["a.mask.png", "c.mask.png"]
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out" / "c.mask.png")), MASK)


def test_faces_prints_one_json_line_per_photo(photos, capsys):
    Image.new("RGB", (50, 40)).save(photos / "d.png")
    assert status("faces", photos, "--json") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["path"]).name for line in lines] == ["a.JPG", "b.png", "c.webp", "d.png"]
    assert "not a readable" in lines.pop(1)["error"]
    assert lines[0]["faces"] == [{"box": [1.5, 2.0, 30.0, 39.0], "points": None, "score": 0.5, "masked": 0.25}]
    assert lines[1]["faces"][0]["points"] == [[1.0, 2.0]] * 5
    assert lines[2]["faces"] == []  # the whole photo stands in where no face was found


def test_faces_for_people(photos, capsys):
    Image.new("RGB", (50, 40)).save(photos / "d.png")
    assert status("faces", photos / "c.webp", photos / "d.png") == 0
    expected = f"{photos / 'c.webp'}: (2, 2, 30, 39) 50%\n{photos / 'd.png'}: no face\n"
    assert capsys.readouterr().out == expected


def test_faces_stops_quietly_when_nobody_reads_on(photos):
    command = "import sys; from unmask.cli.main import main; from unmask.batch import local as batch\n"
    command += "batch.find_faces = lambda unmasker, path: []\n"
    command += "sys.exit(main(['faces', '--jobs', '1', *sys.argv[1:]]))"
    many = [photos / f"{i}.png" for i in range(3000)]
    program = subprocess.Popen(
        [sys.executable, "-c", command, *many], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.stdout.readline()
    program.stdout.close()
    errors = program.stderr.read().decode()
    assert program.wait() == 1 and "Error" not in errors and "usage" not in errors, errors


def test_models_lists_the_registry(capsys):
    assert status("models", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [*unmask.MODELS, "sam"]
    assert all(row.keys() == rows[0].keys() for row in rows)
    assert "the extra 'sam'" in rows[-1]["needs"] and rows[0]["needs"] is None
    assert {"name", "paper", "parameters", "weights", "sha256", "licence"} <= set(rows[0])
    outputs = {row["name"]: row["outputs"] for row in rows}
    assert list(outputs.pop("ganmasker")) == ["realistic", "faithful"] and not any(outputs.values())
    assert status("models") == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["name", "paper", "parameters", "weights", "sha256"]
    assert [line.split()[0] for line in table[1:]] == [*unmask.MODELS, "sam"]


def test_serve_starts_the_demo(monkeypatch):
    calls = []
    fake_app = SimpleNamespace(launch=lambda host, port: calls.append((host, port)))
    monkeypatch.setitem(sys.modules, "unmask.web.app", fake_app)
    assert status("serve") == 0 and status("serve", "--host", "0.0.0.0", "--port", "80") == 0
    assert calls == [("127.0.0.1", 7860), ("0.0.0.0", 80)]


@pytest.mark.parametrize("command", [[], ["remove"], ["mask"], ["faces"], ["models"], ["push"], ["serve"]])
def test_help(command, capsys):
    assert status(*command, "--help") == 0
    assert "usage: unmask" in capsys.readouterr().out


def test_as_a_program(photos, tmp_path):
    """The real thing, in its own process, with the one model that needs no weights."""
    Image.fromarray(MASK).save(tmp_path / "given.png")
    arguments = ["remove", photos / "c.webp", photos / "b.png", "--mask", tmp_path / "given.png"]
    arguments += ["--aligned", "--model", "telea", "--out", tmp_path / "out", "--device", "cpu"]
    command = [sys.executable, "-m", "unmask", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "b.png: The file is not a readable" in done.stderr and "Traceback" not in done.stderr
    assert names(tmp_path / "out") == ["c.mask.png", "c.telea.png"]
    photo, result = (
        np.array(Image.open(photos / "c.webp")),
        np.array(Image.open(tmp_path / "out/c.telea.png")),
    )
    np.testing.assert_array_equal(result[MASK == 0], photo[MASK == 0])


@pytest.mark.skipif(
    not all(row["weights"] for row in map(unmask.catalog.describe, ["mseg", *unmask.registry.DEFAULT_MODELS])),
    reason="released weights are not in checkpoints/",
)
def test_with_released_weights(tmp_path, monkeypatch):
    monkeypatch.undo()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)).save(tmp_path / "x.png")
    given = np.zeros((96, 128), np.uint8)
    given[50:90, 30:100] = 255
    Image.fromarray(given).save(tmp_path / "given.png")
    out = tmp_path / "out"
    assert (
        status("remove", tmp_path / "x.png", "--out", out, "--mask", tmp_path / "given.png", "--aligned") == 0
    )
    assert names(out) == sorted([f"x.{name}.png" for name in ("mask", *unmask.registry.DEFAULT_MODELS)])
    assert status("mask", tmp_path / "x.png", "--out", out, "--aligned") == 0
    photo = np.array(Image.open(tmp_path / "x.png"))
    for name in unmask.registry.DEFAULT_MODELS:
        result = np.array(Image.open(out / f"x.{name}.png"))
        assert (result[given == 0] == photo[given == 0]).all() and (
            result[given > 0] != photo[given > 0]
        ).any()
