"""What a call names: files, folders, numbers and devices, checked before any work is done.

What loads torch is imported inside the functions: `--help` need not wait for it.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff")
DEVICES = ("auto", "cpu", "cuda", "mps")


class Found(NamedTuple):
    """What a call names."""

    photos: list[Path]
    skipped: int  # files in the folders that are no pictures by their name
    there: int = 0  # photos left out because their files are there already


class CallError(Exception):
    """The call cannot be carried out as given: exit status 2, before any work is done."""


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
            raise CallError("--ray needs Ray: python -m pip install '.[ray]' in a checkout of Unmask") from error
        return  # the devices are those of the cluster
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(args.device, True):
        raise CallError(f"this machine has no {args.device} device")


def expand(paths: Sequence[Path], recursive: bool = False) -> Found:
    """Files as they are, folders as the pictures right in them, or below them, too, sorted; each file once."""
    files: dict[Path, Path] = {}
    skipped = 0
    for path in paths:
        inside = [path]
        if path.is_dir():
            every = _files_in(path, recursive)
            inside = [file for file in every if file.suffix.lower() in SUFFIXES]
            skipped += len(every) - len(inside)
            if not inside:
                raise CallError(f"there is no picture in {path}: {', '.join(SUFFIXES)}")
        for file in inside:
            files.setdefault(file.resolve(), file)
    return Found(list(files.values()), skipped)


def _files_in(folder: Path, recursive: bool) -> list[Path]:
    """The files of a folder, sorted; recursive: of those below it, too. Links to folders are not followed."""

    def fail(error: OSError) -> None:
        raise CallError(f"the folder {error.filename or folder} cannot be read: {error.strerror}") from error

    files: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        files += [Path(parent, name) for name in names]
        if not recursive:
            folders.clear()
    return sorted(files)
