"""How well a face detector finds faces in whole photos: precision, recall, five points, tilt and time.

The size of a box is sqrt(width * height). Boxes are (x0, y0, x1, y1) in pixels of the photo.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from train.data.photos import box_sizes, held_back, overlaps, source
from unmask.types import Json

if TYPE_CHECKING:
    from unmask.faces.face import Face

    Find = Callable[[np.ndarray], list[Face]]

OVERLAP = 0.5  # intersection over union from which a detection is the true box's
# People's boxes of one face differ, from glasses to chin and from crown to chin: a lower bar says whether it was found.
LOOSE = 0.3
SMALLEST = 40.0  # px; people's boxes of smaller faces are too uneven to be judged by
PRECISION = 0.95
LABELS = ("with_mask", "with_incorrect_mask", "without_mask")
ANGLES = (-45, -30, -15, 0, 15, 30, 45, 90, 180, 270)  # degrees, clockwise as seen
TILTED = {"jl": 30, "cd": 15, "me": 15}  # how many photos of each source are turned
SIZES = ((640, 480), (1920, 1080), (4000, 3000))
RIGHT, WRONG, IGNORED = 1, 0, -1
# What a second look at the held-back photos found: faces that people left out, which a detector must not be blamed for,
# and boxes on what is no face. Looked at were the detections of 0.45 and more of one detector, not of its successors.
AUDIT = Path(__file__).with_name("audited_faces.json")


def read_photos(data: Path, rows: list[Json]) -> Iterator[tuple[Json, np.ndarray]]:
    """Each row of photos.json with its photo, RGB uint8 (H, W, 3), out of photos.tar."""
    from train.data.faces import decode, read_images  # they load torch, which `held_back` does without

    images = dict(read_images(data, "photos.tar", {row["name"] for row in rows}))
    for row in rows:
        yield row, decode(images[row["name"]], side=None)


def match(
    boxes: np.ndarray, scores: np.ndarray, truth: np.ndarray, smallest: float = SMALLEST, least: float = OVERLAP
) -> tuple[np.ndarray, np.ndarray]:
    """Which detection is which true face, and whether it is right: the COCO protocol at one overlap.

    boxes (N, 4), scores (N,), truth (M, 4). In order of score each detection takes the true box it overlaps most
    and that none has taken before, by `least` or more: one that counts rather than one smaller than `smallest`.
    Returns the taken box's index or -1, and RIGHT, WRONG or IGNORED, (N,) each. Ignored are detections of small
    faces, and small detections of nothing; a small detection of a face that counts is right.
    """
    taken = np.full(len(boxes), -1)
    verdict = np.where(box_sizes(boxes) < smallest, IGNORED, WRONG)
    overlap = overlaps(boxes, truth)
    counts = box_sizes(truth) >= smallest
    free = np.ones(len(truth), bool)
    for i in np.argsort(-scores, kind="stable"):
        for eligible, result in ((free & counts, RIGHT), (free & ~counts, IGNORED)):
            candidates = np.where(eligible & (overlap[i] >= least), overlap[i], 0)
            if candidates.any():
                taken[i], verdict[i] = candidates.argmax(), result
                free[taken[i]] = False
                break
    return taken, verdict


def audited(name: str, truth: np.ndarray, audit: Json) -> tuple[np.ndarray, np.ndarray]:
    """A photo's true boxes (M, 4) without those on no face, and the faces that were left out, (L, 4)."""
    left_out, no_faces = (np.array(audit[key].get(name, []), float).reshape(-1, 4) for key in ("left_out", "no_faces"))
    bad = (overlaps(truth, no_faces) > 0.95).any(axis=1)
    return truth[~bad], left_out


@dataclass(frozen=True)
class Curve:
    """Precision and recall at every threshold, highest first."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def average_precision(self) -> float:
        """The area under the curve, each precision raised to the best at that recall or above."""
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float(np.sum(best * np.diff(self.recall, prepend=0)))

    def recall_at_precision(self, precision: float) -> tuple[float, float]:
        """The highest recall with at least this precision, and its threshold; (0, inf) where there is none."""
        good = np.flatnonzero(self.precision >= precision)
        return (float(self.recall[good[-1]]), float(self.thresholds[good[-1]])) if len(good) else (0.0, np.inf)

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of the detections that score at least the threshold; (1, 0) where there is none."""
        n = int(np.sum(self.thresholds >= threshold))
        return (float(self.precision[n - 1]), float(self.recall[n - 1])) if n else (1.0, 0.0)


