"""Which of the registry's models can be used on this machine, and what is known of their weights."""

import importlib
from collections.abc import Container
from functools import cache
from pathlib import Path

from unmask import settings, weights
from unmask.registry import MODELS, OLD_KINDS, ModelInfo
from unmask.types import Json


def list_models(kind: str | None = None, own: Container[str] = ()) -> list[str]:
    """Names of what can be used: classical methods, and networks whose weights are released or given.

    kind: one of ModelInfo's, where only that is asked for. own: names that the caller has a file for. A network in
    training is in MODELS, but never here: nobody is to see an untrained one. Nor is one whose package is missing.
    """
    kind = OLD_KINDS.get(kind, kind) if kind else None
    released, folder = weights.released_hashes(), settings.WEIGHTS.read()

    def usable(name: str, info: ModelInfo) -> bool:
        filename = info.filename
        given = name in own or (folder is not None and (folder / filename).is_file())
        return info.kind == "classical" or ((filename in released or given) and has_package(info))

    return [name for name, info in MODELS.items() if kind in (None, info.kind) and usable(name, info)]


@cache
def has_package(info: ModelInfo) -> bool:
    """Whether the package that the network is built from is there and works."""
    try:
        return info.package is None or importlib.import_module(info.package) is not None
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision of another torch
        return False


def list_inpainting_models(own: Container[str] = ()) -> list[str]:
    """Names of everything that fills a hole, see `list_models`: learned inpainting models first, then the classical
    ones."""
    return list_models("inpainting", own) + list_models("classical", own)


list_removers = list_inpainting_models  # its old name, for one version


def describe(name: str) -> Json:
    """The registry's row as plain types, with `parameters`, `weights` (path or None) and `sha256` of the file.

    outputs: of each output that the model can be asked for, the default first, `weights` and `sha256`; empty where it
    has but one. needs: the package that it is built from, None where it is one of ours.
    """
    info = MODELS[name]
    row: Json = {
        key: getattr(info, key)
        for key in ("name", "title", "kind", "paper", "year", "needs_mask", "takes_landmarks", "size", "licence")
    }
    row |= {"parameters": 0, "weights": None, "sha256": None, "needs": info.package}
    row |= {"outputs": {output: _describe_file(name, output) for output in info.outputs}}
    if info.kind == "classical":
        return row
    file = _describe_file(name)
    return row | file | ({"parameters": weights.count_parameters(Path(file["weights"]))} if file["weights"] else {})


def _describe_file(name: str, output: str | None = None) -> Json:
    """Path and hash of a model's weights; both are None where the file is missing or broken."""
    try:
        path = weights.find(name, output=output)
    except weights.WeightsError:
        return {"weights": None, "sha256": None}
    return {"weights": str(path), "sha256": weights.sha256(path)}
