"""python -m train: prepare, preview, one command a network, evaluate, export."""

import argparse
import json
import platform
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from train.data import Batches, draw_pairs, load_backgrounds, load_faces
from train.evaluate import evaluate, masked_faces
from train.evaluate_faces import evaluate_finder
from train.evaluate_landmarks import evaluate_landmarks
from train.export import export
from train.loop import train
from train.prepare import prepare
from train.pseudo_labels import label_real_masks, show_held_back
from train.recipes import RECIPES
from train.scenes import Scenes
from train.sheets import label, save_pictures
from unmask import weights
from unmask.faces import detect
from unmask.models import FACE_FINDER, MODELS, list_removers
from unmask.pipeline import THRESHOLD, Unmasker, pick_device

CACHE = Path.home() / ".cache" / "unmask"


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
        command.add_argument("--size", type=int, default=256, choices=(64, 128, 192, 256), help="px of the pictures")
        command.add_argument("--width", type=int, help="channels of the first layer")
        command.add_argument("--lr", type=float, nargs=2, metavar=("G", "D"), help="learning rates")
        command.add_argument("--variants", type=int, default=2, help="synthetic masks drawn for every face")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--init", type=Path, help="start from these released weights (.safetensors) or run")
        phases = [phase.name for phase in RECIPES[name].phases]
        command.add_argument("--only", choices=phases, help="this phase of the recipe and no other")
        command.add_argument("--resume", action="store_true", help="go on exactly where the run stopped")
        command.add_argument("--time-limit", type=float, help="minutes, after which the run saves and stops")
        command.add_argument("--save-every", type=float, default=10, help="minutes between checkpoints")
        command.add_argument("--device", default="auto")
        command.add_argument("--compile", action="store_true", help="torch.compile, worth its start-up on a GPU")

        if name == "mseg":
            command.add_argument("--real", type=Path, help="trusted labels of real masks, from pseudo-labels")

    command = commands.add_parser("pseudo-labels", help="M-Seg's answers on real masks, where they can be trusted")
    command.add_argument("--data", type=Path, required=True, help="folder with real-masked.tar")
    command.add_argument("--out", type=Path, required=True, help="a .npz; a contact sheet is put beside it")
    add_weights(command)

    command = commands.add_parser("evaluate", help="table, per-image CSV and contact sheets on the val split")
    add_data(command)
    command.add_argument("--models", nargs="+", default=["mseg", *list_removers()], choices=["mseg", *list_removers()])
    command.add_argument("--out", type=Path, required=True)
    add_weights(command)
    command.add_argument("--holes", choices=("true", "found"), default="true")
    command.add_argument("--device", default="auto")

    command = commands.add_parser("evaluate-faces", help="the face finder on whole photos, and the landmarks")
    add_data(command)
    command.add_argument("--out", type=Path, required=True)
    add_weights(command)
    command.add_argument("--device", default="auto")

    command = commands.add_parser("export", help="a run's averaged weights as a release")
    command.add_argument("run", type=Path)
    command.add_argument("--out", type=Path, required=True, help="checkpoints/NAME.safetensors")
    return parser.parse_args()


def preview(args: argparse.Namespace) -> None:
    faces = load_faces(args.data, "val", args.cache, args.limit or args.count)
    tiles = [label(face.image, f"{face.kind} {face.wear} {face.pattern}") for face in masked_faces(faces, args.seed)]
    save_pictures(args.out, tiles, columns=8)


def load_init(recipe, path: Path) -> dict:
    """Put released weights, or a run's averaged ones, into the recipe's generator. Returns where they came from."""
    if path.suffix == ".safetensors":
        model = weights.load(recipe.name, path)
        recipe.generator.load_state_dict(model.state_dict())
        return weights.read_metadata(path)["trained"]
    state = torch.load(path / "checkpoint.pt", map_location="cpu", weights_only=True)
    recipe.generator.load_state_dict(state["ema"])
    if recipe.discriminator is not None and state["size"] == recipe.size:
        recipe.discriminator.load_state_dict(state["discriminator"])
    return {key: state[key] for key in ("images", "seconds", "size", "batch", "before", "hardware")}


def run(args: argparse.Namespace) -> None:
    device = pick_device(args.device)
    torch.manual_seed(args.seed)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    cv2.setNumThreads(1)
    config = {"width": args.width} if args.width else {}
    recipe = RECIPES[args.command](args.size, **config)
    if args.lr:
        recipe.learning_rates = tuple(args.lr)
    if args.only:
        recipe.phases = tuple(replace(phase, share=1.0) for phase in recipe.phases if phase.name == args.only)
    before = load_init(recipe, args.init) if args.init else None
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU cores"
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
    settings |= {"torch": torch.__version__, "python": platform.python_version(), "hardware": hardware}
    (args.out / "run.json").write_text(json.dumps(settings, indent=1))

    faces = load_faces(args.data, "train", args.cache, args.limit)
    pairs = draw_pairs(faces, args.cache, args.variants, args.seed)
    held_back = load_faces(args.data, "val", args.cache, 8)
    few = draw_pairs(held_back, args.cache, 1, args.seed)
    if args.command == "face-finder":
        batches = Scenes(args.data, faces, pairs, size=args.size, seed=args.seed, device=device, limit=args.limit)
        held_back = Scenes(args.data, held_back, few, size=args.size, seed=0, device=device, limit=16, held_out=True)
    else:
        others = load_backgrounds(args.data, args.cache) if args.command == "mseg" else None
        real = np.load(args.real)["pictures"] if getattr(args, "real", None) else None
        batches = Batches(faces, pairs, others, size=args.size, seed=args.seed, device=device, real=real)
        held_back = Batches(held_back, few, size=args.size, seed=0, device=device)
    samples = held_back.first(8)
    checkpoint = train(
        recipe, batches, samples, args.out, kimg=args.kimg, batch=args.batch, resume=args.resume,
        time_limit=args.time_limit, save_every=args.save_every, compile=args.compile, before=before, hardware=hardware,
    )  # fmt: skip
    print(checkpoint)


def main() -> None:
    args = parse()
    if args.command == "prepare":
        print(prepare(args.images, args.out, smallest=args.smallest, val=args.val, device=args.device))
    elif args.command == "preview":
        preview(args)
    elif args.command == "pseudo-labels":
        unmasker = Unmasker("cpu", weights=dict(args.weights))
        print(label_real_masks(unmasker.model("mseg"), args.data, args.out))
        print(show_held_back(unmasker.find_mask, args.data, args.out.with_name(args.out.stem + "-held-back.png")))
    elif args.command == "evaluate":
        own = dict(args.weights)
        print(
            evaluate(
                args.data, args.models, args.out, args.cache, weights=own, device=args.device, holes=args.holes,
                limit=args.limit,
            )
        )  # fmt: skip
    elif args.command == "evaluate-faces":
        own = dict(args.weights)
        finder = Unmasker(args.device, weights=own).model(FACE_FINDER)
        print(evaluate_finder(lambda photo: detect(finder, photo, 0.05), args.data, args.out, threshold=THRESHOLD))
        print(
            evaluate_landmarks(
                args.data, args.out, args.cache, weights=own, device=args.device, limit=args.limit
            )
        )
    elif args.command == "export":
        print(json.dumps(export(args.run, args.out), indent=1))
    else:
        run(args)


if __name__ == "__main__":
    main()
