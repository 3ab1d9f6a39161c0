"""GANMasker without its first stage (Mahmoud and Kang, Sensors 2023, section 4.5): FU-Net is not told the mask."""

import torch
from torch import Tensor

from unmask.nets.ganmasker import GANMasker, GeBlock


class FaceBlock(GeBlock):
    """A Ge-block that looks at the first `cin` of its input's channels only: the face."""

    def __init__(self, cin: int, cout: int):
        super().__init__(cin, cout)
        self.cin = cin

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, : self.cin])


class GANMaskerOneStage(GANMasker):
    """FU-Net on the masked face alone, three channels; the ablation that the paper's table 2 sets against the whole.

    Nothing is blanked out, for the network does not know the hole: it has to find what covers the face by itself, as
    Pix2Pix does. `width` and `downscale` are GANMasker's, and so is everything behind the first block.
    """

    def __init__(self, width: int = 64, downscale: int = 1):
        super().__init__(width, downscale)
        self.encoder[0] = FaceBlock(3 * downscale**2, width)

    def forward(self, crop: Tensor, mask: Tensor | None = None) -> Tensor:
        """crop: N3HW in [-1, 1], H and W multiples of 16 * downscale. Returns the whole face, N3HW in [-1, 1].

        mask is not looked at. The caller keeps the result within the mask that was found, as of Pix2Pix.
        """
        return self.fill(crop, torch.zeros_like(crop[:, :1]))  # black nothing, and say nothing
