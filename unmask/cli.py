"""The command line: python -m unmask remove | mask | faces | models | bench | study | serve | push.

Exit status: 0 when every file was written, 1 when some could not be (each named with its reason on standard
error, the others written all the same), 2 for a wrong call, 130 after Ctrl-C.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from unmask.hub import add_commands as add_push_commands
from unmask.study.cli import add_commands as add_study_commands

if TYPE_CHECKING:
    from unmask.batch import Outcome, Work

# What loads torch or Ray is imported inside the commands: `--help` need not wait for it.

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
DEVICES = ("auto", "cpu", "cuda", "mps")
HINTS = {"open": 0.0, "male": -1.0, "female": 1.0, "guess": None}  # as in unmask.Guide


class CallError(Exception):
    """The call cannot be carried out as given: exit status 2, before any work is done."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        return args.command(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain as it ends
        return 1
    except (CallError, OSError) as error:  # OSError: a port in use
        parser.error(str(error))  # exits with status 2


def build_parser() -> argparse.ArgumentParser:
    """One subcommand per function below."""
    parser = argparse.ArgumentParser("python -m unmask", description="Takes the face mask off a photograph.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(command: Callable[[argparse.Namespace], int], purpose: str) -> argparse.ArgumentParser:
        added = commands.add_parser(command.__name__, help=purpose, description=purpose)
        added.set_defaults(command=command)
        return added

    def add_photos(added: argparse.ArgumentParser) -> None:
        added.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, or folder of them")
        added.add_argument("--device", default="auto", choices=DEVICES)
        added.add_argument("--jobs", type=positive, metavar="N", help="photos at a time; default: one for each core")
        added.add_argument("--ray", action="store_true", help="as a Ray Data pipeline: see requirements-ray.txt")
        added.add_argument(
            "--ray-address", metavar="ADDRESS", help="of a running cluster; default: RAY_ADDRESS, else this machine"
        )

    def add_out(added: argparse.ArgumentParser) -> None:
        added.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write into")
        added.add_argument("--segmenter", metavar="NAME", help="that finds the masks, see 'models'; default: mseg")
        added.add_argument("--aligned", action="store_true", help="the pictures are face crops already")

    added = add(remove, "Write each photo without its mask, once per model, and the mask that was used.")
    add_photos(added)
    add_out(added)
    added.add_argument("--model", nargs="+", action="extend", metavar="NAME", help="see 'models'; default: four")
    added.add_argument(
        "--mask",
        type=Path,
        metavar="FILE_OR_DIR",
        help="use these masks: brighter than 127 = covered, of the photo's size; in a folder STEM.mask.png or STEM.png",
    )
    told = added.add_argument_group("what landmark-guided is told; 0 is the face as it was found")
    told.add_argument("--smile", type=within(-1), default=0.0, metavar="X", help="-1, corners down, to 1")
    told.add_argument("--mouth", type=within(0), default=0.0, metavar="X", help="0 to 1, open")
    told.add_argument("--jaw", type=within(-1), default=0.0, metavar="X", help="-1, narrow, to 1, wide")
    told.add_argument("--hint", choices=HINTS, default="open", help="guess: by a network, from the visible half")

    added = add(mask, "Write the mask found in each photo.")
    add_photos(added)
    add_out(added)

    added = add(faces, "List the faces found in each photo.")
    add_photos(added)
    added.add_argument("--json", action="store_true", help="one JSON object per line and photo")

    added = add(models, "List the models.")
    added.add_argument("--json", action="store_true", help="all that is known of each, as a JSON list")

    added = add(bench, "Time every model, a visit and the demo's start on this machine.")
    added.add_argument("--device", default="auto", choices=DEVICES)
    added.add_argument("--json", action="store_true", help="all figures as one JSON object")
    added.add_argument(
        "--reference",
        nargs="+",
        action="extend",
        default=[],
        type=reference,
        metavar="NAME=MS",
        help="milliseconds that other code takes for a model's picture, measured on this machine",
    )

    purpose = "Plan a rating study, and analyse what people said."
    add_study_commands(commands.add_parser("study", help=purpose, description=purpose))

    purpose = "Publish the weights or the demo on the Hugging Face Hub."
    add_push_commands(commands.add_parser("push", help=purpose, description=purpose))

    added = add(serve, "Open the web demo.")
    added.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen from other machines")
    added.add_argument("--port", type=int, default=7860)
    return parser


def remove(args: argparse.Namespace) -> int:
    from unmask import Guide, batch, list_removers
    from unmask.models import DEFAULT_MODELS

    segmenter = find_segmenter(args)
    names = list(dict.fromkeys(args.model or DEFAULT_MODELS))
    if unknown := [name for name in names if name not in list_removers()]:
        raise CallError(f"there is no remover {', '.join(unknown)}; there are {', '.join(list_removers())}")
    if args.mask and not args.mask.exists():
        raise CallError(f"there is no mask {args.mask}")
    check_device(args)
    photos = plan(args.paths, args.out, ["mask", *names])
    if args.ray:  # its workers have a current folder of their own
        args.out, args.mask = args.out.absolute(), args.mask and args.mask.absolute()
    work = partial(
        batch.remove_from_photo, out=args.out, models=names, mask=args.mask, aligned=args.aligned,
        segmenter=segmenter, guide=Guide(args.smile, args.mouth, args.jaw, HINTS[args.hint]),
    )  # fmt: skip
    return for_each(photos, work, args)


def mask(args: argparse.Namespace) -> int:
    from unmask import batch

    segmenter = find_segmenter(args)
    check_device(args)
    photos = plan(args.paths, args.out, ["mask"])
    args.out = args.out.absolute() if args.ray else args.out
    work = partial(batch.find_mask, out=args.out, aligned=args.aligned, segmenter=segmenter)
    return for_each(photos, work, args)


def find_segmenter(args: argparse.Namespace) -> str:
    """The segmenter that was asked for, if it can be used here. Raises CallError."""
    from unmask.models import DEFAULT_SEGMENTER, list_models

    name = args.segmenter or DEFAULT_SEGMENTER
    if args.segmenter and name not in list_models("segmenter"):
        raise CallError(f"there is no segmenter {name} here; there are {', '.join(list_models('segmenter'))}")
    return name


def faces(args: argparse.Namespace) -> int:
    from unmask import batch

    def show(path: Path, found: list[dict]) -> str:
        if args.json:
            return json.dumps({"path": str(path), "faces": found})
        boxes = [f"({', '.join(str(round(x)) for x in face['box'])}) {face['score']:.0%}" for face in found]
        return f"{path}: {', '.join(boxes) or 'no face'}"

    check_device(args)
    return for_each(expand(args.paths), batch.find_faces, args, show)


def models(args: argparse.Namespace) -> int:
    from unmask.models import MODELS, describe

    rows = [describe(name) for name in MODELS]
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    columns = ("name", "paper", "parameters", "weights", "sha256")
    table = [columns] + [tuple(str(row[column] or "-") for column in columns) for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def bench(args: argparse.Namespace) -> int:
    from unmask.bench import bench as measure
    from unmask.models import MODELS

    if unknown := [name for name, _ in args.reference if name not in MODELS]:
        raise CallError(f"there is no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    print(measure(args.device, reference=dict(args.reference), demo=True, as_json=args.json))
    return 0


def serve(args: argparse.Namespace) -> int:
    from unmask.web.app import launch

    launch(args.host, args.port)
    return 0


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def within(least: float) -> Callable[[str], float]:
    """A number from `least` to 1."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to 1")
        return value

    return number


def reference(text: str) -> tuple[str, float]:
    """NAME=MS, a model and milliseconds above 0."""
    name, _, took = text.partition("=")
    try:
        if name and 0 < float(took) < float("inf"):
            return name, float(took)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a model's name, '=' and milliseconds")


def check_device(args: argparse.Namespace) -> None:
    """Raises CallError when the call asks for a device or a library that is not there."""
    import torch

    if args.ray_address and not args.ray:
        raise CallError("--ray-address needs --ray")
    if args.ray:
        try:
            import ray.data  # noqa: F401
        except ImportError as error:
            raise CallError("--ray needs Ray: python -m pip install -r requirements-ray.txt") from error
        return  # the devices are those of the cluster
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(args.device, True):
        raise CallError(f"this machine has no {args.device} device")


def expand(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the pictures right in them, sorted; each file once."""
    files = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            try:
                inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            except OSError as error:
                raise CallError(f"the folder {path} cannot be read: {error.strerror}") from error
            if not inside:
                raise CallError(f"there is no JPEG, PNG or WebP picture in {path}")
        for file in inside:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def plan(paths: Sequence[Path], out: Path, kinds: Sequence[str]) -> list[Path]:
    """The photos to work on, with `out` made. Raises CallError if a result would overwrite something."""
    photos = expand(paths)
    originals = {photo.resolve(): photo for photo in photos}
    writers = {}
    for photo in photos:
        # Lower case, because a.png and A.png are one file on most laptops.
        other = writers.setdefault(photo.stem.lower(), photo)
        if other is not photo:
            raise CallError(
                f"{other} and {photo} would both be written as {photo.stem}.*.png: "
                "rename one, or give each its own call and --out"
            )
        for kind in kinds:
            if (target := (out / f"{photo.stem}.{kind}.png").resolve()) in originals:
                raise CallError(f"a result would overwrite {originals[target]}: choose another --out")
    if out.exists() and not out.is_dir():
        raise CallError(f"{out} is not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise CallError(f"nothing can be written into {out}: {error.strerror}") from error
    return photos


def for_each(
    photos: Sequence[Path],
    work: "Work",
    args: argparse.Namespace,
    show: Callable[[Path, Any], str] | None = None,
) -> int:
    """Do the work on every photo, several at a time, naming those that fail; 0, or 1 when some did.

    show: (photo, what the work gave) -> a line to print. Lines come in the photos' order.
    """
    from unmask import batch

    logging.getLogger("unmask").addHandler(logging.NullHandler())  # what goes wrong is said once, here
    failed = False
    try:
        with closing(start(photos, work, args)) as outcomes:
            for photo in tqdm(photos, unit="photo", disable=len(photos) < 2):
                outcome = next(outcomes)
                if outcome.error:
                    failed = True
                    tqdm.write(f"{photo}: {outcome.error}", file=sys.stderr)
                elif show:
                    tqdm.write(show(photo, outcome.value))
    except KeyboardInterrupt:
        batch.stop(getattr(args, "out", None))
    return int(failed)


def start(photos: Sequence[Path], work: "Work", args: argparse.Namespace) -> "Iterator[Outcome]":
    """The outcomes, in order, of the work on every photo: in threads of this process, or on Ray."""
    if not args.ray:
        from unmask.batch import run_local

        return run_local(photos, work, args.device, args.jobs)
    from unmask.ray_batch import run_ray

    return run_ray(photos, work, args.device, args.jobs, args.ray_address)
