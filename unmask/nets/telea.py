"""The classical baseline: Telea's fast marching (2004), which knows nothing about faces."""

import cv2
import numpy as np
import torch
from torch import Tensor

from unmask.nets.layers import Network


class Telea(Network):
    """OpenCV's inpainting by fast marching, radius 5 px, as an inpainting model without weights."""

    method = cv2.INPAINT_TELEA

    def forward(self, crop: Tensor, mask: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1]; mask: N1HW in {0, 1}. Returns N3HW in [-1, 1], in 8-bit steps. No gradient."""
        filled = []
        for picture, hole in zip(crop.detach().cpu().numpy(), mask.detach().cpu().numpy()):
            rgb = np.rint((picture.transpose(1, 2, 0) + 1) * 127.5).clip(0, 255).astype(np.uint8)
            rgb = cv2.inpaint(rgb, (hole[0] > 0).astype(np.uint8), 5, self.method)
            filled.append(torch.from_numpy(rgb.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1))
        return torch.stack(filled).to(crop)
