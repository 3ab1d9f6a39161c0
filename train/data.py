"""Faces and their synthetic masks as arrays in memory, and batches of them on the training device.

Everything is decoded and drawn once, kept as uint8 in memory-mapped files under the cache folder (so that several
trainings on one machine share the pages), and cut, flipped, warped and scaled on the device.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import tarfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from train.augment import relight, soften
from train.draws import Draws
from unmask import synth

IMAGES = {".webp", ".png", ".jpg", ".jpeg"}
SIDE = 256  # px of the stored faces
TURNED = 25  # degrees of yaw from which a head counts as turned
GENDERS = {"m": -1, "f": 1}  # as faces.csv has them; 0 where it says nothing
# Index of each landmark's partner on the other half of the face.
_MIRRORED = synth.MEAN_LANDMARKS * [-1, 1] + [SIDE - 1, 0]
MIRROR = np.linalg.norm(_MIRRORED[:, None] - synth.MEAN_LANDMARKS, axis=2).argmin(axis=1)  # (92,)


@dataclass(frozen=True)
class Faces:
    """Aligned unmasked faces of one split."""

    names: list[str]
    photos: np.ndarray  # (N, 256, 256, 3) uint8 RGB
    landmarks: np.ndarray  # (N, 92, 2) float32, px in the 256 frame
    rows: list[dict]  # faces.csv: source, gender, group, side, ...


def decode(data: bytes, side: int | None = SIDE) -> np.ndarray:
    """An image file's bytes: (H, W, 3) uint8 RGB, brought to side x side px unless `side` is None."""
    image = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    if side and image.shape[:2] != (side, side):
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return image


def read_images(data: Path, pattern: str, wanted: set[str] | None = None):
    """Yield (stem, file bytes) of the pictures in data/<pattern> tar shards, or of the folder itself without shards."""
    shards = sorted(data.glob(pattern))
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                stem, suffix = os.path.splitext(os.path.basename(member.name))
                if suffix.lower() in IMAGES and (wanted is None or stem in wanted):
                    yield stem, tar.extractfile(member).read()
    if not shards:
        for path in sorted(data.iterdir()):
            if path.suffix.lower() in IMAGES and (wanted is None or path.stem in wanted):
                yield path.stem, path.read_bytes()


def fingerprint(data: Path) -> str:
    """Short hash of what a data folder holds: names and sizes of its files."""
    listing = sorted((path.name, path.stat().st_size) for path in data.iterdir() if path.is_file())
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:10]


