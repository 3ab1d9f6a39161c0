"""The one training loop. What a model trains on, and with which losses, is its recipe's business."""

import copy
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from train.data import Batches
from train.sheets import save_grid


@dataclass(frozen=True)
class Phase:
    """A stretch of training, as a share of all images, and which networks move in it."""

    name: str
    share: float
    generator: bool = True
    discriminator: bool = True


class Recipe(Protocol):
    """What the loop needs to know of a model. One class a model, in train/recipes."""

    name: str
    size: int  # px of the training pictures
    config: dict  # the builder's arguments, stored beside the weights
    generator: nn.Module
    discriminator: nn.Module | None
    phases: tuple[Phase, ...]
    learning_rates: tuple[float, float]  # generator, discriminator
    betas: tuple[float, float]
    warp: float  # strength of the random warps, see Batches.get

    def generate(self, batch: dict[str, Tensor]) -> Tensor:
        """The generator's output for a batch; may add to the batch what the losses need."""

    def g_loss(self, batch: dict[str, Tensor], fake: Tensor, phase: Phase) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss and its named parts, for the log."""

    def d_loss(self, batch: dict[str, Tensor], fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The discriminator's loss; fake comes detached."""

    def show(self, model: nn.Module, batch: dict[str, Tensor]) -> list[Tensor]:
        """Rows of N3HW pictures in [-1, 1] for the sample grid."""


def train(
    recipe: Recipe,
    batches: Batches,
    samples: dict[str, Tensor],  # a fixed batch of held-back faces, for the grids
    out: Path,
    *,
    kimg: float = 100,  # length, thousands of images
    batch: int = 16,
    ema_kimg: float = 5,  # half-life of the weights' moving average, thousands of images
    decay: float = 0.4,  # last share of the run in which the learning rates fall to zero
    time_limit: float | None = None,  # minutes, after which the run saves and stops
    save_every: float = 10,  # minutes between checkpoints and sample grids
    resume: bool = False,
    compile: bool = False,
    before: dict | None = None,  # what the first weights were trained on, for the release's provenance
    hardware: str = "unknown",
) -> Path:
    """Train until `kimg` or the time limit; returns the checkpoint. Same seed, same steps: resuming changes nothing."""
    device = batches.device
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    nets = {"generator": recipe.generator, "discriminator": recipe.discriminator}
    nets = {key: net.to(device, memory_format=torch.channels_last).train() for key, net in nets.items() if net}
    ema = copy.deepcopy(nets["generator"]).requires_grad_(False)
    optimizers = {
        key: torch.optim.Adam(net.parameters(), lr=lr, betas=recipe.betas, fused=device.type == "cuda")
        for (key, net), lr in zip(nets.items(), recipe.learning_rates)
    }
    done, seconds = 0, 0.0  # finished steps; time they took
    if resume and checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        done, seconds = state["step"], state["seconds"]
        ema.load_state_dict(state["ema"])
        for key in nets:
            nets[key].load_state_dict(state[key])
            optimizers[key].load_state_dict(state[f"{key}_optimizer"])
    if compile:
        for net in nets.values():
            net.compile()

    def save() -> None:
        state = {"step": done, "seconds": seconds + time.monotonic() - start, "ema": ema.state_dict()}
        state |= {"name": recipe.name, "config": recipe.config, "size": recipe.size, "batch": batch}
        state |= {"images": done * batch, "revision": revision()}
        state |= {"before": before, "hardware": hardware}
        for key in nets:
            state |= {key: nets[key].state_dict(), f"{key}_optimizer": optimizers[key].state_dict()}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").rename(checkpoint)
        with torch.inference_mode():
            save_grid(out / f"samples-{done * batch // 1000:05d}k.png", recipe.show(ema.eval(), samples))

    start = last_save = time.monotonic()
    total = int(kimg * 1000 / batch)
    log = open(out / "log.jsonl", "a", buffering=1)
    sums: dict[str, Tensor] = {}
    bar = tqdm(range(done, total), initial=done, total=total, desc=recipe.name, unit_scale=batch, unit="img")
    for step in bar:
        torch.manual_seed(batches.seed * 7_919 + step)  # dropout and random holes, too, depend on the step alone
        progress = step / total
        phase = current_phase(recipe.phases, progress)
        for optimizer, lr in zip(optimizers.values(), recipe.learning_rates):
            optimizer.param_groups[0]["lr"] = lr * min(1, step / 100, (1 - progress) / decay)

        data = batches.get(step, batch, recipe.warp)
        with half_precision(device):
            fake = recipe.generate(data)
        scalars: dict[str, Tensor] = {}
        if phase.discriminator and "discriminator" in nets:
            with half_precision(device):
                loss, parts = recipe.d_loss(data, fake.detach())
            update(optimizers["discriminator"], loss)
            scalars |= parts
        if phase.generator:
            if "discriminator" in nets:
                nets["discriminator"].requires_grad_(False)
            with half_precision(device):
                loss, parts = recipe.g_loss(data, fake, phase)
            update(optimizers["generator"], loss)
            if "discriminator" in nets:
                nets["discriminator"].requires_grad_(True)
            # The half-life grows with the run, so that the first, bad weights are soon forgotten.
            half_life = min(ema_kimg * 1000, 0.1 * (step + 1) * batch)
            update_ema(ema, nets["generator"], 0.5 ** (batch / max(half_life, 1)))
            scalars |= parts

        for key, value in scalars.items():
            sums[key] = sums.get(key, 0) + value.detach()
        now = time.monotonic()
        if (step + 1) % 50 == 0:
            means = {key: round(float(value) / 50, 5) for key, value in sums.items()}
            speed = (step + 1 - bar.initial) * batch / (now - start)
            line = {"kimg": (step + 1) * batch / 1000, "phase": phase.name, "images_per_second": round(speed, 1)}
            log.write(json.dumps(line | means) + "\n")
            bar.set_postfix(means)
            sums = {}
        done = step + 1
        if time_limit is not None and now - start > time_limit * 60:
            break
        if now - last_save > save_every * 60:
            save()
            last_save = now
    recalibrate(recipe, ema, batches, batch)
    save()
    log.close()
    return checkpoint


