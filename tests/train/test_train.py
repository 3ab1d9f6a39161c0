"""The training code, end to end, on a handful of drawn faces."""

import csv
import io
import json
import sys
import tarfile
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from tests.train.drawn_faces import draw_folder
from train import cli as command_line
from train.data.batches import MIRROR, Batches
from train.data.faces import draw_pairs, fingerprint, free_form_holes, load_backgrounds, load_faces
from train.data.photos import held_back
from train.data.prepare import photographed, prepare, yaw
from train.data.scenes import IGNORED, Boxes, Scenes
from train.evaluation.evaluate_hint import evaluate_hint
from train.loop import Phase, current_phase, update_ema
from train.losses import reconstruction, trunk
from train.recipes import RECIPES
from train.recipes.face_detector import assign, overlaps
from train.record import RunLog
from unmask import weights
from unmask.faces.face import Face
from unmask.faces.landmarks import five_points
from unmask.faces.layout import LEFT_EAR, NOSE_TIP, RIGHT_EAR
from unmask.nets.face_detector import grid
from unmask.nets.ganmasker import GANMasker
from unmask.nets.glcic import GLCIC
from unmask.nets.layers import dilate
from unmask.registry import MODELS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    draw_folder(root)
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


@pytest.mark.parametrize("name", [name for name in RECIPES if not MODELS[name].package])  # those have their own tests
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


def test_run_folder_tells_how_it_was_made(folder, tmp_path, monkeypatch, capsys):
    words = small("landmarks", folder, tmp_path / "run", "--kimg", 0.008, "--log-every", 2, "--seed", 7)
    words = [word for word in words if word not in ("--width", 8)]  # the landmarks' is a factor
    run(monkeypatch, capsys, *words)
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["seeds"]["batches"] == 7 and told["fingerprint"] == fingerprint(folder)
    assert told["command"].startswith("python -m train landmarks --data") and "--seed 7" in told["command"]
    assert told["revision"] and told["config"] == {"width": 0.75} and told["hardware"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["kimg"] for line in lines] == [0.004, 0.008] and lines[0]["lr"]["generator"] > 0

    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = events.EventAccumulator(str(tmp_path / "run")).Reload()
    assert [(event.step, pytest.approx(event.value)) for event in board.Scalars("loss/nme")] == [
        (1000 * line["kimg"], line["nme"]) for line in lines
    ]
    assert board.Scalars("learning_rate/generator")[0].value == pytest.approx(lines[0]["lr"]["generator"])
    assert board.Images("samples")[-1].step == 8

    with pytest.raises(SystemExit, match="go on from it with --resume"):  # and nothing is overwritten
        run(monkeypatch, capsys, *words)
    with pytest.raises(SystemExit, match="made with batch 2, not 4"):
        run(monkeypatch, capsys, *words, "--resume", "--batch", 4)
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == told


def test_log_goes_on_from_the_checkpoint(tmp_path, monkeypatch, capsys):
    """What was logged after it comes again; a line that the kill cut short is dropped. No TensorBoard: said so."""
    (tmp_path / "log.jsonl").write_text('{"kimg": 0.1}\n{"kimg": 0.2}\n{"kimg": 0.3}\n{"kim')
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = RunLog(tmp_path, 200)
    assert "tensorboard is not installed" in capsys.readouterr().out
    log.write(300, "joint", {"l1": 0.5}, {"generator": 1e-3})
    log.show(300, np.zeros((4, 4, 3), np.uint8))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["kimg"] for line in lines] == [0.1, 0.2, 0.3]
    assert lines[2] == {"kimg": 0.3, "phase": "joint", "l1": 0.5, "lr": {"generator": 1e-3}}
    assert (tmp_path / "samples-00000k.png").exists()


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


