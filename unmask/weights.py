"""From a model's name to its weights: argument, UNMASK_WEIGHTS folder, checkpoints/, then the Hub.

A released file is one `.safetensors` (kernels of 16 or 8 bits) whose metadata holds, under the key "unmask", a JSON
object with `name`, `config` (the builder's arguments), `size` (the crop's side in training, px) and `trained` (how it
was made). `checkpoints/sha256.json`, of which a wheel carries a copy, holds the hash of every released file: what comes
from checkpoints/ or the Hub must match it.
"""

import hashlib
import json
import logging
import math
import struct
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from unmask import settings
from unmask.nets.layers import Network
from unmask.registry import MODELS, current_config, current_name
from unmask.types import Json

PACKAGED_LIST = Path(__file__).with_name("released.json")  # checkpoints/sha256.json, as a wheel carries it

SCALE = ".int8-scale"  # after a kernel's key: what its int8 numbers are multiplied with

log = logging.getLogger(__name__)


class WeightsError(RuntimeError):
    """Weights are missing or broken. str() is one sentence that a stranger may read: it names no path.

    detail: for whoever runs the program, where the fault is and what to do about it. `load` logs it. template, values:
    the sentence with {placeholders}, by which its translations are found, and what belongs there.
    """

    def __init__(self, template: str, detail: str = "", **values: str):
        super().__init__(template.format(**values) if values else template)
        self.detail, self.template, self.values = detail, template, values


def _missing(name: str, detail: str, output: str | None = None) -> WeightsError:
    return WeightsError("The weights of {model} are missing on this machine.", detail, model=_title(name, output))


def _broken(name: str, detail: str, output: str | None = None) -> WeightsError:
    return WeightsError("The weights of {model} on this machine cannot be used.", detail, model=_title(name, output))


def _title(name: str, output: str | None) -> str:
    if name not in MODELS:
        return name
    return MODELS[name].title + (f" ({output})" if MODELS[name].suffix(output) else "")


def _filename(name: str, output: str | None) -> str:
    """Of the model's released weights."""
    name = current_name(name)
    return MODELS[name].weights_file(output) if name in MODELS else f"{name}.safetensors"


def find(name: str, path: str | Path | None = None, output: str | None = None) -> Path:
    """The file with this model's weights: `path` if given, else the first place that has it.

    output: one of ModelInfo.outputs; None is the default one. The Hub is asked only when UNMASK_HUB_REPO names a
    repository, at the commit in UNMASK_HUB_REVISION, and what it gives must have the hash in checkpoints/sha256.json.
    Raises WeightsError when no place has the file.
    """
    filename = _filename(name, output)
    if path is not None:
        path = Path(path)
        if not path.is_file():
            raise _missing(name, f"There are no weights for {name} at {path}.", output)
        return path
    if folder := settings.WEIGHTS.read():
        if (own := folder / filename).is_file():
            return own
    released = checkpoints() / filename
    if released.is_file():
        if not _is_released(released):
            detail = f"{released} is damaged: its sha256 is not the released one; fetch it again."
            raise _broken(name, detail, output)
        return released
    if repo := settings.HUB_REPO.read():
        return _download(name, repo, settings.HUB_REVISION.read(), output)
    raise _missing(
        name,
        f"There is no {filename} in {checkpoints()}. Name in UNMASK_HOME the folder with checkpoints/ in it, in "
        "UNMASK_WEIGHTS one that has the file, or in UNMASK_HUB_REPO the repository that has it; or train it with "
        "'python -m train'.",
        output,
    )


def _download(name: str, repo: str, revision: str, output: str | None) -> Path:
    """The file in the Hub's cache, fetched if it is not there yet. A damaged one is deleted, to be fetched anew."""
    from huggingface_hub import hf_hub_download

    filename = _filename(name, output)
    if not revision:
        detail = "UNMASK_HUB_REPO needs UNMASK_HUB_REVISION beside it: the commit to take weights from."
        raise _missing(name, detail, output)
    if filename not in released_hashes():
        detail = f"{filename} has no hash in checkpoints/sha256.json: it is not a released file."
        raise _missing(name, detail, output)
    try:
        path = Path(hf_hub_download(repo, filename, revision=revision))
    except Exception as error:  # the library's errors share no base class
        reason = " ".join(str(error).split())[:300]
        detail = f"{filename} could not be had from {repo} at {revision}: {type(error).__name__}: {reason}"
        raise _missing(name, detail, output) from error
    if not _is_released(path):
        with suppress(OSError):  # the cache may be mounted read-only
            path.resolve().unlink()  # the cache keeps a link, and the content elsewhere
            path.unlink(missing_ok=True)
        raise _broken(
            name,
            f"{filename} from {repo} at {revision} does not have the released sha256 and is not kept. If it "
            "happens again, UNMASK_HUB_REVISION is not the commit that checkpoints/sha256.json belongs to.",
            output,
        )
    return path


