"""Pictures whose decoders are kept apart: HEIC, AVIF and TIFF, in a process with limited time and memory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from unmask.imaging.container import DAMAGED, ContainerError

WORKER = Path(__file__).with_name("decode_worker.py")
PATIENCE = 120  # s of the clock, on however busy a machine; of processor time the worker has its own limit
# What Python needs to start; nothing else of the environment, which may hold secrets.
NEEDED = ("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "HOME", "LANG")


@dataclass(frozen=True)
class Decoded:
    """A picture from the worker; `image` is None where it has more pixels than were allowed."""

    size: tuple[int, int]  # width, height
    image: Image.Image | None
    orientation: int
    icc_profile: bytes | None


def decode_apart(data: bytes, format: str, most_pixels: int) -> Decoded:
    """Decode a HEIC, AVIF or TIFF file. Raises ContainerError, with one sentence, for whatever is wrong with it."""
    environment = {name: os.environ[name] for name in NEEDED if name in os.environ}
    command = [sys.executable, "-P", str(WORKER), format, str(most_pixels)]
    try:
        done = subprocess.run(
            command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise ContainerError(DAMAGED) from error
    head, _, rest = done.stdout.partition(b"\n")
    if done.returncode or not head:
        raise ContainerError(DAMAGED)
    try:
        told = json.loads(head)
        width, height = told["size"]
        profile, pixels = rest[: told["icc"]], memoryview(rest)[told["icc"] :]
        image = Image.frombytes(told["mode"], (width, height), pixels) if len(pixels) else None
        return Decoded((width, height), image, int(told["orientation"]), profile or None)
    except (ValueError, KeyError, TypeError) as error:
        raise ContainerError(DAMAGED) from error
