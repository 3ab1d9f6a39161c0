"""The command line: python -m unmask remove | mask | faces | models | bench | study | serve.

Exit status: 0 when every file was written, 1 when some could not be (each named with its reason on standard
error, the others written all the same), 2 for a wrong call.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from unmask.study.cli import add_commands as add_study_commands

# unmask itself is imported inside the commands: it loads torch, which `--help` need not wait for.

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class CallError(Exception):
    """The call cannot be carried out as given: exit status 2, before any work is done."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        return args.command(args)
    except (CallError, OSError) as error:  # OSError: a folder that cannot be read or made, a port in use
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

    def add_out(added: argparse.ArgumentParser) -> None:
        added.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write into")
        added.add_argument("--aligned", action="store_true", help="the pictures are face crops already")

    added = add(remove, "Write each photo without its mask, once per model, and the mask that was used.")
    add_photos(added)
    add_out(added)
    added.add_argument("--model", nargs="+", action="extend", metavar="NAME", help="see 'models'")
    added.add_argument("--mask", type=Path, metavar="FILE_OR_DIR", help="brighter than 127 = covered")
    added.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))

    added = add(mask, "Write the mask found in each photo.")
    add_photos(added)
    add_out(added)

    added = add(faces, "List the faces found in each photo.")
    add_photos(added)
    added.add_argument("--json", action="store_true", help="one JSON object per line and photo")

    added = add(models, "List the models.")
    added.add_argument("--json", action="store_true", help="all that is known of each, as a JSON list")

    added = add(bench, "Time every model on this machine.")
    added.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))

    purpose = "Plan a rating study, and analyse what people said."
    add_study_commands(commands.add_parser("study", help=purpose, description=purpose))

    added = add(serve, "Open the web demo.")
    added.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen from other machines")
    added.add_argument("--port", type=int, default=7860)
    return parser


def remove(args: argparse.Namespace) -> int:
    import torch

    from unmask import PhotoError, Unmasker, list_removers, read_photo
    from unmask.image import NOTICE, write_png
    from unmask.masks import is_empty, read_mask
    from unmask.models import DEFAULT_MODELS

    names = list(dict.fromkeys(args.model or DEFAULT_MODELS))
    if unknown := [name for name in names if name not in list_removers()]:
        raise CallError(f"there is no remover {', '.join(unknown)}; there are {', '.join(list_removers())}")
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(args.device, True):
        raise CallError(f"this machine has no {args.device} device")
    if args.mask and not args.mask.exists():
        raise CallError(f"there is no mask {args.mask}")
    photos = plan(args.paths, args.out, ["mask", *names])
    unmasker = Unmasker(device=args.device)

    def remove_one(path: Path) -> None:
        photo = read_photo(path)
        if args.mask:
            found = read_mask(mask_path(args.mask, path), photo.shape[:2])
        else:
            found = unmasker.segment(photo, aligned=args.aligned)
            if is_empty(found):
                raise PhotoError("No face mask was found in the picture: give one with --mask.")
        results = unmasker.remove(photo, mask=found, models=names, aligned=args.aligned)
        write_png(args.out / f"{path.stem}.mask.png", found)
        for name, result in results.items():
            write_png(args.out / f"{path.stem}.{name}.png", result, NOTICE)

    return for_each(photos, remove_one)


def mask(args: argparse.Namespace) -> int:
    from unmask import Unmasker, read_photo
    from unmask.image import write_png

    photos = plan(args.paths, args.out, ["mask"])
    unmasker = Unmasker()

    def mask_one(path: Path) -> None:
        found = unmasker.segment(read_photo(path), aligned=args.aligned)
        write_png(args.out / f"{path.stem}.mask.png", found)

    return for_each(photos, mask_one)


def faces(args: argparse.Namespace) -> int:
    from unmask import Unmasker, read_photo

    unmasker = Unmasker()

    def find_in_one(path: Path) -> None:
        found = [
            {
                "box": [float(x) for x in face.box],
                "points": None if face.points is None else [[float(x), float(y)] for x, y in face.points],
                "score": float(face.score),
            }
            for face in unmasker.find(read_photo(path))
        ]
        if args.json:
            tqdm.write(json.dumps({"path": str(path), "faces": found}))
        else:
            boxes = ", ".join(str(tuple(round(x) for x in face["box"])) for face in found)
            tqdm.write(f"{path}: {boxes or 'no face'}")

    return for_each(expand(args.paths), find_in_one)


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

    print(measure(args.device))
    return 0


def serve(args: argparse.Namespace) -> int:
    from unmask.web.app import launch

    launch(args.host, args.port)
    return 0


def expand(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the pictures right in them, sorted; each file once."""
    files = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
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
            raise CallError(f"{other} and {photo} would both be written as {photo.stem}.*.png: rename one")
        for kind in kinds:
            if (target := (out / f"{photo.stem}.{kind}.png").resolve()) in originals:
                raise CallError(f"a result would overwrite {originals[target]}: choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    return photos


def mask_path(masks: Path, photo: Path) -> Path:
    """A photo's mask: the file itself, or <stem>.mask.png or <stem>.png in a folder. Raises PhotoError."""
    from unmask import PhotoError

    if not masks.is_dir():
        return masks
    for name in (f"{photo.stem}.mask.png", f"{photo.stem}.png"):
        if (masks / name).is_file():
            return masks / name
    raise PhotoError(f"There is no {photo.stem}.mask.png or {photo.stem}.png in {masks}.")


def for_each(photos: Sequence[Path], work: Callable[[Path], None]) -> int:
    """Do the work on every photo, naming those that fail; 0, or 1 when some did."""
    from unmask import PhotoError

    failed = False
    for photo in tqdm(photos, unit="photo", disable=len(photos) < 2):
        try:
            work(photo)
        # RuntimeError: weights that are missing or broken, or a device out of memory; the next photo may fit.
        except (PhotoError, OSError, RuntimeError) as error:
            failed = True
            tqdm.write(f"{photo}: {error}", file=sys.stderr)
    return int(failed)
