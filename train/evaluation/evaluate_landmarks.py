"""How well the landmarks under a mask are found, and whether they mend a face's alignment."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from train.data import backdrop, profiles
from train.data.batches import turns
from train.data.draws import Draws
from train.data.faces import SIDE, Faces, load_faces
from train.evaluation.evaluate import SEED, masked_faces
from train.recipes.landmarks import EYE_DISTANCE
from train.sheets import save_pictures
from unmask.faces.detector import detect
from unmask.faces.face import Face, whole_photo
from unmask.faces.landmarks import five_points
from unmask.pipeline import THRESHOLD, Unmasker
from unmask.registry import FACE_DETECTOR
from unmask.synth import MaskedFace

CANVAS = 400  # px of the picture a face is put into
CORNERS = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], float)


def eye_distance(points: np.ndarray) -> float:
    """Distance of the two eyes' middles of 92 landmarks (92, 2)."""
    left, right, *_ = five_points(points)
    return float(np.hypot(*(left - right)))


def evaluate_landmarks(
    data: Path, out: Path, cache: Path, *, weights: dict[str, str], device: str, limit: int | None
) -> str:
    """Normalised mean error by eye distance on the val split, with the evaluation's masks and bare, and of the heads
    that can be turned on into profile (`train.data.profiles`), by the eye distance of a mean face; and how far the
    crop's corners lie from the true ones, in crop sides, as the detector sees the face and after refinement.

    The report, Markdown, is also written to out/landmarks.md; out/landmarks.png shows the worst and the median.
    """
    out.mkdir(parents=True, exist_ok=True)
    unmasker = Unmasker(device, weights=weights)
    faces = load_faces(data, "val", cache, limit)
    masked = masked_faces(faces)
    errors: dict[str, list[float]] = {"masked": [], "bare": []}
    pictures = []
    for i, (photo, face) in enumerate(zip(tqdm(faces.photos, desc="landmarks", unit="face"), masked)):
        truth = faces.landmarks[i]
        for kind, image in (("bare", np.asarray(photo)), ("masked", face.image)):
            found = unmasker.landmarks(image, whole_photo(image))
            errors[kind].append(float(np.linalg.norm(found - truth, axis=1).mean() / eye_distance(truth)))
        pictures.append(_marked(face.image, truth, found))
    for photo, worn, truth in _profiles(faces, masked):
        for kind, image in (("in profile, bare", photo), ("in profile, masked", worn)):
            found = unmasker.landmarks(image, whole_photo(image))
            error = np.linalg.norm(found - truth, axis=1).mean() / (SIDE * EYE_DISTANCE)
            errors.setdefault(kind, []).append(float(error))
    before, after = _alignment(unmasker, masked)

    lines = ["| landmarks, normalised mean error by eye distance | faces | mean | median | 95th percentile |"]
    lines += ["|---|---|---|---|---|"]
    lines += [_row(kind, str(len(values)), values) for kind, values in errors.items()]
    lines += ["", "| crop's corners, distance from the true ones | faces found | mean | median | 95th percentile |"]
    lines += ["|---|---|---|---|---|"]
    count = f"{len(before)} of {len(masked)}"
    lines += [_row("by the detector's five points", count, before), _row("after refinement by landmarks", count, after)]
    order = np.argsort(errors["masked"])[::-1]
    middle = len(order) // 2
    save_pictures(out / "landmarks.png", [pictures[i] for i in (*order[:16], *order[middle : middle + 8])], columns=8)
    text = "\n".join(lines) + "\n"
    (out / "landmarks.md").write_text(text)
    return text


def _profiles(faces: Faces, masked: list[MaskedFace]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The photo and the masked photo (256, 256, 3) and the landmarks (92, 2) of every head that is turned on into
    profile; none where too few are turned to tell depth, or the face parsing network's weights are missing."""
    turn, parser = torch.from_numpy(turns(faces)).float(), backdrop.parsing_if_available()
    points = torch.from_numpy(faces.landmarks / SIDE)
    solid = profiles.solid_face(points, turn, enough=50)
    if solid is None or parser is None:
        return
    for i in ((turn.abs() >= profiles.SOURCE[0]) & (turn.abs() <= profiles.SOURCE[1])).nonzero()[:, 0].tolist():
        photo, worn, mask = np.asarray(faces.photos[i]), masked[i].image, 255 * (masked[i].mask[..., None] > 0)
        layers = np.concatenate([photo, worn, mask, 0 * mask, 0 * mask + 255], axis=2).astype(np.float32)
        x, draws = torch.from_numpy(layers).permute(2, 0, 1)[None], Draws(SEED + i, 1, slice(None), torch.device("cpu"))
        place, by = points[i : i + 1].clone(), turn[i : i + 1].clone()
        x, place, _ = profiles.turn_heads(x, place, by, solid, parser, draws, share=1.0)
        pictures = x[0, :6].permute(1, 2, 0).round().to(torch.uint8).numpy()
        yield pictures[..., :3].copy(), pictures[..., 3:].copy(), place[0].numpy() * SIDE


def _row(kind: str, count: str, values: list[float]) -> str:
    """A table's row: mean, median and 95th percentile of some errors, or dashes where there is none."""
    if not values:
        return f"| {kind} | {count} | - | - | - |"
    mean, middle, high = np.mean(values), np.median(values), np.percentile(values, 95)
    return f"| {kind} | {count} | {mean:.2%} | {middle:.2%} | {high:.2%} |"


def _marked(image: np.ndarray, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """True points green, found ones red."""
    image = image.copy()
    for points, color in ((truth, (0, 255, 0)), (found, (255, 0, 0))):
        for x, y in points:
            cv2.circle(image, (round(x), round(y)), 1, color, -1)
    return image


def _alignment(unmasker: Unmasker, masked: list[MaskedFace]) -> tuple[list[float], list[float]]:
    """Masked faces put into a larger picture, turned and scaled: mean distance of the crop's four corners from where
    they belong, in crop sides, before and after refinement."""
    before, after = [], []
    for i, face in enumerate(masked):
        rng = np.random.default_rng([SEED, i])
        matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.normal(0, 12), rng.uniform(0.6, 1.1))
        matrix[:, 2] = matrix[:, 2] + rng.uniform(-30, 30, 2) + (CANVAS - SIDE) / 2
        photo = cv2.warpAffine(
            face.image, matrix, (CANVAS, CANVAS), flags=cv2.INTER_AREA, borderValue=(127, 127, 127)
        )
        true = cv2.transform(CORNERS[None], matrix)[0]
        found = detect(unmasker.model(FACE_DETECTOR), photo, THRESHOLD)
        if not found:
            continue
        before.append(_corner_error(found[0], true))
        after.append(_corner_error(unmasker.refine(photo, found[0]), true))
    return before, after


def _corner_error(face: Face, true: np.ndarray) -> float:
    """Mean distance of the crop's corners from the true ones (4, 2), in sides of the true crop."""
    return float(np.linalg.norm(face.corners() - true, axis=1).mean() / np.linalg.norm(true[1] - true[0]))
