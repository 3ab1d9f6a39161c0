"""The training loop, end to end, on a handful of drawn faces: every network, exact resume, and what a run leaves."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.train.runs import run, small
from train import loop
from train.data.faces import fingerprint
from train.loop import current_phase, update_ema
from train.recipe import Phase, Recipe
from train.recipes import RECIPES
from train.record import RunLog
from unmask import weights
from unmask.registry import MODELS


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
        patch.setattr("train.loop.time", SimpleNamespace(monotonic=lambda: 60.0 * next(ticks)))
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


class Normed(Recipe):
    """A batch norm between two convolutions, and a discriminator; `seen`: did the norm take each batch's statistics?"""

    name, size, config, warp = "normed", 8, {}, 0.0
    phases = (Phase("reconstruction", 0.5, discriminator=False), Phase("joint", 0.5))
    learning_rates, betas = (1e-2, 1e-2), (0.5, 0.9)

    def __init__(self, *_):
        torch.manual_seed(1)
        layers = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 3, 1)
        self.generator = torch.nn.Sequential(*layers)
        self.discriminator, self.seen = torch.nn.Conv2d(3, 1, 3), []

    def generate(self, batch):
        self.seen.append(self.generator[1].training)
        return self.generator(batch["photo"])

    def g_loss(self, batch, fake, phase):
        return (fake - batch["photo"]).square().mean(), {}

    def d_loss(self, batch, fake):
        return self.discriminator(fake).square().mean(), {}

    def show(self, model, batch):
        return [model(batch["photo"])]


class Noise:
    seed, device = 0, torch.device("cpu")

    def get(self, step, batch, warp=0.0, rows=slice(None)):
        picture = torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        return {"photo": 0.2 * picture + 0.5}


def test_what_a_discriminator_judges_is_what_the_network_paints_in_use(tmp_path):
    """Batch norms take the batch's statistics until then; at the change they are measured once, and stay."""
    recipe = Normed()
    loop.train(recipe, Noise(), Noise().get(0, 2), tmp_path, kimg=0.08, batch=4)
    steps, measured = 10, loop.CALIBRATION
    assert recipe.seen == [True] * steps + [True] * measured + [False] * steps
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for key in ("running_mean", "running_var"):
        assert torch.equal(state["ema"][f"1.{key}"], state["generator"][f"1.{key}"])

    again = Normed()
    again.generator.load_state_dict(state["ema"])
    again.phases = (Phase("joint", 1.0),)
    loop.train(again, Noise(), Noise().get(0, 2), tmp_path / "again", kimg=0.04, batch=4)
    after = torch.load(tmp_path / "again" / "checkpoint.pt", weights_only=True)["ema"]
    assert not any(again.seen) and torch.equal(after["1.running_mean"], state["ema"]["1.running_mean"])
    assert not torch.equal(after["1.weight"], state["ema"]["1.weight"])

    alone = Normed()
    alone.discriminator = None
    loop.train(alone, Noise(), Noise().get(0, 2), tmp_path / "alone", kimg=0.08, batch=4)
    assert alone.seen == [True] * (2 * steps + measured), "nothing judges here: measured at the end"
