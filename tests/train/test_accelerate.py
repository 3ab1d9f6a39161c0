"""Training in two CPU processes under `accelerate launch`: the same run as in one, and none lost by a kill."""

import importlib.util
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import train.loop
from train.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="needs accelerate"),
    # On a loaded machine torch's second process was once aborted at its exit, after all had been written.
    pytest.mark.flaky(reruns=1),
]
ROOT = Path(__file__).parents[2]
# --multi_gpu is how accelerate is told to start several processes on one machine; --device cpu keeps them off GPUs.
LAUNCH = [
    sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
]  # fmt: skip
LAUNCH_TRAIN = [*LAUNCH, "-m", "train"]
# A network whose loss is a plain mean over the batch: two halves must give exactly what the whole gives.
WORKER = """
import sys
from pathlib import Path
import torch
import train.loop
from train.recipe import Phase
from train.distributed import Processes

# Two halves summed in bf16, where the processor has it, are not the whole.
train.loop.half_precision = lambda device: torch.autocast(device.type, enabled=False)

class Recipe:
    name, size, config, warp = "plain", 8, {}, 0.0
    phases, learning_rates, betas = (Phase("a", 0.5, discriminator=False), Phase("b", 0.5)), (1e-2, 1e-2), (0.5, 0.9)

    def __init__(self):
        torch.manual_seed(1)
        self.generator, self.discriminator = (torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))

    def generate(self, batch):
        return self.generator(batch["photo"])

    def g_loss(self, batch, fake, phase):
        mse = (fake - batch["photo"]).square().mean()
        adv = self.discriminator(fake).square().mean()
        return mse + phase.discriminator * adv, {"mse": mse}

    def d_loss(self, batch, fake):
        loss = (self.discriminator(fake) - 1).square().mean()
        return loss, {"d": loss}

    def show(self, model, batch):
        return [model(batch["photo"])]

class Noise:
    seed, device = 0, torch.device("cpu")

    def get(self, step, batch, warp=0.0, rows=slice(None)):
        return {"photo": torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(step))[rows] * 2 - 1}

processes = Processes("cpu")
train.loop.train(
    Recipe(), Noise(), Noise().get(0, 2), Path(sys.argv[1]), kimg=0.24, batch=4, log_every=5, processes=processes
)
processes.end()
"""


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"}


def words(folder, out, *more) -> list[str]:
    return [
        "mseg", "--data", str(folder), "--cache", str(folder / "cache"), "--out", str(out),
        "--size", "64", "--width", "8", "--batch", "8", "--variants", "1", "--device", "cpu", "--kimg", "0.32",
        "--log-every", "5", *more,
    ]  # fmt: skip


def log_of(out) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def checkpoint_of(out) -> dict:
    return torch.load(out / "checkpoint.pt", weights_only=True)


def test_two_processes_compute_what_one_does(tmp_path, monkeypatch):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    one, two = tmp_path / "one", tmp_path / "two"
    monkeypatch.setattr(sys, "argv", [str(script), str(one)])
    monkeypatch.setattr("train.loop.half_precision", train.loop.half_precision)  # the script changes it
    runpy.run_path(str(script))
    subprocess.run([*LAUNCH, str(script), str(two)], env=environment(), check=True, timeout=600)
    assert checkpoint_of(one)["processes"] == 1 and checkpoint_of(two)["processes"] == 2
    assert [row["mse"] for row in log_of(one)] == pytest.approx([row["mse"] for row in log_of(two)], abs=1e-4)
    for part in ("generator", "discriminator", "ema"):
        for key, value in checkpoint_of(one)[part].items():
            assert torch.allclose(value, checkpoint_of(two)[part][key], atol=1e-5), (part, key)


def test_a_killed_process_costs_no_more_than_the_last_interval(folder, tmp_path):
    psutil = pytest.importorskip("psutil")
    one, two, killed = tmp_path / "one", tmp_path / "two", tmp_path / "killed"
    main(words(folder, one))
    subprocess.run([*LAUNCH_TRAIN, *words(folder, two)], env=environment(), check=True, timeout=600)
    alone, together = (np.array([row["bce"] + row["dice"] for row in log_of(out)]) for out in (one, two))
    assert len(alone) == len(together) == 8
    # Within noise: each draws other holes, and batch norms see half as many pictures; it has learnt as much.
    assert np.abs(alone - together).mean() < 0.25 * (alone[0] - alone[-1])

    # 0.005 minutes between checkpoints; the second process dies as soon as there is one.
    launcher = subprocess.Popen(
        [*LAUNCH_TRAIN, *words(folder, killed, "--save-every", "0.005")], env=environment(), stderr=subprocess.DEVNULL
    )
    try:
        while not (killed / "checkpoint.pt").exists():
            assert launcher.poll() is None, "it ended without a checkpoint"
            time.sleep(0.02)
        workers = [p for p in psutil.Process(launcher.pid).children() if p.environ().get("RANK") == "1"]
        assert len(workers) == 1
        os.kill(workers[0].pid, signal.SIGKILL)
        assert launcher.wait(300) != 0
    finally:
        launcher.kill()
    done = checkpoint_of(killed)["step"]
    before = [row for row in log_of(killed) if row["kimg"] * 1000 <= 8 * done]
    assert 0 < done < 40
    subprocess.run([*LAUNCH_TRAIN, *words(folder, killed, "--resume")], env=environment(), check=True, timeout=600)
    after = log_of(killed)
    assert checkpoint_of(killed)["step"] == 40
    assert [row["kimg"] for row in after] == [row["kimg"] for row in log_of(two)]  # every line once
    assert after[: len(before)] == before
    assert "earlier" in json.loads((killed / "run.json").read_text())
    # What came after is what would have come: the same steps on the same pictures from the same weights.
    whole = after[done // 5 + 1 :]
    assert [row["bce"] for row in whole] == pytest.approx([row["bce"] for row in log_of(two)[-len(whole) :]], rel=0.02)
