"""A command's options, as the dataclass that the code takes: one field an option, with its type, default and help.

On argparse, and not on click or typer: an option of theirs takes as many values as it says, and `--models A B C` here
takes as many as follow.
"""

import argparse
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from unmask.types import Json

T = TypeVar("T")


def option(
    help: str = "", default: Any = MISSING, *, choices: Collection[Any] | Callable[[], Collection[Any]] | None = None,
    metavar: str | tuple[str, ...] | None = None, parse: Callable[[str], Any] | None = None, old: str | None = None,
    positional: bool = False,
) -> Any:  # fmt: skip
    """A field of a command's dataclass. Without a default it has to be given.

    choices: the values that it may have, or what gives them when the command line is read. parse: in the place of the
    field's type. old: the option's name in earlier versions, understood for one more. positional: it has no name on the
    command line.
    """
    about = {"help": help, "choices": choices, "metavar": metavar, "parse": parse, "old": old}
    told = {key: value for key, value in about.items() if value is not None}
    return field(default=default, metadata=told | {"positional": positional})


@dataclass(frozen=True, kw_only=True)
class OnFaces:
    """What every command on prepared faces is told."""

    data: Path = option("folder with faces.csv, landmarks.npz, faces-*.tar")
    cache: Path = option("where decoded faces and drawn masks are kept", Path.home() / ".cache" / "unmask")
    limit: int | None = option("only so many faces, for a rehearsal", None)


@dataclass(frozen=True, kw_only=True)
class ByWeights:
    """What every command that uses the models is told."""

    weights: tuple[str, ...] = option("instead of the released ones", (), metavar="NAME=FILE")

    @property
    def own_weights(self) -> dict[str, str]:
        """Model name -> file. Raises ValueError for what does not read NAME=FILE."""
        if odd := [text for text in self.weights if "=" not in text]:
            raise ValueError(f"--weights takes NAME=FILE, not {odd[0]}.")
        return dict(text.split("=", 1) for text in self.weights)


def add_options(
    parser: argparse.ArgumentParser, command: type, *, leave_out: Collection[str] = (),
    choices: Mapping[str, Collection[Any]] | None = None,
) -> None:  # fmt: skip
    """Give the parser an option for each field of a dataclass. choices: of fields that know theirs only now."""
    types = get_type_hints(command)
    for each in fields(command):
        if each.name not in leave_out:
            told = _told(each, types[each.name])
            if choices and each.name in choices:
                told["choices"] = choices[each.name]
            _add(parser, each, told)


def read(command: type[T], args: argparse.Namespace) -> T:
    """The dataclass, from what was given on the command line; what was not, has its default."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in vars(args).items()}
    return command(**{each.name: given[each.name] for each in fields(command) if each.name in given})  # type: ignore[arg-type]


def _told(each: "Field[Any]", hint: Any) -> Json:
    """What argparse is told of a field: its type, how many values, its default."""
    told: Json = {key: value for key, value in each.metadata.items() if key in ("help", "choices", "metavar")}
    if callable(told.get("choices")):
        told["choices"] = told["choices"]()
    if isinstance(hint, UnionType):  # X | None
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if hint is bool:
        return told | {"action": "store_true"}
    if get_origin(hint) is tuple:
        hint, *more = get_args(hint)
        told["nargs"] = 1 + len(more) if more != [...] else "*" if each.default == () else "+"
    parse = each.metadata.get("parse", hint)
    return told | {"type": parse, "default": None if each.default is MISSING else each.default}


def _add(parser: argparse.ArgumentParser, each: "Field[Any]", told: Json) -> None:
    if each.metadata["positional"]:
        parser.add_argument(each.name, **{key: value for key, value in told.items() if key != "default"})
        return
    flag = "--" + each.name.replace("_", "-")
    parser.add_argument(flag, dest=each.name, required=each.default is MISSING, **told)
    if old := each.metadata.get("old"):
        parser.add_argument(old, dest=each.name, **told | {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS})