def checkpoints() -> Path:
    """The folder of the released weights; it may not be there."""
    return settings.home() / "checkpoints"


def released_hashes() -> dict[str, str]:
    """File name -> sha256 of everything that was released, by the list beside the weights, or else the package's."""
    listing = checkpoints() / "sha256.json"
    if not listing.is_file():
        listing = PACKAGED_LIST
    try:
        hashes: dict[str, str] = json.loads(listing.read_text())
        return hashes
    except FileNotFoundError:  # neither: a checkout that is used from elsewhere
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError("The list of weights on this machine cannot be read.", f"{listing}: {error}") from error


def _is_released(path: Path) -> bool:
    """Whether the file has its released hash."""
    return sha256(path) == released_hashes().get(path.name)


def sha256(path: Path) -> str:
    """Hex digest of a file. Computed again only when the file has changed: the page's cards ask for it, too."""
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _sha256(path: Path, modified_ns: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_metadata(path: Path, name: str = "") -> Json:
    """The JSON object under "unmask": name, config, size, trained. Raises WeightsError for a file that is not ours.

    name: the model that the file should be of, if it does not say so itself.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(json.loads((file.metadata() or {})["unmask"]))
        return about | {"name": current_name(about["name"]), "config": current_config(about["config"])}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        detail = f"{path} is no checkpoint of Unmask, or it is damaged; fetch it again."
        raise _broken(name or path.stem, detail) from error


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
        if key != "__metadata__" and not key.endswith((*statistics, SCALE))
    )


def save(path: Path, name: str, model: nn.Module, config: Json, size: int, trained: Json, bits: int = 16) -> None:
    """Write a release: kernels in fp16, vectors (biases, norms) as they are, config and provenance in the metadata.

    bits: 8 stores kernels in half the bytes, as int8 and one scale for each slice along their first axis. They are
    floats again once loaded: it saves room, not time.
    """
    tensors = {}
    for key, value in model.state_dict().items():
        value = value.detach().cpu()
        if value.ndim > 1 and bits == 8:
            scale = value.float().abs().amax(dim=tuple(range(1, value.ndim)), keepdim=True).clamp_min(1e-12) / 127
            tensors[key + SCALE] = scale.contiguous()
            tensors[key] = (value.float() / scale).round().to(torch.int8).contiguous()
        else:
            tensors[key] = (value.half() if value.ndim > 1 else value).contiguous()
    about = json.dumps({"name": name, "config": config, "size": size, "trained": trained})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"unmask": about})


def load(
    name: str, path: str | Path | None = None, device: str | torch.device = "cpu", output: str | None = None
) -> Network:
    """The model `name` with its weights, float32, channels_last, in eval mode; its attribute `size` is the side of
    the crops it works on, in px. path, output: as in `find`.

    Raises WeightsError when the file is missing, damaged, another model's, or does not fit: never a partial load.
    """
    try:
        return _load(name, path, device, output)
    except WeightsError as error:
        log.error("%s %s", error, error.detail)
        raise


def fuse(model: Network) -> Network:
    """The model itself, with every batch norm that follows a convolution in an nn.Sequential put into its weights.

    For inference: it computes the same up to rounding, in less time, but is neither to be trained nor saved.
    """
    for block in model.modules():
        if isinstance(block, nn.Sequential):
            for i in range(len(block) - 1):
                conv, norm = block[i], block[i + 1]
                if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                    block[i] = fuse_conv_bn_eval(conv, norm, transpose=isinstance(conv, nn.ConvTranspose2d))
                    block[i + 1] = nn.Identity()
    return model


def _load(name: str, path: str | Path | None, device: str | torch.device, output: str | None) -> Network:
    name = current_name(name)
    info = MODELS[name]
    if info.kind == "classical":
        model = info.build()
        model.size = info.size
        return model.eval()
    path = find(name, path, output)
    metadata = read_metadata(path, name)
    if metadata.get("name") != name:
        raise _broken(name, f"{path} holds {metadata.get('name')}, not {name}.")
    try:
        model = info.build(**metadata["config"])
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}
        scales = {key.removesuffix(SCALE): state.pop(key) for key in list(state) if key.endswith(SCALE)}
        state |= {key: state[key].float() * scale for key, scale in scales.items()}
        state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
        model.load_state_dict(state, strict=True)
        model.size = int(metadata["size"])
    except ImportError as error:  # a package that this network alone needs; it says which
        raise WeightsError(str(error)) from error
    except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError) as error:
        raise _broken(name, f"{path} does not fit {name}; fetch it again or train it anew.") from error
    return model.to(device).to(memory_format=torch.channels_last).eval()