def load_faces(data: Path, split: str, cache: Path, limit: int | None = None) -> Faces:
    """Read `faces.csv`, `landmarks.npz` and the `faces-*.tar` shards (or loose images) of a data folder.

    split: "train" or "val". limit: only the first so many, for a rehearsal. A row without a picture or landmarks
    is an error: raises ValueError.
    """
    with open(data / "faces.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split][:limit]
    if not rows:
        raise ValueError(f"{data / 'faces.csv'} has no rows of the split {split!r}.")
    stored = np.load(data / "landmarks.npz")
    index = {name: i for i, name in enumerate(stored["names"])}
    names = [row["name"] for row in rows]
    landmarks = stored["points"][[index[name] for name in names]].astype(np.float32)
    path = cache / f"{fingerprint(data)}-{split}-{len(names)}.npy"
    if not path.exists():
        place = {name: i for i, name in enumerate(names)}
        photos = _new_array(path, (len(names), SIDE, SIDE, 3))
        found = 0
        with ThreadPoolExecutor() as pool:
            wanted = ((place[stem], data_) for stem, data_ in read_images(data, "faces-*.tar", set(place)))
            for i, image in pool.map(lambda item: (item[0], decode(item[1])), wanted):
                photos[i] = image
                found += 1
        if found != len(names):
            raise ValueError(f"{data} lacks {len(names) - found} of the {len(names)} pictures that faces.csv names.")
        _publish(path)
    return Faces(names, np.load(path, mmap_mode="c"), landmarks, rows)


def _part(path: Path) -> Path:
    """Where this process writes a file until it is whole: two trainings may make the same one at a time."""
    return path.with_suffix(f".{os.getpid()}.part")


def _new_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 .npy on disk that does not bear its final name until it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(_part(path), mode="w+", dtype=np.uint8, shape=shape)


def _publish(path: Path) -> None:
    _part(path).rename(path)


def _draw_range(photos_path: str, landmarks: np.ndarray, variant: int, seed: int, start: int, stop: int, out: str):
    """Worker: put a mask on faces start..stop and write RGB and mask as four channels to the shared file."""
    cv2.setNumThreads(1)
    photos = np.load(photos_path, mmap_mode="r")
    target = np.lib.format.open_memmap(out, mode="r+")
    for i in range(start, stop):
        masked = synth.put_mask_on(photos[i], landmarks[i], np.random.default_rng([seed, variant, i]))
        target[variant * len(photos) + i, ..., :3] = masked.image
        target[variant * len(photos) + i, ..., 3] = masked.mask


def draw_pairs(faces: Faces, cache: Path, variants: int, seed: int, workers: int | None = None) -> np.ndarray:
    """Put `variants` different synthetic masks on every face: (variants * N, 256, 256, 4) uint8.

    Channels 0-2 are the masked face, 3 is the mask (0 or 255); row v * N + i belongs to face i. Reproducible from
    the seed, kept in the cache under the drawing code's own hash.
    """
    base = Path(faces.photos.filename)
    path = cache / f"{base.stem}-pairs{variants}-seed{seed}-{_code_hash()}.npy"
    if not path.exists():
        count = len(faces.names)
        _new_array(path, (variants * count, SIDE, SIDE, 4)).flush()
        part = str(_part(path))
        jobs = [(v, s, min(s + 64, count)) for v in range(variants) for s in range(0, count, 64)]
        # Not forked: OpenCV's threads do not survive a fork, and the child would wait for them for ever.
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=context) as pool:
            futures = [
                pool.submit(_draw_range, str(base), faces.landmarks, v, seed, start, stop, part)
                for v, start, stop in jobs
            ]
            for future in tqdm(futures, desc="drawing masks", unit="x64"):
                future.result()
        _publish(path)
    return np.load(path, mmap_mode="c")


def _code_hash() -> str:
    """Short hash of the drawing code: other code draws other masks."""
    source = Path(synth.__file__)
    files = sorted(source.parent.glob("*.py")) if source.name == "__init__.py" else [source]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:10]


def free_form_holes(count: int, seed: int) -> np.ndarray:
    """What visitors paint: strokes and boxes. (count, 256, 256) uint8 of 0 and 255, 3 % to 40 % covered."""
    rng = np.random.default_rng(seed)
    holes = np.zeros((count, SIDE, SIDE), np.uint8)
    for hole in holes:
        target = rng.uniform(0.03, 0.35)
        while np.count_nonzero(hole) < target * SIDE * SIDE:
            if rng.random() < 0.3:
                width, height = rng.integers(20, 110, 2)
                x, y = rng.integers(-20, SIDE - 10, 2)
                cv2.rectangle(hole, (int(x), int(y)), (int(x + width), int(y + height)), 255, -1)
            else:
                angle, steps = rng.uniform(0, 2 * np.pi), rng.integers(3, 9)
                points = [rng.uniform(20, SIDE - 20, 2)]
                for _ in range(steps):
                    angle += rng.normal(0, 0.8)
                    points.append(points[-1] + rng.uniform(12, 45) * np.array([np.cos(angle), np.sin(angle)]))
                line = np.round(points).astype(np.int32).reshape(-1, 1, 2)
                cv2.polylines(hole, [line], False, 255, int(rng.integers(10, 38)), cv2.LINE_8)
    return holes


