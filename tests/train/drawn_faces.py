"""A data folder for the training tests: drawn faces, and photos with drawn faces in them."""

import csv
import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np

from unmask.synth import MEAN_LANDMARKS


def draw_folder(root: Path) -> None:
    """Fill `root` in the training format: 12 drawn faces to train on, 4 held back, in one shard, and nine photos."""
    rng = np.random.default_rng(0)
    names, points, rows = [], [], []
    with tarfile.open(root / "faces-0.tar", "w") as tar:
        for i in range(16):
            image = np.full((256, 256, 3), rng.integers(60, 200, 3), np.uint8)
            cv2.ellipse(image, (128, 140), (80, 105), 0, 0, 360, tuple(int(v) for v in rng.integers(90, 230, 3)), -1)
            for x in (98, 158):
                cv2.circle(image, (x, 120), 8, (30, 30, 30), -1)
            coded = cv2.imencode(".png", image)[1].tobytes()
            info = tarfile.TarInfo(f"face{i}.png")
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))
            names.append(f"face{i}")
            points.append(MEAN_LANDMARKS + rng.normal(0, 1, (92, 2)))
            rows.append(
                {"name": names[-1], "shard": 0, "split": "val" if i < 4 else "train", "source": "drawn",
                 "gender": "fm"[i % 2], "age": "", "group": "", "side": 300}
            )  # fmt: skip
    with open(root / "faces.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _add_photos(root, rng)
    _add_parsed(root)
    np.savez(root / "landmarks.npz", names=np.array(names), points=np.array(points, np.float16))


def _add_parsed(root: Path) -> None:
    """24 faces of two colours with their labels, skin and background; three of them are held back."""
    label = cv2.ellipse(np.zeros((256, 256), np.uint8), (128, 140), (80, 105), 0, 0, 360, 1, -1)
    photo = np.where(label[..., None] > 0, (120, 160, 220), (60, 90, 60)).astype(np.uint8)
    with tarfile.open(root / "parsing.tar", "w") as tar:
        for name in [f"face{i}{suffix}" for i in range(24) for suffix in (".webp", ".png")]:
            coded = cv2.imencode(Path(name).suffix, label if name.endswith(".png") else photo)[1].tobytes()
            info = tarfile.TarInfo(name)
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))


def _add_photos(root: Path, rng: np.random.Generator) -> None:
    """Nine whole photos with a drawn face each: boxes and labels as people draw them, or five points."""
    rows = []
    with tarfile.open(root / "photos.tar", "w") as tar:
        for i in range(9):
            image = np.full((200, 300, 3), rng.integers(60, 200, 3), np.uint8)
            x, y = (int(v) for v in rng.integers(60, 140, 2))
            cv2.ellipse(image, (x, y), (30, 40), 0, 0, 360, (120, 160, 220), -1)
            coded = cv2.imencode(".png", image)[1].tobytes()
            name = f"{'jl' if i < 5 else 'me'}_{i}"
            info = tarfile.TarInfo(f"{name}.png")
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))
            face = {"box": [x - 30, y - 40, x + 30, y + 40]}
            five = [[x - 12, y - 10], [x + 12, y - 10], [x, y], [x - 10, y + 20], [x + 10, y + 20]]
            face |= {"label": "with_mask"} if i < 5 else {"points": five}
            rows.append({"name": name, "width": 300, "height": 200, "faces": [face]})
    (root / "photos.json").write_text(json.dumps(rows))
