"""`unmask mask`, `faces`, `models`, `serve`, and the program as it is started."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import unmask
from tests.unmask.cli.calls import MASK, names, status

ROOT = Path(unmask.__file__).parent.parent


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
    assert "its checkpoint" in rows[-1]["needs"] and rows[0]["needs"] is None
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


@pytest.mark.skipif(os.name == "nt", reason="CPU time of children is POSIX")
def test_help_takes_less_than_half_a_second_of_cpu():
    seconds = []
    for _ in range(3):  # the first may compile, and a machine at work makes some slower
        before = os.times()
        command = [sys.executable, "-m", "unmask", "--help"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
        after = os.times()
        user, system = after.children_user - before.children_user, after.children_system - before.children_system
        seconds.append(user + system)
    assert min(seconds) < 0.5, seconds


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
