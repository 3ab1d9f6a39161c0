"""Pictures to train the face detector on: pieces of whole photos, and aligned faces put into scenes.

Every scene is drawn from its number alone, so a run that is resumed sees what it would have seen.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from train.data.batch import Batch
from train.data.batches import sampling_weights
from train.data.faces import SIDE, Faces, decode, read_images
from train.data.photos import held_back, overlaps
from unmask.blending.tone import LUMA
from unmask.faces.detector import detect
from unmask.faces.landmarks import five_points
from unmask.faces.layout import OVAL
from unmask.types import Json

LABELS = {"with_mask": 1.0, "with_incorrect_mask": 1.0, "without_mask": 0.0}
UNKNOWN, IGNORED = -1.0, -2.0  # ignored: cut or hidden so far that neither answer would be wrong
MOST = 48  # faces a scene keeps
SURE = 0.5  # score above which a face without a box is taken to be one that people left out
SMALLEST = 11.0  # px; a smaller face is neither learnt nor counted as wrong


@dataclass
class Boxes:
    """The faces of one picture, in its pixels."""

    box: np.ndarray  # (N, 4) float32: x0, y0, x1, y1
    points: np.ndarray  # (N, 5, 2) float32, NaN where unknown
    masked: np.ndarray  # (N,) float32: 1 masked, 0 bare, -1 unknown, -2 a face that does not count

    def only(self, keep: np.ndarray) -> "Boxes":
        """Those where `keep` (N,) is true."""
        return Boxes(self.box[keep], self.points[keep], self.masked[keep])

    @staticmethod
    def joined(parts: list["Boxes"]) -> "Boxes":
        return Boxes(*(np.concatenate([getattr(p, key) for p in parts]) for key in ("box", "points", "masked")))

    def moved(self, matrix: np.ndarray, mirror_width: float | None = None) -> "Boxes":
        """After the similarity (2, 3); a turned box keeps its sides' lengths, around its own middle. With
        `mirror_width` the picture is then mirrored from left to right."""
        scale = float(np.hypot(*matrix[:, 0]))
        middle = (self.box[:, :2] + self.box[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
        half = scale * (self.box[:, 2:] - self.box[:, :2]) / 2
        points = self.points @ matrix[:, :2].T + matrix[:, 2]
        if mirror_width is not None:
            middle[:, 0] = mirror_width - middle[:, 0]
            points[..., 0] = mirror_width - points[..., 0]
            points = points[:, [1, 0, 2, 4, 3]]  # the left eye as seen is now the right one
        box = np.concatenate([middle - half, middle + half], axis=1)
        return Boxes(box.astype(np.float32), points.astype(np.float32), self.masked)


def photo_boxes(row: Json) -> Boxes:
    """The faces of a row of photos.json."""
    faces = row["faces"]
    nothing = [[np.nan, np.nan]] * 5
    return Boxes(
        np.array([face["box"] for face in faces], np.float32).reshape(-1, 4),
        np.array([face.get("points", nothing) for face in faces], np.float32).reshape(-1, 5, 2),
        # The photos of masked faces that have points have no label; they start with "cd".
        np.array(
            [LABELS.get(face.get("label"), float(row["name"].startswith("cd"))) for face in faces], np.float32
        ),
    )


def left_out(detector: nn.Module, photo: np.ndarray, boxes: Boxes) -> Boxes:
    """The faces in a photo that a detector is sure of and that have no box: they are not to count."""
    found = np.array([face.box for face in detect(detector, photo, SURE)], np.float32).reshape(-1, 4)
    new = found[~(overlaps(found, boxes.box) > 0.1).any(axis=1)]
    count = len(new)
    return Boxes(new, np.full((count, 5, 2), np.nan, np.float32), np.full(count, IGNORED, np.float32))


class Scenes:
    """Scenes by number: the interface of `train.data.faces.Batches` for the face detector."""

    def __init__(self, data: Path, faces: Faces, pairs: np.ndarray, *, size: int, seed: int, device: torch.device,
                 limit: int | None = None, held_out: bool = False, detector: nn.Module | None = None):  # fmt: skip
        """limit: only so many photos, for a rehearsal. held_out: photos that are kept back from training instead.
        detector: a trained one, whose faces that people left out are not to be learnt as background."""
        self.size, self.seed, self.device = size, seed, device
        rows = json.loads((data / "photos.json").read_text())
        back = {row["name"] for row in held_back(rows)}
        rows = [row for row in rows if (row["name"] in back) == held_out][:limit]
        wanted = {row["name"]: row for row in rows}
        images = dict(read_images(data, "photos.tar", set(wanted)))
        self.photos = [(decode(images[name], side=None), photo_boxes(row)) for name, row in wanted.items()]  # 1 GB
        crowd = np.array([name.startswith("jl") for name in wanted])  # photos with boxes that people drew
        self.crowd, self.portraits = np.flatnonzero(crowd), np.flatnonzero(~crowd)
        if detector is not None:
            for i in self.crowd:
                photo, boxes = self.photos[i]
                self.photos[i] = photo, Boxes.joined([boxes, left_out(detector, photo, boxes)])
        self.faces, self.pairs = faces, pairs
        self.probabilities = sampling_weights(faces)
        self.points = five_points(faces.landmarks)
        oval = faces.landmarks[:, OVAL]
        self.boxes = np.concatenate([oval.min(axis=1), oval.max(axis=1)], axis=1)
        # An aligned face is put in without its square's corners, which would give it away.
        y, x = np.mgrid[:SIDE, :SIDE]
        away = np.hypot((x - 127.5) / 118, (y - 132) / 128)
        self.soft = np.clip((1 - away) * 8, 0, 1).astype(np.float32)

    def get(self, step: int, batch: int, warp: float = 0.0, rows: slice = slice(None)) -> Batch:
        """Batch number `step`, or these rows of it: photo (B, 3, size, size) in [-1, 1]; boxes (B, 48, 4) in px, NaN
        where there is no face; points (B, 48, 5, 2), NaN where unknown; wears (B, 48): see `Boxes`."""
        scenes = [self.scene(np.random.default_rng([self.seed, step, i])) for i in range(batch)[rows]]
        return self._collect(scenes)

    def first(self, count: int) -> Batch:
        """Fixed scenes, for the sample grid."""
        return self.get(0, count)

    def _collect(self, scenes: list[tuple[np.ndarray, Boxes]]) -> Batch:
        n = len(scenes)
        boxes, points = np.full((n, MOST, 4), np.nan, np.float32), np.full((n, MOST, 5, 2), np.nan, np.float32)
        masked = np.full((n, MOST), UNKNOWN, np.float32)
        for i, (_, found) in enumerate(scenes):
            count = min(len(found.box), MOST)
            boxes[i, :count], points[i, :count] = found.box[:count], found.points[:count]
            masked[i, :count] = found.masked[:count]
        photo = torch.from_numpy(np.stack([image for image, _ in scenes])).to(self.device)
        photo = (photo.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        targets = [torch.from_numpy(value).to(self.device) for value in (boxes, points, masked)]
        return {"photo": photo, "boxes": targets[0], "points": targets[1], "wears": targets[2]}

    def scene(self, rng: np.random.Generator) -> tuple[np.ndarray, Boxes]:
        """One picture (size, size, 3) uint8: one view, or four of half the size side by side."""
        cells = 1 if rng.random() < 0.6 else 2
        side = self.size // cells
        image = np.empty((self.size, self.size, 3), np.uint8)
        parts = []
        for row in range(cells):
            for column in range(cells):
                view, boxes = self._view(rng, side)
                shift = np.array([column * side, row * side])
                image[shift[1] : shift[1] + side, shift[0] : shift[0] + side] = view
                parts.append(boxes.moved(np.column_stack([np.eye(2), shift])))
        return self._film(image, rng), Boxes.joined(parts)

    def _view(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, Boxes]:
        """side x side px of a photo, in which an aligned face may have been put."""
        kind = rng.choice(("crowd", "portrait", "pasted"), p=(0.6, 0.1, 0.3))
        place = self.crowd if kind == "crowd" or (kind == "pasted" and rng.random() < 0.7) else self.portraits
        if not len(place):
            place = np.arange(len(self.photos))
        photo, boxes = self.photos[rng.choice(place)]
        target = float(np.exp(rng.uniform(np.log(14), np.log(0.95 * side))))  # size of the chosen face in the view
        labelled = boxes.box[boxes.masked > IGNORED]
        if kind == "pasted" or not len(labelled) or rng.random() < 0.1:  # anywhere in the photo
            zoom = float(np.exp(rng.uniform(np.log(side / max(photo.shape)), np.log(2.5 * side / max(photo.shape)))))
            center = rng.uniform(0, 1, 2) * photo.shape[1::-1]
        else:
            box = labelled[rng.integers(len(labelled))]
            zoom = min(target / float(np.sqrt(np.prod(box[2:] - box[:2]))), 2.5)
            zoom = max(zoom, 0.7 * side / max(photo.shape))  # not much of the view beside the photo
            reach = side / zoom / 2 * 0.9  # the face may lie anywhere in the view, and be cut by its edge
            center = (box[:2] + box[2:]) / 2 + rng.uniform(-reach, reach, 2)
        view, boxes = self._cut(photo, boxes, center, zoom, self._angle(rng), side, rng)
        if kind == "pasted":
            return self._paste(view, boxes, target, rng)
        return view, boxes

    @staticmethod
    def _angle(rng: np.random.Generator) -> float:
        """Radians: mostly upright, a quarter anywhere up to 50 degrees."""
        return float(rng.uniform(-0.87, 0.87) if rng.random() < 0.25 else rng.normal(0, 0.14))

    @staticmethod
    def _similarity(center: np.ndarray, zoom: float, angle: float, to: np.ndarray | float) -> np.ndarray:
        """(2, 3): the point `center` goes to `to` (a number: on both axes), zoomed and turned."""
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([turn, to - turn @ center])

    def _cut(
        self, photo: np.ndarray, boxes: Boxes, center: np.ndarray, zoom: float, angle: float, side: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, Boxes]:  # fmt: skip
        matrix = self._similarity(center, zoom, angle, side / 2)
        image, small = photo, matrix.copy()
        if zoom < 0.6:  # average first what the warp would alias
            image = cv2.resize(photo, None, fx=zoom * 1.2, fy=zoom * 1.2, interpolation=cv2.INTER_AREA)
            small[:, :2] /= np.array(image.shape[1::-1]) / photo.shape[1::-1]
        grey = int(rng.integers(0, 256))
        view = cv2.warpAffine(image, small, (side, side), flags=cv2.INTER_LINEAR, borderValue=(grey,) * 3)
        mirror = rng.random() < 0.5
        moved = boxes.moved(matrix, side if mirror else None)
        return (np.ascontiguousarray(view[:, ::-1]) if mirror else view), self._inside(moved, side)

    @staticmethod
    def _inside(boxes: Boxes, side: int) -> Boxes:
        """Without the faces that are hardly in the view; those with less than half of them do not count."""
        size = boxes.box[:, 2:] - boxes.box[:, :2]
        seen = np.clip(boxes.box[:, 2:], 0, side) - np.clip(boxes.box[:, :2], 0, side)
        share = seen.prod(axis=1) / size.prod(axis=1)
        boxes = replace(boxes, masked=np.where(share < 0.5, np.float32(IGNORED), boxes.masked))
        return boxes.only(share > 0.05)

    def _paste(
        self, view: np.ndarray, boxes: Boxes, target: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, Boxes]:
        """Put an aligned face of about `target` px into a view, over what is there."""
        side = len(view)
        index = int(rng.choice(len(self.probabilities), p=self.probabilities))
        masked = rng.random() < 0.75
        variant = int(rng.integers(len(self.pairs) // len(self.probabilities)))
        image = self.pairs[variant * len(self.probabilities) + index, ..., :3] if masked else self.faces.photos[index]
        box = self.boxes[index]
        zoom = target / float(np.sqrt(np.prod(box[2:] - box[:2])))
        reach = max(side / 2 - 0.4 * target, 1)
        to = side / 2 + rng.uniform(-reach, reach, 2)
        matrix = self._similarity((box[:2] + box[2:]) / 2, zoom, self._angle(rng), to)
        image, small = np.asarray(image), matrix.copy()
        alpha = self.soft if rng.random() < 0.7 else np.ones_like(self.soft)
        if zoom < 0.6:
            pixels = max(round(SIDE * zoom * 1.2), 8)
            image = cv2.resize(image, (pixels, pixels), interpolation=cv2.INTER_AREA)
            alpha = cv2.resize(alpha, (pixels, pixels), interpolation=cv2.INTER_AREA)
            small[:, :2] *= SIDE / pixels
        pasted = cv2.warpAffine(np.ascontiguousarray(image), small, (side, side), flags=cv2.INTER_LINEAR)
        weight = cv2.warpAffine(alpha, small, (side, side), flags=cv2.INTER_LINEAR)[..., None]
        view = np.rint(weight * pasted + (1 - weight) * view).astype(np.uint8)
        new = Boxes(box[None], self.points[index][None], np.array([float(masked)], np.float32)).moved(matrix)
        # Whoever was there before and is now mostly hidden is gone.
        low, high = np.maximum(boxes.box[:, :2], new.box[0, :2]), np.minimum(boxes.box[:, 2:], new.box[0, 2:])
        hidden = np.clip(high - low, 0, None).prod(axis=1) / (boxes.box[:, 2:] - boxes.box[:, :2]).prod(axis=1)
        boxes = replace(boxes, masked=np.where(hidden > 0.35, np.float32(IGNORED), boxes.masked))
        return view, Boxes.joined([boxes.only(hidden < 0.8), self._inside(new, side)])

    @staticmethod
    def _film(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Light, colour, blur and noise of other cameras."""
        x: np.ndarray = image.astype(np.float32)
        if rng.random() < 0.08:
            x = np.repeat(x @ LUMA[:, None], 3, axis=2)
        x = x * np.float32(np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.05, 3))) + np.float32(rng.normal(0, 12))
        if rng.random() < 0.15:
            x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 1.3))
        if rng.random() < 0.25:
            x = x + rng.standard_normal(x.shape, dtype=np.float32) * np.float32(rng.uniform(2, 14))
        return np.clip(x, 0, 255).astype(np.uint8)
