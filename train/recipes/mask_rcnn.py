"""Mask R-CNN: the sum of its five losses (He et al. 2017, section 3), on the pictures that M-Seg sees."""

import torch
from torch import Tensor

from train.data.batch import Batch
from train.recipe import Loss, Phase
from train.recipes.landmarks import shared_trunk
from train.recipes.mseg import SegmentationRecipe
from unmask.nets.mask_rcnn import MaskRCNN

LOSSES = ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg", "loss_mask")
SMALLEST = 16  # px of an instance: what is left of a mask at a crop's edge is none


class MaskRCNNRecipe(SegmentationRecipe):
    """M-Seg's shares of bare faces, recoloured masks and pictures without a face."""

    name = "mask-rcnn"
    phases = (Phase("detection", 1.0),)
    learning_rates = (1e-3, 0.0)  # Adam's; the paper's 0.02 is SGD's
    generator: MaskRCNN

    def __init__(self, size: int, width: float = 0.75):
        self.size, self.config = size, {"width": width}
        self.generator = MaskRCNN(width)
        self.discriminator = None

    def adapt(self, landmarks: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a landmark network of the same width, for the layers that both have."""
        trunk = shared_trunk(self.generator.rcnn.backbone, landmarks)
        return self.generator.state_dict() | {f"rcnn.backbone.{key}": value for key, value in trunk.items()}

    def generate(self, batch: Batch) -> Tensor:
        """The five losses, which torchvision computes with the network: (5,)."""
        crop = self.pictures(batch)
        losses = self.generator.losses(crop, [instances(each[0], int(batch["cells"])) for each in batch["truth"]])
        return torch.stack([losses[key] for key in LOSSES])

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        return fake.sum(), {key.removeprefix("loss_"): value for key, value in zip(LOSSES, fake)}


def instances(truth: Tensor, cells: int) -> Tensor:
    """The masks of a picture's `cells` x `cells` faces, (M, S, S): one for each cell of `truth` (S, S) that has one."""
    cell = torch.arange(len(truth), device=truth.device) * cells // len(truth)
    cell = cell[:, None] * cells + cell  # (S, S), index of each pixel's face
    masks = truth * (cell == torch.arange(cells**2, device=truth.device)[:, None, None])  # (cells^2, S, S)
    return masks[masks.sum(dim=(1, 2)) >= SMALLEST]
