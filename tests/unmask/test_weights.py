"""Releases: written, found, checked and loaded whole, or refused in one sentence."""

import json

import pytest
import torch
from safetensors.torch import save_file

from unmask import weights
from unmask.catalog import describe, has_package, list_models
from unmask.nets.face_detector import FaceDetector
from unmask.nets.ganmasker import GANMasker
from unmask.nets.glcic import GLCIC
from unmask.nets.mseg import MSeg
from unmask.nets.pix2pix import Pix2Pix
from unmask.registry import MODELS


@pytest.fixture
def released(tmp_path, monkeypatch):
    """A checkpoints folder with one small GLCIC in it."""
    monkeypatch.setattr(weights, "checkpoints", lambda: tmp_path)
    monkeypatch.delenv("UNMASK_WEIGHTS", raising=False)
    monkeypatch.delenv("UNMASK_HUB_REPO", raising=False)
    torch.manual_seed(0)
    model = GLCIC(width=8).eval()
    path = tmp_path / "glcic.safetensors"
    weights.save(path, "glcic", model, {"width": 8}, 64, {"kimg": 1})
    (tmp_path / "sha256.json").write_text(json.dumps({path.name: weights.sha256(path)}))
    return model, path


def test_save_and_load_give_the_same_pictures(released):
    model, path = released
    loaded = weights.load("glcic")
    crop, mask = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    assert torch.allclose(model(crop, mask), loaded(crop, mask), atol=2e-3)
    assert weights.read_metadata(path) == {"name": "glcic", "config": {"width": 8}, "size": 64, "trained": {"kimg": 1}}
    assert loaded.size == 64


def test_eight_bits_take_half_the_room_and_change_next_to_nothing(tmp_path):
    torch.manual_seed(0)
    model = Pix2Pix(16, levels=6).eval()
    files = {bits: tmp_path / f"{bits}.safetensors" for bits in (16, 8)}
    for bits, path in files.items():
        weights.save(path, "pix2pix", model, {"width": 16, "levels": 6}, 64, {}, bits)
    assert files[8].stat().st_size < 0.55 * files[16].stat().st_size
    assert weights.count_parameters(files[8]) == weights.count_parameters(files[16])
    stored = weights.load("pix2pix", files[8]).state_dict()
    for key, value in model.state_dict().items():
        if value.ndim > 1:  # half a step of 127 to the largest number of the slice
            step = value.abs().amax(dim=tuple(range(1, value.ndim)), keepdim=True) / 127
            assert ((stored[key] - value).abs() <= 0.5001 * step).all()
        else:
            assert torch.equal(stored[key], value)


@pytest.mark.parametrize(
    "model",
    [GANMasker(8), Pix2Pix(8, levels=6), GLCIC(8), MSeg(8), MSeg(8, downscale=2), FaceDetector(8)],
    ids=lambda model: type(model).__name__,
)
def test_fused_network_computes_the_same(model):
    """Batch norms go into the convolutions before them, whose results stay the same up to rounding."""
    torch.manual_seed(0)
    norms = [module for module in model.eval().modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:  # as after a training, not as at its start
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
    crop, mask = torch.rand(1, 3, 64, 64) * 2 - 1, torch.zeros(1, 1, 64, 64)
    mask[..., 32:56, 16:48] = 1
    inputs = (crop,) if isinstance(model, MSeg | FaceDetector) else (crop, mask)
    with torch.inference_mode():
        before = model(*inputs)
        after = weights.fuse(model)(*inputs)
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()) < len(norms) / 2
    assert torch.allclose(before, after, atol=1e-4 * float(before.abs().max()))


def test_parameters_are_counted_from_the_header(released):
    model, path = released
    assert weights.count_parameters(path) == sum(p.numel() for p in model.parameters())
    assert describe("glcic")["parameters"] == weights.count_parameters(path)


