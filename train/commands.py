"""What `python -m train` does beside training: a dataclass with its options for each command, and what it does."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import torch

from train.data.batches import Batches
from train.data.faces import draw_pairs, load_faces
from train.data.parsed_faces import evaluate_parsing
from train.data.prepare import prepare
from train.data.pseudo_labels import label_real_masks, show_held_back
from train.distributed import Processes
from train.evaluation.ablations import DISCRIMINATOR, DOWNSCALE, RECONSTRUCTION, ablate
from train.evaluation.card import write_card
from train.evaluation.evaluate import PROTOCOLS, evaluate, masked_faces
from train.evaluation.evaluate_faces import evaluate_detector
from train.evaluation.evaluate_hint import evaluate_hint
from train.evaluation.evaluate_landmarks import evaluate_landmarks
from train.evaluation.report import current_term
from train.evaluation.sheet_pages import write_sheets
from train.evaluation.speed import measure_speed
from train.export import export
from train.flagship import PLAN, flagship
from train.loop import RunError
from train.options import ByWeights, OnFaces, option
from train.recipes import RECIPES
from train.sheets import label, save_pictures
from train.start import SIZES, read_init, tune
from unmask import weights
from unmask.catalog import list_inpainting_models, list_models
from unmask.faces.detector import detect_turned
from unmask.nets.mseg import MSeg
from unmask.nets.parsing import ParsingNet
from unmask.pipeline import THRESHOLD, Unmasker
from unmask.registry import FACE_DETECTOR, GENDER_HINT, RELEASES


class Command(Protocol):
    """A command with its options. Its docstring is its help."""

    def run(self) -> str | None:
        """Do it; returns what is to be printed."""


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """find, align and pack a folder of unmasked photos"""

    images: Path = option("folder of photos, with its subfolders")
    out: Path = option("the data folder to make")
    smallest: float = option("px of a face's crop below which it is left out", 128)
    val: float = option("share of the photos that are held back", 0.03)
    device: str = option(default="auto")

    def run(self) -> str:
        return prepare(self.images, self.out, smallest=self.smallest, val=self.val, device=self.device)


@dataclass(frozen=True, kw_only=True)
class Preview(OnFaces):
    """a contact sheet of synthetic masks"""

    out: Path = option("a .png")
    count: int = option(default=48)
    seed: int = option(default=0)

    def run(self) -> None:
        faces = load_faces(self.data, "val", self.cache, self.limit or self.count)
        masked = masked_faces(faces, self.seed)
        tiles = [label(face.image, f"{face.kind} {face.wear} {face.pattern}") for face in masked]
        save_pictures(self.out, tiles, columns=8)


@dataclass(frozen=True, kw_only=True)
class Flagship(OnFaces):
    """every released network further, in the order that gives most"""

    out: Path = option("the runs' folder; its exports/ holds the weights")
    minutes: float = option("for all of it, from the start of the command", 12)
    released: Path | None = option("folder of the first weights; checkpoints/ unless given", None)
    discriminator: Path | None = option("a projected discriminator to start from", None)
    networks: tuple[str, ...] | None = option("only these", None, choices=[stint.release for stint in PLAN])
    batch: int | None = option("pictures a step; 64 on a GPU, 8 on a CPU unless given", None)
    rehearse: bool = option("20 steps a network on a few faces", False)
    device: str = option(default="auto")

    def run(self) -> str:
        return flagship(
            self.data, self.out, minutes=self.minutes, released=self.released or weights.checkpoints(),
            cache=self.cache, discriminator=self.discriminator, networks=self.networks, batch=self.batch,
            rehearse=self.rehearse, device=self.device, limit=self.limit,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PseudoLabels(ByWeights):
    """M-Seg's answers on real masks, where they can be trusted"""

    data: Path = option("folder with real-masked.tar")
    out: Path = option("a .npz; a contact sheet is put beside it")

    def run(self) -> str:
        unmasker = Unmasker("cpu", weights=self.own_weights)
        labelled = label_real_masks(cast(MSeg, unmasker.model("mseg")), self.data, self.out)
        sheet = self.out.with_name(self.out.stem + "-held-back.png")
        return f"{labelled}\n{show_held_back(unmasker.find_mask, self.data, sheet)}"


