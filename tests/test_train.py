"""The training code, end to end, on a handful of drawn faces."""

import csv
import io
import json
import sys
import tarfile

import cv2
import numpy as np
import pytest
import torch

from train import __main__ as command_line
from train import data, losses
from train.loop import Phase, current_phase, update_ema
from train.recipes import RECIPES
from unmask import weights
from unmask.synth import MEAN_LANDMARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder in the training format: 12 drawn faces to train on, 4 held back, in one shard."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    names, points, rows = [], [], []
    with tarfile.open(root / "faces-0.tar", "w") as tar:
        for i in range(16):
            image = np.full((256, 256, 3), rng.integers(60, 200, 3), np.uint8)
            cv2.ellipse(image, (128, 140), (80, 105), 0, 0, 360, tuple(int(v) for v in rng.integers(90, 230, 3)), -1)
            for x in (98, 158):
                cv2.circle(image, (x, 120), 8, (30, 30, 30), -1)
            coded = cv2.imencode(".png", image)[1].tobytes()
            info = tarfile.TarInfo(f"face{i}.png")
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))
            names.append(f"face{i}")
            points.append(MEAN_LANDMARKS + rng.normal(0, 1, (92, 2)))
            rows.append(
                {"name": names[-1], "shard": 0, "split": "val" if i < 4 else "train", "source": "drawn",
                 "gender": "fm"[i % 2], "age": "", "group": "", "side": 300}
            )  # fmt: skip
    with open(root / "faces.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    np.savez(root / "landmarks.npz", names=np.array(names), points=np.array(points, np.float16))
    return root


def run(monkeypatch, capsys, *words) -> str:
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    command_line.main()
    return capsys.readouterr().out


def small(name: str, folder, out, *more):
    return [
        name, "--data", folder, "--cache", folder / "cache", "--out", out, "--size", 128,
        "--batch", 2, "--width", 8, "--variants", 1, "--device", "cpu", *more,
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(RECIPES))
def test_train_export_and_load(name, folder, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, *small(name, folder, tmp_path / "run", "--kimg", 0.008))
    assert list((tmp_path / "run").glob("samples-*.png"))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 0
    released = tmp_path / f"{name}.safetensors"
    about = json.loads(run(monkeypatch, capsys, "export", tmp_path / "run", "--out", released))
    assert about["kimg"] == 0.0 and about["batch"] == 2
    loaded = weights.load(name, released)
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 4
    for key, value in loaded.state_dict().items():
        assert torch.allclose(value.float(), state["ema"][key].float(), atol=1e-2, rtol=1e-3), key


def test_resumed_run_continues_exactly(folder, tmp_path, monkeypatch, capsys):
    """Six steps in one go, and three and three: the same weights to the last bit."""
    monkeypatch.setattr("train.loop.recalibrate", lambda *_: None)  # it would run once more in the middle
    whole = small("pix2pix", folder, tmp_path / "whole", "--kimg", 0.012)
    run(monkeypatch, capsys, *whole)

    halves = small("pix2pix", folder, tmp_path / "halves", "--kimg", 0.012)
    ticks = iter(range(100))
    with monkeypatch.context() as patch:  # a clock that advances a minute a look: the limit falls after step three
        patch.setattr("train.loop.time.monotonic", lambda: 60.0 * next(ticks))
        run(patch, capsys, *halves, "--time-limit", 2.5)
    cut = torch.load(tmp_path / "halves" / "checkpoint.pt", weights_only=True)
    assert cut["step"] == 3
    run(monkeypatch, capsys, *halves, "--resume")

    one, other = (
        torch.load(tmp_path / out / "checkpoint.pt", weights_only=True) for out in ("whole", "halves")
    )  # fmt: skip
    assert one["step"] == other["step"] == 6
    for part in ("generator", "discriminator", "ema"):
        for key, value in one[part].items():
            assert torch.equal(value, other[part][key]), (part, key)


def test_training_can_start_from_released_weights(folder, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, *small("glcic", folder, tmp_path / "one", "--kimg", 0.004))
    released = tmp_path / "glcic.safetensors"
    run(monkeypatch, capsys, "export", tmp_path / "one", "--out", released)
    run(monkeypatch, capsys, *small("glcic", folder, tmp_path / "two", "--kimg", 0.0, "--init", released))
    started = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)
    first = torch.load(tmp_path / "one" / "checkpoint.pt", weights_only=True)
    for key, value in first["ema"].items():
        if value.ndim > 1:
            assert torch.allclose(value, started["ema"][key], atol=1e-3), key
    assert started["before"]["kimg"] == 0.0


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


