"""What each line of GANMasker's recipe is worth: short trainings, each with one line changed, on held-back faces.

All start from the same weights and see the same batches. Those of the reconstruction start from nothing, those of the
discriminator from the unchanged recipe's reconstruction. Short runs at a small size are what can be afforded many
times; the second seed tells how much of a difference is chance.
"""

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from train.data.batch import Batch
from train.data.batches import Batches
from train.evaluation.report import interval
from train.loop import train
from train.losses.adversarial import hinge
from train.losses.reconstruction import hole_mean
from train.recipe import Loss, Recipe
from train.recipes.ganmasker import GANMaskerRecipe
from unmask import metrics
from unmask.blending.composite import composite
from unmask.imaging.tensors import mask_to_tensor, to_image, to_tensor
from unmask.masks import binarise, grow
from unmask.nets.ganmasker import GANMasker
from unmask.pipeline import MARGIN, Unmasker

COLUMNS = {  # (kind of hole, measure): heading, format
    ("ground-truth", "psnr"): ("hole PSNR, ground-truth masks", "{:.2f}"),
    ("predicted", "psnr"): ("predicted masks", "{:.2f}"),
    ("free", "psnr"): ("painted holes", "{:.2f}"),
    ("ground-truth", "ssim"): ("hole SSIM, ground-truth masks", "{:.4f}"),
    ("ground-truth", "sharpness"): ("sharpness", "{:.2f}"),
}
MEASURES: dict[str, Callable[..., float]] = {
    "psnr": metrics.psnr,
    "ssim": metrics.ssim,
    "sharpness": metrics.sharpness_ratio,
}
DOWNSCALE = 1  # pictures this small have no pixels to spare: the paper's network
Figures = dict[tuple[str, str], np.ndarray]  # column: one value a face
Case = tuple[str, np.ndarray, np.ndarray, np.ndarray]  # kind of hole, photo, what the network sees, hole


class EveryPatch(GANMaskerRecipe):
    def counts(self, hole: Tensor, logits: Tensor) -> Tensor:
        return torch.ones_like(logits)


