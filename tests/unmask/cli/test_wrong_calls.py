"""Wrong calls: exit status 2, one sentence, and nothing is done."""

import sys

from PIL import Image

from tests.unmask.cli.calls import FakeUnmasker, status


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
