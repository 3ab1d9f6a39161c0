"""The ablations: each changes the one line it names, and the table compares all of them on the same faces."""

import json
import sys

import numpy as np
import pytest
import torch

from tests.train.drawn_faces import draw_folder
from tests.train.test_recipes import some
from train import cli as command_line
from train.evaluation.ablations import COLUMNS, DISCRIMINATOR, RECONSTRUCTION, Line, make_recipe, table
from unmask import weights
from unmask.nets.ganmasker import GANMasker


def losses(line: Line) -> dict[str, float]:
    """Everything a step's losses depend on, with the same weights and pictures for every line."""
    torch.manual_seed(0)
    recipe, batch = make_recipe(line, size=128, width=4), some(size=128)
    torch.manual_seed(1)
    fake = recipe.generate(batch)
    loss, parts = recipe.d_loss(batch, fake.detach())
    parts |= {"d": loss, "hole": batch["hole"].sum(), "bare": (~batch["worn"]).sum()}
    loss, more = recipe.g_loss(batch, fake, recipe.phases[-1])
    return {key: float(torch.as_tensor(value).detach()) for key, value in (parts | more | {"g": loss}).items()}


PLAIN = Line("plain", "the recipe")
R1, EVERY_PATCH = (next(line for line in DISCRIMINATOR if line.name == name) for name in ("r1", "every-patch"))


@pytest.mark.parametrize("line", [*RECONSTRUCTION, *DISCRIMINATOR], ids=lambda line: line.name)
def test_each_ablation_changes_something(line):
    plain = make_recipe(PLAIN, size=64, width=4)
    assert all(getattr(plain, key) != value for key, value in line.settings.items())
    # The batches and the averages are not the losses' business; see below that they change the outcome.
    elsewhere = "warp" in line.settings or not line.balanced or line.ema_share != PLAIN.ema_share
    assert elsewhere or losses(line) != losses(PLAIN)


def test_a_setting_that_the_recipe_does_not_have_is_refused():
    with pytest.raises(AttributeError, match="no wrap"):
        make_recipe(Line("typo", "no warps", settings={"wrap": 0.0}), size=64, width=4)


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
    lines = [line for line in (*RECONSTRUCTION, *DISCRIMINATOR) if line is not EVERY_PATCH]
    assert all(line.words in printed for line in lines)
    assert EVERY_PATCH.words not in printed  # at 64 px every patch sees the hole anyway
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["faces"] == 4 and len(report["reconstruction"]["rows"]) == 3 + len(RECONSTRUCTION)
    psnr = [row["ground-truth psnr"] for row in report["reconstruction"]["rows"].values()]
    assert len(set(psnr)) == len(psnr)  # none is another's copy
    command_line.main()  # all runs are there: the same figures again
    assert capsys.readouterr().out == printed


def test_chosen_lines_start_from_given_weights(tmp_path, monkeypatch, capsys):
    draw_folder(tmp_path)
    net = GANMasker(4)
    weights.save(tmp_path / "start.safetensors", "ganmasker", net, {"width": 4}, 64, {})
    words = ["ablate", "--data", tmp_path, "--cache", tmp_path / "cache", "--out", tmp_path / "out", "--width", 4,
             "--batch", 4, "--joint-kimg", 0.0, "--lines", "hinge", "--init", tmp_path / "start.safetensors",
             "--device", "cpu"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    command_line.main()
    assert "hinge loss" in (printed := capsys.readouterr().out) and "R1" not in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == [
        "discriminator", "discriminator-seed", "hinge"
    ]  # fmt: skip
    state = torch.load(tmp_path / "out" / "hinge" / "checkpoint.pt", weights_only=True)["generator"]
    assert torch.equal(state["head.weight"], net.head.weight.half().float())  # no step was made
    weights.save(tmp_path / "start.safetensors", "ganmasker", GANMasker(4, 2), {"width": 4, "downscale": 2}, 64, {})
    with pytest.raises(SystemExit, match="no GANMasker of width 4 and downscale 1"):
        command_line.main()


def test_differences_are_between_the_same_faces():
    values = {column: np.linspace(10, 20, 40) for column in COLUMNS}
    better = {column: x + 0.25 for column, x in values.items()}
    first, second = table({"recipe": values, "changed": better}).splitlines()[2:]
    assert "(" not in first and "15.25 (+0.25: +0.25 to +0.25)" in second