def test_weights_that_say_nothing_of_folding_are_unfolded(folder, tmp_path, monkeypatch, capsys):
    weights.save(tmp_path / "old.safetensors", "ganmasker", GANMasker(8), {"width": 8}, 64, {})
    words = small("ganmasker", folder, tmp_path / "run", "--size", 64, "--kimg", 0.0)
    run(monkeypatch, capsys, *words, "--init", tmp_path / "old.safetensors")
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["config"] == {"width": 8, "downscale": 1}
    words = small("ganmasker", folder, tmp_path / "folded", "--size", 64, "--kimg", 0.0, "--downscale", 2)
    run(monkeypatch, capsys, *words, "--init", tmp_path / "old.safetensors")
    made = torch.load(tmp_path / "folded" / "checkpoint.pt", weights_only=True)
    assert made["config"] == {"width": 8, "downscale": 2}
    assert made["ema"]["head.weight"].shape[0] == 12
    words = small("ganmasker", folder, tmp_path / "back", "--init", tmp_path / "folded", "--downscale", 1)
    with pytest.raises(SystemExit, match="cannot go on with 1"):
        run(monkeypatch, capsys, *words)


def test_the_discriminator_can_be_another_runs(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trunk, "available", lambda variant="lite0": False)  # the paper's own is made for one size
    run(monkeypatch, capsys, *small("glcic", folder, tmp_path / "one", "--kimg", 0.004, "--only", "joint"))
    weights.save(tmp_path / "glcic.safetensors", "glcic", GLCIC(8), {"width": 8}, 128, {})
    both = ("--kimg", 0.0, "--init", tmp_path / "glcic.safetensors", "--discriminator", tmp_path / "one")
    run(monkeypatch, capsys, *small("glcic", folder, tmp_path / "two", *both))
    one, two = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["discriminator"] for name in ("one", "two")
    )
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    for words, complaint in (
        (("--size", 64), "does not fit glcic at this size"),
        (("--discriminator", tmp_path / "glcic.safetensors"), "or glcic has no discriminator"),
    ):
        with pytest.raises(SystemExit, match=complaint):
            run(monkeypatch, capsys, *small("glcic", folder, tmp_path / "three", *both, *words))


def test_a_run_takes_the_width_and_depth_of_what_it_starts_from(folder, tmp_path, monkeypatch, capsys):
    """A folded Pix2Pix of 64 px has five halvings, one of 128 px six: what was learned at 64 px goes on as it is."""
    run(monkeypatch, capsys, *small("pix2pix", folder, tmp_path / "one", "--kimg", 0.004, "--size", 64))
    larger = small("pix2pix", folder, tmp_path / "two", "--init", tmp_path / "one")
    width = larger.index("--width")
    del larger[width : width + 2]
    run(monkeypatch, capsys, *larger, "--kimg", 0.004)
    run(monkeypatch, capsys, *larger, "--kimg", 0.008, "--resume")
    went_on = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)
    assert went_on["config"] == {"width": 8, "levels": 5, "downscale": 2}
    assert went_on["size"] == 128 and went_on["images"] == 8


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


NEEDED = ("face-detector", "landmarks", "mseg")
RELEASED = all((weights.checkpoints() / MODELS[name].filename).exists() for name in NEEDED)


