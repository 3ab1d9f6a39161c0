"""The ablations: each changes the one line it names, and the table compares all of them on the same faces."""

import json
import sys

import numpy as np
import pytest
import torch
from drawn_faces import draw_folder
from test_recipes import some

from train import __main__ as command_line
from train.ablations import (
    COLUMNS,
    DISCRIMINATOR,
    R1,
    RECONSTRUCTION,
    EveryPatch,
    ShortAverage,
    Unbalanced,
    WithoutWarp,
    table,
)
from train.recipes.ganmasker import GANMaskerRecipe


def losses(recipe_class) -> dict[str, float]:
    """Everything a step's losses depend on, with the same weights and pictures for every recipe."""
    torch.manual_seed(0)
    recipe, batch = recipe_class(128, width=4), some(size=128)
    torch.manual_seed(1)
    fake = recipe.generate(batch)
    loss, parts = recipe.d_loss(batch, fake.detach())
    parts |= {"d": loss, "hole": batch["hole"].sum(), "bare": (~batch["worn"]).sum()}
    loss, more = recipe.g_loss(batch, fake, recipe.phases[-1])
    return {key: float(torch.as_tensor(value).detach()) for key, value in (parts | more | {"g": loss}).items()}


@pytest.mark.parametrize("changed", [*RECONSTRUCTION, *DISCRIMINATOR], ids=lambda each: each.__name__)
def test_each_ablation_changes_something(changed):
    if changed in (Unbalanced, ShortAverage):  # not the losses' business; see below that both change the outcome
        assert not hasattr(GANMaskerRecipe, "balanced") and not hasattr(GANMaskerRecipe, "ema_share")
    elif changed is WithoutWarp:
        assert changed.warp == 0 < GANMaskerRecipe.warp
    else:
        assert losses(changed) != losses(GANMaskerRecipe)
    assert changed.__doc__ and "\n" not in changed.__doc__  # its name in the table


def test_r1_punishes_a_discriminator_that_is_steep_at_photos():
    assert losses(R1)["r1"] > 0


def test_the_command_trains_and_compares_every_line(tmp_path, monkeypatch, capsys):
    draw_folder(tmp_path)
    faces = tmp_path / "faces.csv"
    faces.write_text(faces.read_text().replace("m,,,300", "m,,,100"))  # these are drawn less often, unless evenly
    words = ["ablate", "--data", tmp_path, "--cache", tmp_path / "cache", "--out", tmp_path / "out", "--width", 4,
             "--batch", 4, "--kimg", 0.016, "--joint-kimg", 0.004, "--device", "cpu"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    command_line.main()
    printed = capsys.readouterr().out
    lines = {*RECONSTRUCTION, *DISCRIMINATOR} - {EveryPatch}  # at 64 px every patch sees the hole anyway
    assert all(str(each.__doc__) in printed for each in lines) and str(EveryPatch.__doc__) not in printed
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["faces"] == 4 and len(report["reconstruction"]["rows"]) == 3 + len(RECONSTRUCTION)
    psnr = [row["true psnr"] for row in report["reconstruction"]["rows"].values()]
    assert len(set(psnr)) == len(psnr)  # none is another's copy
    command_line.main()  # all runs are there: the same figures again
    assert capsys.readouterr().out == printed


def test_differences_are_between_the_same_faces():
    values = {column: np.linspace(10, 20, 40) for column in COLUMNS}
    better = {column: x + 0.25 for column, x in values.items()}
    first, second = table({"recipe": values, "changed": better}).splitlines()[2:]
    assert "(" not in first and "15.25 (+0.25: +0.25 to +0.25)" in second
