"""GANMasker's ablation: its losses, for a generator that is not told the mask (Mahmoud and Kang 2023, section 4.5)."""

from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.recipe import Loss, Phase
from train.recipes.ganmasker import GANMaskerRecipe
from train.recipes.holes import masked_crop
from unmask.nets.ganmasker_one_stage import GANMaskerOneStage
from unmask.nets.layers import composite


class GANMaskerOneStageRecipe(GANMaskerRecipe):
    name = "ganmasker-one-stage"
    free = 0.0  # a painted hole cannot be seen: only masks can be found

    def __init__(self, size: int, width: int = 24, downscale: int = 2):
        super().__init__(size, width, downscale)
        self.generator = GANMaskerOneStage(width, downscale)

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """GANMasker's weights of the same width as this generator's: the first layer's mask channels are dropped."""
        own = self.generator.state_dict()
        return {key: value[:, : own[key].shape[1]] if value.ndim > 1 else value for key, value in state.items()}

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free)
        fake = self.generator(batch["crop"])
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        # What lies outside the mask has to come back, for a visitor may mark more than the mask.
        total, parts = super().g_loss(batch, fake, phase)
        whole = F.smooth_l1_loss(fake, batch["photo"])
        return total + whole, parts | {"whole": whole}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        fake = model(batch["masked"])
        return [batch["masked"], fake, composite(fake, batch["masked"], batch["mask"]), batch["photo"]]