@dataclass(frozen=True, kw_only=True)
class Evaluate(OnFaces, ByWeights):
    """table, per-image CSV and contact sheets on the val split"""

    models: tuple[str, ...] | None = option(
        "all that can be used here unless given", None, metavar="NAME",
        choices=[name for name, info in RELEASES.items() if info.kind in ("segmentation", "inpainting", "classical")],
    )  # fmt: skip
    out: Path = option()
    protocol: str = option(
        "face masks at 256 px, the same finished as the demo does, the same with crops turned and shifted as the "
        "demo's are, CelebA faces in the paper's square, boxes at 128 px, thick holes, or faces at 512 px",
        "faces", choices=list(PROTOCOLS), parse=current_term,
    )  # fmt: skip
    split: str | None = option(
        "val, or val2 in the paper's square and at 512 px, unless given", None, choices=("val", "val2")
    )
    holes: str = option(
        "the masks that were put on, or those that M-Seg finds",
        "ground-truth", choices=("ground-truth", "predicted"), parse=current_term,
    )  # fmt: skip
    sample: int = option("which plausible face, as for `unmask remove`; with --protocol post-processed", 0)
    device: str = option(default="auto")

    def run(self) -> str:
        usable = list_models("segmentation") + list_inpainting_models()
        return evaluate(
            self.data, list(self.models or usable), self.out, self.cache, weights=self.own_weights, device=self.device,
            holes=self.holes, protocol=self.protocol, limit=self.limit, sample=self.sample,
            split=self.split or ("val2" if self.protocol in ("square", "large") else "val"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sheet(OnFaces, ByWeights):
    """contact sheets at 100 %%: real photographs, val faces, the worst"""

    models: tuple[str, ...] = option(default=("ganmasker",), choices=list_inpainting_models, metavar="NAME")
    out: Path = option("a folder")
    device: str = option(default="auto")

    def run(self) -> str:
        return write_sheets(
            self.data, self.out, self.cache, list(self.models), weights=self.own_weights, device=self.device,
            limit=self.limit,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EvaluateFaces(OnFaces, ByWeights):
    """the face detector on whole photos, and the landmarks"""

    out: Path = option()
    device: str = option(default="auto")

    def run(self) -> str:
        own = self.own_weights
        find = partial(detect_turned, Unmasker(self.device, weights=own).model(FACE_DETECTOR), threshold=0.05)
        found = evaluate_detector(find, self.data, self.out, threshold=THRESHOLD)
        points = evaluate_landmarks(
            self.data, self.out, self.cache, weights=own, device=self.device, limit=self.limit
        )
        return f"{found}\n{points}"


@dataclass(frozen=True, kw_only=True)
class Card:
    """the model card, from evaluations and the weights' own metadata"""

    report: tuple[Path, ...] = option("what evaluate wrote", metavar="DIR")
    out: Path | None = option("checkpoints/README.md unless given", None)
    files: tuple[Path, ...] = option("the weights; all in checkpoints/ unless given", ())

    def run(self) -> str:
        folder = weights.checkpoints()
        files = list(self.files) or sorted(folder.glob("*.safetensors"))
        return write_card(self.out or folder / "README.md", list(self.report), files)


@dataclass(frozen=True, kw_only=True)
class EvaluateParsing(ByWeights):
    """F-scores of the face parsing network"""

    data: Path = option("folder with parsing.tar")
    out: Path = option()
    limit: int | None = option("only so many faces, for a rehearsal", None)

    def run(self) -> str:
        model = cast(ParsingNet, Unmasker("cpu", weights=self.own_weights).model("parsing"))
        return evaluate_parsing(model, self.data, self.out, model.size, self.limit)


@dataclass(frozen=True, kw_only=True)
class EvaluateHint(OnFaces, ByWeights):
    """how often the gender hint agrees with the labels"""

    out: Path = option()

    def run(self) -> str:
        unmasker = Unmasker("cpu", weights=self.own_weights)
        unmasker.model(GENDER_HINT)  # missing weights are a fault here, and not the hint "open"
        return evaluate_hint(self.data, self.out, self.cache, unmasker, self.limit)


TIMED = [name for name in RECIPES if name not in ("face-detector", "parsing")]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """images a second in training, and the convolutions' share"""

    network: str = option(positional=True, choices=TIMED)
    batch: int = option(default=32)
    size: int = option("px of the pictures", 256, choices=SIZES)
    device: str = option(default="auto")
    compile: bool = option(default=False)

    def run(self) -> str:
        torch.manual_seed(0)
        processes = Processes(self.device)
        tune(processes.device)
        return measure_speed(RECIPES[self.network](self.size), self.batch, processes, compile=self.compile)


LINES = [line.name for line in (*RECONSTRUCTION, *DISCRIMINATOR)]


@dataclass(frozen=True, kw_only=True)
class Ablate(OnFaces):
    """what each line of GANMasker's recipe is worth, by short trainings"""

    out: Path = option("the runs' folder; finished runs are not run again")
    size: int = option("px of the pictures", 64, choices=SIZES)
    width: int = option("channels of the first layer", 24)
    batch: int = option(default=16)
    kimg: float = option("thousands of pictures without the discriminator", 12)
    lines: tuple[str, ...] | None = option(f"only these of {', '.join(LINES)}", None, choices=LINES, metavar="LINE")
    init: Path | None = option("a GANMasker of downscale 1 from which all runs start", None)
    joint_kimg: float = option("thousands of pictures with it", 6)
    seed: int = option(default=0)
    device: str = option(default="auto")

    def run(self) -> str:
        device = Processes(self.device).device
        tune(device)
        init = read_init(self.init) if self.init else None
        config = {"width": self.width, "downscale": DOWNSCALE}
        if init and (init["name"] != "ganmasker" or init["config"] != config):
            wanted = f"width {self.width} and downscale {DOWNSCALE}"
            raise RunError(f"{self.init} is no GANMasker of {wanted}, as the ablations are.")
        return ablate(
            self._batches("train", device), self._batches("val", device), self.out,
            kimg=self.kimg, joint_kimg=self.joint_kimg, batch=self.batch, width=self.width,
            names=self.lines, start=init and init["state"],
        )  # fmt: skip

    def _batches(self, split: str, device: torch.device) -> Batches:
        faces = load_faces(self.data, split, self.cache, self.limit)
        pairs = draw_pairs(faces, self.cache, 2, self.seed)
        return Batches(faces, pairs, size=self.size, seed=self.seed, device=device)


@dataclass(frozen=True, kw_only=True)
class Export:
    """a run's averaged weights as a release"""

    run_folder: Path = option(positional=True, metavar="run")
    out: Path = option("checkpoints/NAME.safetensors")
    add: tuple[Path, Path] | None = option(
        "two runs of the same network: what the later one learnt after the earlier is added to the weights", None,
        metavar=("LATER", "EARLIER"),
    )  # fmt: skip
    mean_with: tuple[Path, ...] = option(
        "runs or released weights of the same network: the release is the mean of all", (), metavar="FILE_OR_RUN"
    )
    bits: int = option("of a stored kernel's numbers", 16, choices=(16, 8))

    def run(self) -> str:
        return json.dumps(export(self.run_folder, self.out, self.add, self.bits, self.mean_with), indent=1)


COMMANDS: dict[str, type[Command]] = {
    "prepare": Prepare, "preview": Preview, "flagship": Flagship, "pseudo-labels": PseudoLabels, "evaluate": Evaluate,
    "sheet": Sheet, "evaluate-faces": EvaluateFaces, "card": Card, "evaluate-parsing": EvaluateParsing,
    "evaluate-hint": EvaluateHint, "speed": Speed, "ablate": Ablate, "export": Export,
}  # fmt: skip
