"""What CONTRIBUTING.md says of a new network, done with a small one: a network, a registry entry, a recipe; then it is
trained, exported and used, and nothing else has to know of it."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.train.runs import run, small
from train.data.batch import Batch
from train.losses.reconstruction import hole_mean
from train.recipe import Loss, Phase, Recipe
from train.recipes import RECIPES
from train.recipes.holes import masked_crop
from unmask import Unmasker, read_photo
from unmask.catalog import describe
from unmask.cli import main as unmask_command
from unmask.nets.layers import Network, composite
from unmask.registry import MODELS, RELEASES, ModelInfo
from unmask.web.components.inputs import model_choices
from unmask.web.ideas import IDEAS


class Small(Network):
    """Two convolutions: crop N3HW in [-1, 1] and mask N1HW to N3HW in [-1, 1]."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, width, 5, padding=2), nn.ReLU(), nn.Conv2d(width, 3, 5, padding=2))

    def forward(self, crop: Tensor, mask: Tensor) -> Tensor:
        return torch.tanh(self.layers(torch.cat([crop * (1 - mask), mask], dim=1)))


class SmallRecipe(Recipe):
    name = "small"
    phases = (Phase("reconstruction", 1.0, discriminator=False),)
    learning_rates = (1e-2, 1e-2)
    betas = (0.9, 0.999)
    warp = 0.0

    def __init__(self, size: int, width: int = 16):
        self.size, self.config = size, {"width": width}
        self.generator, self.discriminator = Small(width), None

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, free=0.0)
        return self.generator(batch["crop"], batch["hole"])

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        loss = hole_mean((fake - batch["photo"]).abs(), batch["scored"])
        return loss, {"l1": loss}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        fake = model(batch["masked"], batch["mask"])
        return [batch["masked"], composite(fake, batch["masked"], batch["mask"]), batch["photo"]]


INFO = ModelInfo(
    name="small", title="Small", kind="inpainting", paper="", year=2026, builder=f"{__name__}:Small", needs_mask=True
)  # fmt: skip


@pytest.fixture
def registered(monkeypatch):
    """The three places of CONTRIBUTING.md: the registry, its sentence for visitors, and the recipes."""
    monkeypatch.setitem(MODELS, "small", INFO)
    monkeypatch.setitem(RELEASES, "small", INFO)
    monkeypatch.setitem(IDEAS, "small", "Two convolutions.")
    monkeypatch.setitem(RECIPES, "small", SmallRecipe)


@pytest.mark.slow
def test_a_new_network_is_trained_exported_and_used(registered, folder, tmp_path, monkeypatch, capsys):
    out, weights = tmp_path / "run", tmp_path / "weights"
    run(monkeypatch, capsys, *small("small", folder, out, "--kimg", 0.008))
    run(monkeypatch, capsys, "export", out, "--out", weights / "small.safetensors")
    monkeypatch.setenv("UNMASK_WEIGHTS", str(weights))

    about = describe("small")
    assert about["parameters"] == sum(each.numel() for each in Small(8).parameters())
    assert ("Small", "small") in model_choices(), "the page does not offer it"

    photo = np.random.default_rng(0).integers(0, 256, (200, 180, 3), np.uint8)
    mask = np.zeros((200, 180), np.uint8)
    mask[110:170, 50:130] = 255
    result = Unmasker("cpu").remove(photo, mask, ["small"], aligned=True)["small"]
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    assert (result[mask > 0] != photo[mask > 0]).any(axis=1).mean() > 0.9

    cv2.imwrite(str(tmp_path / "photo.png"), photo[..., ::-1])
    cv2.imwrite(str(tmp_path / "photo.mask.png"), mask)
    words = ["remove", tmp_path / "photo.png", "--mask", tmp_path / "photo.mask.png", "--model", "small", "--aligned"]
    assert unmask_command.main([*map(str, words), "--out", str(tmp_path / "made")]) == 0
    assert np.array_equal(read_photo(tmp_path / "made" / "photo.small.png"), result)
