"""Face parsing: pixel-wise cross-entropy (Li et al. 2017, section 3.3) and Dice, small parts weighted up."""

import colorsys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.losses.reconstruction import dice_loss
from train.recipe import Loss, Phase, Recipe
from train.recipes.landmarks import shared_trunk
from train.recipes.mseg import degrade
from unmask.nets.parsing import CLASSES, ParsingNet

_SHADES = [colorsys.hsv_to_rgb(i * 0.618 % 1, 0.75, 0.95 if i else 0.0) for i in range(len(CLASSES))]
COLOURS = 2 * torch.tensor(_SHADES) - 1  # (19, 3) in [-1, 1]


def paint(labels: Tensor) -> Tensor:
    """(N, H, W) classes -> N3HW in [-1, 1], each class in its colour."""
    return COLOURS.to(labels.device)[labels].permute(0, 3, 1, 2)


class ParsingRecipe(Recipe):
    name = "parsing"
    phases = (Phase("parsing", 1.0),)
    learning_rates = (1e-3, 0.0)
    betas = (0.9, 0.999)
    warp = 0.3  # it judges aligned crops

    def __init__(self, size: int, width: float = 0.75):
        self.size, self.config = size, {"width": width}
        self.generator = ParsingNet(width)
        self.discriminator = None
        # An eye is a hundredth of the hair: by the fourth root of the areas, measured on CelebAMask-HQ's labels.
        area = torch.tensor([287, 255, 21, 3, 2, 2, 4, 4, 5, 4, 3, 4, 7, 311, 10, 2, 0.5, 41, 34]) / 1000
        self.weight = (area.mean() / area).pow(0.25)

    def adapt(self, landmarks: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a landmark network of the same width, for the layers that both have."""
        return shared_trunk(self.generator, landmarks)

    def generate(self, batch: Batch) -> Tensor:
        logits: Tensor = self.generator(degrade(batch["photo"]))
        return logits

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        ce = F.cross_entropy(fake, batch["labels"], weight=self.weight.to(fake.device))

        # Dice of each class over the batch: what the F-score counts, whatever the class's area.
        def by_class(x: Tensor) -> Tensor:  # NCHW -> (C, 1, 1, N * H * W)
            return x.transpose(0, 1).flatten(1)[:, None, None]

        truth = F.one_hot(batch["labels"], len(CLASSES)).permute(0, 3, 1, 2).float()
        dice = dice_loss(by_class(fake.softmax(dim=1)), by_class(truth))
        accuracy = (fake.argmax(dim=1) == batch["labels"]).float().mean()
        return ce + dice, {"cross_entropy": ce, "dice": dice, "accuracy": accuracy}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        """The faces, what the network says, and the truth, each class in its colour."""
        return [batch["photo"], paint(model(batch["photo"]).argmax(dim=1)), paint(batch["labels"])]
