"""GLCIC: squared error, then the discriminators alone, then both (Iizuka et al. 2017, section 3.4).

Where EfficientNet-Lite0 is here, its perceptual loss joins, and a projected discriminator takes the pair's place.
"""

from torch import Tensor, nn

from train.data.batch import Batch
from train.losses.adversarial import bce_gan
from train.losses.discriminators import GlobalLocalDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, pixel_weight, structure_weight
from train.recipe import Loss, Phase, Recipe
from train.recipes.holes import masked_crop
from unmask.metrics import ssim_tensor
from unmask.nets.glcic import GLCIC
from unmask.nets.layers import composite


class GLCICRecipe(Recipe):
    name = "glcic"
    # 90 k, 10 k and 400 k iterations in the paper.
    phases: tuple[Phase, ...] = (
        Phase("completion", 0.18, discriminator=False),
        Phase("discriminators", 0.02, generator=False),
        Phase("joint", 0.80),
    )
    learning_rates = (1e-3, 2e-4)  # the paper's ADADELTA needs many more steps than Adam
    betas = (0.9, 0.999)
    warp = 0.1  # about what refined landmarks get wrong, and best on such crops: see train/README.md
    free = 0.15

    def __init__(self, size: int, width: int = 24, downscale: int = 2):
        self.size, self.config = size, {"width": width, "downscale": downscale}
        self.generator = GLCIC(width, downscale)
        self.trunk = TrunkLosses.if_available()
        self.discriminator: nn.Module = (
            self.trunk.discriminator if self.trunk else GlobalLocalDiscriminator(size, width=24)
        )
        # Not the paper's: the squared error alone paints a blur for a mouth.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free)
        fake = self.generator(batch["crop"], batch["hole"])
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        photo, hole = batch["photo"], batch["scored"]
        fused = composite(fake, photo, hole)
        # SSIM, GANMasker's, is not the paper's either: structure, of which a squared error knows nothing.
        parts = {"mse": hole_mean((fake - photo).square(), hole), "ssim": 1 - ssim_tensor(fused, photo)}
        if self.trunk:
            total = pixel_weight(phase) * parts["mse"] + structure_weight(phase) * parts["ssim"]
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        total = parts["mse"] + parts["ssim"]
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(fused, photo, hole)
            total = total + 0.05 * parts["perceptual"]
        if phase.discriminator:
            parts["adv"] = bce_gan(self.discriminator(fused, hole), 1.0)
            total = total + 4e-4 * parts["adv"]
        return total, parts

    def d_loss(self, batch: Batch, fake: Tensor) -> Loss:
        if self.trunk:
            return self.trunk.discriminator_loss(batch)
        photo, hole = batch["photo"], batch["hole"]
        real = bce_gan(self.discriminator(photo, hole), 1.0)
        false = bce_gan(self.discriminator(composite(fake, photo, hole), hole), 0.0)
        return 0.5 * (real + false), {"d_real": real, "d_fake": false}

    def show(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        return [batch["masked"], model(batch["masked"], batch["mask"]), batch["photo"]]
