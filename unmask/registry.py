"""The registry: every model by name, with its paper and what it can do. Specifications only: nothing is loaded here."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


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
    builder: str  # "module:class", imported when it is first built
    needs_mask: bool  # it is told where the mask is; without, it finds that by itself
    takes_landmarks: bool = False  # it is given the 92 landmarks and a hint beside crop and mask
    size: int = 256  # side of the square crop the paper works on, px; a checkpoint says its own
    licence: str = "research, non-commercial"  # of the weights: the training photographs' terms
    package: str | None = None  # beside requirements.txt, without which it cannot be built

    def build(self, *args, **config) -> "nn.Module":
        """The network without its weights; config: as stored beside them. Raises ImportError without `package`."""
        module, _, name = self.builder.partition(":")
        return getattr(import_module(module), name)(*args, **config)


_ALL = (
    ModelInfo(
        name="mseg",
        title="M-Seg",
        kind="segmenter",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        builder="unmask.nets.mseg:MSeg",
        needs_mask=False,
    ),
    ModelInfo(
        name="mask-rcnn",
        title="Mask R-CNN",
        kind="segmenter",
        paper="Mask R-CNN",
        year=2017,
        builder="unmask.nets.mask_rcnn:MaskRCNN",
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
        builder="unmask.nets.ganmasker:GANMasker",
        needs_mask=True,
    ),
    ModelInfo(
        name="landmark-guided",
        title="Landmark-guided",
        kind="remover",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        builder="unmask.nets.landmark_guided:LandmarkGuided",
        needs_mask=True,
        takes_landmarks=True,
    ),
    ModelInfo(
        name="pix2pix",
        title="Pix2Pix",
        kind="remover",
        paper="Unmask Masked Face",
        year=2023,
        builder="unmask.nets.pix2pix:Pix2Pix",
        needs_mask=False,
    ),
    ModelInfo(
        name="glcic",
        title="GLCIC",
        kind="remover",
        paper="Globally and Locally Consistent Image Completion",
        year=2017,
        builder="unmask.nets.glcic:GLCIC",
        needs_mask=True,
    ),
    ModelInfo(
        name="ganmasker-one-stage",
        title="GANMasker, one stage",
        kind="remover",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        builder="unmask.nets.ganmasker_one_stage:GANMaskerOneStage",
        needs_mask=False,
    ),
    ModelInfo(
        name="two-autoencoders",
        title="Two autoencoders",
        kind="remover",
        paper="A Method for Face Image Inpainting Based on Autoencoder and Adversarial Generative Network",
        year=2022,
        builder="unmask.nets.two_autoencoders:TwoAutoencoders",
        needs_mask=True,
        size=128,
    ),
    ModelInfo(
        name="gated-conv",
        title="GatedConv",
        kind="remover",
        paper="Free-Form Image Inpainting with Gated Convolution",
        year=2019,
        builder="unmask.nets.gated_conv:GatedConv",
        needs_mask=True,
    ),
    ModelInfo(
        name="gumf",
        title="GUMF",
        kind="remover",
        paper="A Novel GAN-Based Network for Unmasking of Masked Face",
        year=2020,
        builder="unmask.nets.gumf:GUMF",
        needs_mask=True,
    ),
    ModelInfo(
        name="parsing-guided",
        title="Parsing-guided",
        kind="remover",
        paper="Generative Face Completion",
        year=2017,
        builder="unmask.nets.parsing_guided:ParsingGuided",
        needs_mask=True,
    ),
    ModelInfo(
        name="telea",
        title="Telea (classical)",
        kind="classical",
        paper="An Image Inpainting Technique Based on the Fast Marching Method",
        year=2004,
        builder="unmask.nets.telea:Telea",
        needs_mask=True,
        licence="Apache-2.0 (OpenCV)",
    ),
    ModelInfo(
        name="navier-stokes",
        title="Navier-Stokes (classical)",
        kind="classical",
        paper="Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting",
        year=2001,
        builder="unmask.nets.navier_stokes:NavierStokes",
        needs_mask=True,
        licence="Apache-2.0 (OpenCV)",
    ),
    ModelInfo(
        name="face-finder",
        title="Face finder",
        kind="detector",
        paper="FCOS: Fully Convolutional One-Stage Object Detection",
        year=2019,
        builder="unmask.nets.face_finder:FaceFinder",
        needs_mask=False,
        size=192,
    ),
    ModelInfo(
        name="parsing",
        title="Face parsing",
        kind="parser",
        paper="Generative Face Completion",
        year=2017,
        builder="unmask.nets.parsing:ParsingNet",
        needs_mask=False,
    ),
    ModelInfo(
        name="gender-hint",
        title="Gender hint",
        kind="hint",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        builder="unmask.nets.gender_hint:GenderHint",
        needs_mask=False,
        size=128,
    ),
    ModelInfo(
        name="landmarks",
        title="Landmarks",
        kind="landmarks",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        builder="unmask.nets.landmarks:LandmarkNet",
        needs_mask=False,
        size=128,
    ),
)

MODELS: dict[str, ModelInfo] = {info.name: info for info in _ALL}
FACE_FINDER, LANDMARKS, GENDER_HINT, DEFAULT_SEGMENTER = "face-finder", "landmarks", "gender-hint", "mseg"
DEFAULT_MODELS = ("ganmasker", "landmark-guided", "pix2pix", "glcic")