def load_backgrounds(data: Path, cache: Path, each: int = 20, seed: int = 0) -> np.ndarray | None:
    """Squares without a mask from the whole photos of `photos.tar`: clothes, hands, rooms. (N, 256, 256, 3) uint8.

    Only photos of bare faces are used, for in a crowd with masks not every face has its box. Squares keep clear of
    the boxes in `photos.json` by a tenth of the box. None where there are no such photos.
    """
    if not (data / "photos.json").exists():
        return None
    path = cache / f"{fingerprint(data)}-backgrounds{each}-seed{seed}.npy"
    if not path.exists():
        boxes = {Path(row["name"]).stem: row["faces"] for row in json.loads((data / "photos.json").read_text())}
        rng = np.random.default_rng(seed)
        squares = []
        for stem, content in read_images(data, "photos.tar"):
            if any("label" in face for face in boxes[stem]):  # with_mask and the like
                continue
            image = decode(content, side=None)
            height, width = image.shape[:2]
            for _ in range(each):
                side = int(rng.uniform(0.2, 0.6) * min(height, width))
                x, y = rng.integers(0, width - side), rng.integers(0, height - side)
                clear = True
                for face in boxes[stem]:
                    x0, y0, x1, y1 = face["box"]
                    margin = (x1 - x0) / 10
                    apart = x > x1 + margin or x + side < x0 - margin or y > y1 + margin or y + side < y0 - margin
                    clear &= apart
                if clear and side >= 48:
                    square = image[y : y + side, x : x + side]
                    squares.append(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        _new_array(path, (len(squares), SIDE, SIDE, 3))[:] = squares
        _publish(path)
    return np.load(path, mmap_mode="c")


def sampling_weights(faces: Faces) -> np.ndarray:
    """(N,) float64, sum 1: rarer groups, genders (by the square root) and sources more often, blurred faces less often,
    turned heads twice as often.

    A face whose square was under 200 px in its source picture was enlarged: good for structure, bad for sharpness.
    """
    kinds = Counter((row["group"], row["gender"]) for row in faces.rows)
    sources = Counter(row["source"] for row in faces.rows)
    weights = np.array(
        [kinds[row["group"], row["gender"]] ** -0.5 * sources[row["source"]] ** -0.25 for row in faces.rows]
    )
    weights *= np.array([1.0 if float(row["side"]) >= 200 else 0.3 for row in faces.rows])
    weights *= np.array([2.0 if abs(float(row.get("yaw") or 0)) > TURNED else 1.0 for row in faces.rows])
    return weights / weights.sum()


def photographed(faces: Faces) -> np.ndarray:
    """(N, 4) float32: the part of each picture that is photograph, x0 y0 x1 y1 in units of its side; what lies outside
    is reflection, from which nothing is to be learned. The whole picture where faces.csv does not say (`crop`)."""
    whole = f"0 0 {SIDE} {SIDE}"
    return np.array([(row.get("crop") or whole).split() for row in faces.rows], np.float32) / SIDE


def shrink(images: np.ndarray, size: int) -> np.ndarray:
    """(N, 256, 256, C) uint8 -> (N, size, size, C) uint8 by averaging; at 256 px the array itself."""
    if size == SIDE:
        return np.asarray(images)
    small = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for target, image in zip(small, images):
        target[:] = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).reshape(target.shape)
    return small


