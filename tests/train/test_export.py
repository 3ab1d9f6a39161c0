"""Weights of several runs in one release."""

import pytest
import torch

from train.export import export
from train.loop import RunError
from train.recipes import RECIPES
from unmask import weights


def a_run(folder, seed: int, width: int = 8):
    """A run's folder with a GLCIC of random weights."""
    torch.manual_seed(seed)
    recipe = RECIPES["glcic"](64, width=width)
    about = {"name": "glcic", "config": recipe.config, "size": 64, "batch": 8, "images": 1000 * seed, "seconds": 60.0}
    about |= {"revision": f"rev{seed}", "before": None, "hardware": "a test"}
    folder.mkdir()
    torch.save(about | {"ema": recipe.generator.state_dict()}, folder / "checkpoint.pt")
    return folder, recipe.generator.state_dict()


def test_what_another_run_learnt_is_added(tmp_path):
    (run, own), (later, new), (earlier, old) = (a_run(tmp_path / str(seed), seed) for seed in (1, 2, 3))
    about = export(run, tmp_path / "sum.safetensors", (later, earlier))
    assert about["kimg"] == 1.0 and about["added"] == {"kimg": 2.0, "revision": "rev2"}
    loaded = weights.load("glcic", tmp_path / "sum.safetensors").state_dict()
    moved = 0
    for key, value in own.items():
        expected = value + new[key] - old[key] if value.is_floating_point() else value
        assert torch.allclose(loaded[key].float(), expected.float(), atol=2e-3), key
        moved += int(not torch.allclose(expected.float(), value.float(), atol=2e-3))
    assert moved > 10
    assert "added" not in export(run, tmp_path / "own.safetensors")


def test_the_mean_of_a_run_with_another_and_with_released_weights(tmp_path):
    (run, own), (other, theirs), (third, released) = (a_run(tmp_path / str(seed), seed) for seed in (1, 2, 3))
    export(third, tmp_path / "third.safetensors")
    about = export(run, tmp_path / "mean.safetensors", mean_with=(other, tmp_path / "third.safetensors"))
    assert about["kimg"] == 1.0 and "added" not in about
    assert [each.get("images", each.get("kimg")) for each in about["mean_with"]] == [2000, 3.0]
    loaded = weights.load("glcic", tmp_path / "mean.safetensors").state_dict()
    for key, value in own.items():
        expected = (value + theirs[key] + released[key]) / 3 if value.is_floating_point() else value
        assert torch.allclose(loaded[key].float(), expected.float(), atol=2e-3), key


def test_runs_of_other_networks_are_not_added(tmp_path):
    (run, _), (wide, _) = a_run(tmp_path / "a", 1), a_run(tmp_path / "b", 2, width=16)
    for others in ({"add": (wide, wide)}, {"mean_with": (wide,)}):
        with pytest.raises(RunError, match="not of one network"):
            export(run, tmp_path / "sum.safetensors", **others)
    assert not (tmp_path / "sum.safetensors").exists()
