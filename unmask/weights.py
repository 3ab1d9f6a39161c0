"""From a model's name to its weights: argument, UNMASK_WEIGHTS folder, checkpoints/, then the Hub.

A released file is one `.safetensors` (fp16) whose metadata holds, under the key "unmask", a JSON object with
`name`, `config` (the builder's arguments), `size` (the crop's side in training, px) and `trained` (how it was
made). `checkpoints/sha256.json` holds the hash of every released file: what comes from checkpoints/ or the Hub
must match it.
"""

import hashlib
import json
import math
import os
import struct
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from unmask.models import MODELS

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"


class WeightsError(RuntimeError):
    """Weights are missing or broken. The message is one sentence that says what to do."""


def find(name: str, path: str | Path | None = None) -> Path:
    """The file with this model's weights: `path` if given, else the first place that has it.

    The Hub is asked only when UNMASK_HUB_REPO names a repository (UNMASK_HUB_REVISION pins its commit), and what it
    gives must have the hash in checkpoints/sha256.json. Raises WeightsError when no place has the file.
    """
    filename = f"{name}.safetensors"
    if path is not None:
        path = Path(path)
        if not path.is_file():
            raise WeightsError(f"There are no weights for {name} at {path}.")
        return path
    if folder := os.environ.get("UNMASK_WEIGHTS"):
        if (own := Path(folder) / filename).is_file():
            return own
    released = CHECKPOINTS / filename
    if released.is_file():
        _check_hash(released, str(released), released.stat().st_mtime_ns)
        return released
    if repo := os.environ.get("UNMASK_HUB_REPO"):
        return _download(repo, filename)
    raise WeightsError(
        f"The weights of {name} are missing: put {filename} into {CHECKPOINTS} or into the folder that "
        "UNMASK_WEIGHTS names, or train it with 'python -m train'."
    )


def _download(repo: str, filename: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(repo, filename, revision=os.environ.get("UNMASK_HUB_REVISION")))
    except Exception as error:  # the library's errors share no base class
        raise WeightsError(f"{filename} could not be had from {repo}: {type(error).__name__}.") from error
    _check_hash(path, f"{repo}/{filename}", path.stat().st_mtime_ns)
    return path


@lru_cache(maxsize=64)
def _check_hash(path: Path, label: str, modified_ns: int) -> None:
    """Raises WeightsError unless the file has its released hash. Cached until the file changes."""
    listed = json.loads((CHECKPOINTS / "sha256.json").read_text()).get(path.name)
    if listed is None:
        raise WeightsError(f"{label} has no hash in checkpoints/sha256.json: it is not a released file.")
    if sha256(path) != listed:
        raise WeightsError(f"{label} is damaged: its sha256 is not the released one; fetch it again.")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(path: Path) -> dict:
    """The JSON object under "unmask": name, config, size, trained. Raises WeightsError for a file that is not ours."""
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads((file.metadata() or {})["unmask"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} is no checkpoint of Unmask, or it is damaged; fetch it again.") from error


def count_parameters(path: Path) -> int:
    """Numbers stored in a checkpoint that training moves: all but the batch norms' running statistics.

    Read from the header alone: eight bytes of length, then JSON with every tensor's shape.
    """
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(
        math.prod(entry["shape"])
        for key, entry in header.items()
        if key != "__metadata__" and not key.endswith(statistics)
    )


def save(path: Path, name: str, model: nn.Module, config: dict, size: int, trained: dict) -> None:
    """Write a release: kernels in fp16, vectors (biases, norms) as they are, config and provenance in the metadata."""
    tensors = {
        key: (value.half() if value.ndim > 1 else value).detach().cpu().contiguous()
        for key, value in model.state_dict().items()
    }
    about = json.dumps({"name": name, "config": config, "size": size, "trained": trained})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"unmask": about})


def load(name: str, path: str | Path | None = None, device: str | torch.device = "cpu") -> nn.Module:
    """The model `name` with its weights, float32, channels_last, in eval mode; its attribute `size` is the side of
    the crops it works on, in px.

    Raises WeightsError when the file is missing, damaged, another model's, or does not fit: never a partial load.
    """
    info = MODELS[name]
    if info.kind == "classical":
        model = info.build()
        model.size = info.size
        return model.eval()
    path = find(name, path)
    metadata = read_metadata(path)
    if metadata.get("name") != name:
        raise WeightsError(f"{path} holds {metadata.get('name')}, not {name}.")
    try:
        model = info.build(**metadata["config"])
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}
        state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
        model.load_state_dict(state, strict=True)
        model.size = int(metadata["size"])
    except (SafetensorError, RuntimeError, TypeError, KeyError) as error:
        raise WeightsError(f"{path} does not fit {name}; fetch it again or train it anew.") from error
    return model.to(device, memory_format=torch.channels_last).eval()
