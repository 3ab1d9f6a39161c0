"""python -m train: prepare, preview, one command a network, evaluate, card, export."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from inspect import signature
from pathlib import Path
from typing import cast

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
from train.recipes import RECIPES
from train.sheets import label, save_pictures
from train.start import CACHE, TrainOptions, read_init, run, tune
from unmask import weights
from unmask.catalog import list_inpainting_models, list_models
from unmask.faces.detector import detect_turned
from unmask.pipeline import THRESHOLD, Unmasker
from unmask.registry import FACE_DETECTOR, GENDER_HINT, MODELS, RELEASES

# By who called: files, folders, arguments, and packages that only one network needs.
USER_ERRORS = (OSError, ValueError, ImportError, weights.WeightsError)
SIZES = (64, 128, 192, 256)

# Inpainting models whose networks and discriminators take pictures of any size, and are built alike for all.
WINDOWED = ("ganmasker", "landmark-guided", "gated-conv", "gumf", "parsing-guided")


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder with faces.csv, landmarks.npz, faces-*.tar")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where decoded faces and drawn masks are kept")
    parser.add_argument("--limit", type=int, help="only so many faces, for a rehearsal")


def add_weights(parser: argparse.ArgumentParser) -> None:
    split = lambda text: tuple(text.split("=", 1))
    parser.add_argument(
        "--weights", nargs="*", default=[], type=split, metavar="NAME=FILE", help="instead of the released ones"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("prepare", help="find, align and pack a folder of unmasked photos")
    command.add_argument("--images", type=Path, required=True, help="folder of photos, with its subfolders")
    command.add_argument("--out", type=Path, required=True, help="the data folder to make")
    command.add_argument("--smallest", type=float, default=128, help="px of a face's crop below which it is left out")
    command.add_argument("--val", type=float, default=0.03, help="share of the photos that are held back")
    command.add_argument("--device", default="auto")

    command = commands.add_parser("preview", help="a contact sheet of synthetic masks")
    add_data(command)
    command.add_argument("--out", type=Path, required=True, help="a .png")
    command.add_argument("--count", type=int, default=48)
    command.add_argument("--seed", type=int, default=0)

    for name in RECIPES:
        command = commands.add_parser(name, help=f"train {MODELS[name].title}")
        add_data(command)
        command.add_argument("--out", type=Path, required=True, help="the run's folder")
        command.add_argument("--kimg", type=float, default=400, help="length in thousands of images")
        command.add_argument("--batch", type=int, default=16)
        command.add_argument("--size", type=int, default=256, choices=SIZES, help="px of the pictures")
        command.add_argument("--width", type=int, help="channels of the first layer")
        if "downscale" in signature(RECIPES[name]).parameters:
            command.add_argument(
                "--downscale", type=int, choices=(1, 2), help="2: works on pixel-unshuffled pictures, half as large"
            )
            command.add_argument("--fold", dest="downscale", type=int, choices=(1, 2), help=argparse.SUPPRESS)
        command.add_argument("--lr", type=float, nargs=2, metavar=("G", "D"), help="learning rates")
        command.add_argument("--variants", type=int, default=2, help="synthetic masks drawn for every face")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--init", type=Path, help="start from these released weights (.safetensors) or run")
        command.add_argument(
            "--discriminator", type=Path, metavar="PATH",
            help="start the discriminator from this run's or file's, whatever --init is",
        )  # fmt: skip
        command.add_argument("--critic", dest="discriminator", type=Path, help=argparse.SUPPRESS)
        phases = [phase.name for phase in RECIPES[name].phases]
        command.add_argument("--only", choices=phases, nargs="+", help="these phases of the recipe and no others")
        command.add_argument("--resume", action="store_true", help="go on exactly where the run stopped")
        command.add_argument("--time-limit", type=float, help="minutes, after which the run saves and stops")
        command.add_argument(
            "--by-clock", action="store_true", help="phases and learning rates follow the time limit, not the images"
        )
        command.add_argument("--save-every", type=float, default=10, help="minutes between checkpoints")
        command.add_argument("--log-every", type=int, default=50, help="steps between lines of the log")
        command.add_argument("--device", default="auto")
        command.add_argument("--compile", action="store_true", help="torch.compile, worth its start-up on a GPU")

        if name in WINDOWED:
            command.add_argument(
                "--window", type=int, help="px of the square around the mask that a step sees: many times more steps"
            )
        if name == "two-autoencoders":
            command.add_argument("--stages", type=int, choices=(1, 2), help="autoencoders in a row: 1 is the ablation")
        if name == "mseg":
            command.add_argument("--real", type=Path, help="trusted labels of real masks, from pseudo-labels")

    command = commands.add_parser("flagship", help="every released network further, in the order that gives most")
    add_data(command)
    command.add_argument("--out", type=Path, required=True, help="the runs' folder; its exports/ holds the weights")
    command.add_argument("--minutes", type=float, default=12, help="for all of it, from the start of the command")
    command.add_argument("--released", type=Path, default=weights.checkpoints(), help="folder of the first weights")
    command.add_argument("--discriminator", type=Path, help="a projected discriminator to start from")
    command.add_argument("--networks", nargs="+", choices=[stint.release for stint in PLAN], help="only these")
    command.add_argument("--batch", type=int, help="pictures a step; 64 on a GPU, 8 on a CPU unless given")
    command.add_argument("--rehearse", action="store_true", help="20 steps a network on a few faces")
    command.add_argument("--device", default="auto")

    command = commands.add_parser("pseudo-labels", help="M-Seg's answers on real masks, where they can be trusted")
    command.add_argument("--data", type=Path, required=True, help="folder with real-masked.tar")
    command.add_argument("--out", type=Path, required=True, help="a .npz; a contact sheet is put beside it")
    add_weights(command)

    command = commands.add_parser("evaluate", help="table, per-image CSV and contact sheets on the val split")
    add_data(command)
    known = [name for name, info in RELEASES.items() if info.kind in ("segmentation", "inpainting", "classical")]
    usable = list_models("segmentation") + list_inpainting_models()
    command.add_argument("--models", nargs="+", default=usable, choices=known, metavar="NAME")
    command.add_argument("--out", type=Path, required=True)
    add_weights(command)
    command.add_argument(
        "--protocol", type=current_term, choices=list(PROTOCOLS), default="faces",
        help="face masks at 256 px, the same finished as the demo does, the same with crops turned and shifted as the "
        "demo's are, CelebA faces in the paper's square, or boxes at 128 px",
    )  # fmt: skip
    command.add_argument("--split", choices=("val", "val2"), help="val, or val2 in the paper's square, unless given")
    command.add_argument(
        "--holes", type=current_term, choices=("ground-truth", "predicted"), default="ground-truth",
        help="the masks that were put on, or those that M-Seg finds",
    )  # fmt: skip
    command.add_argument("--device", default="auto")

    command = commands.add_parser("sheet", help="contact sheets at 100 %%: real photographs, val faces, the worst")
    add_data(command)
    command.add_argument("--models", nargs="+", default=["ganmasker"], choices=list_inpainting_models(), metavar="NAME")
    command.add_argument("--out", type=Path, required=True, help="a folder")
    add_weights(command)
    command.add_argument("--device", default="auto")

    command = commands.add_parser("evaluate-faces", help="the face detector on whole photos, and the landmarks")
    add_data(command)
    command.add_argument("--out", type=Path, required=True)
    add_weights(command)
    command.add_argument("--device", default="auto")

    command = commands.add_parser("card", help="the model card, from evaluations and the weights' own metadata")
    command.add_argument("--report", type=Path, nargs="+", required=True, metavar="DIR", help="what evaluate wrote")
    command.add_argument("--out", type=Path, default=weights.checkpoints() / "README.md")
    command.add_argument("--files", type=Path, nargs="*", help="the weights; all in checkpoints/ unless given")

    command = commands.add_parser("evaluate-parsing", help="F-scores of the face parsing network")
    command.add_argument("--data", type=Path, required=True, help="folder with parsing.tar")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--limit", type=int, help="only so many faces, for a rehearsal")
    add_weights(command)

    command = commands.add_parser("evaluate-hint", help="how often the gender hint agrees with the labels")
    add_data(command)
    command.add_argument("--out", type=Path, required=True)
    add_weights(command)

    command = commands.add_parser("speed", help="images a second in training, and the convolutions' share")
    command.add_argument("network", choices=[name for name in RECIPES if name not in ("face-detector", "parsing")])
    command.add_argument("--batch", type=int, default=32)
    command.add_argument("--size", type=int, default=256, choices=SIZES, help="px of the pictures")
    command.add_argument("--device", default="auto")
    command.add_argument("--compile", action="store_true")

    command = commands.add_parser("ablate", help="what each line of GANMasker's recipe is worth, by short trainings")
    add_data(command)
    command.add_argument("--out", type=Path, required=True, help="the runs' folder; finished runs are not run again")
    command.add_argument("--size", type=int, default=64, choices=SIZES, help="px of the pictures")
    command.add_argument("--width", type=int, default=24, help="channels of the first layer")
    command.add_argument("--batch", type=int, default=16)
    command.add_argument("--kimg", type=float, default=12, help="thousands of pictures without the discriminator")
    names = [line.name for line in (*RECONSTRUCTION, *DISCRIMINATOR)]
    command.add_argument("--lines", nargs="+", choices=names, metavar="LINE", help=f"only these of {', '.join(names)}")
    command.add_argument("--init", type=Path, help="a GANMasker of downscale 1 from which all runs start")
    command.add_argument("--joint-kimg", type=float, default=6, help="thousands of pictures with it")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", default="auto")

    command = commands.add_parser("export", help="a run's averaged weights as a release")
    command.add_argument("run", type=Path)
    command.add_argument("--out", type=Path, required=True, help="checkpoints/NAME.safetensors")
    command.add_argument(
        "--add", type=Path, nargs=2, metavar=("LATER", "EARLIER"),
        help="two runs of the same network: what the later one learnt after the earlier is added to the weights",
    )  # fmt: skip
    command.add_argument("--bits", type=int, choices=(16, 8), default=16, help="of a stored kernel's numbers")
    return parser.parse_args()


def preview(args: argparse.Namespace) -> None:
    faces = load_faces(args.data, "val", args.cache, args.limit or args.count)
    tiles = [label(face.image, f"{face.kind} {face.wear} {face.pattern}") for face in masked_faces(faces, args.seed)]
    save_pictures(args.out, tiles, columns=8)


@contextmanager
def in_one_sentence(*errors: type[Exception]) -> Iterator[None]:
    """These errors end the program with their sentence, without a traceback."""
    try:
        yield
    except errors as error:
        raise SystemExit(f"train: {error} {getattr(error, 'detail', '')}".rstrip()) from None


def train_options(args: argparse.Namespace) -> TrainOptions:
    """What the command line says of a training."""
    named = vars(args) | {"network": args.command}
    lists = {key: tuple(named[key]) for key in ("lr", "only") if named[key]}
    known = {field.name for field in fields(TrainOptions)} & named.keys()
    return TrainOptions(**{key: named[key] for key in known} | lists)


def main() -> None:
    args = parse()
    if args.command in RECIPES:
        with in_one_sentence(*USER_ERRORS):
            checkpoint, main_process = run(train_options(args))
        if main_process:
            print(checkpoint)
    else:
        with in_one_sentence(*USER_ERRORS):
            do(args)


def do(args: argparse.Namespace) -> None:
    """The commands that do not train."""
    if args.command == "prepare":
        print(prepare(args.images, args.out, smallest=args.smallest, val=args.val, device=args.device))
    elif args.command == "preview":
        preview(args)
    elif args.command == "flagship":
        print(
            flagship(
                args.data, args.out, minutes=args.minutes, released=args.released, cache=args.cache,
                discriminator=args.discriminator, networks=args.networks, batch=args.batch, rehearse=args.rehearse,
                device=args.device, limit=args.limit,
            )
        )  # fmt: skip
    elif args.command == "pseudo-labels":
        unmasker = Unmasker("cpu", weights=dict(args.weights))
        print(label_real_masks(unmasker.model("mseg"), args.data, args.out))
        print(show_held_back(unmasker.find_mask, args.data, args.out.with_name(args.out.stem + "-held-back.png")))
    elif args.command == "evaluate":
        own = dict(args.weights)
        print(
            evaluate(
                args.data, args.models, args.out, args.cache, weights=own, device=args.device, holes=args.holes,
                protocol=args.protocol, split=args.split or ("val2" if args.protocol == "square" else "val"),
                limit=args.limit,
            )
        )  # fmt: skip
    elif args.command == "sheet":
        own = dict(args.weights)
        print(
            write_sheets(
                args.data, args.out, args.cache, args.models, weights=own, device=args.device, limit=args.limit
            )
        )
    elif args.command == "evaluate-faces":
        own = dict(args.weights)
        detector = Unmasker(args.device, weights=own).model(FACE_DETECTOR)
        find = partial(detect_turned, detector, threshold=0.05)
        print(evaluate_detector(find, args.data, args.out, threshold=THRESHOLD))
        print(evaluate_landmarks(args.data, args.out, args.cache, weights=own, device=args.device, limit=args.limit))
    elif args.command == "card":
        print(write_card(args.out, args.report, args.files or sorted(weights.checkpoints().glob("*.safetensors"))))
    elif args.command == "evaluate-parsing":
        model = Unmasker("cpu", weights=dict(args.weights)).model("parsing")
        print(evaluate_parsing(model, args.data, args.out, cast(int, model.size), args.limit))
    elif args.command == "evaluate-hint":
        unmasker = Unmasker("cpu", weights=dict(args.weights))
        unmasker.model(GENDER_HINT)  # missing weights are a fault here, and not the hint "open"
        print(evaluate_hint(args.data, args.out, args.cache, unmasker, args.limit))
    elif args.command == "speed":
        torch.manual_seed(0)
        processes = Processes(args.device)
        tune(processes.device)
        print(measure_speed(RECIPES[args.network](args.size), args.batch, processes, compile=args.compile))
    elif args.command == "ablate":
        device = Processes(args.device).device
        tune(device)
        init = read_init(args.init) if args.init else None
        config = {"width": args.width, "downscale": DOWNSCALE}
        if init and (init["name"] != "ganmasker" or init["config"] != config):
            wanted = f"width {args.width} and downscale {DOWNSCALE}"
            raise RunError(f"{args.init} is no GANMasker of {wanted}, as the ablations are.")
        batches, held_back = (
            Batches(faces, draw_pairs(faces, args.cache, 2, args.seed), size=args.size, seed=args.seed, device=device)
            for split in ("train", "val")
            for faces in [load_faces(args.data, split, args.cache, args.limit)]
        )
        print(
            ablate(
                batches, held_back, args.out,
                kimg=args.kimg, joint_kimg=args.joint_kimg, batch=args.batch, width=args.width,
                names=args.lines, start=init and init["state"],
            )
        )  # fmt: skip
    elif args.command == "export":
        print(json.dumps(export(args.run, args.out, args.add, args.bits), indent=1))