def test_missing_pictures_are_named(folder, tmp_path):
    for name in ("faces.csv", "landmarks.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ValueError, match="lacks 12 of the 12"):
        data.load_faces(tmp_path, "train", tmp_path / "cache")
    with pytest.raises(ValueError, match="no rows"):
        data.load_faces(tmp_path, "test", tmp_path / "cache")


def test_batches_depend_on_seed_and_step_alone(folder):
    faces = data.load_faces(folder, "train", folder / "cache")
    pairs = data.draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    batches = data.Batches(faces, pairs, size=128, seed=3, device=torch.device("cpu"))
    one, again, other = batches.get(5, 4, 1.0), batches.get(5, 4, 1.0), batches.get(6, 4, 1.0)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["photo"], other["photo"])
    assert one["photo"].shape == (4, 3, 128, 128) and one["mask"].shape == (4, 1, 128, 128)
    assert one["photo"].is_contiguous(memory_format=torch.channels_last)
    for key in ("mask", "free"):
        assert set(one[key].unique().tolist()) <= {0.0, 1.0} and one[key].any()
    plain = data.Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu")).get(5, 4)
    outside = (plain["mask"] == 0).expand_as(plain["photo"])
    assert torch.equal(plain["photo"][outside], plain["masked"][outside])


def test_free_form_holes_are_of_many_sizes():
    holes = data.free_form_holes(64, 0) > 0
    shares = holes.mean(axis=(1, 2))
    assert shares.min() >= 0.03 and shares.max() < 0.6 and shares.std() > 0.05


def test_dice_loss_of_a_perfect_and_of_an_empty_mask():
    truth = torch.zeros(2, 1, 16, 16)
    truth[0, :, 4:8] = 1
    assert losses.dice_loss(truth, truth) == pytest.approx(0, abs=1e-6)
    assert losses.dice_loss(1 - truth, truth) > 0.98


def test_hole_mean_counts_the_hole_alone():
    values, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    values[:, :, 0], values[:, :, 1] = 2.0, 100.0
    mask[:, :, 0] = 1
    assert losses.hole_mean(values, mask) == 2.0
    assert losses.hole_mean(values, 0 * mask) == 0.0


def test_phases_follow_each_other():
    phases = (Phase("a", 0.18), Phase("b", 0.02), Phase("c", 0.8))
    assert [current_phase(phases, p).name for p in (0, 0.179, 0.181, 0.199, 0.201, 0.999)] == list("aabbcc")


def test_ema_halves_the_distance_in_a_half_life():
    ema, model = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1)
    model.weight.data.fill_(3.0)
    model.running_mean.fill_(7.0)
    for _ in range(10):
        update_ema(ema, model, 0.5 ** (1 / 10))
    assert ema.weight.item() == pytest.approx(2.0)
    assert ema.running_mean.item() == 7.0


def test_backgrounds_keep_clear_of_faces(tmp_path):
    """Faces are painted red: no square may show any of it."""
    rng = np.random.default_rng(0)
    rows = []
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for i in range(12):
            image = np.full((400, 600, 3), (90, 160, 60), np.uint8)
            x, y = (int(v) for v in rng.integers(0, 300, 2))
            cv2.rectangle(image, (x, y), (x + 80, y + 99), (0, 0, 255), -1)  # red, for cv2 writes BGR
            coded = cv2.imencode(".png", image)[1].tobytes()
            info = tarfile.TarInfo(f"p{i}.png")
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))
            rows.append({"name": f"p{i}", "width": 600, "height": 400, "faces": [{"box": [x, y, x + 80, y + 100]}]})
    (tmp_path / "photos.json").write_text(json.dumps(rows))
    squares = data.load_backgrounds(tmp_path, tmp_path / "cache")
    assert len(squares) > 5 and squares.shape[1:] == (256, 256, 3)
    assert squares[..., 0].max() < 120
    assert data.load_backgrounds(tmp_path / "cache", tmp_path / "cache") is None
