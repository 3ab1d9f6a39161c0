"""Mask R-CNN: what it says without torchvision; with it, its losses, its recipe, and a training from end to end."""

import json
import sys

import pytest
import torch

from tests.train.drawn_faces import draw_folder
from train import cli as command_line
from train.recipes import RECIPES
from train.recipes.mask_rcnn import LOSSES, SMALLEST, instances
from unmask import weights
from unmask.catalog import has_package, list_models
from unmask.nets.landmarks import LandmarkNet
from unmask.nets.mask_rcnn import MaskRCNN
from unmask.nets.mseg import MSeg
from unmask.pipeline import Unmasker
from unmask.registry import MODELS

INFO = MODELS["mask-rcnn"]
needs_torchvision = pytest.mark.skipif(not has_package(INFO), reason="torchvision is missing, or of another torch")
TINY = {"width": 0.1, "channels": 8}


@pytest.fixture
def lacking(monkeypatch):
    """As on a machine without torchvision."""
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    has_package.cache_clear()
    yield
    has_package.cache_clear()


def run(monkeypatch, capsys, *words) -> str:
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    command_line.main()
    return capsys.readouterr().out


def squares(count: int = 2, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a green square in each picture: crops and masks."""
    torch.manual_seed(0)
    crop, mask = torch.rand(count, 3, size, size) - 0.5, torch.zeros(count, 1, size, size)
    for i in range(count):
        mask[i, :, 20 : 50 - 2 * i, 16 + 4 * i : 48] = 1
    green = torch.tensor([-1.0, 1.0, -1.0])[:, None, None]
    return torch.where(mask > 0, green, crop), mask


def test_without_torchvision_it_is_offered_nowhere_and_says_what_it_needs(lacking, tmp_path, monkeypatch, capsys):
    with pytest.raises(ImportError, match="^Mask R-CNN needs torchvision.*requirements.txt"):
        MaskRCNN()
    assert "mask-rcnn" not in list_models()
    assert "mask-rcnn" not in list_models("segmentation", own={"mask-rcnn": "a file"})
    folder = tmp_path / "data"
    folder.mkdir()
    draw_folder(folder)
    with pytest.raises(SystemExit, match="^train: Mask R-CNN needs torchvision"):
        run(monkeypatch, capsys, "mask-rcnn", "--data", folder, "--cache", tmp_path, "--out", tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_instances_are_one_for_each_face_of_a_crowd():
    truth = torch.zeros(64, 64)
    truth[10:20, 5:15] = truth[40:50, 8:20] = truth[44:60, 40:60] = 1
    truth[0:1, 40:52] = 1  # the rim of a mask
    assert torch.equal(instances(truth, 1), truth[None])
    found = instances(truth, 2)
    assert [int(mask.sum()) for mask in found] == [100, 120, 320] and 12 < SMALLEST
    assert torch.equal(found.sum(dim=0)[1:], truth[1:])
    assert instances(torch.zeros(64, 64), 2).shape == (0, 64, 64)


@needs_torchvision
def test_every_parameter_learns_from_the_losses():
    torch.manual_seed(0)
    model, (crop, mask) = MaskRCNN(**TINY).train(), squares()
    losses = model.losses(crop, list(mask))
    assert set(losses) == set(LOSSES) and all(loss.isfinite() and loss > 0 for loss in losses.values())
    sum(losses.values()).backward()
    still = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms and all(norm.weight.requires_grad and norm.num_batches_tracked == 1 for norm in norms)


@needs_torchvision
def test_pictures_without_a_mask_are_negatives():
    torch.manual_seed(0)
    model, (crop, mask) = MaskRCNN(**TINY).train(), squares()
    losses = model.losses(crop, [mask[0, :0], mask[1, :0]])
    assert losses["loss_objectness"] > 0 and losses["loss_classifier"] > 0
    assert losses["loss_mask"] == losses["loss_box_reg"] == losses["loss_rpn_box_reg"] == 0
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.slow
@needs_torchvision
def test_it_learns_green_squares_and_finds_them_one_by_one():
    torch.manual_seed(0)
    model, (crop, mask) = MaskRCNN(0.1, 16).train(), squares(4)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    trace = []
    for _ in range(60):
        loss = sum(model.losses(crop, list(mask)).values())
        trace.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert trace[-1] < 0.5 * trace[0]
    with torch.inference_mode():
        found = model.eval()(crop)
        assert found.shape == (4, 1, 64, 64) and found.dtype == torch.float32 and 0 <= found.min() <= found.max() <= 1
        inside = (found * mask).sum() / mask.sum()
        assert inside > 0.8 and (found * (1 - mask)).sum() / (1 - mask).sum() < 0.1
        assert torch.allclose(model(crop[:1]), found[:1], atol=1e-4), "pictures of a batch do not mix"
        # Two in one picture: each gets its box, and the picture's mask is both.
        two = torch.cat([crop[:1], crop[1:2]], dim=3)
        assert torch.minimum(model(two)[..., :64].max(), model(two)[..., 64:].max()) > 0.5
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 64, 64)


@needs_torchvision
def test_it_starts_from_the_landmark_networks_trunk():
    recipe, other = RECIPES["mask-rcnn"](64, width=0.1), LandmarkNet(0.1)
    before = recipe.generator.state_dict()["rcnn.backbone.stages.3.0.layers.1.weight"].clone()
    recipe.generator.load_state_dict(recipe.adapt(other.state_dict()))
    trunk = {key: value for key, value in other.state_dict().items() if key.startswith(("stem.", "stages."))}
    own = recipe.generator.rcnn.backbone.state_dict()
    assert trunk and all(torch.equal(own[key], value) for key, value in trunk.items())
    assert not torch.equal(before, own["stages.3.0.layers.1.weight"])


@needs_torchvision
def test_it_is_small():
    assert 2 * sum(p.numel() for p in MaskRCNN().parameters()) <= 6e6  # bytes in fp16


@pytest.mark.slow
@needs_torchvision
def test_train_resume_export_and_evaluate(tmp_path, monkeypatch, capsys):
    """From drawn faces to one table of both segmentation models."""
    draw_folder(tmp_path)
    monkeypatch.setattr("train.loop.recalibrate", lambda *_: None)  # forty more steps
    common = ["--data", tmp_path, "--cache", tmp_path / "cache", "--device", "cpu"]
    words = ["mask-rcnn", *common, "--size", 64, "--batch", 2, "--variants", 1, "--out", tmp_path / "run"]
    run(monkeypatch, capsys, *words, "--kimg", 0.004)
    with pytest.raises(SystemExit, match="--resume"):
        run(monkeypatch, capsys, *words, "--kimg", 0.004)
    run(monkeypatch, capsys, *words, "--kimg", 0.008, "--resume", "--log-every", 1)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and all(lines[-1][key.removeprefix("loss_")] >= 0 for key in LOSSES)
    run(monkeypatch, capsys, "export", tmp_path / "run", "--out", tmp_path / "mask-rcnn.safetensors")

    torch.manual_seed(0)
    weights.save(tmp_path / "mseg.safetensors", "mseg", MSeg(4), {"width": 4}, 64, {"kimg": 0})
    files = [f"{name}={tmp_path / name}.safetensors" for name in ("mseg", "mask-rcnn")]
    text = run(
        monkeypatch, capsys, "evaluate", *common, "--models", "mask-rcnn", "mseg", "telea", "--weights", *files,
        "--out", tmp_path / "report",
    )  # fmt: skip
    assert "| Mask R-CNN | 4 |" in text and "| M-Seg | 4 |" in text and "| Telea (classical) | 4 |" in text
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert set(report["weights"]) == {"mask-rcnn", "mseg"}
    for name in ("mask-rcnn", "mseg"):
        assert set(report["models"][name]) == {"dice", "accuracy", "none_found"}
        assert (tmp_path / "report" / f"sheet-{name}.png").exists()

    unmasker = Unmasker("cpu", weights={"mask-rcnn": str(tmp_path / "mask-rcnn.safetensors")})
    assert list_models("segmentation", own={"mask-rcnn": "its file"})[-1] == "mask-rcnn"
    crop = torch.randint(0, 255, (256, 256, 3), dtype=torch.uint8).numpy()
    assert unmasker.mask_probability(crop, "mask-rcnn").shape == (64, 64)
    assert unmasker.segment(crop, aligned=True, segmenter="mask-rcnn").shape == (256, 256)
