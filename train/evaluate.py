"""Figures and contact sheets on the held-back faces, with seeded synthetic masks."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from train.data import Faces, load_faces
from train.sheets import label
from unmask import metrics, synth
from unmask.image import composite, write_png
from unmask.masks import share
from unmask.models import MODELS
from unmask.pipeline import Unmasker

SEED = 2026  # of the evaluation's masks: every run of every model sees the same ones


def masked_faces(faces: Faces, seed: int = SEED) -> list[synth.MaskedFace]:
    """One synthetic mask for every face, the same for every evaluation."""
    return [
        synth.put_mask_on(np.asarray(photo), points, np.random.default_rng([seed, i]))
        for i, (photo, points) in enumerate(zip(faces.photos, faces.landmarks))
    ]


def evaluate(
    data: Path, models: list[str], out: Path, cache: Path, *, weights: dict[str, str], device: str, holes: str,
    limit: int | None,
) -> str:  # fmt: skip
    """Evaluate on the val split at 256 px; returns the table (Markdown), also written to out/table.md.

    holes: "true" gives the removers the synthetic mask itself, "found" the mask that M-Seg found, grown as in the
    demo. Scores compare the composite with the bare face; `hole` scores count the true mask's pixels alone.
    """
    out.mkdir(parents=True, exist_ok=True)
    unmasker = Unmasker(device, weights=weights)
    faces = load_faces(data, "val", cache, limit)
    masked = masked_faces(faces)
    rows: list[dict] = []
    results: dict[str, list[np.ndarray]] = defaultdict(list)
    for i, (photo, face) in enumerate(zip(tqdm(faces.photos, desc="evaluate", unit="face"), masked)):
        photo = np.asarray(photo)
        about = {key: faces.rows[i][key] for key in ("name", "source", "group", "gender")}
        about |= {"kind": face.kind, "wear": face.wear, "share": round(share(face.mask), 4)}
        hole = face.mask
        if holes == "found" or "mseg" in models:
            found = unmasker.find_mask(face.image)
            if "mseg" in models:
                bare = unmasker.segment(photo, aligned=True)
                scores = {
                    "dice": metrics.dice(found, face.mask),
                    "accuracy": metrics.pixel_accuracy(found, face.mask),
                    "bare_share": share(bare),
                }
                rows.append(about | {"model": "mseg"} | scores)
            if holes == "found":
                hole = unmasker.segment(face.image, aligned=True)
        for name in models:
            if MODELS[name].kind == "segmenter":
                continue
            result = composite(face.image, unmasker.fill(name, face.image, hole), hole)
            results[name].append(result)
            rows.append(
                about
                | {
                    "model": name,
                    "psnr": metrics.psnr(result, photo),
                    "ssim": metrics.ssim(result, photo),
                    "hole_psnr": metrics.psnr(result, photo, face.mask),
                    "hole_ssim": metrics.ssim(result, photo, face.mask),
                    "sharpness": metrics.sharpness_ratio(result, photo, face.mask),
                }
            )
    _write_csv(out / "per-image.csv", rows)
    text = table(rows, models, holes)
    (out / "table.md").write_text(text)
    for name, images in results.items():
        save_sheet(out / f"sheet-{name}.png", name, images, rows, faces, masked)
    if len(results) > 1:
        save_comparison(out / "sheet-comparison.png", results, faces, masked)
    return text


def _write_csv(path: Path, rows: list[dict]) -> None:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, keys)
        writer.writeheader()
        writer.writerows(rows)


def table(rows: list[dict], models: list[str], holes: str) -> str:
    """Means over faces as Markdown, one table for the segmenter and one for the removers."""
    mean = lambda name, key: float(np.mean([row[key] for row in rows if row["model"] == name]))
    lines: list[str] = []
    if "mseg" in models:
        own = [row for row in rows if row["model"] == "mseg"]
        none_found = np.mean([row["bare_share"] == 0 for row in own])
        lines += [
            "| segmenter | faces | Dice | pixel accuracy | no mask found on the bare face |",
            "|---|---|---|---|---|",
            f"| M-Seg | {len(own)} | {mean('mseg', 'dice'):.2%} | {mean('mseg', 'accuracy'):.2%} | {none_found:.1%} |",
            "",
        ]
    removers = [name for name in models if MODELS[name].kind != "segmenter"]
    if removers:
        hole_share = mean(removers[0], "share")
        lines += [
            f"Removers, hole = the {holes} mask; mean share of the picture under the mask: {hole_share:.1%}.",
            "",
            "| remover | faces | PSNR | SSIM | hole PSNR | hole SSIM | hole sharpness |",
            "|---|---|---|---|---|---|---|",
        ]
        for name in removers:
            count = sum(row["model"] == name for row in rows)
            scores = [mean(name, key) for key in ("psnr", "ssim", "hole_psnr", "hole_ssim", "sharpness")]
            lines.append(
                "| {} | {} | {:.2f} | {:.4f} | {:.2f} | {:.4f} | {:.2f} |".format(MODELS[name].title, count, *scores)
            )
        lines.append("")
    return "\n".join(lines)


def save_sheet(path: Path, name: str, images, rows, faces: Faces, masked) -> None:
    """Best, median and worst six by hole PSNR: masked, result, truth."""
    scores = np.array([row["hole_psnr"] for row in rows if row["model"] == name])
    order = np.argsort(-scores)
    middle = len(order) // 2
    picks = [order[:6], order[max(middle - 3, 0) :][:6], order[-6:]]
    blocks = []
    for indices in picks:
        for kind in (
            [masked[i].image for i in indices],
            [label(images[i], f"{name} {scores[i]:.1f} dB") for i in indices],
            [np.asarray(faces.photos[i]) for i in indices],
        ):
            blocks.append(np.concatenate(kind, axis=1))
    _write_rows(path, blocks)


def save_comparison(path: Path, results: dict[str, list[np.ndarray]], faces: Faces, masked, count: int = 8) -> None:
    """Evenly spread faces, one a column: masked, every model, truth."""
    indices = np.linspace(0, len(masked) - 1, min(count, len(masked))).astype(int)
    blocks = [np.concatenate([masked[i].image for i in indices], axis=1)]
    for name, images in results.items():
        blocks.append(np.concatenate([label(images[i], name) for i in indices], axis=1))
    blocks.append(np.concatenate([np.asarray(faces.photos[i]) for i in indices], axis=1))
    _write_rows(path, blocks)


def _write_rows(path: Path, blocks: list[np.ndarray]) -> None:
    width = max(block.shape[1] for block in blocks)
    padded = [np.pad(block, ((0, 0), (0, width - block.shape[1]), (0, 0))) for block in blocks]
    with open(path, "wb") as file:
        write_png(file, np.concatenate(padded, axis=0))
