"""How long one face takes on this machine: every network, and what a visitor waits for."""

import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from unmask import weights
from unmask.faces import detect, whole_photo
from unmask.image import read_photo, resize
from unmask.models import DEFAULT_MODELS, FACE_FINDER, LANDMARKS, MODELS, describe
from unmask.pipeline import Unmasker


def milliseconds(function, repeats: int) -> float:
    """Median time of a call after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "hopper-photo.png"
LARGE = (3750, 3200)  # px, height and width: 12 megapixels


def bench(device: str = "auto", repeats: int = 15) -> str:
    """Time every model with weights; returns the table as Markdown.

    Removers and segmenters on one aligned 256 px face, the face finder and the landmarks on a 640 x 480 photo. The last
    rows are what a visitor waits for: find the mask, then the three default models, from array to array, on a face
    crop and, with everything from finding the face to pasting it back, on a portrait of 12 megapixels.
    """
    unmasker = Unmasker(device)
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (256, 256, 3), np.uint8)
    scene = rng.integers(0, 256, (480, 640, 3), np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[130:230, 60:196] = 255
    lines = [
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"{unmasker.device}, torch {torch.__version__}",
        "",
        "| model | parameters (M) | ms |",
        "|---|---|---|",
    ]
    usable = []
    for name, info in MODELS.items():
        try:
            unmasker.model(name)
        except weights.WeightsError:
            continue
        usable.append(name)
        if info.kind == "detector":
            took = milliseconds(lambda name=name: detect(unmasker.model(name), scene), repeats)
        elif info.kind == "landmarks":
            took = milliseconds(lambda: unmasker.landmarks(photo, whole_photo(photo)), repeats)
        elif info.kind == "segmenter":
            took = milliseconds(lambda: unmasker.segment(photo, aligned=True), repeats)
        else:
            took = milliseconds(lambda name=name: unmasker.remove(photo, mask, [name], aligned=True), repeats)
        lines.append(f"| {info.title} | {describe(name)['parameters'] / 1e6:.2f} | {took:.0f} |")
    defaults = [name for name in DEFAULT_MODELS if name in usable]
    if "mseg" in usable and defaults:

        def visit() -> None:
            unmasker.segment(photo, aligned=True)
            unmasker.remove(photo, mask, defaults, aligned=True)

        titles = ", ".join(MODELS[name].title for name in defaults)
        lines.append(f"| mask, then {titles} | | {milliseconds(visit, repeats):.0f} |")
        if {FACE_FINDER, LANDMARKS} <= set(usable) and PORTRAIT.exists():
            portrait = resize(read_photo(PORTRAIT), LARGE)

            def visit_with_portrait() -> None:
                faces = unmasker.find(portrait)
                unmasker.remove(portrait, unmasker.segment(portrait, faces=faces), defaults, faces=faces)

            took = milliseconds(visit_with_portrait, max(repeats // 5, 1))
            lines.append(f"| a portrait of 12 megapixels: face, mask, {titles} | | {took:.0f} |")
    return "\n".join(lines)