def test_order_of_places(released, tmp_path, monkeypatch):
    _, path = released
    assert weights.find("glcic") == path
    own = tmp_path / "own"
    own.mkdir()
    (own / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("UNMASK_WEIGHTS", str(own))
    assert weights.find("glcic") == own / path.name
    assert weights.find("glcic", path) == path


def refused(caplog, *arguments, sentence="The weights of GLCIC on this machine cannot be used.") -> str:
    """Loading fails with this sentence, which a stranger may read. Returns the log, which says where and why."""
    caplog.clear()
    with pytest.raises(weights.WeightsError) as error:
        weights.load(*arguments)
    assert str(error.value) == sentence
    assert error.value.detail in caplog.text
    return caplog.text


def test_missing_weights_say_what_to_do(released, caplog):
    missing = "The weights of M-Seg are missing on this machine."
    log = refused(caplog, "mseg", sentence=missing)
    assert str(weights.checkpoints()) in log and "UNMASK_WEIGHTS" in log and "python -m train" in log
    assert "/nowhere/mseg.safetensors" in refused(caplog, "mseg", "/nowhere/mseg.safetensors", sentence=missing)
    caplog.clear()
    assert describe("mseg")["weights"] is None
    assert not caplog.text  # to be listed without weights is no fault


def test_each_output_has_a_file_of_its_own(released, tmp_path, caplog):
    for level, output in ((1.0, "realistic"), (2.0, "faithful")):
        net = GANMasker(8)
        torch.nn.init.constant_(next(net.parameters()), level)
        weights.save(tmp_path / MODELS["ganmasker"].weights_file(output), "ganmasker", net, {"width": 8}, 64, {})
    hashes = {path.name: weights.sha256(path) for path in tmp_path.glob("*.safetensors")}
    assert {"ganmasker.safetensors", "ganmasker-faithful.safetensors"} < set(hashes)
    (tmp_path / "sha256.json").write_text(json.dumps(hashes))
    assert weights.find("ganmasker") == weights.find("ganmasker", output="realistic")
    level = lambda output: float(next(weights.load("ganmasker", output=output).parameters()).detach().mean())
    assert [level(each) for each in (None, "realistic", "faithful")] == [1, 1, 2]
    assert [each["sha256"] for each in describe("ganmasker")["outputs"].values()] == [
        hashes["ganmasker.safetensors"], hashes["ganmasker-faithful.safetensors"],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="glcic has no output 'faithful'"):
        weights.find("glcic", output="faithful")
    (tmp_path / "ganmasker-faithful.safetensors").unlink()
    assert weights.find("ganmasker") and describe("ganmasker")["outputs"]["faithful"]["weights"] is None
    sentence = "The weights of GANMasker (faithful) are missing on this machine."
    assert "no ganmasker-faithful.safetensors" in refused(
        caplog, "ganmasker", None, "cpu", "faithful", sentence=sentence
    )


def test_changed_release_is_refused(released, caplog):
    _, path = released
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    assert f"{path} is damaged" in refused(caplog, "glcic")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 5000])
def test_file_that_is_no_checkpoint_is_refused(tmp_path, content, caplog):
    path = tmp_path / "glcic.safetensors"
    path.write_bytes(content)
    assert f"{path} is no checkpoint of Unmask" in refused(caplog, "glcic", path)


def test_cut_checkpoint_is_refused(released, tmp_path, caplog):
    _, path = released
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:-1000])
    assert f"{cut} is no checkpoint" in refused(caplog, "glcic", cut)


@pytest.mark.parametrize("about", ["[]", "1", "{", '{"name": "glcic"}', '{"name": "glcic", "config": {"width": "x"}}'])
def test_checkpoint_whose_metadata_is_wrong_is_refused(tmp_path, caplog, about):
    path = tmp_path / "glcic.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"unmask": about})
    assert str(path) in refused(caplog, "glcic", path)


def test_another_models_file_is_refused(released, caplog):
    _, path = released
    other = "The weights of M-Seg on this machine cannot be used."
    assert "holds glcic, not mseg" in refused(caplog, "mseg", path, sentence=other)


def test_weights_of_another_width_are_refused(tmp_path, caplog):
    path = tmp_path / "glcic.safetensors"
    weights.save(path, "glcic", GLCIC(width=8), {"width": 16}, 64, {})
    assert "does not fit glcic" in refused(caplog, "glcic", path)


@pytest.mark.skipif(has_package(MODELS["mask-rcnn"]), reason="torchvision works here")
def test_a_network_whose_package_is_missing_says_so(released_mask_rcnn):
    with pytest.raises(weights.WeightsError, match=r"^Mask R-CNN needs torchvision"):
        weights.load("mask-rcnn", released_mask_rcnn)
    assert "mask-rcnn" not in list_models("segmentation")


@pytest.fixture
def released_mask_rcnn(tmp_path):
    path = tmp_path / "mask-rcnn.safetensors"
    weights.save(path, "mask-rcnn", torch.nn.Linear(1, 1), {}, 128, {"kimg": 1})
    return path


@pytest.mark.parametrize("name", [name for name, info in MODELS.items() if info.kind != "classical"])
def test_released_checkpoint_loads_and_is_small(name):
    try:
        path = weights.find(name)
    except weights.WeightsError:
        pytest.skip(f"{name} is not released yet")
    if not has_package(MODELS[name]):
        pytest.skip(f"{name} needs {MODELS[name].package}")
    assert path.stat().st_size <= 16 * 2**20
    weights.load(name)
    assert weights.read_metadata(path)["trained"]["kimg"] > 0