def curve(scores: np.ndarray, verdicts: np.ndarray, faces: int) -> Curve:
    """The curve of all detections of all photos, (N,) each; `faces` is the number of true faces that count."""
    kept = verdicts != IGNORED
    order = np.argsort(-scores[kept], kind="stable")
    scores, right = scores[kept][order], verdicts[kept][order] == RIGHT
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1) if len(scores) else np.zeros(0, int)
    hits = np.cumsum(right)[last]  # only where a threshold can part the scores
    return Curve(scores[last], hits / (last + 1), hits / max(faces, 1))


def point_error(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of five points (5, 2) from the true ones, as a share of the true distance of the eyes."""
    return float(np.linalg.norm(points - truth, axis=1).mean() / np.linalg.norm(truth[1] - truth[0]))


def arrays(faces: "list[Face]") -> tuple[np.ndarray, np.ndarray]:
    """The boxes (N, 4) and scores (N,) of faces."""
    return np.array([face.box for face in faces], float).reshape(-1, 4), np.array([face.score for face in faces], float)


def tilt_sample(rows: list[Json]) -> list[Json]:
    """The held-back rows to turn: evenly spaced over those of each source whose largest face counts."""
    sample = []
    for name, n in TILTED.items():
        usable = [row for row in rows if source(row) == name and box_sizes(largest(row)["box"][None])[0] >= SMALLEST]
        sample += [usable[i] for i in np.linspace(0, len(usable) - 1, min(n, len(usable))).round().astype(int)]
    return sample


def largest(row: Json) -> Json:
    """The largest true face of a row, its box (4,) and points (5, 2) as arrays; an empty box where there is none."""
    faces = [{key: np.array(value) for key, value in face.items()} for face in row["faces"]]
    return max(faces, key=lambda face: box_sizes(face["box"][None])[0], default={"box": np.zeros(4)})


def turn(photo: np.ndarray, center: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo (H, W, 3) turned clockwise about a point by `angle` degrees, and the (2, 3) matrix of its points.

    What comes in at the edges repeats the photo's edge: a mirror image could show a second face.
    """
    matrix = cv2.getRotationMatrix2D(tuple(map(float, center)), -angle, 1)
    height, width = photo.shape[:2]
    return cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), matrix


def tilt_table(find: "Find", data: Path, rows: list[Json], threshold: float) -> str:
    """Recall and point error of the largest face of each row, with the photo turned about its middle."""
    hits: dict[tuple[int, str], list[int]] = defaultdict(list)
    errors: dict[int, list[float]] = defaultdict(list)
    for row, photo in read_photos(data, rows):
        face = largest(row)
        center = (face["box"][:2] + face["box"][2:]) / 2
        for angle in ANGLES:
            turned, matrix = turn(photo, center, angle)
            found = [other for other in find(turned) if other.score >= threshold]
            boxes, scores = arrays(found)
            taken, verdict = match(boxes, scores, face["box"][None])
            hit = np.flatnonzero(verdict == RIGHT)
            hits[angle, "all"].append(len(hit))
            hits[angle, source(row)].append(len(hit))
            if len(hit) and "points" in face and found[hit[0]].points is not None:
                truth = cv2.transform(face["points"][None], matrix)[0]
                errors[angle].append(point_error(np.array(found[hit[0]].points), truth))
    names = ["all", *dict.fromkeys(source(row) for row in rows)]
    lines = [
        "| turned clockwise | " + " | ".join(f"recall, {name}" for name in names) + " | five-point error |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for angle in ANGLES:
        recalls = [mean_percent(hits[angle, name]) for name in names] if rows else ["-"]
        lines.append(f"| {angle}° | " + " | ".join([*recalls, mean_percent(errors[angle])]) + " |")
    return "\n".join(lines)


def time_table(find: "Find", photos: list[np.ndarray], repeats: int = 3) -> str:
    """Median milliseconds of `find` on photos scaled to each of SIZES, after one call to warm up."""
    lines = ["| photo | median ms |", "|---|---|"]
    for size in SIZES:
        scaled = [cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC) for photo in photos]
        find(scaled[0])
        times = []
        for photo in scaled * repeats:
            start = time.perf_counter()
            find(photo)
            times.append(1000 * (time.perf_counter() - start))
        lines.append(f"| {size[0]} x {size[1]} | {np.median(times):.0f} |")
    return "\n".join(lines)


def threads() -> str:
    """How many threads the libraries in use may take."""
    counts = [f"OpenCV {cv2.getNumThreads()}"]
    if "torch" in sys.modules:
        counts.append(f"PyTorch {sys.modules['torch'].get_num_threads()}")
    return ", ".join(counts)


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def mean_percent(shares: Sequence[float]) -> str:
    return percent(float(np.mean(shares))) if shares else "-"


