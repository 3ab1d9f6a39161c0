"""The registry: every model by name, with its paper and what it can do. Specifications only: nothing is loaded here."""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from unmask.types import Json

if TYPE_CHECKING:
    from unmask.nets.layers import Network


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model without loading it."""

    name: str
    title: str
    # "segmentation": crop -> mask probability; "inpainting": crop and mask -> crop; "classical": the same without
    # weights; "parser": crop -> 19 classes; "landmarks": crop -> 92 points; "hint": crop -> a number in [-1, 1];
    # "detector": photo -> faces; "refiner": a fill, crop and mask -> crop
    kind: str
    paper: str
    year: int
    builder: str  # "module:class", imported when it is first built
    needs_mask: bool  # it is told where the mask is; without, it finds that by itself
    takes_landmarks: bool = False  # it is given the 92 landmarks and a hint beside crop and mask
    size: int = 256  # side of the square crop the paper works on, px; a checkpoint says its own
    licence: str = "research, non-commercial"  # of the weights: the training photographs' terms
    package: str | None = None  # that must work for it to be built: a torchvision of another torch does not
    old_name: str | None = None  # its file and the metadata in it have this one
    # What it can be asked for, the default first; each has a weight file of its own. Empty: it has but one output.
    outputs: tuple[str, ...] = ()

    @property
    def filename(self) -> str:
        """Of its released weights, those of the default output."""
        return self.weights_file()

    def weights_file(self, output: str | None = None) -> str:
        """The name of the file with the weights of one of `outputs`; None is the default one."""
        return f"{self.old_name or self.name}{self.suffix(output)}.safetensors"

    def suffix(self, output: str | None = None) -> str:
        """What tells an output's weights from the default one's: "-faithful", or nothing. Raises ValueError."""
        if output is None:
            return ""
        if output not in self.outputs:
            raise ValueError(f"{self.name} has no output {output!r}; it has {', '.join(self.outputs) or 'one'}.")
        return "" if output == self.outputs[0] else f"-{output}"

    def build(self, *args: Any, **config: Any) -> "Network":
        """The network without its weights; config: as stored beside them. Raises ImportError without `package`."""
        module, _, name = self.builder.partition(":")
        network: Network = getattr(import_module(module), name)(*args, **config)
        return network


# The two outputs: one plausible face, best to look at, and the mean of plausible faces, which has the best PSNR.
REALISTIC, FAITHFUL = "realistic", "faithful"

_ALL = (
    ModelInfo(
        name="mseg",
        title="M-Seg",
        kind="segmentation",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        builder="unmask.nets.mseg:MSeg",
        needs_mask=False,
    ),
    ModelInfo(
        name="mask-rcnn",
        title="Mask R-CNN",
        kind="segmentation",
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
        kind="inpainting",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        builder="unmask.nets.ganmasker:GANMasker",
        needs_mask=True,
        outputs=(REALISTIC, FAITHFUL),
    ),
    ModelInfo(
        name="landmark-guided",
        title="Landmark-guided",
        kind="inpainting",
        paper="A Deep Learning Framework to Reconstruct Face under Mask",
        year=2022,
        builder="unmask.nets.landmark_guided:LandmarkGuided",
        needs_mask=True,
        takes_landmarks=True,
    ),
    ModelInfo(
        name="pix2pix",
        title="Pix2Pix",
        kind="inpainting",
        paper="Unmask Masked Face",
        year=2023,
        builder="unmask.nets.pix2pix:Pix2Pix",
        needs_mask=True,  # the released one; that of the paper finds the mask by itself, see `sees_mask`
    ),
    ModelInfo(
        name="glcic",
        title="GLCIC",
        kind="inpainting",
        paper="Globally and Locally Consistent Image Completion",
        year=2017,
        builder="unmask.nets.glcic:GLCIC",
        needs_mask=True,
    ),
    ModelInfo(
        name="ganmasker-one-stage",
        title="GANMasker, one stage",
        kind="inpainting",
        paper="GANMasker: A Two-Stage Generative Adversarial Network for High-Quality Face Mask Removal",
        year=2023,
        builder="unmask.nets.ganmasker_one_stage:GANMaskerOneStage",
        needs_mask=False,
    ),
    ModelInfo(
        name="two-autoencoders",
        title="Two autoencoders",
        kind="inpainting",
        paper="A Method for Face Image Inpainting Based on Autoencoder and Adversarial Generative Network",
        year=2022,
        builder="unmask.nets.two_autoencoders:TwoAutoencoders",
        needs_mask=True,
        size=128,
    ),
    ModelInfo(
        name="gated-conv",
        title="GatedConv",
        kind="inpainting",
        paper="Free-Form Image Inpainting with Gated Convolution",
        year=2019,
        builder="unmask.nets.gated_conv:GatedConv",
        needs_mask=True,
    ),
    ModelInfo(
        name="gumf",
        title="GUMF",
        kind="inpainting",
        paper="A Novel GAN-Based Network for Unmasking of Masked Face",
        year=2020,
        builder="unmask.nets.gumf:GUMF",
        needs_mask=True,
    ),
    ModelInfo(
        name="parsing-guided",
        title="Parsing-guided",
        kind="inpainting",
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
        name="face-detector",
        title="Face detector",
        kind="detector",
        paper="FCOS: Fully Convolutional One-Stage Object Detection",
        year=2019,
        builder="unmask.nets.face_detector:FaceDetector",
        old_name="face-finder",
        needs_mask=False,
        size=192,
    ),
    ModelInfo(
        name="refiner",
        title="Refiner",
        kind="refiner",
        paper="Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
        year=2017,
        builder="unmask.nets.refiner:Refiner",
        needs_mask=True,
        size=512,
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
# Every file of weights by its stem: an output beside the default one has a file of its own.
RELEASES = MODELS | {
    info.name + info.suffix(output): replace(info, title=f"{info.title} ({output})")
    for info in MODELS.values()
    for output in info.outputs[1:]
}
FACE_DETECTOR, LANDMARKS, GENDER_HINT, DEFAULT_SEGMENTATION_MODEL = "face-detector", "landmarks", "gender-hint", "mseg"
REFINER = "refiner"
DEFAULT_MODELS = ("ganmasker", "pix2pix", "glcic", "landmark-guided")

# What these were called before, in calls, runs and weight files. Understood for one version, in files for good.
OLD_KINDS = {"remover": "inpainting", "segmenter": "segmentation"}
OLD_NAMES = {info.old_name: info.name for info in _ALL if info.old_name}
OLD_SETTINGS = {"fold": "downscale"}


def current_name(name: str) -> str:
    """A model's name, where an old one may be given."""
    return OLD_NAMES.get(name, name)


def current_config(config: Json) -> Json:
    """A builder's arguments as a file has them, by the names that they have now."""
    return {OLD_SETTINGS.get(key, key): value for key, value in config.items()}
