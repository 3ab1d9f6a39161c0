"""A folder of photos to work on, with small networks, for the tests of what works on many."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from unmask import weights
from unmask.cli.main import main
from unmask.registry import MODELS


def make_collection(folder: Path) -> None:
    """Nine photos of several sizes and a broken one, their masks, and small networks with random weights."""
    rng = np.random.default_rng(0)
    for name in ("photos", "masks", "weights"):
        (folder / name).mkdir()
    for i in range(9):
        height, width = 64 + 7 * i, 90 - 3 * i
        photo = np.clip(rng.normal(128, 40, (height, width, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(photo).save(folder / "photos" / f"{i}.png")
        mask = np.zeros((height, width), np.uint8)
        mask[height // 2 : -4, 10:-10] = 255
        Image.fromarray(mask).save(folder / "masks" / f"{i}.mask.png")
    (folder / "photos" / "4b.jpg").write_bytes(b"no picture")
    torch.manual_seed(0)
    for name in ("pix2pix", "glcic"):
        config = {"width": 8}
        weights.save(folder / "weights" / f"{name}.safetensors", name, MODELS[name].build(**config), config, 256, {})


def remove(collection: Path, out: str, *more: str) -> int:
    """The exit status of `remove` on the collection."""
    given = ["--mask", collection / "masks", "--model", "pix2pix", "glcic", "--aligned", "--device", "cpu"]
    return main(["remove", *map(str, [collection / "photos", "--out", collection / out, *given, *more])])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
