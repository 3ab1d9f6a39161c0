"""The commands that work on photos: remove, mask, faces.

What loads torch or Ray is imported inside the commands: `--help` need not wait for it.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from unmask.cli.inputs import CallError, Found, check_device, expand
from unmask.types import Json

if TYPE_CHECKING:
    from unmask import Guide
    from unmask.batch.local import PhotoOutcome, Work

GUIDED = "landmark-guided"


def remove(args: argparse.Namespace) -> int:
    from unmask import list_inpainting_models
    from unmask.batch import local as batch
    from unmask.registry import DEFAULT_MODELS, MODELS

    segmentation_model = find_segmentation_model(args)
    names = list(dict.fromkeys(args.model or DEFAULT_MODELS))
    if unknown := [name for name in names if name not in list_inpainting_models()]:
        known = ", ".join(list_inpainting_models())
        raise CallError(f"there is no inpainting model {', '.join(unknown)}; there are {known}")
    if args.mask and not args.mask.exists():
        raise CallError(f"there is no mask {args.mask}")
    check_options(args, names)
    check_device(args)
    photos, roots = plan(args, ["mask", *names])
    if args.ray:  # its workers have a current folder of their own
        args.out, args.mask = args.out.absolute(), args.mask and args.mask.absolute()
    work = partial(
        batch.remove_from_photo, out=args.out, models=names, mask=args.mask, aligned=args.aligned,
        segmentation_model=segmentation_model, guide=guide_of(args),
        realism=1.0 if args.realism is None else args.realism, sample=args.sample, roots=roots,
    )  # fmt: skip
    if args.realism is not None and (alike := [name for name in names if not MODELS[name].outputs]):
        print(f"--realism changes nothing for {', '.join(alike)}: one output each", file=sys.stderr)
    return for_each(photos, work, args, show_files if args.json else None)


def check_options(args: argparse.Namespace, names: Sequence[str]) -> None:
    """Raises CallError for an option that would change nothing, for none of the models listens to it, or has no such
    value."""
    from unmask.faces.framing import GLANCES
    from unmask.registry import MODELS

    if not 0 <= args.sample < len(GLANCES):
        raise CallError(f"--sample is a number from 0 to {len(GLANCES) - 1}")

    told = [f"--{option}" for option in ("smile", "mouth") if getattr(args, option) is not None]
    if told and GUIDED not in names:
        raise CallError(f"only {GUIDED} listens to {', '.join(told)}: add it with --model")
    if args.realism is not None and not any(MODELS[name].outputs for name in names):
        both = ", ".join(name for name, info in MODELS.items() if info.outputs)
        raise CallError(f"--realism needs a model with both outputs: {both}")
    if args.mask and args.segmentation_model:
        raise CallError("--segmentation-model finds masks, and --mask gives them: one of the two")


def guide_of(args: argparse.Namespace) -> "Guide":
    """What landmark-guided is told."""
    from unmask import Guide

    return Guide(args.smile or 0.0, args.mouth or 0.0)


def show_files(path: Path, written: Json) -> str:
    return json.dumps({"path": str(path)} | written)


def mask(args: argparse.Namespace) -> int:
    from unmask.batch import local as batch

    segmentation_model = find_segmentation_model(args)
    check_device(args)
    photos, roots = plan(args, ["mask"])
    args.out = args.out.absolute() if args.ray else args.out
    work = partial(
        batch.find_mask, out=args.out, aligned=args.aligned, segmentation_model=segmentation_model, roots=roots
    )
    return for_each(photos, work, args, show_files if args.json else None)


def find_segmentation_model(args: argparse.Namespace) -> str:
    """The segmentation model that was asked for, if it can be used here. Raises CallError."""
    from unmask.catalog import list_models
    from unmask.registry import DEFAULT_SEGMENTATION_MODEL

    name = args.segmentation_model or DEFAULT_SEGMENTATION_MODEL
    usable = list_models("segmentation")
    if args.segmentation_model and name not in usable:
        raise CallError(f"there is no segmentation model {name} here; there are {', '.join(usable)}")
    return name


def faces(args: argparse.Namespace) -> int:
    from unmask.batch import local as batch

    def show(path: Path, found: list[Json]) -> str:
        if args.json:
            return json.dumps({"path": str(path), "faces": found})
        boxes = [f"({', '.join(str(round(x)) for x in face['box'])}) {face['score']:.0%}" for face in found]
        return f"{path}: {', '.join(boxes) or 'no face'}"

    check_device(args)
    return for_each(expand(args.paths, args.recursive), batch.find_faces, args, show)


def plan(args: argparse.Namespace, kinds: Sequence[str]) -> tuple[Found, tuple[Path, ...]]:
    """The photos to work on, with the folders for their results made, and the roots for `folder_for`: with
    --recursive, results lie in the subfolders in which their photos do. kinds: what is written of each photo; with
    --resume, photos that have all of it are left out. Raises CallError if a result would overwrite something."""
    from unmask.batch.local import folder_for

    out, found = args.out, expand(args.paths, args.recursive)
    roots = tuple(path.absolute() for path in args.paths if path.is_dir()) if args.recursive else ()
    originals = {photo.resolve(): photo for photo in found.photos}
    writers: dict[str, Path] = {}
    for photo in found.photos:
        place = folder_for(photo, out, roots)
        # Lower case, because a.png and A.png are one file on most laptops.
        other = writers.setdefault(str(place / photo.stem).lower(), photo)
        if other is not photo:
            raise CallError(
                f"{other} and {photo} would both be written as {photo.stem}.*.png: "
                "rename one, or give each its own call and --out"
            )
        for kind in kinds:
            if (target := (place / f"{photo.stem}.{kind}.png").resolve()) in originals:
                raise CallError(f"a result would overwrite {originals[target]}: choose another --out")
    if out.exists() and not out.is_dir():
        raise CallError(f"{out} is not a folder")
    try:
        for place in {out, *(folder_for(photo, out, roots) for photo in found.photos)}:
            place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise CallError(f"nothing can be written into {out}: {error.strerror}") from error
    if not args.resume:
        return found, roots

    def is_there(photo: Path) -> bool:  # files appear as a whole or not at all
        return all((folder_for(photo, out, roots) / f"{photo.stem}.{kind}.png").is_file() for kind in kinds)

    left = [photo for photo in found.photos if not is_there(photo)]
    return found._replace(photos=left, there=len(found.photos) - len(left)), roots


def for_each(
    found: Found,
    work: "Work",
    args: argparse.Namespace,
    show: Callable[[Path, Any], str] | None = None,
) -> int:
    """Do the work on every photo, several at a time, naming those that fail; 0, or 1 when some did.

    At the end one line counts them, and the files that were no pictures, where there is more than one photo.

    show: (photo, what the work gave) -> a line to print. Lines come in the photos' order.
    """
    from unmask.batch import local as batch

    logging.getLogger("unmask").addHandler(logging.NullHandler())  # what goes wrong is said once, here
    photos, failed = found.photos, 0
    try:
        with closing(start(photos, work, args)) as outcomes:
            for photo in tqdm(photos, unit="photo", disable=len(photos) < 2):
                outcome = next(outcomes)
                if outcome.error:
                    failed += 1
                    tqdm.write(f"{photo}: {outcome.error}", file=sys.stderr)
                    if getattr(args, "json", False):
                        tqdm.write(json.dumps({"path": str(photo), "error": outcome.error}))
                elif show:
                    tqdm.write(show(photo, outcome.value))
    except KeyboardInterrupt:
        batch.stop(getattr(args, "out", None))
    if len(photos) > 1 or found.skipped or found.there:
        print(closing_line(len(photos) - failed, failed, found.skipped, found.there), file=sys.stderr)
    return int(failed > 0)


def closing_line(done: int, failed: int, skipped: int, there: int = 0) -> str:
    """How many photos went which way."""
    counts = [f"{done} photo{'' if done == 1 else 's'} done"]
    if there:
        counts.append(f"{there} there already")
    if failed:
        counts.append(f"{failed} failed")
    if skipped:
        counts.append(f"{skipped} file{'' if skipped == 1 else 's'} skipped: no pictures by their names")
    return ", ".join(counts) + "."


def start(photos: Sequence[Path], work: "Work", args: argparse.Namespace) -> "Generator[PhotoOutcome, None, None]":
    """The outcomes, in order, of the work on every photo: in threads of this process, or on Ray."""
    if not args.ray:
        from unmask.batch.local import run_local

        return run_local(photos, work, args.device, args.jobs)
    from unmask.batch.ray import run_ray

    return run_ray(photos, work, args.device, args.jobs, args.ray_address)
