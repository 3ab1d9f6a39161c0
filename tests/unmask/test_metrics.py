"""Every metric against an independent reference, and its identities."""

import math

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from unmask import metrics
from unmask.imaging.tensors import mask_to_tensor, to_tensor


def pair(height: int = 48, width: int = 56, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A textured picture and a damaged copy."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    a = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    b = np.clip(cv2.GaussianBlur(a, (0, 0), 2) + rng.normal(0, 12, a.shape), 0, 255).astype(np.uint8)
    return a, b


def hole(height: int = 48, width: int = 56) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[20:44, 2:30] = 255  # partly outside SSIM's valid region
    return mask


def naive_ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SSIM as Wang prints it, one window after the other: uint8 (H, W, 3) -> (H - 10, W - 10, 3)."""
    x = np.arange(-5, 6)
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    window = (window / window.sum())[..., None]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    result = np.empty((a.shape[0] - 10, a.shape[1] - 10, 3))
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            p, q = (image[i : i + 11, j : j + 11].astype(float) for image in (a, b))
            mp, mq = (window * p).sum((0, 1)), (window * q).sum((0, 1))
            vp, vq = (window * (p - mp) ** 2).sum((0, 1)), (window * (q - mq) ** 2).sum((0, 1))
            cov = (window * (p - mp) * (q - mq)).sum((0, 1))
            result[i, j] = (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
    return result


# PSNR


@pytest.mark.parametrize("seed", range(3))
def test_psnr_is_that_of_skimage(seed):
    a, b = pair(seed=seed)
    assert metrics.psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-9)
    assert metrics.psnr(a, b) == metrics.psnr(b, a)


def test_psnr_by_hand():
    black = np.zeros((32, 32, 3), np.uint8)
    assert metrics.psnr(black, black + 255) == 0
    assert metrics.psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)
    assert metrics.psnr(black, black) == math.inf


def test_psnr_of_the_hole_is_lower_by_ten_log_of_its_share():
    a, b = pair()
    mask = hole()
    pasted = np.where(mask[..., None] > 0, b, a)
    share = (mask > 0).mean()
    gain = metrics.psnr(a, pasted) - metrics.psnr(a, pasted, mask)
    assert gain == pytest.approx(-10 * math.log10(share), abs=1e-9)
    assert metrics.psnr(a, pasted, mask) == metrics.psnr(a, b, mask)  # what is outside does not count
    assert math.isnan(metrics.psnr(a, b, np.zeros_like(mask)))


# SSIM


@pytest.mark.parametrize("seed", range(3))
def test_ssim_is_that_of_skimage_in_the_valid_region(seed):
    a, b = pair(seed=seed)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, full = structural_similarity(a, b, data_range=255, channel_axis=2, full=True, **options)
    assert metrics.ssim(a, b) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


def test_ssim_is_the_printed_formula():
    a, b = pair()
    naive = naive_ssim_map(a, b)
    assert metrics.ssim(a, b) == pytest.approx(naive.mean(), abs=1e-9)
    mask = hole()
    inside = mask[5:-5, 5:-5] > 0
    assert metrics.ssim(a, b, mask) == pytest.approx(naive[inside].mean(), abs=1e-9)
    assert abs(metrics.ssim(a, b, mask) - metrics.ssim(a, b)) > 1e-3


def test_ssim_identities():
    a, b = pair()
    assert metrics.ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert metrics.ssim(a, b) == pytest.approx(metrics.ssim(b, a), abs=1e-12)
    assert metrics.ssim(a, 255 - a) < metrics.ssim(a, b) < 1
    black = np.zeros((32, 32, 3), np.uint8)
    c1 = (0.01 * 255) ** 2
    assert metrics.ssim(black, black + 255) == pytest.approx(c1 / (255**2 + c1))


def test_ssim_of_the_smallest_picture_and_of_no_pixels():
    a, b = pair(11, 11)
    assert metrics.ssim(a, b) == pytest.approx(naive_ssim_map(a, b).mean(), abs=1e-9)
    a, b = pair()
    border = np.zeros((48, 56), np.uint8)
    border[:5] = 255
    assert math.isnan(metrics.ssim(a, b, border))
    with pytest.raises(ValueError, match="11 pixels"):
        metrics.ssim(a[:10], b[:10])


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim])
def test_wrong_pictures_are_refused(metric):
    a, b = pair()
    with pytest.raises(ValueError, match="uint8"):
        metric(a / 255.0, b)
    with pytest.raises(ValueError, match="size"):
        metric(a, b[:-1])


def test_ssim_tensor_is_the_same_number():
    pairs = [pair(seed=seed) for seed in range(3)]
    a = torch.cat([to_tensor(a) for a, _ in pairs])
    b = torch.cat([to_tensor(b) for _, b in pairs])
    expected = np.mean([metrics.ssim(a, b) for a, b in pairs])
    assert metrics.ssim_tensor(a, b).item() == pytest.approx(expected, abs=1e-5)
    assert metrics.ssim_tensor(a, a).item() == pytest.approx(1, abs=1e-6)
    flat = torch.full((1, 3, 32, 32), 0.9)  # where float32 has the least room
    assert metrics.ssim_tensor(flat, flat).item() == pytest.approx(1, abs=1e-3)


def test_ssim_tensor_keeps_float32_under_autocast():
    a, b = (to_tensor(image) for image in pair())
    with torch.autocast("cpu", torch.bfloat16):
        value = metrics.ssim_tensor(a, b)
    assert value.dtype == torch.float32
    assert value.item() == metrics.ssim_tensor(a, b).item()


def test_ssim_tensor_leads_uphill():
    a, b = (to_tensor(image) for image in pair())
    b.requires_grad_()
    before = metrics.ssim_tensor(a, b)
    before.backward()
    assert torch.isfinite(b.grad).all() and b.grad.abs().sum() > 0
    with torch.no_grad():
        assert metrics.ssim_tensor(a, b + 0.01 * b.grad / b.grad.abs().max()) > before
    small = torch.rand(1, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    step, direction = 1e-2, torch.randn(1, 3, 12, 12, dtype=torch.float64)
    target = torch.rand(1, 3, 12, 12)
    metrics.ssim_tensor(small, target).backward()
    ahead, behind = (metrics.ssim_tensor(small.detach() + s * step * direction, target) for s in (1, -1))
    slope = (small.grad * direction).sum().item()
    assert (ahead - behind).item() / (2 * step) == pytest.approx(slope, rel=0.05, abs=1e-3)


# Detail in two bands


def bands(fill: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> list[float]:
    return metrics.band_ratios(to_tensor(fill), to_tensor(truth), mask_to_tensor(mask))[0].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_bands_are_those_of_scipys_gaussians(seed):
    a, b = pair(seed=seed)
    mask = hole()
    inside = binary_erosion(mask > 0, np.ones((7, 7)))
    grey = [image @ np.array([0.299, 0.587, 0.114]) for image in (b, a)]
    fine, middle, coarse = ([gaussian_filter(x, sigma, mode="mirror") for x in grey] for sigma in (0.75, 1.5, 3))
    for found, upper, lower in zip(bands(b, a, mask), (fine, middle), (middle, coarse)):
        mine, true = (((high - low)[inside] ** 2).mean() for high, low in zip(upper, lower))
        assert found == pytest.approx(mine / true, rel=0.02)  # the kernels are cut at another place


def test_band_identities():
    a, b = pair()
    mask, soft = hole(), cv2.GaussianBlur(a, (0, 0), 1.5)
    assert bands(a, a, mask) == [1, 1]
    assert bands(255 - a, a, mask) == pytest.approx([1, 1], rel=1e-4)
    assert bands(soft, a, mask)[0] < bands(soft, a, mask)[1] < 1, "a blur takes the finer band first"
    noisy = np.clip(a + np.random.default_rng(0).normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    assert bands(noisy, a, mask)[0] > max(bands(noisy, a, mask)[1], 1), "noise adds to the finer band first"
    half = ((a.astype(int) + 128) // 2).astype(np.uint8)
    assert bands(half, a, mask) == pytest.approx([0.25, 0.25], rel=0.05), "half the contrast is a quarter of the energy"
    far = a.copy()
    far[:10, 40:] = 0
    assert bands(far, a, mask) == pytest.approx([1, 1], rel=1e-4), "what is far from the hole does not count"
    both = metrics.band_ratios(*(torch.cat([to_tensor(x), to_tensor(y)]) for x, y in ((b, a), (a, a))),
                               mask_to_tensor(mask).expand(2, -1, -1, -1))  # fmt: skip
    assert both.tolist() == [pytest.approx(bands(b, a, mask)), [1, 1]]


def test_bands_of_nothing_are_nan():
    a, b = pair()
    thin = np.zeros((48, 56), np.uint8)
    thin[20:26] = 255  # eroded by 3 px, none is left
    assert all(math.isnan(value) for value in bands(b, a, thin))
    flat = np.full_like(a, 100)
    assert all(math.isnan(value) for value in bands(flat, flat, hole()))


# Masks


def test_mask_scores_by_hand():
    pred, truth = np.zeros((2, 4, 5), np.uint8)
    pred[0] = 255  # 5 px
    truth[0, :3] = truth[1, :1] = 255  # 4 px, 3 of them shared
    assert metrics.dice(pred, truth) == pytest.approx(2 * 3 / (5 + 4))
    assert metrics.iou(pred, truth) == pytest.approx(3 / 6)
    assert metrics.pixel_accuracy(pred, truth) == pytest.approx(17 / 20)
    assert metrics.dice(pred > 0, truth / 255.0) == metrics.dice(pred, truth)  # bool and float say the same


@pytest.mark.parametrize("score", [metrics.dice, metrics.iou, metrics.pixel_accuracy])
def test_mask_score_identities(score):
    rng = np.random.default_rng(0)
    p, q = (rng.integers(0, 2, (20, 30)) * 255 for _ in range(2))
    empty = np.zeros_like(p)
    assert score(p, p) == 1 and score(empty, empty) == 1 and score(p, 255 - p) == 0
    assert score(p, q) == score(q, p) and 0 < score(p, q) < 1
    with pytest.raises(ValueError, match="differ in size"):
        score(p, q[:-1])


def test_dice_and_iou_are_bound_to_each_other():
    rng = np.random.default_rng(1)
    p, q = (rng.integers(0, 2, (20, 30)).astype(np.uint8) * 255 for _ in range(2))
    dice = metrics.dice(p, q)
    assert metrics.iou(p, q) == pytest.approx(dice / (2 - dice))


# Sharpness


def test_sharpness_ratio():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (48, 56, 3), dtype=np.uint8)
    mask = hole()
    inside = mask[..., None] > 0
    assert metrics.sharpness_ratio(truth, truth, mask) == 1
    soft, softer = (np.where(inside, cv2.GaussianBlur(truth, (0, 0), s), truth) for s in (0.5, 2))
    assert 1 > metrics.sharpness_ratio(soft, truth, mask) > metrics.sharpness_ratio(softer, truth, mask)
    flat = np.where(inside, np.uint8(90), truth)
    assert metrics.sharpness_ratio(flat, truth, mask) == 0  # the seam around a flat hole is no detail
    assert math.isnan(metrics.sharpness_ratio(truth, flat, mask))
    assert math.isnan(metrics.sharpness_ratio(truth, truth, np.zeros_like(mask)))
