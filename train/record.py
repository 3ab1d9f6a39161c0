"""What a run leaves in its folder beside its weights: run.json, log.jsonl, TensorBoard's events, sample grids."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unmask.imaging.metadata import write_png
from unmask.registry import current_config, current_name
from unmask.types import Json


def write_settings(out: Path, settings: Json, resumed: bool) -> None:
    """out/run.json: the settings, when and with which code they were used. A resumed run keeps its earlier starts'."""
    path = out / "run.json"
    told: Json = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "revision": revision()} | settings
    if resumed and path.exists():
        last = json.loads(path.read_text())
        told["earlier"] = [*last.pop("earlier", []), last]
    path.write_text(json.dumps(told, indent=1) + "\n")


def revision() -> str:
    """The commit that trains, with "+" when the working tree differs; "unknown" outside a checkout."""
    folder = Path(__file__).parent
    try:
        command = ["git", "describe", "--always", "--dirty=+"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


class RunLog:
    """log.jsonl, one line every few steps, and the same for TensorBoard where it is installed.

    Pictures become out/samples-KIMG.png and an image in TensorBoard. `images` counts the pictures trained on.
    """

    def __init__(self, out: Path, images: int):
        """Go on after so many images: what a killed run logged beyond its last checkpoint is about to come again."""
        self.out = out
        path = out / "log.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["kimg"] * 1000 <= images + 0.5]
        path.write_text("".join(kept))
        self.file = open(path, "a", buffering=1)
        self.board: Any = None  # a SummaryWriter, where TensorBoard is installed
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(out, purge_step=images + 1)
        except ImportError:
            print("tensorboard is not installed: the losses are written to log.jsonl alone.")

    def write(self, images: int, phase: str, numbers: dict[str, float], rates: dict[str, float]) -> None:
        """numbers: losses and speed; rates: each network's learning rate."""
        self.file.write(json.dumps({"kimg": images / 1000, "phase": phase} | numbers | {"lr": rates}) + "\n")
        if self.board:
            for key, value in numbers.items():
                group = "speed" if key == "images_per_second" else "loss"
                self.board.add_scalar(f"{group}/{key}", value, images)
            for key, value in rates.items():
                self.board.add_scalar(f"learning_rate/{key}", value, images)

    def show(self, images: int, grid: np.ndarray) -> None:
        """grid: (H, W, 3) uint8."""
        with open(self.out / f"samples-{images // 1000:05d}k.png", "wb") as file:
            write_png(file, grid)
        if self.board:
            self.board.add_image("samples", grid, images, dataformats="HWC")
            self.board.flush()

    def close(self) -> None:
        self.file.close()
        if self.board:
            self.board.close()


def read_checkpoint(path: Path, *, map_location: str | torch.device, mmap: bool = False) -> Json:
    """What `train.loop.train` has saved, its name and config by the names that they have now. mmap: leave the numbers
    on disk until they are used."""
    state: Json = torch.load(path, weights_only=True, map_location=map_location, mmap=mmap)
    return state | {"name": current_name(state["name"]), "config": current_config(state["config"])}
