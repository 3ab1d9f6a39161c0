"""The one training loop. What a model trains on, and with which losses, is its recipe's business.

In several processes (see train.distributed) each takes its rows of the same total batch, and the gradients are averaged
before every step: by hand and not by DistributedDataParallel, for recipes call their networks by name, several times a
step and by other methods than forward. The first process alone writes files.

Batch norms see their own process's rows, as is usual, and their statistics are measured anew, on whole batches, for
the averaged weights at the end. Where a discriminator judges they keep the statistics that they have, so that it judges
what will be used: how much detail a network paints depends on them.
"""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from train.data.batch import Batch
from train.distributed import Processes
from train.recipe import Phase, Recipe
from train.record import RunLog, read_checkpoint, revision, write_settings
from train.sheets import grid
from unmask.types import Json

CALIBRATION = 40  # batches from which the batch norms' statistics are measured at the end of a run


class BatchSource(Protocol):
    """What the loop needs to know of the data, see `Batches`."""

    device: torch.device
    seed: int

    def get(self, step: int, batch: int, warp: float = 0.0, rows: slice = slice(None)) -> Batch:
        """Batch number `step`, or these rows of it."""


class RunError(ValueError):
    """A run that cannot be started so. str() is one sentence."""


def train(
    recipe: Recipe,
    batches: BatchSource,
    samples: Batch,  # a fixed batch of held-back faces, for the grids
    out: Path,
    *,
    kimg: float = 100,  # length, thousands of images
    batch: int = 16,
    ema_kimg: float = 5,  # half-life of the weights' moving average, thousands of images; at most ...
    ema_share: float = 0.1,  # ... this share of the run so far, so that the first, bad weights are soon forgotten
    decay: float = 0.4,  # last share of the run in which the learning rates fall to zero
    time_limit: float | None = None,  # minutes, after which the run saves and stops
    by_clock: bool = False,  # phases and learning rates follow the time limit: for rented machines
    save_every: float = 10,  # minutes between checkpoints and sample grids
    log_every: int = 50,  # steps between lines of the log
    resume: bool = False,
    compile: bool = False,
    settings: Json | None = None,  # for run.json; `before`, `hardware`, `fingerprint` go into the checkpoint as well
    processes: Processes | None = None,  # those that share each batch; alone unless given
) -> Path:
    """Train until `kimg` or the time limit; returns the checkpoint. Same seed, same steps: resuming changes nothing.

    Raises RunError for a checkpoint of another run, and for a batch that the processes cannot share evenly.
    """
    device, processes = batches.device, processes or Processes(str(batches.device))
    settings = settings or {}
    about = {key: settings.get(key) for key in ("before", "hardware", "fingerprint")}  # for the release's provenance
    if batch % processes.count:
        raise RunError(f"A batch of {batch} cannot be shared evenly by {processes.count} processes.")
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    nets, optimizers, ema = set_up(recipe, device)
    done, seconds = 0, 0.0  # finished steps; time they took
    if checkpoint.exists() and not resume:
        raise RunError(f"{checkpoint} is there already: go on from it with --resume, or name another folder.")
    if checkpoint.exists():
        state = read_checkpoint(checkpoint, map_location=device)
        for key, value in {"name": recipe.name, "config": recipe.config, "size": recipe.size, "batch": batch}.items():
            if state[key] != value:
                raise RunError(f"{checkpoint} was made with {key} {state[key]!r}, not {value!r}: it cannot go on so.")
        done, seconds, about["before"] = state["step"], state["seconds"], state["before"]
        ema.load_state_dict(state["ema"])
        for key in nets:
            nets[key].load_state_dict(state[key])
            optimizers[key].load_state_dict(state[f"{key}_optimizer"])
    processes.average([common := torch.tensor(float(done), device=device)])
    if common != done:
        raise RunError(f"{out} must be one folder that all machines share: their checkpoints differ.")
    if compile:
        trunk = getattr(recipe, "trunk", None)
        for net in [*nets.values(), *([trunk.trunk] if trunk else [])]:
            net.compile()

    def save(log: RunLog) -> None:
        state: Json = {"step": done, "seconds": seconds + time.monotonic() - start, "ema": ema.state_dict()}
        state |= {"name": recipe.name, "config": recipe.config, "size": recipe.size, "batch": batch}
        state |= {"images": done * batch, "revision": revision(), "processes": processes.count}
        state |= about
        for key in nets:
            state |= {key: nets[key].state_dict(), f"{key}_optimizer": optimizers[key].state_dict()}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").rename(checkpoint)
        with torch.inference_mode():
            log.show(done * batch, grid(recipe.show(ema.eval(), samples)))

    start = last_save = time.monotonic()
    total = int(kimg * 1000 / batch)
    phase = current_phase(recipe.phases, max(done - 1, 0) / max(total, 1))
    log = RunLog(out, done * batch) if processes.main else None
    if log:
        write_settings(out, settings, resumed=done > 0)
    recent: dict[str, list[Tensor]] = {}  # the losses since the last line of the log
    bar = tqdm(
        range(done, total), initial=done, total=total, desc=recipe.name, unit_scale=batch, unit="img",
        disable=not processes.main,
    )  # fmt: skip
    for step in bar:
        processes.seed(batches.seed * 7_919 + step)  # dropout and random holes, too, depend on the step alone
        progress = step / total
        if by_clock and time_limit:
            passed = torch.tensor(min((time.monotonic() - start) / (60 * time_limit), 0.999), device=device)
            processes.average([passed])
            progress = max(progress, float(passed))
        before, phase = phase, current_phase(recipe.phases, progress)
        if is_judged(nets, phase) and not is_judged(nets, before):
            recalibrate(recipe, nets["generator"], batches, batch)
            measured = [value for norm in norms_of(nets["generator"]) for value in norm.buffers()]
            processes.average([each for each in measured if each.is_floating_point()])  # each drew holes of its own
        for optimizer, lr in zip(optimizers.values(), recipe.learning_rates):
            optimizer.param_groups[0]["lr"] = lr * min(1, step / 100, (1 - progress) / decay)

        data = batches.get(step, batch, recipe.warp, processes.rows(batch))
        half_life = min(ema_kimg * 1000, ema_share * (step + 1) * batch)
        beta = 0.5 ** (batch / max(half_life, 1))
        scalars = train_step(recipe, nets, optimizers, ema, beta, data, phase, processes)
        for key, value in scalars.items():
            recent.setdefault(key, []).append(value.detach().float())
        done, now = step + 1, time.monotonic()
        if done % log_every == 0:
            processes.average(values := [torch.stack(values).mean() for values in recent.values()])
            means = {key: round(float(value), 5) for key, value in zip(recent, values)}
            recent = {}
            bar.set_postfix(means)
            if log:
                speed = {"images_per_second": round((done - bar.initial) * batch / (now - start), 1)}
                rates = {key: optimizer.param_groups[0]["lr"] for key, optimizer in optimizers.items()}
                log.write(done * batch, phase.name, speed | means, rates)
        if time_limit is not None and processes.agree(now - start > time_limit * 60):
            break
        if log and now - last_save > save_every * 60:
            save(log)  # the others wait for the first process at their next exchange
            last_save = now
    if log:
        if not is_judged(nets, phase):
            recalibrate(recipe, ema, batches, batch)
        save(log)
        log.close()
    processes.wait()
    return checkpoint