class Hinge(GANMaskerRecipe):
    def generator_adversarial_loss(self, fake: Tensor, counts: Tensor) -> Tensor:
        return -hole_mean(fake, counts)

    def discriminator_loss(self, real: Tensor, fake: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        return hinge(real[counts > 0], fake[counts > 0])


class R1(GANMaskerRecipe):
    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        loss, parts = super().d_loss(batch, fake)
        photo = batch["photo"].detach().requires_grad_()
        logits = self.discriminator(torch.cat([photo, batch["hole"]], dim=1))[0]
        (slope,) = torch.autograd.grad(logits.mean(dim=(1, 2, 3)).sum(), photo, create_graph=True)
        penalty = slope.square().sum(dim=(1, 2, 3)).mean()
        return loss + 5 * penalty, parts | {"r1": penalty}


@dataclass(frozen=True)
class Line:
    """One line of the recipe, changed."""

    name: str  # of its run's folder
    words: str  # in the table
    recipe: type[GANMaskerRecipe] = GANMaskerRecipe
    settings: dict[str, float | bool] = field(default_factory=dict)  # attributes of the recipe
    balanced: bool = True  # faces drawn by group, gender and resolution
    ema_share: float = 0.1  # of the run, over which the averaged weights average


RECONSTRUCTION = (
    Line("no-perceptual", "no perceptual loss", settings={"perceptual": 0.0}),
    Line("no-ssim", "no SSIM loss", settings={"structural": 0.0}),
    Line("exact-holes", "holes that end where the mask ends", settings={"exact": True}),
    Line("no-free-form", "no free-form holes", settings={"free": 0.0}),
    Line("no-warp", "no random rotation, scale and shift", settings={"warp": 0.0}),
    Line("large-warp", "rotation, scale and shift of 0.25 for 0.1", settings={"warp": 0.25}),
    Line("unbalanced", "faces drawn evenly, not by group, gender and resolution", balanced=False),
    Line("short-average", "averages over 3 % of the run, not 10 %", ema_share=0.03),
)
DISCRIMINATOR = (
    Line("no-matching", "no feature matching", settings={"matching": 0.0}),
    Line("every-patch", "every patch counts, also where nothing was painted", EveryPatch),
    Line("hinge", "hinge loss for LSGAN", Hinge),
    Line("r1", "R1 penalty on the discriminator (Mescheder et al. 2018, equation 9; gamma 10)", R1),
)


def ablate(
    batches: Batches, held_back: Batches, out: Path, *,
    kimg: float, joint_kimg: float, batch: int, width: int = 24,
    names: Sequence[str] | None = None, start: dict[str, Tensor] | None = None,
) -> str:  # fmt: skip
    """Train all runs that are not in `out` yet, and write table.md and report.json there. Returns the table.

    batches: the training faces; held_back: those that are measured. kimg, joint_kimg: lengths of the runs without and
    with the discriminator, thousands of pictures. names: of the lines to change; all of them unless given. start:
    GANMasker's weights of this width and downscale 1, from which all runs start; unless given, those without the
    discriminator start from nothing, and those with it from the first of them.
    """
    cases, seed = list(draw_cases(held_back)), batches.seed
    stages = (("reconstruction", kimg, RECONSTRUCTION), ("discriminator", joint_kimg, DISCRIMINATOR))
    tables: list[str] = []
    report: dict[str, object] = {"size": batches.size, "batch": batch, "faces": held_back.count}
    for stage, length, lines in stages:
        changed = [line for line in lines if names is None or line.name in names]
        if start and not changed:
            continue
        run = partial(short_run, batches, held_back, stage=stage, start=start, kimg=length, batch=batch, width=width)
        path = run(plain := Line(stage, f"{stage}: the recipe"), out / stage, seed=seed)
        start = start or torch.load(path, map_location="cpu", weights_only=True)["ema"]
        if not changed:
            continue
        rows = {
            plain.words: measure(path, "ema", width, cases),
            "its last weights, not the averaged ones": measure(path, "generator", width, cases),
            "another seed": measure(run(plain, out / f"{stage}-seed", seed=seed + 1), "ema", width, cases),
        }
        for line in changed:
            if line.recipe is EveryPatch and batches.size < 128:
                continue  # every patch sees the hole
            rows[line.words] = measure(run(line, out / line.name, seed=seed), "ema", width, cases)
        tables.append(table(rows))
        means = {
            row: {" ".join(column): interval(values)["mean"] for column, values in found.items()}
            for row, found in rows.items()
        }
        report[stage] = {"kimg": length, "rows": means}
    (out / "table.md").write_text(text := "\n".join(tables))
    (out / "report.json").write_text(json.dumps(report, indent=1))
    return text


def make_recipe(line: Line, size: int, width: int) -> Recipe:
    """GANMasker's recipe with this line changed. Raises AttributeError for a setting that it does not have."""
    recipe = line.recipe(size, width, DOWNSCALE, trunk=False)
    for key, value in line.settings.items():
        if not hasattr(recipe, key):
            raise AttributeError(f"GANMasker's recipe has no {key}.")
        setattr(recipe, key, value)
    return recipe


def short_run(
    batches: Batches, held_back: Batches, line: Line, out: Path, *,
    stage: str, start: dict[str, Tensor] | None, kimg: float, batch: int, width: int, seed: int,
) -> Path:  # fmt: skip
    """The checkpoint of one run of a stage, from the weights `start` or from nothing."""
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and torch.load(checkpoint, weights_only=True, mmap=True)["step"] == int(kimg * 1000 / batch):
        return checkpoint
    torch.manual_seed(seed)
    recipe = make_recipe(line, batches.size, width)
    alone = stage == "reconstruction"  # without the discriminator
    recipe.phases = tuple(phase for phase in recipe.phases if (phase.name == "reconstruction") == alone)
    if start:
        recipe.generator.load_state_dict(start)
    own = copy.copy(batches)
    own.seed = seed
    if not line.balanced:
        own.probabilities = torch.ones_like(batches.probabilities)
    return train(
        recipe, own, held_back.first(8), out, kimg=kimg, batch=batch, ema_share=line.ema_share,
        save_every=math.inf, resume=True,
    )  # fmt: skip


def draw_cases(held_back: Batches) -> Iterator[Case]:
    """(kind of hole, photo, what the network sees, hole) of each face and kind, at the training size, uint8."""
    unmasker = Unmasker("cpu")
    data = held_back.first(held_back.count)
    for i in tqdm(range(len(data["photo"])), desc="holes"):
        photo, masked = to_image(data["photo"][i : i + 1]), to_image(data["masked"][i : i + 1])
        true, free = (binarise((holes[i, 0] * 255).byte().cpu().numpy()) for holes in (data["mask"], data["free"]))
        margin = max(round(MARGIN * len(photo)), 1)
        yield "ground-truth", photo, masked, true
        yield "predicted", photo, masked, grow(unmasker.find_mask(masked), margin)
        yield "free", photo, photo, free


@torch.inference_mode()
def measure(checkpoint: Path, kind: str, width: int, cases: Sequence[Case]) -> Figures:
    """A run's averaged ("ema") or last ("generator") weights: one value a face and column."""
    net = GANMasker(width, DOWNSCALE).eval()
    net.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)[kind])
    values: dict[tuple[str, str], list[float]] = {column: [] for column in COLUMNS}
    for hole_kind, photo, seen, hole in cases:
        result = composite(seen, to_image(net(to_tensor(seen), mask_to_tensor(hole))), hole)
        for column in COLUMNS:
            if column[0] == hole_kind:
                values[column].append(MEASURES[column[1]](result, photo, hole))
    return {column: np.array(value) for column, value in values.items()}


def table(rows: dict[str, Figures]) -> str:
    """Markdown: means, and for the hole PSNR the difference from the first row with its 95 % interval over faces."""
    first = next(iter(rows.values()))
    head = ["", *(heading for heading, _ in COLUMNS.values())]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, found in rows.items():
        cells = []
        for column, values in found.items():
            mean = interval(values)["mean"]
            cell = "" if mean is None else COLUMNS[column][1].format(mean)
            apart = interval(values - first[column])
            if found is not first and column[1] == "psnr" and apart["low"] is not None:
                cell += f" ({apart['mean']:+.2f}: {apart['low']:+.2f} to {apart['high']:+.2f})"
            cells.append(cell)
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines) + "\n"