@pytest.mark.skipif(not RELEASED, reason="needs the released weights")
def test_a_folder_of_photos_becomes_training_data(tmp_path, monkeypatch, capsys):
    examples = weights.checkpoints().parent / "examples"
    images = tmp_path / "photos"
    (images / "more").mkdir(parents=True)
    for source, target in (("hopper", "a"), ("astronaut", "more/b"), ("hopper-cloth", "masked")):
        (images / f"{target}.png").write_bytes((examples / f"{source}.png").read_bytes())
    (images / "broken.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(images / "empty.png"), np.full((300, 300, 3), 128, np.uint8))
    text = run(monkeypatch, capsys, "prepare", "--images", images, "--out", tmp_path / "data", "--val", 0)
    assert "2 faces from 4 photos" in text and "1 files not readable" in text
    faces = load_faces(tmp_path / "data", "train", tmp_path / "cache")
    assert faces.photos.shape == (2, 256, 256, 3) and {row["source"] for row in faces.rows} == {"photos"}
    for row in faces.rows:
        assert abs(float(row["yaw"])) < 25, "neither turns away"
        x0, y0, x1, y1 = map(int, row["crop"].split())
        assert 0 <= x0 < 64 and 0 <= y0 < 64 and 192 < x1 <= 256 and 192 < y1 <= 256
    for landmarks in faces.landmarks:
        left, right, *_, mouth = five_points(landmarks)
        assert 45 < right[0] - left[0] < 80 and mouth[1] - left[1] > 45  # eyes side by side, the mouth below
    pairs = draw_pairs(faces, tmp_path / "cache", 1, 0, workers=1)
    assert (pairs[..., 3] > 0).any(axis=(1, 2)).all()


def test_what_is_photograph_in_a_crop_ends_at_the_photo():
    face = Face(box=(0, 0, 100, 100), center=(60, 60), side=200)  # begins 40 px left of the photo and above it
    assert photographed(face, (300, 400)) == (51, 51, 256, 256)
    assert photographed(face, (100, 400)) == (51, 51, 256, 180), "and where a low photo ends"
    whole = Face(box=(0, 0, 100, 100), center=(150, 150), side=200)
    assert photographed(whole, (300, 300)) == (0, 0, 256, 256)
    tilted = Face(box=(0, 0, 100, 100), center=(100, 100), side=190, angle=np.radians(30))
    x0, y0, x1, y1 = photographed(tilted, (200, 200))
    widest = 200 / 190 * 256 / (np.cos(np.radians(30)) + np.sin(np.radians(30)))  # the largest square in a turned one
    assert min(x1 - x0, y1 - y0) == pytest.approx(widest, abs=2)


def test_the_angle_of_a_head_is_read_from_its_landmarks():
    landmarks = np.zeros((92, 2))
    landmarks[LEFT_EAR], landmarks[RIGHT_EAR], landmarks[NOSE_TIP] = (80, 128), (180, 128), (130, 140)
    assert yaw(landmarks) == pytest.approx(0, abs=0.1)
    landmarks[NOSE_TIP] = (165, 140)
    assert 20 < yaw(landmarks) < 30, "the nose points to the picture's right"
    landmarks[:, 0] = 256 - landmarks[:, 0]
    landmarks[[LEFT_EAR, RIGHT_EAR]] = landmarks[[RIGHT_EAR, LEFT_EAR]]
    assert -30 < yaw(landmarks) < -20


def test_a_folder_without_faces_is_an_error(tmp_path):
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((300, 300, 3), 128, np.uint8))
    with pytest.raises(ValueError, match="No bare face"):
        prepare(tmp_path, tmp_path / "data")


def test_missing_pictures_are_named(folder, tmp_path):
    for name in ("faces.csv", "landmarks.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ValueError, match="lacks 12 of the 12"):
        load_faces(tmp_path, "train", tmp_path / "cache")
    with pytest.raises(ValueError, match="no rows"):
        load_faces(tmp_path, "test", tmp_path / "cache")


def test_batches_depend_on_seed_and_step_alone(folder):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    batches = Batches(faces, pairs, size=128, seed=3, device=torch.device("cpu"))
    one, again, other = batches.get(5, 4, 1.0), batches.get(5, 4, 1.0), batches.get(6, 4, 1.0)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["photo"], other["photo"])
    assert one["photo"].shape == (4, 3, 128, 128) and one["mask"].shape == (4, 1, 128, 128)
    assert one["photo"].is_contiguous(memory_format=torch.channels_last)
    for key in ("mask", "free"):
        assert set(one[key].unique().tolist()) <= {0.0, 1.0} and one[key].any()
    own = batches.get(5, 4, 1.0, slice(1, 3))  # a process's rows, whatever the others draw
    assert all(torch.equal(one[key][1:3], own[key]) for key in one)
    plain = Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu")).get(5, 4)
    # Softening carries the fabric's colour over the mask's edge, as a photograph's blur does.
    outside = (dilate(plain["mask"], 8) == 0).expand_as(plain["photo"])
    assert torch.equal(plain["photo"][outside], plain["masked"][outside])


def test_a_window_shows_the_mask(folder):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    whole, cut = (
        Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu"), window=window).get(5, 4)
        for window in (None, 160)
    )
    assert cut["mask"].shape == (4, 1, 160, 160)
    assert (cut["mask"].sum(dim=(1, 2, 3)) > 0.8 * whole["mask"].sum(dim=(1, 2, 3))).all()