def draw(photo: np.ndarray, row: Json, found: "list[Face]", text: str, side: int = 320) -> np.ndarray:
    """A square thumbnail (side, side, 3) of the photo with true boxes in green and found ones in red."""
    from train.sheets import label

    scale = side / max(photo.shape[:2])
    size = [max(round(length * scale), 1) for length in photo.shape[1::-1]]
    picture = np.zeros((side, side, 3), np.uint8)
    picture[: size[1], : size[0]] = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    boxes = [(face["box"], (0, 255, 0)) for face in row["faces"]] + [(face.box, (255, 0, 0)) for face in found]
    for box, color in boxes:
        x0, y0, x1, y1 = (round(float(value) * scale) for value in box)
        cv2.rectangle(picture, (x0, y0), (x1, y1), color, 1)
    return label(picture, text)


Judged = dict[str, np.ndarray]  # photo: each detection's verdict, in the detector's order


def judge(
    drawn: list[Json], found: "dict[str, list[Face]]", audit: Json | None, least: float
) -> tuple[Curve, Judged, int]:
    """The curve of all detections in the photos that people boxed, each detection's verdict, and how many faces count.

    audit: the second look at the labels, None for the labels as they are. least: the overlap that makes a detection a
    box's.
    """
    verdicts, faces = {}, 0
    for row in drawn:
        boxes, scores = arrays(found[row["name"]])
        truth, left_out = true_boxes(row), np.zeros((0, 4))
        if audit is not None:
            truth, left_out = audited(row["name"], truth, audit)
        faces += int(np.sum(box_sizes(truth) >= SMALLEST))
        verdict = match(boxes, scores, truth, least=least)[1]
        forgiven = (verdict == WRONG) & (overlaps(boxes, left_out) >= LOOSE).any(axis=1)
        verdicts[row["name"]] = np.where(forgiven, IGNORED, verdict)
    scores = np.concatenate([np.zeros(0), *(arrays(found[name])[1] for name in verdicts)])
    return curve(scores, np.concatenate([np.zeros(0, int), *verdicts.values()]), faces), verdicts, faces


def by_hand(row: Json) -> bool:
    """Whether people boxed and labelled this photo's faces."""
    return "label" in (row["faces"] or [{}])[0]


def true_boxes(row: Json) -> np.ndarray:
    return np.array([face["box"] for face in row["faces"]], float).reshape(-1, 4)


def label_table(drawn: list[Json], good: "dict[str, list[Face]]") -> str:
    """Recall of the detections `good` by what people labelled the face."""
    hits: dict[str, list[bool]] = {name: [] for name in LABELS}
    for row in drawn:
        truth = true_boxes(row)
        taken, verdict = match(*arrays(good[row["name"]]), truth)
        for i in np.flatnonzero(box_sizes(truth) >= SMALLEST):
            hits[row["faces"][i]["label"]].append(i in taken[verdict == RIGHT])
    lines = ["| label | faces | recall |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {len(each)} | {mean_percent(each)} |" for name, each in hits.items()])


