"""Figures and contact sheets on the held-back faces, with seeded masks or holes. What is made of them: report.py."""

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from train.data.batches import shrink
from train.data.faces import SIDE, STAND_OFF, TURNED, Faces, fingerprint, load_faces
from train.data.sharp_faces import large_faces
from train.evaluation import perceptual, realism
from train.evaluation.report import write_report
from train.evaluation.square import cut_squares
from train.evaluation.thick import draw_thick_hole
from train.record import revision
from train.sheets import save_comparison, save_ranked, tint
from unmask import metrics, synth
from unmask import weights as weight_files
from unmask.blending.composite import composite
from unmask.faces.alignment import CROP
from unmask.imaging.tensors import mask_to_tensor, to_tensor
from unmask.masks import binarise, grow, share
from unmask.pipeline import MARGIN, Unmasker
from unmask.registry import FAITHFUL, RELEASES
from unmask.types import Json

SEED = 2026  # of the evaluation's masks: every run of every model sees the same ones
BOX_SIZE, BOX_SIDES = 128, (24, 48)  # px: picture and holes of the two-autoencoders paper
NO_FACE_MASKS = ("boxes", "thick")  # protocols in which M-Seg has nothing to find
CORNERS = 0.0186  # of the crop's side: mean distance of the demo's corners from the true ones, see evaluate-faces


@dataclass(frozen=True)
class Case:
    """One held-back face and what hides part of it."""

    about: Json  # of faces.csv, and kind, wear and share of the hole
    photo: np.ndarray  # (S, S, 3) uint8 RGB, the truth
    image: np.ndarray  # (S, S, 3) uint8 RGB, with the hidden part
    mask: np.ndarray  # (S, S) uint8, 255 = hidden


def masked_faces(faces: Faces, seed: int = SEED, loose: bool = False) -> list[synth.MaskedFace]:
    """One synthetic mask for every face, the same for every evaluation. loose: each stands off its face by STAND_OFF,
    as worn ones do."""
    masked = []
    for i, (photo, points) in enumerate(zip(faces.photos, faces.landmarks)):
        distance = float(np.random.default_rng([seed, 3, i]).uniform(*STAND_OFF)) if loose else 0.0
        rng = np.random.default_rng([seed, i])
        masked.append(synth.put_mask_on(np.asarray(photo), points, rng, stand_off=distance))
    return masked


def masked_cases(faces: Faces, loose: bool = False) -> list[Case]:
    """A synthetic face mask on every face, at 256 px; loose: see `masked_faces`."""
    cases = []
    for photo, face, row in zip(faces.photos, masked_faces(faces, loose=loose), faces.rows):
        cases.append(_case(row, np.asarray(photo), face.image, face.mask, face.kind, face.wear))
    return cases


def stand_off_cases(faces: Faces) -> list[Case]:
    """As `masked_cases`, with masks that stand off the face."""
    return masked_cases(faces, loose=True)


def misalignment(rng: np.random.Generator) -> np.ndarray:
    """(2, 3): a crop turned, scaled and shifted at random, by as much as the demo's are wrong: its corners lie CORNERS
    off in the mean, and angle, scale and the two shifts have equal parts in that."""
    # Each moves a corner by `step`, as standard deviation: together by the mean of a Rayleigh distribution.
    step, middle, corner = CORNERS / math.sqrt(math.pi), SIDE / 2, math.sqrt(0.5)
    turn, zoom, x, y = rng.normal(0, step, 4)
    matrix = cv2.getRotationMatrix2D((middle, middle), math.degrees(turn / corner), math.exp(zoom / corner))
    matrix[:, 2] += x * SIDE, y * SIDE
    return matrix


