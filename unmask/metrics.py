"""How good a result is. Pictures are RGB uint8 (H, W, 3), masks uint8 (H, W) with 255 = covered.

One definition each, used for every number that is published: PSNR from the mean squared error of one picture,
SSIM after Wang 2004 on RGB, 11 x 11 Gaussian of sigma 1.5, valid region only, no downsampling. With a mask
only the hole is measured, which pasting known pixels back cannot flatter. A measure over no pixels is nan.
"""

import math

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from unmask.masks import binarise, grow

WINDOW, SIGMA = 11, 1.5
RIM = WINDOW // 2  # what the valid region loses on each side, px
K1, K2 = 0.01, 0.03
BAND_SIGMAS = (0.75, 1.5, 3.0)  # px, of the Gaussians between which the two bands lie
FLAT = 1e-10  # mean square in a band, of pictures in [-1, 1], that may be rounding


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB, over the whole picture or over the hole. Identical: inf.

    Raises ValueError for pictures that are not uint8 or differ in size.
    """
    _check(a, b)
    error = (a.astype(np.float64) - b) ** 2  # (H, W, 3)
    if mask is not None:
        error = error[mask > 127]
    if error.size == 0:
        return math.nan
    mse = error.mean()
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)


def ssim(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity in [-1, 1]: the mean of its map over the valid region, or over the hole in it.

    Raises ValueError for pictures that are not uint8, differ in size, or have a side below 11 px.
    """
    _check(a, b)
    if min(a.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs {WINDOW} pixels on each side, got {a.shape[:2]}")
    valid = np.s_[RIM : a.shape[0] - RIM, RIM : a.shape[1] - RIM]
    similarity = _ssim_map(a.astype(np.float64), b.astype(np.float64))[valid]  # (H - 10, W - 10, 3)
    if mask is not None:
        similarity = similarity[mask[valid] > 127]
    return float(similarity.mean()) if similarity.size else math.nan


def _ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64 (H, W, 3) in 0-255 -> SSIM of every pixel and channel; the rim is not valid."""

    def blur(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (WINDOW, WINDOW), SIGMA)

    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    mean_a, mean_b = blur(a), blur(b)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance = blur(a * b) - product
    variances = blur(a * a + b * b) - squares  # only the sum of the two variances is needed
    similarity: np.ndarray = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return similarity


def ssim_tensor(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The same SSIM for training: N3HW in [-1, 1] -> scalar mean, differentiable, float32 under autocast too.

    Raises RuntimeError for a side below 11 px.
    """
    with torch.autocast(a.device.type, enabled=False):  # variances are differences of near-equal numbers
        # To [0, 1]: the luminance term depends on where black is.
        a, b = (a.float() + 1) / 2, (b.float() + 1) / 2
        channels = a.shape[1]
        # One kernel per channel is PyTorch's own float32 code; a full convolution would be TF32 on a GPU, and so would
        # one per channel of channels_last, which is eight times as fast on a CPU.
        layout = torch.channels_last if a.device.type == "cpu" else torch.contiguous_format
        x = torch.cat([a, b, a * b, a * a + b * b], dim=1).contiguous(memory_format=layout)  # (N, 4 * 3, H, W)
        kernel = torch.from_numpy(cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_32F)).to(a.device)
        kernel = kernel.expand(4 * channels, 1, WINDOW, 1)
        x = F.conv2d(x, kernel, groups=4 * channels)  # (N, 12, H - 10, W)
        x = F.conv2d(x, kernel.transpose(2, 3), groups=4 * channels)  # (N, 12, H - 10, W - 10)
        mean_a, mean_b, products, squares = x.chunk(4, dim=1)
        product, mean_squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
        covariance, variances = products - product, squares - mean_squares
        alike = (2 * product + K1**2) * (2 * covariance + K2**2)
        return (alike / ((mean_squares + K1**2) * (variances + K2**2))).mean()


def luma(pictures: torch.Tensor) -> torch.Tensor:
    """N3HW, RGB -> (N, 1, H, W) float32, the brightness (BT.601) on the same scale."""
    pictures = pictures.float()
    return (pictures * pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def band_ratios(fill: torch.Tensor, truth: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    """How much detail a fill has beside the truth: N3HW in [-1, 1] and N1HW, 1 = hole -> (N, 2), the energy of the fill
    over the truth's at wavelengths of 4 to 8 px and of 8 to 16 px.

    Grey, differences of Gaussians of sigma 0.75, 1.5 and 3 px, mean square in the hole less its outermost 3 px: 1 is
    right, below is blur, above is noise. nan where the hole is too small or the truth is flat. Average by geometric
    mean.
    """
    grey = luma(torch.cat([fill, truth]))
    blurred = []
    for sigma in BAND_SIGMAS:
        size = 2 * round(4 * sigma) + 1
        kernel = torch.from_numpy(cv2.getGaussianKernel(size, sigma, cv2.CV_32F)).to(grey.device).view(1, 1, size, 1)
        padded = F.pad(grey, (size // 2,) * 4, mode="reflect")
        blurred.append(F.conv2d(F.conv2d(padded, kernel), kernel.transpose(2, 3)))
    inside = 1 - F.max_pool2d(F.pad(1 - hole.float(), (3,) * 4, value=1.0), 7, stride=1)
    energies = []
    for fine, coarse in zip(blurred, blurred[1:]):
        mine, true = ((fine - coarse).square() * torch.cat([inside, inside])).sum(dim=(1, 2, 3)).chunk(2)
        detail = true > FLAT * inside.sum(dim=(1, 2, 3))
        energies.append(torch.where(detail, mine / true, torch.nan))
    return torch.stack(energies, dim=1)


def dice(pred: np.ndarray, truth: np.ndarray) -> float:
    """Dice overlap of two masks in [0, 1]; two empty masks agree: 1."""
    pred, truth = _covered(pred, truth)
    total = pred.sum() + truth.sum()
    return float(2 * (pred & truth).sum() / total) if total else 1.0


def iou(pred: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks in [0, 1]; two empty masks agree: 1."""
    pred, truth = _covered(pred, truth)
    union = (pred | truth).sum()
    return float((pred & truth).sum() / union) if union else 1.0


def pixel_accuracy(pred: np.ndarray, truth: np.ndarray) -> float:
    """The share of pixels on which two masks agree, in [0, 1]."""
    pred, truth = _covered(pred, truth)
    return float((pred == truth).mean())


def sharpness_ratio(fill: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Variance of the Laplacian in the hole, the fill's over the truth's: 1 is as sharp, 0 is flat.

    The hole's outermost pixels are left out: the seam is no detail. nan when the truth is flat. Raises
    ValueError as psnr does.
    """
    _check(fill, truth)
    inside = grow(mask, -1) > 127
    if not inside.any():
        return math.nan
    fill_detail, truth_detail = (
        cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F)[inside].var()
        for image in (fill, truth)
    )
    return float(fill_detail / truth_detail) if truth_detail else math.nan


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(f"pictures must be uint8, got {a.dtype} and {b.dtype}")
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f"pictures must have one size (H, W, 3), got {a.shape} and {b.shape}")


def _covered(pred: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks as bool (H, W)."""
    if pred.shape != truth.shape:
        raise ValueError(f"masks differ in size: {pred.shape} and {truth.shape}")
    return binarise(pred) > 0, binarise(truth) > 0
