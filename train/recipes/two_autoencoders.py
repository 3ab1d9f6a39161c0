"""Two autoencoders: the minimax loss alone, then with the squared error (Gao, Nguyen and Yan, section 3.3)."""

from torch import Tensor

from train.data.batch import Batch
from train.losses.adversarial import bce_gan
from train.losses.discriminators import GlobalLocalDiscriminator
from train.losses.perceptual import FacePerceptual
from train.losses.reconstruction import hole_mean
from train.losses.trunk_losses import TrunkLosses, structure_weight
from train.recipe import Loss, Phase
from train.recipes.glcic import GLCICRecipe
from train.recipes.holes import masked_crop
from unmask.metrics import ssim_tensor
from unmask.nets.layers import composite
from unmask.nets.two_autoencoders import TwoAutoencoders


class TwoAutoencodersRecipe(GLCICRecipe):
    name = "two-autoencoders"
    # The paper gives no lengths. What is learned without the truth in sight is soon learned.
    phases = (Phase("minimax", 0.05), Phase("joint", 0.95))
    free = 0.1
    boxed = 0.3  # the paper's own holes; the others make it useful on masked faces

    def __init__(self, size: int, width: int = 24, stages: int = 2, downscale: int = 2):
        self.size, self.config = size, {"width": width, "stages": stages, "downscale": downscale}
        self.generator = TwoAutoencoders(width, stages, downscale)
        # The text of section 3.2 has five global and four local convolutions; tables 2 and 3 have it the other way
        # round, which would give the smaller picture the deeper network.
        self.trunk = TrunkLosses.if_available()
        own = GlobalLocalDiscriminator(size, width=24, levels=4)
        self.discriminator = self.trunk.discriminator if self.trunk else own
        # Neither this nor SSIM is the paper's: without them, 32 thousand images made no mouth under a face mask.
        self.face = FacePerceptual.if_available()

    def generate(self, batch: Batch) -> Tensor:
        batch["crop"], batch["hole"] = masked_crop(batch, self.free, self.boxed)
        fake = self.generator(batch["crop"], batch["hole"])
        return self.trunk.look(batch, fake) if self.trunk else fake

    def g_loss(self, batch: Batch, fake: Tensor, phase: Phase) -> Loss:
        photo, hole = batch["photo"], batch["scored"]
        fused = composite(fake, photo, hole)
        if self.trunk:
            # The minimax loss alone, the paper's first phase, is for a discriminator that sees the whole picture.
            parts = {"mse": hole_mean((fake - photo).square(), hole), "ssim": 1 - ssim_tensor(fused, photo)}
            total = parts["mse"] + structure_weight(phase) * parts["ssim"]
            return self.trunk.add(batch, total, parts, phase, perceptual=1.0, realism=2.5)
        # Equation 1 has log(1 - D); -log D has the same fixed point, and a gradient when D is sure.
        adv = bce_gan(self.discriminator(fused, hole), 1.0)
        if phase.name == "minimax":
            return adv, {"adv": adv}
        mse, ssim = hole_mean((fake - photo).square(), hole), 1 - ssim_tensor(fused, photo)
        parts = {"mse": mse, "ssim": ssim, "adv": adv}
        # Equation 3 sums the squared error over the hole, some 12,000 values of [0, 1]; ours is a mean over [-1, 1]: a
        # 3,000th of it. With 1e-3 mouths were dark blots after 24 thousand images at 64 px.
        total = mse + ssim + 3e-4 * adv
        if self.face is not None:
            parts["perceptual"] = self.face.to(photo.device)(fused, photo, hole)
            total = total + 0.05 * parts["perceptual"]
        return total, parts