def point_table(rows: list[Json], good: "dict[str, list[Face]]") -> str:
    """How many faces the detections `good` find in photos whose faces have five points, and how exact theirs are."""
    lines = ["| source | photos | faces | found | five-point error |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(source(row) for row in rows):
        its_rows = [row for row in rows if source(row) == name]
        errors, hits, faces = [], 0, 0
        for row in its_rows:
            its = good[row["name"]]
            truth = true_boxes(row)
            taken, verdict = match(*arrays(its), truth, smallest=0)
            faces += len(truth)
            hits += int(np.sum(verdict == RIGHT))
            for i in np.flatnonzero(verdict == RIGHT):
                if its[i].points is not None:
                    errors.append(point_error(np.array(its[i].points), np.array(row["faces"][taken[i]]["points"])))
        share = percent(hits / max(faces, 1))
        lines.append(f"| {name} | {len(its_rows)} | {faces} | {share} | {mean_percent(errors)} |")
    return "\n".join(lines)


def highest_error_examples(
    data: Path, drawn: list[Json], found: "dict[str, list[Face]]", good: "dict[str, list[Face]]", verdicts: Judged,
    threshold: float, count: int,
) -> list[np.ndarray]:  # fmt: skip
    """Thumbnails of the photos with the most errors at the threshold. good: the detections that reach it."""
    errors = {}
    for row in drawn:
        above = verdicts[row["name"]][arrays(found[row["name"]])[1] >= threshold]
        missed = np.sum(box_sizes(true_boxes(row)) >= SMALLEST) - np.sum(above == RIGHT)
        errors[row["name"]] = int(missed), int(np.sum(above == WRONG))
    worst = sorted(drawn, key=lambda row: -sum(errors[row["name"]]))[:count]
    text = "{} missed, {} wrong"
    return [
        draw(photo, row, good[row["name"]], text.format(*errors[row["name"]]))
        for row, photo in read_photos(data, worst)
    ]


def evaluate_detector(find: "Find", data: Path, out: Path, *, threshold: float | None = None, sheet: int = 24) -> str:
    """Judge a face detector on the held-back photos of data/photos.json; the report, Markdown, also in out/faces.md.

    find takes a photo, RGB uint8 (H, W, 3), and returns all faces with their scores, poor ones too (from about
    0.05): the curve needs them. threshold: of the figures at one threshold; None takes the lowest at which precision
    is 95 %. out/faces.json has the figures, out/faces.png the `sheet` photos with the most errors, true boxes green,
    found ones red.
    """
    from train.sheets import save_pictures

    out.mkdir(parents=True, exist_ok=True)
    photos = json.loads((data / "photos.json").read_text())
    rows = held_back(photos)
    # People's boxes, the only ones complete enough to call a detection wrong.
    drawn = [row for row in rows if by_hand(row)]
    # What a detector gets wrong where it learnt is mostly the labels' doing, and shows how much they allow.
    learnt = [row for row in photos if by_hand(row) and row not in drawn]
    found = {row["name"]: find(photo) for row, photo in read_photos(data, rows + learnt)}

    audit = json.loads(AUDIT.read_text())
    judged = {
        f"{name}{suffix}": judge(judged_rows, found, looked_again, least)
        for name, judged_rows, looked_again in (
            ("labels", drawn, None), ("second look", drawn, audit), ("learnt", learnt, None)
        )
        for suffix, least in (("", OVERLAP), (", loose", LOOSE))
    }  # fmt: skip
    curves = {name: its_curve for name, (its_curve, _, _) in judged.items()}
    faces = {name: count for name, (_, _, count) in judged.items()}
    verdicts = judged["labels"][1]
    result, again_loose = curves["labels"], curves["second look, loose"]

    def average(name: str) -> str:
        return percent(curves[name].average_precision())

    def reached(name: str) -> str:
        return percent(curves[name].recall_at_precision(PRECISION)[0])

    best_threshold = result.recall_at_precision(PRECISION)[1]
    threshold = best_threshold if threshold is None else threshold
    precision, recall = result.at(threshold)
    good = {name: [face for face in each if face.score >= threshold] for name, each in found.items()}

    sample = tilt_sample(rows)
    wide = [photo for _, photo in read_photos(data, sample) if photo.shape[1] > photo.shape[0]][:5]
    paragraphs = [
        f"{len(drawn)} photos, {faces['labels']} faces of at least {SMALLEST:.0f} px boxed by people, "
        f"overlap {OVERLAP}:",
        f"average precision {average('labels')}; recall {reached('labels')} at precision "
        f"{percent(PRECISION)} (threshold {best_threshold:.3f}).",
        f"At threshold {threshold:.3f}: precision {percent(precision)}, recall {percent(recall)}.",
        f"At overlap {LOOSE}: average precision {average('labels, loose')}; recall {reached('labels, loose')} at "
        f"precision {percent(PRECISION)}.",
        f"After a second look at the labels ({AUDIT.name}): average precision {average('second look')}, recall "
        f"{reached('second look')} at precision {percent(PRECISION)}; at overlap {LOOSE} "
        f"{average('second look, loose')} and {reached('second look, loose')}. At threshold {threshold:.3f} and "
        f"overlap {LOOSE}: precision {percent(again_loose.at(threshold)[0])}, recall "
        f"{percent(again_loose.at(threshold)[1])}.",
        f"On the {len(learnt)} photos with {faces['learnt']} such faces that are not held back, by the labels: average "
        f"precision {average('learnt')}, recall {reached('learnt')} at precision {percent(PRECISION)}; at overlap "
        f"{LOOSE} {average('learnt, loose')} and {reached('learnt, loose')}.",
        label_table(drawn, good),
        point_table([row for row in rows if row not in drawn], good),
        f"The largest face of {len(sample)} photos, turned about its middle:",
        tilt_table(find, data, sample, threshold),
        f"Time on this machine (threads: {threads()}):",
        time_table(find, wide),
    ]
    report = "\n\n".join(paragraphs) + "\n"
    (out / "faces.md").write_text(report)

    figures: dict[str, object] = {
        name: {
            "average_precision": its.average_precision(),
            "recall_at_precision": its.recall_at_precision(PRECISION)[0],
            "at_threshold": dict(zip(("precision", "recall"), its.at(threshold))),
        }
        for name, its in curves.items()
    }
    figures |= {"threshold": threshold, "overlap": OVERLAP, "loose": LOOSE, "precision": PRECISION}
    figures |= {"faces": faces["labels"], "faces, second look": faces["second look"]}
    (out / "faces.json").write_text(json.dumps(figures, indent=1) + "\n")
    worst = highest_error_examples(data, drawn, found, good, verdicts, threshold, sheet)
    save_pictures(out / "faces.png", worst, columns=6)
    return report
