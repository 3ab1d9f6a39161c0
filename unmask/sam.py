"""Segment Anything (Kirillov et al., 2023): a click on a thing in a picture, and its outline.

The first click loads Meta's own code, `segment-anything`, and their checkpoint of ViT-B, both under Apache-2.0. It is
no row of the registry, whose networks are ours, see one crop at a time, and need no clicks.

    UNMASK_OUTLINE     0: the page has no such tool
    UNMASK_SAM         a checkpoint of ViT-B as Meta published it (.pth), or its folder. Unset, it comes from URL.
    UNMASK_SAM_SHA256  the hash that the file must have, where it is not the one that Meta published
"""

import logging
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from unmask import settings
from unmask.imaging.tensors import resize
from unmask.masks import binarise
from unmask.types import Json
from unmask.weights import WeightsError, sha256

FILENAME = "sam_vit_b_01ec64.pth"
URL = f"https://dl.fbaipublicfiles.com/segment_anything/{FILENAME}"
SHA256 = "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"
PARAMETERS = 93_735_472
RETRY_AFTER = 60.0  # seconds: a server that does not answer is given time, and visitors click again

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
        """segment_anything's Sam, loaded the first time it is asked for. Raises WeightsError."""
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
        shape = picture.shape[:2]
        small = torch.from_numpy(resize(picture, _fitted(shape, network.image_encoder.img_size))).to(self.device)
        x = network.preprocess(small.permute(2, 0, 1)[None].float())  # (1, 3, S, S), the picture top left
        return Embedding(network.image_encoder(x), shape)

    @torch.inference_mode()
    def outline(
        self, embedding: Embedding, points: list[tuple[float, float]], labels: list[int] | None = None
    ) -> np.ndarray:
        """The thing that the points are on: (H, W) uint8, 0 or 255, of the embedded picture's size.

        points: x, y in px of that picture. labels: 1 for a point on the thing (the default), 0 for one beside it.
        """
        network = self.network()
        height, width = _fitted(embedding.shape, network.image_encoder.img_size)
        scale = (width / embedding.shape[1], height / embedding.shape[0])
        at = torch.tensor(np.multiply(points, scale)[None], dtype=torch.float32, device=self.device)  # (1, N, 2)
        kinds = torch.tensor([labels or [1] * len(points)], device=self.device)
        sparse, dense = network.prompt_encoder(points=(at, kinds), boxes=None, masks=None)
        masks, scores = network.mask_decoder(
            image_embeddings=embedding.features, image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
            # One point may mean a part or the whole: of three answers the network says which it trusts most.
            multimask_output=len(points) == 1,
        )  # fmt: skip
        best = masks[:, scores[0].argmax()][:, None]  # (1, 1, S / 4, S / 4)
        logits = network.postprocess_masks(best, (height, width), embedding.shape)[0, 0]  # (H, W)
        return binarise((logits > 0).cpu().numpy())


def is_wanted() -> bool:
    """Whether this machine's host wants it."""
    return settings.OUTLINE.read()


def describe() -> Json:
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
        "parameters": PARAMETERS if path and path.is_file() else 0,
        "weights": str(path) if path else None,
        "sha256": settings.SAM_SHA256.read().lower() or SHA256,
        "needs": f"its checkpoint: {FILENAME} (375 MB, fetched when first asked for), or a file named in UNMASK_SAM",
    }


def _fitted(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(H, W) of a picture once its longer side is the network's."""
    height, width = shape
    scale = side / max(shape)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def build() -> nn.Module:
    """The network of ViT-B, without its weights."""
    network: nn.Module = import_module("segment_anything").build_sam_vit_b()
    return network


def _load() -> nn.Module:
    """The network with its checkpoint, in eval mode. Raises WeightsError: never a partial load, never another file."""
    path = _find()
    wanted = settings.SAM_SHA256.read().lower() or SHA256
    if (found := sha256(path)) != wanted:
        if settings.SAM.read() is None and wanted == SHA256:  # our own copy, which has been damaged since
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise WeightsError(
            "The checkpoint for outlines by click is not the expected file and is not used: whoever runs this page "
            "fetches it again, or gives its hash in UNMASK_SAM_SHA256.",
            f"{path} has the sha256 {found}, not {wanted}.",
        )
    network = build()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(
            "The checkpoint for outlines by click cannot be read: whoever runs this page fetches it again.",
            f"{path}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
        ) from error
    return network.eval()


def _find() -> Path:
    """The checkpoint's file: where UNMASK_SAM says, unchecked, or from URL, kept where torch.hub keeps such files.
    Raises WeightsError."""
    if path := settings.SAM.read():
        path = path / FILENAME if path.is_dir() else path
        if not path.is_file():
            raise WeightsError(
                "The checkpoint for outlines by click is missing: whoever runs this page names its file in UNMASK_SAM.",
                f"There is no file {path}, which UNMASK_SAM names.",
            )
        return path
    kept = Path(torch.hub.get_dir()) / "checkpoints" / FILENAME
    try:
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            # Half a file, or another, is not kept.
            torch.hub.download_url_to_file(URL, str(kept), hash_prefix=SHA256, progress=False)
        return kept
    except (OSError, RuntimeError) as error:  # RuntimeError: of another hash
        raise WeightsError(
            "The checkpoint for outlines by click could not be fetched: try again later, or whoever runs this page "
            "fetches it by hand and names its file in UNMASK_SAM.",
            f"{FILENAME} could not be had from {URL}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
        ) from error
