"""Segment Anything (Kirillov et al., 2023): a click on a thing in a picture, and its outline.

Optional, and needs the extra `sam`: the network is the one in `transformers`, and its checkpoint Meta's ViT-B
under Apache-2.0. It is no row of the registry, whose networks are ours, see one crop at a time, and need no clicks.

    UNMASK_SAM         a .safetensors file as transformers writes it, or its folder; config.json beside it says what it
                       is, and without one it is ViT-B. Unset, the file comes from the Hub: REPO at REVISION.
    UNMASK_SAM_SHA256  the hash that the file must have, where it is not the ViT-B that Meta published
"""

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from unmask import settings
from unmask.imaging.tensors import resize
from unmask.masks import binarise
from unmask.weights import WeightsError, count_parameters, sha256

REPO, FILENAME = "facebook/sam-vit-base", "model.safetensors"
REVISION = "70c1a07f894ebb5b307fd9eaaee97b9dfc16068f"
SHA256 = "892c410e496344e527255ccdcb2cb7244a609acb5389c7c4fdba1288f861c579"
SHARED = ("shared_image_embedding.positional_embedding", "prompt_encoder.shared_embedding.positional_embedding")
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of ImageNet's pixels, RGB: what it was trained with
RETRY_AFTER = 60.0  # seconds: the Hub's client tries for half a minute before it gives up, and visitors click again

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Embedding:
    """What the network sees in one picture; clicks are answered from it. 4 MB with ViT-B."""

    features: torch.Tensor  # (1, C, S / 16, S / 16), S the network's side
    shape: tuple[int, int]  # (H, W) of the picture


class Sam:
    """Finds outlines. Safe to share between threads: it keeps the network, and nothing of any picture."""

    def __init__(self, device: str | torch.device = "cpu"):
        self.device = torch.device(device)
        self._loading = threading.Lock()
        self._network: nn.Module | None = None
        self._failure: WeightsError | None = None
        self._try_again = 0.0  # time.monotonic() from when on it may be tried once more
        # One picture at a time, on all cores: each needs 1.5 GB meanwhile, and somebody waits for it.
        self._pool = ThreadPoolExecutor(1, "sam")
        before = torch.get_num_threads()
        self._pool.submit(torch.set_num_threads, os.cpu_count() or 1).result()
        torch.set_num_threads(before)  # also what threads to come begin with

    @property
    def is_loaded(self) -> bool:
        """Whether the next picture can do without waiting for the checkpoint."""
        return self._network is not None

    def network(self) -> Any:
        """transformers' SamModel, loaded the first time it is asked for. Raises WeightsError."""
        with self._loading:
            if self._network is None:
                if self._failure and time.monotonic() < self._try_again:
                    raise self._failure
                try:
                    self._network = _load().to(self.device)
                except WeightsError as error:
                    log.error("%s %s", error, error.detail)
                    self._failure, self._try_again = error, time.monotonic() + RETRY_AFTER
                    raise
        return self._network

    def embed(self, picture: np.ndarray) -> Embedding:
        """Look at a picture, RGB uint8 (H, W, 3). It takes seconds on a CPU. Raises WeightsError."""
        return self._pool.submit(self._embed, picture).result()

    @torch.inference_mode()
    def _embed(self, picture: np.ndarray) -> Embedding:
        network = self.network()
        side = network.config.vision_config.image_size
        shape = picture.shape[:2]
        small = resize(picture, _fitted(shape, side))
        height, width = small.shape[:2]
        x = (torch.from_numpy(small).float() - torch.tensor(MEAN)) / torch.tensor(STD)
        x = F.pad(x.permute(2, 0, 1)[None], (0, side - width, 0, side - height))  # (1, 3, S, S), the picture top left
        return Embedding(network.get_image_embeddings(x.to(self.device)), shape)

    @torch.inference_mode()
    def outline(
        self, embedding: Embedding, points: list[tuple[float, float]], labels: list[int] | None = None
    ) -> np.ndarray:
        """The thing that the points are on: (H, W) uint8, 0 or 255, of the embedded picture's size.

        points: x, y in px of that picture. labels: 1 for a point on the thing (the default), 0 for one beside it.
        """
        network = self.network()
        side = network.config.vision_config.image_size
        height, width = _fitted(embedding.shape, side)
        scale = (width / embedding.shape[1], height / embedding.shape[0])
        out = network(
            image_embeddings=embedding.features,
            input_points=torch.tensor([[[np.multiply(point, scale).tolist() for point in points]]]).to(self.device),
            input_labels=torch.tensor([[labels or [1] * len(points)]]).to(self.device),
            # One point may mean a part or the whole: of three answers the network says which it trusts most.
            multimask_output=len(points) == 1,
        )
        best = out.pred_masks[0, 0, out.iou_scores[0, 0].argmax()]  # (S / 4, S / 4)
        logits = F.interpolate(best[None, None], (side, side), mode="bilinear")[..., :height, :width]
        logits = F.interpolate(logits, embedding.shape, mode="bilinear")[0, 0]  # (H, W)
        return binarise((logits > 0).cpu().numpy())