def misaligned_cases(faces: Faces, seed: int = SEED) -> list[Case]:
    """As `masked_cases`, on crops that are aligned no better than the demo's of photographs."""
    cases = []
    for i, case in enumerate(masked_cases(faces)):
        matrix = misalignment(np.random.default_rng([seed, 2, i]))
        photo, image, mask = (
            cv2.warpAffine(picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
            for picture in (case.photo, case.image, case.mask)
        )
        mask = binarise(mask)
        about = case.about | {"share": round(share(mask), 4)}
        cases.append(replace(case, about=about, photo=photo, image=image, mask=mask))
    return cases


def square_cases(faces: Faces) -> list[Case]:
    """As `masked_cases`, in the square of GANMasker's paper: see train.square. CelebA faces alone."""
    return masked_cases(cut_squares(faces))


def box_cases(faces: Faces, seed: int = SEED) -> list[Case]:
    """A white square of 24 to 48 px somewhere in every face, at 128 px."""
    cases = []
    for i, (photo, row) in enumerate(zip(shrink(faces.photos, BOX_SIZE), faces.rows)):
        rng = np.random.default_rng([seed, 1, i])
        side = int(rng.integers(BOX_SIDES[0], BOX_SIDES[1] + 1))
        x, y = rng.integers(0, BOX_SIZE - side + 1, 2)
        mask = np.zeros((BOX_SIZE, BOX_SIZE), np.uint8)
        mask[y : y + side, x : x + side] = 255
        cases.append(_case(row, photo, np.where(mask[..., None] > 0, np.uint8(255), photo), mask, "box", ""))
    return cases


def thick_cases(faces: Faces, seed: int = SEED) -> list[Case]:
    """A thick hole of LaMa's evaluation in every face, white, at 256 px."""
    cases = []
    for i, (photo, row) in enumerate(zip(faces.photos, faces.rows)):
        hole, photo = draw_thick_hole(np.random.default_rng([seed, 4, i]), SIDE), np.asarray(photo)
        cases.append(_case(row, photo, np.where(hole[..., None] > 0, np.uint8(255), photo), hole, "thick", ""))
    return cases


def _case(row: Json, photo: np.ndarray, image: np.ndarray, mask: np.ndarray, kind: str, wear: str) -> Case:
    about = {key: row[key] for key in ("name", "source", "group", "gender")}
    about |= {"person": realism.person(row), "head": head(row)}
    return Case(about | {"kind": kind, "wear": wear, "share": round(share(mask), 4)}, photo, image, mask)


def head(row: Json) -> str:
    """Whether a face of faces.csv is turned away from the camera; empty where that does not say."""
    if not row.get("yaw"):
        return ""
    turned = abs(float(row["yaw"])) > TURNED
    return f"turned by more than {TURNED} degrees" if turned else f"turned by {TURNED} degrees or less"


PROTOCOLS = {
    "faces": masked_cases, "post-processed": masked_cases, "misaligned": misaligned_cases, "square": square_cases,
    "boxes": box_cases, "stand-off": stand_off_cases, "thick": thick_cases, "large": masked_cases,
}  # fmt: skip


def evaluate(
    data: Path, models: list[str], out: Path, cache: Path, *, weights: dict[str, str], device: str,
    holes: str = "ground-truth", protocol: str = "faces", split: str = "val", limit: int | None = None,
    sample: int = 0,
) -> str:  # fmt: skip
    """Evaluate on a held-back split; returns the report (Markdown), written with its figures and pictures to `out`.

    protocol: "faces" puts a synthetic mask on every face, at 256 px; "post-processed" does so, too, and finishes the
    fill as the demo does (`unmask/blending/composite.py`); "misaligned" turns, scales and shifts the crops as the
    demo's are; "stand-off" draws masks that stand off the face; "square" takes the CelebA faces in the paper's square;
    "boxes" puts a random square of 24 to 48 px on them, at 128 px; "thick" strokes and boxes as wide as in LaMa's
    evaluation; "large" takes the faces that are there at 512 px, so large, where fills are refined. split: "val", or
    "val2", faces that came later, 300 of CelebA and 60 at 512 px among them.
    holes: "ground-truth" gives the inpainting models that mask itself, "predicted" the mask that M-Seg found, grown as
    in the demo. sample: see `Unmasker.remove`, for "post-processed". Scores compare the composite with the bare face;
    `hole` scores count the true mask's pixels alone.
    Raises ValueError for holes to be found in the protocols "boxes" and "thick", for M-Seg finds face masks, and for a
    sample in any but "post-processed".
    """
    if sample and protocol != "post-processed":
        raise ValueError(f"Only the protocol post-processed has samples: --sample does not go with {protocol}.")
    if protocol in NO_FACE_MASKS and holes == "predicted":
        raise ValueError(f"M-Seg finds face masks alone: --holes predicted does not go with --protocol {protocol}.")
    inpainting_models = [name for name in models if RELEASES[name].kind != "segmentation"]
    segmentation_models = [
        name for name in models if RELEASES[name].kind == "segmentation" and protocol not in NO_FACE_MASKS
    ]
    unmasker = Unmasker(device, weights=weights)
    faces = load_faces(data, split, cache, limit)
    if protocol == "large":
        faces, _ = large_faces(data, faces, cache)
    cases = PROTOCOLS[protocol](faces)
    rows: list[Json] = []
    pictures: dict[str, list[np.ndarray]] = defaultdict(list)
    for case in tqdm(cases, desc="evaluate", unit="face"):
        # The demo's masks are a margin wider than what was found: its soft edge is to mix skin with skin.
        hole = grow(case.mask, round(MARGIN * CROP)) if protocol == "post-processed" else case.mask
        for name in segmentation_models:
            found = unmasker.find_mask(case.image, name)
            bare = unmasker.segment(case.photo, aligned=True, segmenter=name)
            scores = {
                "dice": metrics.dice(found, case.mask),
                "accuracy": metrics.pixel_accuracy(found, case.mask),
                "bare_share": share(bare),
            }
            rows.append(case.about | {"model": name} | scores)
            pictures[name].append(tint(case.image, found))
        if holes == "predicted":
            hole = unmasker.segment(case.image, aligned=True)
        for name in inpainting_models:
            if protocol == "post-processed":
                model, wanted = RELEASES[name].name, realism_of(name)
                asked = unmasker.remove(case.image, hole, [model], aligned=True, realism=wanted, sample=sample)
                result = asked[model]
            else:
                result = composite(case.image, fill(unmasker, name, case.image, hole), hole)
            rows.append(case.about | {"model": name} | score(result, case))
            pictures[name].append(result)

    truths = [case.photo for case in cases]
    composites = {name: pictures[name] for name in inpainting_models}
    notes = perceptual.add_lpips(rows, composites, truths, unmasker.device)
    distances, more = perceptual.distances(composites, truths, unmasker.device)
    people = [case.about["person"] for case in cases]
    apart, most = realism.distances(composites, truths, [case.mask for case in cases], people, unmasker.device)
    distances = {name: distances.get(name, {}) | own for name, own in apart.items()} or distances
    about = {
        "protocol": protocol, "holes": holes, "size": len(cases[0].photo), "seed": SEED,
        "revision": revision(), "data": {"fingerprint": fingerprint(data), "split": split, "faces": len(cases)},
        "weights": {
            name: describe(unmasker, name, weights)
            for name in segmentation_models + inpainting_models if RELEASES[name].kind != "classical"
        },
        "distances": distances, "notes": notes + more + most,
    }  # fmt: skip
    text = write_report(out, rows, about)
    for name, images in pictures.items():
        finds = name in segmentation_models
        ranks = [row["dice" if finds else "hole_psnr"] for row in rows if row["model"] == name]
        words = [f"{name} {100 * rank:.1f} %" if finds else f"{name} {rank:.1f} dB" for rank in ranks]
        ends = [tint(case.photo, case.mask) for case in cases] if finds else truths
        save_ranked(out / f"sheet-{name}.png", [[case.image for case in cases], images, ends], ranks, words)
    if len(composites) > 1:
        save_comparison(out / "sheet-comparison.png", [case.image for case in cases], composites, truths)
    return text


def score(result: np.ndarray, case: Case) -> dict[str, float]:
    """An inpainting model's figures for one picture."""
    bands = metrics.band_ratios(to_tensor(result), to_tensor(case.photo), mask_to_tensor(case.mask))[0].tolist()
    return {
        "psnr": metrics.psnr(result, case.photo),
        "ssim": metrics.ssim(result, case.photo),
        "hole_psnr": metrics.psnr(result, case.photo, case.mask),
        "hole_ssim": metrics.ssim(result, case.photo, case.mask),
        "sharpness": metrics.sharpness_ratio(result, case.photo, case.mask),
        "band_4_8": bands[0],
        "band_8_16": bands[1],
    }


def describe(unmasker: Unmasker, name: str, weights: dict[str, str]) -> Json:
    """Which file was measured."""
    model, output = RELEASES[name].name, output_of(name)
    path = weight_files.find(model, weights.get(name), output)
    return {"sha256": weight_files.sha256(path), "size": unmasker.model(model, output).size}


def output_of(release: str) -> str | None:
    """Which of its model's outputs a file of weights is for, by its stem; None is the default one."""
    return release.removeprefix(RELEASES[release].name).removeprefix("-") or None


def realism_of(release: str) -> float:
    """What to ask the model for, to get the output that a file of weights is for."""
    return 0.0 if output_of(release) == FAITHFUL else 1.0


def fill(unmasker: Unmasker, release: str, crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`Unmasker.fill` by one file of weights."""
    return unmasker.fill(RELEASES[release].name, crop, mask, realism=realism_of(release))