@pytest.mark.parametrize("window", [None, 208])
def test_landmarks_follow_every_warp_flip_and_cut(folder, window):
    """Points painted as single colours are found where the batch says they are."""
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    batches = Batches(faces, pairs, size=256, seed=3, device=torch.device("cpu"), window=window)
    side = window or 256
    marks = (42, 50, 72)  # the nose's tip and, to tell left from right, an eye's and the mouth's outer corner
    batches.photos = torch.zeros_like(batches.photos)
    for i in range(len(faces.names)):
        for channel, mark in enumerate(marks):
            x, y = (int(v) for v in faces.landmarks[i, mark])
            batches.photos[i, y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    batches._jitter = lambda x, draws: x
    mirrored = MIRROR[list(marks)]
    flips = set()
    for step in range(6):
        batch = batches.get(step, 4, 0.5)
        assert batch["photo"].shape == (4, 3, side, side)
        for photo, points in zip(batch["photo"], batch["points"]):
            seen = []
            for channel in range(3):
                y, x = (photo[channel] > 0).nonzero().float().mean(dim=0)
                seen.append(torch.stack([x, y]) + 0.5)
            kept, flipped = (
                max(float((a - side * points[b]).norm()) for a, b in zip(seen, order)) for order in (marks, mirrored)
            )
            assert min(kept, flipped) < 3
            flips.add(kept > flipped)
    assert flips == {True, False}


def scenes_of(folder, **options):
    faces = load_faces(folder, "train", folder / "cache")
    pairs = draw_pairs(faces, folder / "cache", 1, 0, workers=1)
    return Scenes(folder, faces, pairs, size=192, seed=1, device=torch.device("cpu"), **options)


def test_scenes_depend_on_seed_and_step_alone(folder):
    scenes = scenes_of(folder)
    one, again, other = scenes.get(5, 3), scenes.get(5, 3), scenes.get(6, 3)
    assert all(torch.equal(one[key].nan_to_num(), again[key].nan_to_num()) for key in one)
    assert not torch.equal(one["photo"], other["photo"])
    own = scenes.get(5, 3, 0.0, slice(1, 3))
    assert all(torch.equal(one[key][1:].nan_to_num(), own[key].nan_to_num()) for key in one)
    assert one["photo"].shape == (3, 3, 192, 192) and one["boxes"].shape == (3, 48, 4)
    assert one["points"].shape == (3, 48, 5, 2) and one["masked"].shape == (3, 48)


def test_scenes_never_show_a_photo_that_is_held_back(folder):
    rows = json.loads((folder / "photos.json").read_text())
    back = {row["name"] for row in held_back(rows)}
    assert len(scenes_of(folder).photos) == len(rows) - len(back) == 5
    assert len(scenes_of(folder, held_out=True).photos) == len(back) == 4


def test_faces_that_people_left_out_are_not_learnt_as_background(folder, monkeypatch):
    found = lambda detector, photo, threshold: [Face((500, 500, 540, 560), (520, 530), 40), Face(known, (0, 0), 1)]
    plain = scenes_of(folder)
    known = tuple(plain.photos[plain.crowd[0]][1].box[0])
    monkeypatch.setattr("train.data.scenes.detect", found)
    cleaned = scenes_of(folder, detector=nn.Identity())
    before, after = (scenes.photos[scenes.crowd[0]][1] for scenes in (plain, cleaned))
    assert len(after.box) == len(before.box) + 1  # the one that has a box is known already
    assert after.box[-1].tolist() == [500, 500, 540, 560] and after.masked[-1] == IGNORED


def test_boxes_and_points_follow_the_face():
    face = Boxes(
        box=np.float32([[10, 20, 30, 60]]),
        points=np.float32([[[14, 30], [26, 30], [20, 40], [15, 50], [25, 50]]]),
        masked=np.float32([1]),
    )
    quarter = np.array([[0, -2, 200], [2, 0, 0]], float)  # a quarter turn clockwise, twice as large
    moved = face.moved(quarter)
    assert np.allclose(moved.box, [[100, 0, 140, 80]])  # the sides keep their lengths around the turned middle
    assert np.allclose(moved.points[0, 0], [140, 28])
    mirrored = face.moved(np.eye(3)[:2], mirror_width=100)
    assert np.allclose(mirrored.box, [[70, 20, 90, 60]])
    assert np.allclose(mirrored.points[0, 0], [74, 30])  # the left eye as seen is the other one now


def test_cells_learn_the_face_they_are_in_the_middle_of():
    centers, strides = grid(192, 192)
    nan = [float("nan")] * 4
    boxes = torch.tensor([[[20.0, 20, 60, 60], [30, 30, 190, 190], [100, 4, 108, 12], nan]])
    masked = torch.tensor([[1.0, 0, 1, -1]])
    owner, counted = assign(centers, strides, boxes, masked)

    def cell(x: float, y: float, stride: int) -> int:
        away = (centers - torch.tensor([x, y])).abs().sum(dim=1)
        return int((away + 999 * (strides != stride)).argmin())

    assert owner[0, cell(40, 40, 8)] == 0 and owner[0, cell(40, 40, 16)] == 0  # 40 px suits two levels
    assert owner[0, cell(112, 112, 16)] == 1 and owner[0, cell(112, 112, 32)] == 1
    assert owner[0, cell(112, 112, 8)] == -1 and counted[0, cell(140, 140, 8)] == 1  # too large for the finest
    assert owner[0, cell(22, 22, 8)] == -1 and counted[0, cell(180, 20, 8)] == 1  # its corner; nothing at all
    assert counted[0, cell(52, 40, 8)] == 0  # the rim of the middle: neither answer is wrong
    assert owner[0, cell(104, 8, 8)] == -1 and counted[0, cell(104, 8, 8)] == 0  # a face of 8 px does not count
    assert (assign(centers, strides, boxes[:, 3:], masked[:, 3:])[1] == 1).all()


def test_overlaps_by_hand():
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]])
    b = torch.tensor([[1.0, 1, 3, 3], [3, 0, 4, 1], [0, 0, 2, 2]])
    iou, giou = overlaps(a, b)
    assert iou.tolist() == pytest.approx([1 / 7, 0, 1])
    assert giou.tolist() == pytest.approx([1 / 7 - 2 / 9, -0.5, 1])


