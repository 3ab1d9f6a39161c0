"""Landmarks: the distance of every point (LaFIn, section 3.1), on faces with and without a mask."""

import torch
from torch import Tensor, nn

from train.data.batch import Batch
from train.recipe import Loss, Phase, Recipe
from train.recipes.mseg import degrade
from train.sheets import mark_points
from unmask.nets.landmarks import LandmarkNet

EYE_DISTANCE = 62.5 / 256  # of the crop's side, on average


def shared_trunk(net: nn.Module, landmarks: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of `net`, another MobileNetV2 of the same width, with a landmark network's stem and stages."""
    own = net.state_dict()
    return own | {key: landmarks[key] for key in own if key in landmarks and key.startswith(("stem.", "stages."))}


class LandmarksRecipe(Recipe):
    name = "landmarks"
    phases = (Phase("landmarks", 1.0),)
    learning_rates = (1e-3, 0.0)
    betas = (0.9, 0.999)
    warp = 0.5  # what the detector's five points get wrong, with room to spare
    bare = 0.25  # share of faces without a mask

    def __init__(self, size: int, width: float = 0.75):
        self.size, self.config = size, {"width": width}
        self.generator = LandmarkNet(width)
        self.discriminator = None

    def generate(self, batch: Batch) -> Tensor:
        bare = (torch.rand(len(batch["photo"]), 1, 1, 1) < self.bare).to(batch["photo"].device)
        points: Tensor = self.generator(degrade(torch.where(bare, batch["photo"], batch["masked"])))
        return points

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        distance = torch.linalg.vector_norm(fake - batch["points"], dim=2)  # (N, 92), crop sides
        nme = distance.mean() / EYE_DISTANCE
        return nme, {"nme": nme}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        return [mark_points(batch["masked"], model(batch["masked"])), mark_points(batch["photo"], batch["points"])]
