"""The commands of `python -m train` that look at data and judge runs."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from tests.train.runs import run, small
from train.data.faces import load_faces
from train.evaluation.evaluate_hint import evaluate_hint


def test_evaluate_writes_table_csv_and_sheets(folder, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, *small("mseg", folder, tmp_path / "run", "--kimg", 0.004))
    run(monkeypatch, capsys, "export", tmp_path / "run", "--out", tmp_path / "mseg.safetensors")
    text = run(
        monkeypatch, capsys, "evaluate", "--data", folder, "--cache", folder / "cache", "--models", "mseg", "telea",
        "--out", tmp_path / "report", "--weights", f"mseg={tmp_path / 'mseg.safetensors'}", "--device", "cpu",
    )  # fmt: skip
    assert "| M-Seg | 4 |" in text and "| Telea (classical) | 4 |" in text
    with open(tmp_path / "report" / "per-image.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    telea = [row for row in rows if row["model"] == "telea"]
    # Pasting back known pixels alone lifts the whole picture's PSNR by 10 log10(1 / share).
    for row in telea:
        lift = float(row["psnr"]) - float(row["hole_psnr"])
        assert lift == pytest.approx(-10 * np.log10(float(row["share"])), abs=0.02)
    assert (tmp_path / "report" / "sheet-telea.png").exists()


def test_preview(folder, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, "preview", "--data", folder, "--cache", folder / "cache", "--out", tmp_path / "sheet.png")
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (256, 8 * 256, 3)


@pytest.mark.slow
def test_evaluate_faces_reports(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("train.evaluation.evaluate_faces.SIZES", ((160, 120), (320, 240)))  # of the photos it times
    monkeypatch.setattr("train.evaluation.evaluate_faces.ANGLES", (-30, 0, 90))
    for name in ("face-detector", "landmarks"):
        run(monkeypatch, capsys, *small(name, folder, tmp_path / name, "--kimg", 0.004))
        run(monkeypatch, capsys, "export", tmp_path / name, "--out", tmp_path / f"{name}.safetensors")
    own = [f"{name}={tmp_path / name}.safetensors" for name in ("face-detector", "landmarks")]
    text = run(
        monkeypatch, capsys, "evaluate-faces", "--data", folder, "--cache", folder / "cache", "--weights", *own,
        "--out", tmp_path / "report", "--device", "cpu",
    )  # fmt: skip
    assert "| masked | 4 |" in text and "| bare | 4 |" in text
    assert "| 320 x 240 |" in text and "| 90° |" in text
    assert (tmp_path / "report" / "landmarks.png").exists()


def test_evaluate_hint_counts_agreement_with_the_labels(folder, tmp_path, monkeypatch):
    faces = load_faces(folder, "val", folder / "cache")
    rows = [row | {"gender": gender, "group": "x"} for row, gender in zip(faces.rows, ("f", "f", "m", ""))]
    monkeypatch.setattr("train.evaluation.evaluate_hint.load_faces", lambda *args: replace(faces, rows=rows))
    monkeypatch.setattr("train.evaluation.evaluate_hint.FEWEST", 2)
    always_female = SimpleNamespace(hint=lambda crop: 0.3)
    text = evaluate_hint(folder, tmp_path / "report", folder / "cache", always_female)
    assert "| all | 3 | 66.7% |" in text and "| labelled f | 2 | 100.0% |" in text and "| group x | 3 | 66.7% |" in text
    assert "labelled m" not in text, "too few"
    assert (tmp_path / "report" / "hint.md").read_text() == text