def test_evaluate_faces_reports(folder, tmp_path, monkeypatch, capsys):
    for name in ("face-detector", "landmarks"):
        run(monkeypatch, capsys, *small(name, folder, tmp_path / name, "--kimg", 0.004))
        run(monkeypatch, capsys, "export", tmp_path / name, "--out", tmp_path / f"{name}.safetensors")
    own = [f"{name}={tmp_path / name}.safetensors" for name in ("face-detector", "landmarks")]
    text = run(
        monkeypatch, capsys, "evaluate-faces", "--data", folder, "--cache", folder / "cache", "--weights", *own,
        "--out", tmp_path / "report", "--device", "cpu",
    )  # fmt: skip
    assert "| masked | 4 |" in text and "| bare | 4 |" in text
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


def test_free_form_holes_are_of_many_sizes():
    holes = free_form_holes(64, 0) > 0
    shares = holes.mean(axis=(1, 2))
    assert shares.min() >= 0.03 and shares.max() < 0.6 and shares.std() > 0.05


def test_dice_loss_of_a_perfect_and_of_an_empty_mask():
    truth = torch.zeros(2, 1, 16, 16)
    truth[0, :, 4:8] = 1
    assert reconstruction.dice_loss(truth, truth) == pytest.approx(0, abs=1e-6)
    assert reconstruction.dice_loss(1 - truth, truth) > 0.98


def test_hole_mean_counts_the_hole_alone():
    values, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    values[:, :, 0], values[:, :, 1] = 2.0, 100.0
    mask[:, :, 0] = 1
    assert reconstruction.hole_mean(values, mask) == 2.0
    assert reconstruction.hole_mean(values, 0 * mask) == 0.0


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
    squares = load_backgrounds(tmp_path, tmp_path / "cache")
    assert len(squares) > 5 and squares.shape[1:] == (256, 256, 3)
    assert squares[..., 0].max() < 120
    assert load_backgrounds(tmp_path / "cache", tmp_path / "cache") is None