def similarity(angle: Tensor, zoom: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N, 2, 3) matrices for F.affine_grid, from (N,) angles in rad, scales, and shifts in half sides."""
    c, s = zoom * angle.cos(), zoom * angle.sin()
    return torch.stack([c, -s, x, s, c, y], dim=1).view(-1, 2, 3)


class Batches:
    """Random batches by step number: the same seed and step give the same batch, which is what lets a run resume."""

    def __init__(
        self, faces: Faces, pairs: np.ndarray, others: np.ndarray | None = None, *,
        size: int, seed: int, device: torch.device, real: np.ndarray | None = None, window: int | None = None,
    ):  # fmt: skip
        """others: pictures without a face, (M, 256, 256, 3) uint8. real: photographs of real masks, (R, 256, 256, 5)
        uint8: RGB, the mask, and where it is certain (0 or 255), see pseudo_labels. window: px of the square around
        the mask that `get` cuts out of each picture; the whole picture unless given."""
        self.size, self.seed, self.device, self.window = size, seed, device, window
        self.count = len(faces.names)
        self.variants = len(pairs) // self.count
        self.probabilities = torch.from_numpy(sampling_weights(faces))
        # On a GPU the whole set lives there (3 GB plus 4 GB a variant at 256 px); on a CPU, at 256 px, the files'
        # own pages serve.
        arrays = (faces.photos, pairs, free_form_holes(1024, seed)[..., None])
        self.photos, self.pairs, self.holes = (torch.from_numpy(shrink(array, size)).to(device) for array in arrays)
        self.others = None if others is None else torch.from_numpy(shrink(others, size)).to(device)
        self.real = None if real is None else torch.from_numpy(shrink(real, size)).to(device)
        self.points = torch.from_numpy(faces.landmarks / SIDE).to(device)  # (N, 92, 2) in crop sides
        self.photographed = torch.from_numpy(photographed(faces)).to(device)  # (N, 4)
        genders = [GENDERS.get(row["gender"], 0) for row in faces.rows]
        self.gender = torch.tensor(genders, dtype=torch.float32, device=device)  # (N,)

    def get(self, step: int, batch: int, warp: float = 0.0, rows: slice = slice(None)) -> dict[str, Tensor]:
        """Batch number `step`, or these rows of it.

        Returns photo, masked: (B, 3, size, size) float32 in [-1, 1], channels_last; mask: (B, 1, size, size) of
        {0, 1}, the synthetic mask; free: (B, 1, size, size) of {0, 1}, free-form holes; size is the window's, where
        there is one. valid: (B, 1, size, size) of {0, 1}, where the photo is photograph and not its reflection.
        side: (), px of the whole picture's side, also where there is a window.
        points: (B, 92, 2), the landmarks of the bare face, x and y in units of the crop's side.
        gender: (B,) of {-1 male, 1 female, 0 unknown}, as the face's source labels it.
        other, where there are any: (B, 3, size, size), pictures without a face.
        real, real_mask, certain, where there are any: (B, 3, size, size), (B, 1, size, size) of {0, 1}: photographs
        of real masks, and which pixels of their mask are certain.
        warp: strength in [0, 1] of random rotation, scale and shift, as an imperfect alignment gives.
        """
        draws = Draws(self.seed * 1_000_003 + step, batch, rows, self.device)
        face = draws.pick(self.probabilities)
        row = face + self.count * draws.below(self.variants)
        x, points = self._collect(face, row, draws.below(len(self.holes))), self.points[face]
        mirror = draws.uniform() < 0.5
        x = torch.where(mirror[:, None, None, None], x.flip(3), x)
        points = torch.where(mirror[:, None, None], self._mirrored(points), points)
        if warp:
            x, points = self._warp(x, points, warp, draws)
        if self.window:
            x, points = self._cut(x, points, self.window, draws)
        x = relight(soften(x, draws), draws)
        data = self._split(self._jitter(x, draws)) | {"points": points, "gender": self.gender[face]}
        data["side"] = torch.tensor(self.size)
        if self.others is not None:
            data["other"] = self.others[draws.below(len(self.others))].permute(0, 3, 1, 2).float() / 127.5 - 1
        if self.real is not None:
            real = self.real[draws.below(len(self.real))].permute(0, 3, 1, 2).float()
            x = torch.cat([real[:, :3], real], dim=1)  # as `_collect` gives it
            x = torch.where(mirror[:, None, None, None], x.flip(3), x)
            x = self._warp(x, points, warp, draws)[0] if warp else x
            _, data["real"], data["real_mask"], data["certain"] = self._split(self._jitter(x, draws)).values()
        return data

    def first(self, count: int) -> dict[str, Tensor]:
        """The first `count` faces, if there are so many, as they are and with their first masks, for sample grids: the
        same keys as `get`."""
        each = torch.arange(min(count, self.count), device=self.device)
        known = {"points": self.points[: len(each)], "gender": self.gender[: len(each)]}
        known["side"] = torch.tensor(self.size)
        return self._split(self._collect(each, each, each)) | known

    def _collect(self, face: Tensor, row: Tensor, hole: Tensor) -> Tensor:
        """(B, 9, size, size) float32 in 0-255, channels_last: photo, masked, mask, free-form hole, valid."""
        line = (torch.arange(self.size, device=self.device) + 0.5) / self.size
        x0, y0, x1, y1 = self.photographed[face][:, :, None].unbind(1)  # (B, 1) each
        across, down = (line > x0) & (line < x1), (line > y0) & (line < y1)  # (B, size)
        valid = 255 * (down[:, :, None] & across[:, None])[..., None].to(torch.uint8)
        x = torch.cat([self.photos[face], self.pairs[row], self.holes[hole], valid], dim=3)  # (B, size, size, 9) uint8
        return x.permute(0, 3, 1, 2).float()  # (B, 9, size, size), channels_last

    @staticmethod
    def _split(x: Tensor) -> dict[str, Tensor]:
        """The channels by name; `valid` where there are nine."""
        images, holes = x[:, :6] / 127.5 - 1, (x[:, 6:] > 127).float()
        parts = {"photo": images[:, :3], "masked": images[:, 3:], "mask": holes[:, :1], "free": holes[:, 1:2]}
        if holes.shape[1] > 2:
            parts["valid"] = holes[:, 2:]
        return {key: part.contiguous(memory_format=torch.channels_last) for key, part in parts.items()}

    @staticmethod
    def _mirrored(points: Tensor) -> Tensor:
        return points[:, MIRROR] * points.new_tensor([-1, 1]) + points.new_tensor([1, 0])

    def _warp(self, x: Tensor, points: Tensor, warp: float, draws: Draws) -> tuple[Tensor, Tensor]:
        """Rotate up to 30 degrees, scale by 0.6 to 1.5, shift by up to a fifth, all times `warp`, at random."""
        draw = lambda: 2 * draws.uniform() - 1
        angle, zoom = warp * 0.52 * draw() * draw().abs(), torch.exp(warp * 0.45 * draw())
        x_shift, y_shift = (warp * 0.4 * draw() * draw().abs() for _ in range(2))
        theta = similarity(angle, zoom, x_shift, y_shift)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        # theta leads from the warped picture, in [-1, 1], to the plain one; points go the other way.
        plain = 2 * points - 1 - theta[:, None, :, 2]  # (N, 92, 2)
        points = torch.linalg.solve(theta[:, :, :2], plain.transpose(1, 2)).transpose(1, 2)
        return x, (points + 1) / 2

    def _cut(self, x: Tensor, points: Tensor, window: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """The window at each mask's middle, up to a tenth of its side off it; x and points as `_warp` gives them."""
        mask, line = x[:, 6], torch.arange(self.size, dtype=torch.float32, device=x.device)
        total = mask.sum(dim=(1, 2)).clamp_min(1)
        middle = torch.stack([(mask.sum(dim=axis) * line).sum(dim=1) / total for axis in (1, 2)], dim=1)  # x, y
        shift = 0.1 * window * (2 * draws.uniform(2) - 1)
        corner = (middle + shift - window / 2).round().clamp(0, self.size - window)  # (B, 2)
        columns, rows = (corner[:, :, None].long() + torch.arange(window, device=x.device)).unbind(1)
        each = torch.arange(len(x), device=x.device)[:, None, None]
        x = x[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        return x, (points * self.size - corner[:, None]) / window

    def _jitter(self, x: Tensor, draws: Draws) -> Tensor:
        """Brightness, contrast and white balance of photo and masked photo, changed alike."""
        gain = torch.exp(0.15 * draws.normal(1, 1, 1))
        balance = torch.exp(0.05 * draws.normal(3, 1, 1)).repeat(1, 2, 1, 1)
        shift = 10 * draws.normal(1, 1, 1)
        x[:, :6] = (x[:, :6] * gain * balance + shift).clamp(0, 255)
        return x
