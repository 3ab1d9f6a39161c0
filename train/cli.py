"""python -m train: one command a network, and prepare, preview, evaluate, card, export and others."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature

from train.commands import COMMANDS
from train.data.sharp_faces import LARGE
from train.options import add_options, read
from train.recipes import RECIPES
from train.start import SIZES, TrainOptions, run
from unmask.registry import MODELS, REFINER
from unmask.weights import WeightsError

# By who called: files, folders, arguments, and packages that only one network needs.
USER_ERRORS = (OSError, ValueError, ImportError, WeightsError)

# Inpainting models whose networks take pictures of any size, and are built alike for all.
WINDOWED = (
    "ganmasker", "ganmasker-one-stage", "landmark-guided", "glcic", "gated-conv", "gumf", "parsing-guided",
    "two-autoencoders", "refiner",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command. What the caller can mend ends the program with one sentence."""
    args = build_parser().parse_args(argv)
    with in_one_sentence(*USER_ERRORS):
        if args.command in RECIPES:
            checkpoint, main_process = run(read(TrainOptions, args))
            said = str(checkpoint) if main_process else None
        else:
            said = read(COMMANDS[args.command], args).run()
    if said is not None:
        print(said)


def build_parser() -> argparse.ArgumentParser:
    """One subcommand for each of COMMANDS, and one for each network."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        add_options(commands.add_parser(name, help=command.__doc__), command)
    for name in RECIPES:
        added = commands.add_parser(name, help=f"train {MODELS[name].title}")
        added.set_defaults(network=name)
        phases = [phase.name for phase in RECIPES[name].phases]
        sizes = [size for size in SIZES if size < LARGE or name == REFINER]
        known: dict[str, list[str] | list[int]] = {"only": phases, "size": sizes}
        add_options(added, TrainOptions, leave_out={"network", *_meaningless(name)}, choices=known)
    return parser


def _meaningless(network: str) -> Iterator[str]:
    """The options of TrainOptions that mean nothing to this network."""
    known = signature(RECIPES[network]).parameters
    if "downscale" not in known:
        yield "downscale"
    if network not in WINDOWED:
        yield "window"
    if network != "two-autoencoders":
        yield "stages"
    if "sees_mask" not in known:
        yield "blind"
    if "sees_fabric" not in known:
        yield "sees_fabric"
    if network != "mseg":
        yield "real"


@contextmanager
def in_one_sentence(*errors: type[Exception]) -> Iterator[None]:
    """These errors end the program with their sentence, without a traceback."""
    try:
        yield
    except errors as error:
        raise SystemExit(f"train: {error} {getattr(error, 'detail', '')}".rstrip()) from None
