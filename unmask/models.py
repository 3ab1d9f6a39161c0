"""The registry: every network by name, with what the interface and the model card say about it."""

import importlib
import os
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import nn

from unmask.nets.face_finder import FaceFinder
from unmask.nets.ganmasker import GANMasker
from unmask.nets.ganmasker_one_stage import GANMaskerOneStage
from unmask.nets.gated_conv import GatedConv
from unmask.nets.gender_hint import GenderHint
from unmask.nets.glcic import GLCIC
from unmask.nets.gumf import GUMF
from unmask.nets.landmark_guided import LandmarkGuided
from unmask.nets.landmarks import LandmarkNet
from unmask.nets.mask_rcnn import MaskRCNN
from unmask.nets.mseg import MSeg
from unmask.nets.navier_stokes import NavierStokes
from unmask.nets.parsing import ParsingNet
from unmask.nets.parsing_guided import ParsingGuided
from unmask.nets.pix2pix import Pix2Pix
from unmask.nets.telea import Telea
from unmask.nets.two_autoencoders import TwoAutoencoders


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model without loading it."""

    name: str
    title: str
    # "segmenter": crop -> mask probability; "remover": crop and mask -> crop; "classical": the same without weights;
    # "parser": crop -> 19 classes; "landmarks": crop -> 92 points; "hint": crop -> a number in [-1, 1];
    # "detector": photo -> faces
    kind: str
    paper: str
    year: int
    idea: str  # one sentence for a visitor
    build: Callable[..., nn.Module]  # called with the config stored beside the weights
    needs_mask: bool
    size: int = 256  # side of the square crop the paper works on, px; a checkpoint says its own
    licence: str = "research, non-commercial"  # of the weights: the training photographs' terms
    package: str | None = None  # beside requirements.txt, without which it cannot be built


_ALL = (
    ModelInfo(
        name="mseg",
        title="M-Seg",
        kind="segmenter",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        idea="An autoencoder with attention marks every pixel that the mask covers.",
        build=MSeg,
        needs_mask=False,
    ),
    ModelInfo(
        name="mask-rcnn",
        title="Mask R-CNN",
        kind="segmenter",
        paper="Mask R-CNN",
        year=2017,
        idea="It boxes whatever may be a mask, then outlines it inside each box.",
        build=MaskRCNN,
        needs_mask=False,
        size=128,
        package="torchvision",
    ),
    ModelInfo(
        name="ganmasker",
        title="GANMasker",
        kind="remover",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        idea="Given the mask, an attention U-Net fills it and keeps the visible face as it is.",
        build=GANMasker,
        needs_mask=True,
    ),
    ModelInfo(
        name="landmark-guided",
        title="Landmark-guided",
        kind="remover",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        idea="Landmarks found under the mask say where mouth and jaw belong; move them, and the face follows.",
        build=LandmarkGuided,
        needs_mask=True,
    ),
    ModelInfo(
        name="pix2pix",
        title="Pix2Pix",
        kind="remover",
        paper="Unmask Masked Face",
        year=2023,
        idea="One network translates the whole picture and has to find the mask by itself.",
        build=Pix2Pix,
        needs_mask=False,
    ),
    ModelInfo(
        name="glcic",
        title="GLCIC",
        kind="remover",
        paper="Globally and Locally Consistent Image Completion",
        year=2017,
        idea="Dilated convolutions look far around the hole; two critics judge the picture and the patch.",
        build=GLCIC,
        needs_mask=True,
    ),
    ModelInfo(
        name="ganmasker-one-stage",
        title="GANMasker, one stage",
        kind="remover",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        idea="The same attention U-Net as GANMasker's, but nobody tells it where the mask is.",
        build=GANMaskerOneStage,
        needs_mask=False,
    ),
    ModelInfo(
        name="two-autoencoders",
        title="Two autoencoders",
        kind="remover",
        paper="A Method for Face Image Inpainting Based on Autoencoder and Adversarial Generative Network",
        year=2022,
        idea="One autoencoder sketches what is missing, a second one paints it over; two critics judge.",
        build=TwoAutoencoders,
        needs_mask=True,
        size=128,
    ),
    ModelInfo(
        name="gated-conv",
        title="GatedConv",
        kind="remover",
        paper="Free-Form Image Inpainting with Gated Convolution",
        year=2019,
        idea="Every layer learns which pixels to trust; what fits is copied from the visible face.",
        build=GatedConv,
        needs_mask=True,
    ),
    ModelInfo(
        name="gumf",
        title="GUMF",
        kind="remover",
        paper="A Novel GAN-Based Network for Unmasking of Masked Face",
        year=2020,
        idea="One critic judges the whole face, a second one joins for what lies under the mask.",
        build=GUMF,
        needs_mask=True,
    ),
    ModelInfo(
        name="parsing-guided",
        title="Parsing-guided",
        kind="remover",
        paper="Generative Face Completion",
        year=2017,
        idea="In training a face parser asked for lips where lips belong; what fits is borrowed from visible skin.",
        build=ParsingGuided,
        needs_mask=True,
    ),
    ModelInfo(
        name="telea",
        title="Telea (classical)",
        kind="classical",
        paper="An Image Inpainting Technique Based on the Fast Marching Method",
        year=2004,
        idea="No learning: colours march into the hole from its edge. The baseline to beat.",
        build=Telea,
        needs_mask=True,
        licence="Apache-2.0 (OpenCV)",
    ),
    ModelInfo(
        name="navier-stokes",
        title="Navier-Stokes (classical)",
        kind="classical",
        paper="Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting",
        year=2001,
        idea="No learning: brightness flows into the hole like a fluid, along its own contours.",
        build=NavierStokes,
        needs_mask=True,
        licence="Apache-2.0 (OpenCV)",
    ),
    ModelInfo(
        name="face-finder",
        title="Face finder",
        kind="detector",
        paper="FCOS: Fully Convolutional One-Stage Object Detection",
        year=2019,
        idea="A small network looks at the photo twice and boxes every face, masked or bare.",
        build=FaceFinder,
        needs_mask=False,
        size=192,
    ),
    ModelInfo(
        name="parsing",
        title="Face parsing",
        kind="parser",
        paper="Generative Face Completion",
        year=2017,
        idea="Says what every pixel of a face is: skin, lip, brow, hair. It judges others' faces in training.",
        build=ParsingNet,
        needs_mask=False,
    ),
    ModelInfo(
        name="gender-hint",
        title="Gender hint",
        kind="hint",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        idea="A guess from the visible half, a hint for landmark-guided inpainting that a visitor can change.",
        build=GenderHint,
        needs_mask=False,
        size=128,
    ),
    ModelInfo(
        name="landmarks",
        title="Landmarks",
        kind="landmarks",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        idea="A small MobileNet says where 92 points of the face are, under the mask too.",
        build=LandmarkNet,
        needs_mask=False,
        size=128,
    ),
)

MODELS: dict[str, ModelInfo] = {info.name: info for info in _ALL}
FACE_FINDER, LANDMARKS, GENDER_HINT, DEFAULT_SEGMENTER = "face-finder", "landmarks", "gender-hint", "mseg"
DEFAULT_MODELS = ("ganmasker", "landmark-guided", "pix2pix", "glcic")


def list_models(kind: str | None = None, own: Container[str] = ()) -> list[str]:
    """Names of what can be used: classical methods, and networks whose weights are released or given.

    kind: one of ModelInfo's, where only that is asked for. own: names that the caller has a file for. A network in
    training is in MODELS, but never here: nobody is to see an untrained one. Nor is one whose package is missing.
    """
    from unmask import weights

    released, folder = weights.released_hashes(), os.environ.get("UNMASK_WEIGHTS")

    def usable(name: str, info: ModelInfo) -> bool:
        filename = f"{name}.safetensors"
        given = name in own or (folder is not None and (Path(folder) / filename).is_file())
        return info.kind == "classical" or ((filename in released or given) and has_package(info))

    return [name for name, info in MODELS.items() if kind in (None, info.kind) and usable(name, info)]


@cache
def has_package(info: ModelInfo) -> bool:
    """Whether what the network needs beside requirements.txt is there and works."""
    try:
        return info.package is None or importlib.import_module(info.package) is not None
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision of another torch
        return False


def list_removers(own: Container[str] = ()) -> list[str]:
    """Names of everything that fills a hole, see `list_models`: learned removers first, then the classical ones."""
    return list_models("remover", own) + list_models("classical", own)


def describe(name: str) -> dict:
    """The registry's row as plain types, with `parameters`, `weights` (path or None) and `sha256` of the file."""
    from unmask import weights

    info = MODELS[name]
    row = {
        key: getattr(info, key)
        for key in ("name", "title", "kind", "paper", "year", "idea", "needs_mask", "size", "licence")
    }
    row |= {"parameters": 0, "weights": None, "sha256": None}
    if info.kind != "classical":
        try:
            path = weights.find(name)
        except weights.WeightsError:
            return row
        row |= {"weights": str(path), "sha256": weights.sha256(path), "parameters": weights.count_parameters(path)}
    return row
