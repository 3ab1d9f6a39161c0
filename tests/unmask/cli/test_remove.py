"""`unmask remove`: what it writes, what it prints, and what it hands on."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

import unmask
from tests.unmask.cli.calls import MASK, FakeUnmasker, names, status
from unmask.imaging.metadata import NOTICE


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


def test_remove_hands_on_the_sample_that_is_asked_for(photos, tmp_path, capsys):
    words = ("remove", photos / "c.webp", "--out", tmp_path, "--model", "ganmasker")
    FakeUnmasker.samples.clear()
    assert status(*words) == 0 and status(*words, "--sample", 2) == 0
    assert FakeUnmasker.samples == [0, 2]
    for wrong in (-1, 4):
        assert status(*words, "--sample", wrong) == 2
        assert "--sample is a number from 0 to 3" in capsys.readouterr().err


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
