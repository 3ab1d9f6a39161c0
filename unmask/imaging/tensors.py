"""Arrays to tensors and back, and resizing.

Arrays are RGB uint8 (H, W, 3), masks uint8 (H, W) with 255 = covered. Tensors are N3HW float32 in [-1, 1], masks N1HW
in {0, 1} with 1 = covered. Nothing else in the package converts between the two.
"""

import cv2
import numpy as np
import torch


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """RGB uint8 (H, W, 3) -> (1, 3, H, W) float32 in [-1, 1]."""
    x = torch.tensor(np.ascontiguousarray(image)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    return x.float().contiguous() / 127.5 - 1


def mask_to_tensor(mask: np.ndarray) -> torch.Tensor:
    """Mask uint8 (H, W), 0 or 255 -> (1, 1, H, W) float32 in {0, 1}, 1 = covered."""
    return torch.tensor(np.ascontiguousarray(mask) > 127)[None, None].float()


def to_image(tensor: torch.Tensor) -> np.ndarray:
    """(3, H, W) or (1, 3, H, W) in [-1, 1] -> RGB uint8 (H, W, 3), clamped and rounded."""
    if tensor.ndim == 4:
        if len(tensor) != 1:
            raise ValueError(f"expected one picture, got a batch of {len(tensor)}")
        tensor = tensor[0]
    x = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)  # (3, H, W)
    return x.byte().permute(1, 2, 0).contiguous().cpu().numpy()


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize uint8 (H, W) or (H, W, C) to `size` = (height, width): area average down, bicubic up."""
    height, width = size
    if height * width < image.shape[0] * image.shape[1]:
        return shrink(image, size)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


def shrink(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture (H, W) or (H, W, C) to `size` = (height, width), which is smaller, by area average.

    What is far larger is halved first, where its sides are even: OpenCV does that in a tenth of the time that other
    factors take. The last step is a large one, or two averages in a row would blur.
    """
    height, width = size
    while _is_even(image) and image.shape[0] > 4 * height and image.shape[1] > 4 * width:
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _is_even(image: np.ndarray) -> bool:
    return bool(image.shape[0] % 2 == 0 and image.shape[1] % 2 == 0)