def is_wanted() -> bool:
    """Whether this machine's host has set it up, or has begun to: the library is here, or a checkpoint is named."""
    return settings.SAM.read() is not None or _is_installed()


def _is_installed() -> bool:
    return find_spec("transformers") is not None


def describe() -> dict:
    """What `unmask models --json` says of it, beside the registry's rows: needs is what has to be there to use it."""
    path = settings.SAM.read()
    return {
        "name": "sam",
        "title": "Segment Anything, ViT-B",
        "kind": "outline by click",
        "paper": "Kirillov et al., Segment Anything, ICCV 2023",
        "year": 2023,
        "needs_mask": False,
        "takes_landmarks": False,
        "size": 1024,
        "licence": "Apache-2.0",
        "outputs": {},
        "parameters": count_parameters(path) if path and path.is_file() else 0,
        "weights": str(path) if path else None,
        "sha256": settings.SAM_SHA256.read().lower() or SHA256,
        "needs": f"the extra 'sam' ({'installed' if _is_installed() else 'not installed'}), and its checkpoint: "
        f"{FILENAME} of {REPO} (375 MB, fetched when first asked for), or a file named in UNMASK_SAM",
    }


def _fitted(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(H, W) of a picture once its longer side is the network's."""
    height, width = shape
    scale = side / max(shape)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _load() -> nn.Module:
    """The network with its checkpoint, in eval mode. Raises WeightsError: never a partial load, never another file."""
    if not _is_installed():
        raise WeightsError(
            "Outlines by click need a library: whoever runs this page installs it with "
            "'pip install .[sam]'."
        )
    path = _find()
    wanted = settings.SAM_SHA256.read().lower() or SHA256
    if (found := sha256(path)) != wanted:
        if settings.SAM.read() is None:
            with suppress(OSError):  # the Hub's cache keeps a link, and the content elsewhere
                path.resolve().unlink()
                path.unlink(missing_ok=True)
        raise WeightsError(
            "The checkpoint for outlines by click is not the expected file and is not used: whoever runs this page "
            "fetches it again, or gives its hash in UNMASK_SAM_SHA256.",
            f"{path} has the sha256 {found}, not {wanted}.",
        )
    sam = import_module("transformers.models.sam")
    about = path.with_name("config.json")
    try:
        # The defaults are ViT-B's.
        config = sam.SamConfig.from_json_file(about) if about.is_file() else sam.SamConfig()
        network = sam.SamModel(config)
        state = load_file(path)
        for name, other in (SHARED, SHARED[::-1]):  # one tensor, of which a file has either name or both
            if name in state:
                state.setdefault(other, state[name])
        if missing := network.load_state_dict(state, strict=False).missing_keys:
            raise ValueError(f"it has no {missing[0]}")
    except (OSError, SafetensorError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            "The checkpoint for outlines by click cannot be read: whoever runs this page fetches it again.",
            f"{path}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
        ) from error
    return network.eval()


def _find() -> Path:
    """The checkpoint's file, unchecked: where UNMASK_SAM says, or from the Hub. Raises WeightsError."""
    if path := settings.SAM.read():
        path = path / FILENAME if path.is_dir() else path
        if not path.is_file():
            raise WeightsError(
                "The checkpoint for outlines by click is missing: whoever runs this page names its file in UNMASK_SAM.",
                f"There is no file {path}, which UNMASK_SAM names.",
            )
        return path
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(REPO, FILENAME, revision=REVISION))
    except Exception as error:  # the library's errors share no base class
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(
            "The checkpoint for outlines by click could not be fetched: try again later, or whoever runs this page "
            "fetches it by hand and names its file in UNMASK_SAM.",
            f"{FILENAME} could not be had from {REPO} at {REVISION}: {type(error).__name__}: {reason}",
        ) from error