def set_up(
    recipe: Recipe, device: torch.device
) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer], nn.Module]:
    """The recipe's networks on the device, their optimizers, and the generator's moving average."""
    own = {"generator": recipe.generator, "discriminator": recipe.discriminator}
    nets = {key: net.to(device).to(memory_format=torch.channels_last).train() for key, net in own.items() if net}
    ema = copy.deepcopy(nets["generator"]).requires_grad_(False)
    optimizers: dict[str, torch.optim.Optimizer] = {
        key: torch.optim.Adam(net.parameters(), lr=lr, betas=recipe.betas, fused=device.type == "cuda")
        for (key, net), lr in zip(nets.items(), recipe.learning_rates)
    }
    return nets, optimizers, ema


def train_step(
    recipe: Recipe, nets: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer], ema: nn.Module,
    beta: float, data: Batch, phase: Phase, processes: Processes,
) -> dict[str, Tensor]:  # fmt: skip
    """The networks of this phase learn from a batch: discriminator, generator, moving average. Returns the losses."""
    device, judged = processes.device, "discriminator" in nets
    for norm in norms_of(nets["generator"]):
        norm.train(not is_judged(nets, phase))
    with half_precision(device):
        fake = recipe.generate(data)
    scalars: dict[str, Tensor] = {}
    if phase.discriminator and judged:
        with half_precision(device):
            loss, parts = recipe.d_loss(data, fake.detach())
        update(optimizers["discriminator"], loss, processes)
        scalars |= parts
    if phase.generator:
        with frozen(nets["discriminator"]) if judged else nullcontext():
            with half_precision(device):
                loss, parts = recipe.g_loss(data, fake, phase)
            update(optimizers["generator"], loss, processes)
        update_ema(ema, nets["generator"], beta)
        scalars |= parts
    return scalars


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within, no parameter of the network learns; afterwards those do again that did before."""
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    yield
    for parameter in learning:
        parameter.requires_grad_(True)


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


def update(optimizer: torch.optim.Optimizer, loss: Tensor, processes: Processes) -> None:
    """One step by the processes' mean gradient; a batch whose loss or gradient is not finite moves nothing."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    processes.average([p.grad for p in parameters])
    norm = nn.utils.clip_grad_norm_(parameters, 5.0, foreach=True)
    if norm.isfinite():  # a gradient of zeros would not do: the momentum would go on
        optimizer.step()


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, beta: float) -> None:
    """ema <- beta * ema + (1 - beta) * model; buffers (batch norm's statistics) are copied, not averaged."""
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - beta)
    for target, source in zip(ema.buffers(), model.buffers()):
        target.copy_(source)


def is_judged(nets: dict[str, nn.Module], phase: Phase) -> bool:
    """Whether the generator learns from a discriminator in this phase."""
    return phase.generator and phase.discriminator and "discriminator" in nets


def norms_of(net: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def recalibrate(recipe: Recipe, generator: nn.Module, batches: BatchSource, batch: int) -> None:
    """Measure the batch norms' statistics anew: none of the live weights' fit the averaged ones, and those that move
    along with training are of the last few batches."""
    norms = norms_of(generator)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    live, recipe.generator = recipe.generator, generator.train()
    for step in range(CALIBRATION):
        data = batches.get(10_000_000 + step, batch, recipe.warp)
        with half_precision(batches.device):
            recipe.generate(data)
    recipe.generator = live
    for norm in norms:
        norm.momentum = 0.1
