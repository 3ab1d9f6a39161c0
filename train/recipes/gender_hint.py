"""The gender hint: binary cross-entropy on masked faces whose source has a label."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.recipe import Loss, Phase, Recipe
from train.recipes.landmarks import shared_trunk
from train.recipes.mseg import degrade
from unmask.nets.gender_hint import GenderHint


class GenderHintRecipe(Recipe):
    name = "gender-hint"
    phases = (Phase("classification", 1.0),)
    learning_rates = (1e-3, 0.0)
    betas = (0.9, 0.999)
    warp = 0.5
    smooth = 0.1  # labels are others' readings, and some are wrong
    generator: GenderHint

    def __init__(self, size: int, width: float = 0.75):
        self.size, self.config = size, {"width": width}
        self.generator = GenderHint(width)
        self.discriminator = None

    def adapt(self, landmarks: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a landmark network of the same width, for the layers that both have."""
        return shared_trunk(self.generator, landmarks)

    def generate(self, batch: Batch) -> Tensor:
        return self.generator.logits(degrade(batch["masked"]))

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        label, known = (batch["gender"] + 1) / 2, (batch["gender"] != 0).float()
        soft = self.smooth / 2 + (1 - self.smooth) * label
        bce = F.binary_cross_entropy_with_logits(fake, soft, reduction="none")

        def mean(values: Tensor) -> Tensor:
            return (values * known).sum() / known.sum().clamp_min(1)

        return mean(bce), {"bce": mean(bce), "accuracy": mean(((fake > 0) == (label > 0.5)).float())}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        """The faces, and below each a grey as dark as it reads male."""
        grey = model(batch["masked"]).view(-1, 1, 1, 1).expand(-1, 3, 16, self.size)
        return [torch.cat([batch["masked"], grey], dim=2)]
