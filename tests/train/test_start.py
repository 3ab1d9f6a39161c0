"""What a run starts from: released weights, another run, another run's discriminator."""

import pytest
import torch

from tests.train.runs import run, small
from train.losses import trunk
from train.recipes.pix2pix import Pix2PixRecipe
from train.start import read_init, start_from
from unmask import weights
from unmask.nets.ganmasker import GANMasker
from unmask.nets.glcic import GLCIC


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
    assert went_on["config"] == {"width": 8, "levels": 5, "downscale": 2, "sees_mask": True}
    assert went_on["size"] == 128 and went_on["images"] == 8


def test_a_pix2pix_that_sees_the_mask_starts_from_the_blind_one(folder, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, *small("pix2pix", folder, tmp_path / "blind", "--kimg", 0.002, "--blind"))
    blind = read_init(tmp_path / "blind")
    assert blind["config"]["sees_mask"] is False
    recipe = Pix2PixRecipe(128, width=8)
    start_from(recipe, blind, tmp_path / "blind")
    first = recipe.generator.encoder[0][0].weight
    assert torch.equal(first[:, :12], blind["state"]["encoder.0.0.weight"])  # three colours of 2x2 pixels
    assert first.shape[1] == 16 and not first[:, 12:].any()


def test_a_gumf_that_sees_no_fabric_starts_from_one_that_does(folder, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, *small("gumf", folder, tmp_path / "paper", "--kimg", 0.002, "--sees-fabric"))
    paper = read_init(tmp_path / "paper")
    assert paper["config"]["sees_fabric"] is True
    run(
        monkeypatch, capsys,
        *small("gumf", folder, tmp_path / "ours", "--kimg", 0.002, "--init", tmp_path / "paper"),
    )  # fmt: skip
    assert read_init(tmp_path / "ours")["config"] == {"width": 8, "downscale": 2, "sees_fabric": False}