def half_precision(device: torch.device) -> torch.autocast:
    """bf16 where the hardware computes in it; a CPU without would emulate it, three times slower than float32."""
    native = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def current_phase(phases: tuple[Phase, ...], progress: float) -> Phase:
    """The phase at `progress` in [0, 1) of the run."""
    for phase in phases:
        if progress < phase.share:
            return phase
        progress -= phase.share
    return phases[-1]


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step; a batch whose loss or gradient is not finite moves nothing."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = nn.utils.clip_grad_norm_(parameters, 5.0, foreach=True)
    for p in parameters:
        p.grad = torch.where(norm.isfinite(), p.grad, torch.zeros_like(p.grad))
    optimizer.step()


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, beta: float) -> None:
    """ema <- beta * ema + (1 - beta) * model; buffers (batch norm's statistics) are copied, not averaged."""
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - beta)
    for target, source in zip(ema.buffers(), model.buffers()):
        target.copy_(source)


@torch.no_grad()
def recalibrate(recipe: Recipe, ema: nn.Module, batches: Batches, batch: int, steps: int = 40) -> None:
    """Measure the batch norms' statistics anew for the averaged weights, which none of the live ones fit."""
    norms = [module for module in ema.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    live, recipe.generator = recipe.generator, ema.train()
    for step in range(steps):
        data = batches.get(10_000_000 + step, batch, recipe.warp)
        with half_precision(batches.device):
            recipe.generate(data)
    recipe.generator = live
    for norm in norms:
        norm.momentum = 0.1


def revision() -> str:
    """The commit that trains, with "+" when the working tree differs; "unknown" outside a checkout."""
    try:
        run = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True)
        return run.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
