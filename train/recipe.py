"""What the training loop needs to know of a model: one class a model, in train/recipes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from train.data.batch import Batch
from unmask.types import Json

Loss = tuple[Tensor, dict[str, Tensor]]  # a loss, and its named parts for the log


@dataclass(frozen=True)
class Phase:
    """A stretch of training, as a share of all images, and which networks move in it."""

    name: str
    share: float
    generator: bool = True
    discriminator: bool = True


class Recipe(ABC):
    """A model's networks, its losses, and the numbers of its training."""

    name: str
    size: int  # px of the training pictures
    config: Json  # the builder's arguments, stored beside the weights
    generator: nn.Module
    discriminator: nn.Module | None
    phases: tuple[Phase, ...]
    learning_rates: tuple[float, float]  # generator, discriminator
    betas: tuple[float, float]
    warp: float  # strength of the random warps, see Batches.get

    @abstractmethod
    def __init__(self, size: int, **config: float | None) -> None:
        """size: px of the training pictures. config: the builder's arguments that are not to be the default."""

    @abstractmethod
    def generate(self, batch: Batch) -> Tensor:
        """The generator's output for a batch; may add to the batch what the losses need."""

    @abstractmethod
    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        """The generator's loss."""

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        """The discriminator's loss; fake comes detached."""
        raise TypeError(f"{self.name} has no discriminator.")

    @abstractmethod
    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        """Rows of N3HW pictures in [-1, 1] for the sample grid."""
