"""Every released network further on one GPU, or several, in the order that gives most: for rented machines.

Each network goes on from its released weights, two thirds of its time on windows around the mask, the last third on
whole pictures. The refiner is not among them: it learns from 512 px faces and other networks' fills of them, which
are painted beforehand. All data lives in the GPU's memory. What a stint leaves is a run like any other, and its
export. Faces whose shards are not there yet are left out, and taken in by the next stint when they have come.
"""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from train.data.batch import Batch
from train.data.batches import Batches
from train.data.faces import draw_pairs, fingerprint, load_faces
from train.distributed import Processes
from train.export import export
from train.loop import RunError
from train.start import TrainOptions, make_recipe, run_recipe
from unmask.types import Json

WINDOW = 192  # px
ON_WINDOWS = 2 / 3  # of a stint
LEFT_FOR_EXPORTS = 0.03  # of the whole time
REHEARSAL = 20  # steps a network
DISCRIMINATOR = "training/projected-discriminator.safetensors"  # beside the released weights


@dataclass(frozen=True)
class Stint:
    """One network's part of the plan."""

    release: str  # the released file's name, which its export gets too
    network: str
    share: float  # of the whole time
    only: tuple[str, ...]  # phases
    windows: bool = True  # whether the network can be trained on windows


PLAN = (
    Stint("ganmasker", "ganmasker", 0.37, ("joint",)),
    Stint("landmark-guided", "landmark-guided", 0.16, ("joint",)),
    Stint("pix2pix", "pix2pix", 0.10, ("joint",), windows=False),
    Stint("glcic", "glcic", 0.08, ("joint",)),
    Stint("ganmasker-faithful", "ganmasker", 0.10, ("reconstruction",)),
    Stint("gated-conv", "gated-conv", 0.05, ("joint",)),
    Stint("gumf", "gumf", 0.05, ("whole", "region")),
    Stint("parsing-guided", "parsing-guided", 0.03, ("joint",)),
    Stint("ganmasker-one-stage", "ganmasker-one-stage", 0.03, ("joint",)),
    Stint("two-autoencoders", "two-autoencoders", 0.03, ("joint",)),
)


@dataclass
class Pass:
    """What all stints share."""

    data: Path
    out: Path
    released: Path  # the folder with the weights to start from
    cache: Path
    batch: int
    rehearse: bool
    processes: Processes
    limit: int | None
    discriminator: Path | None  # the last one that was trained, which the next stint goes on with


def flagship(
    data: Path, out: Path, *, minutes: float, released: Path, cache: Path, discriminator: Path | None = None,
    networks: Collection[str] | None = None, batch: int | None = None, rehearse: bool = False, device: str = "auto",
    limit: int | None = None,
) -> str:  # fmt: skip
    """Train, export, and return a Markdown table of what was reached; the same as flagship.json in `out`.

    data: as `train` takes it; shards may be missing. minutes: for all of it, counted from this call. released: the
    folder with the weights to start from. discriminator: one that has judged before, for the first network, by default
    DISCRIMINATOR; each next network takes its forerunner's. rehearse: REHEARSAL steps each on 48 faces, with everything
    else as it will be. Raises RunError when there is nothing to start from, ValueError when there are no faces.
    """
    start, processes = time.monotonic(), Processes(device)
    batch = batch or (4 if rehearse else 64 if processes.device.type == "cuda" else 8)
    stints = [stint for stint in PLAN if networks is None or stint.release in networks]
    stints = [stint for stint in stints if (released / f"{stint.release}.safetensors").is_file()]
    if not stints:
        raise RunError(f"There are no released weights in {released}.")
    if discriminator is None and (released / DISCRIMINATOR).is_file():
        discriminator = released / DISCRIMINATOR
    shared = Pass(
        data, out, released, cache, batch, rehearse, processes, 48 if rehearse else limit, discriminator
    )
    rows: list[Json] = []
    faces, shards = load(shared), fingerprint(data)
    for index, stint in enumerate(stints):
        if fingerprint(data) != shards:
            faces, shards = load(shared), fingerprint(data)
        left = minutes * (1 - LEFT_FOR_EXPORTS) - (time.monotonic() - start) / 60
        if left <= 0:
            break
        own = left * stint.share / sum(other.share for other in stints[index:])
        rows.append(train_stint(stint, shared, *faces, minutes=own))
        if processes.main:
            (out / "flagship.json").write_text(json.dumps(rows, indent=1) + "\n")
    processes.end()
    return table(rows)


def train_stint(
    stint: Stint, shared: Pass, batches: Batches, samples: Batch, minutes: float
) -> Json:
    """One network: on windows first where it can be, then on whole pictures, then its export. Returns its row."""
    begun, gpu = time.monotonic(), shared.processes.device.type == "cuda"
    source = shared.released / f"{stint.release}.safetensors"
    for window, part in [(WINDOW, ON_WINDOWS), (None, 1 - ON_WINDOWS)] if stint.windows else [(None, 1.0)]:
        folder = shared.out / (f"{stint.release}-windows" if window else stint.release)
        batches.window = window
        options = TrainOptions(
            network=stint.network, data=shared.data, out=folder, cache=shared.cache, init=source,
            discriminator=shared.discriminator, only=stint.only, batch=shared.batch,
            lr=(6e-4, 6e-4) if gpu else (3e-4, 3e-4),
            kimg=REHEARSAL * part * shared.batch / 1000 if shared.rehearse else 1e6,
            time_limit=None if shared.rehearse else part * minutes, by_clock=True,
            save_every=1, log_every=1 if shared.rehearse else 50, compile=gpu and not shared.rehearse,
        )  # fmt: skip
        recipe, settings = make_recipe(options, shared.processes)
        checkpoint = run_recipe(options, recipe, settings, batches, samples, shared.processes)
        source = folder
        if "reconstruction" not in stint.only:
            shared.discriminator = folder
    if shared.processes.main:
        export(source, shared.out / "exports" / f"{stint.release}.safetensors")
    return report(stint, checkpoint, (time.monotonic() - begun) / 60)


def load(shared: Pass) -> tuple[Batches, Batch]:
    """The faces whose shards are there, in the device's memory, and held-back ones for the sample grids."""
    batches = []
    with shared.processes.main_first():
        for split, limit in (("train", shared.limit), ("val", 8)):
            faces = load_faces(shared.data, split, shared.cache, limit, partial=True)
            pairs = draw_pairs(faces, shared.cache, 1, 0)
            batches.append(Batches(faces, pairs, size=256, seed=0, device=shared.processes.device))
    return batches[0], batches[1].first(8)


def report(stint: Stint, checkpoint: Path, minutes: float) -> Json:
    """What a stint reached, from its log's last line."""
    last = json.loads((checkpoint.parent / "log.jsonl").read_text().splitlines()[-1])
    keep = ("images_per_second", "band_4_8", "band_8_16", "l1", "perceptual")
    images = last["kimg"] * 1000
    return {"network": stint.release, "minutes": round(minutes, 2), "images in the last part": round(images)} | {
        key: last[key] for key in keep if key in last
    }


def table(rows: list[Json]) -> str:
    """Markdown, one row a network."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(str(row.get(key, "")) for key in columns) + " |" for row in rows)])
