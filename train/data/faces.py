"""Faces and their synthetic masks as arrays in memory, and batches of them on the training device.

Everything is decoded and drawn once, kept as uint8 in memory-mapped files under the cache folder (so that several
trainings on one machine share the pages), and cut, flipped, warped and scaled on the device.
"""

import csv
import hashlib
import inspect
import json
import multiprocessing
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from unmask import synth

IMAGES = {".webp", ".png", ".jpg", ".jpeg"}
SIDE = 256  # px of the stored faces
STAND_OFF = (2.0, 14.0)  # units (1/256 of the crop): how far a drawn mask's sides and lower edge may hang off the face
LOOSE = 0.5  # share of the training's masks that do
TURNED = 25  # degrees of yaw from which a head counts as turned
GENDERS = {"m": -1, "f": 1}  # as faces.csv has them; 0 where it says nothing


@dataclass(frozen=True)
class Faces:
    """Aligned unmasked faces of one split."""

    names: list[str]
    photos: np.ndarray  # (N, 256, 256, 3) uint8 RGB
    landmarks: np.ndarray  # (N, 92, 2) float32, px in the 256 frame
    rows: list[dict[str, str]]  # faces.csv: source, gender, group, side, ...


def decode(data: bytes, side: int | None = SIDE) -> np.ndarray:
    """An image file's bytes: (H, W, 3) uint8 RGB, brought to side x side px unless `side` is None."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("A file is no picture that OpenCV can read.")
    image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    if side and image.shape[:2] != (side, side):
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return image


def read_images(data: Path, pattern: str, wanted: set[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (stem, file bytes) of the pictures in data/<pattern> tar shards, or of the folder itself without shards."""
    shards = sorted(data.glob(pattern))
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                stem, suffix = os.path.splitext(os.path.basename(member.name))
                file = tar.extractfile(member)
                if file and suffix.lower() in IMAGES and (wanted is None or stem in wanted):
                    yield stem, file.read()
    if not shards:
        for path in sorted(data.iterdir()):
            if path.suffix.lower() in IMAGES and (wanted is None or path.stem in wanted):
                yield path.stem, path.read_bytes()


def fingerprint(data: Path) -> str:
    """Short hash of what a data folder holds: names and sizes of its files."""
    listing = sorted((path.name, path.stat().st_size) for path in data.iterdir() if path.is_file())
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:10]


def list_pictures(data: Path) -> set[str]:
    """The stems of the pictures in the `faces-*.tar` shards that are there, or of the folder itself without shards."""
    stems = set()
    for shard in sorted(data.glob("faces-*.tar")):
        with tarfile.open(shard) as tar:
            stems |= {Path(name).stem for name in tar.getnames() if Path(name).suffix.lower() in IMAGES}
    return stems or {path.stem for path in data.iterdir() if path.suffix.lower() in IMAGES}


def load_faces(data: Path, split: str, cache: Path, limit: int | None = None, partial: bool = False) -> Faces:
    """Read `faces.csv`, `landmarks.npz` and the `faces-*.tar` shards (or loose images) of a data folder.

    split: "train", "val" or "val2". limit: only the first so many, for a rehearsal. A row without a picture or
    landmarks is an error: raises ValueError. partial: rows without a picture are left out instead.
    """
    with open(data / "faces.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    if partial:
        present = list_pictures(data)
        rows = [row for row in rows if row["name"] in present]
    rows = rows[:limit]
    if not rows:
        raise ValueError(f"{data / 'faces.csv'} has no rows of the split {split!r}.")
    stored = np.load(data / "landmarks.npz")
    index = {name: i for i, name in enumerate(stored["names"])}
    names = [row["name"] for row in rows]
    landmarks = stored["points"][[index[name] for name in names]].astype(np.float32)
    path = cache / f"{fingerprint(data)}-{split}-{len(names)}.npy"
    if not path.exists():
        if missing := decode_into(path, data, "faces-*.tar", names, SIDE):
            raise ValueError(f"{data} lacks {missing} of the {len(names)} pictures that faces.csv names.")
        publish(path)
    return Faces(names, mapped(path), landmarks, rows)


def decode_into(path: Path, data: Path, pattern: str, names: list[str], side: int) -> int:
    """Fill a new array (N, side, side, 3) at `path` with the named pictures of data/<pattern>; how many are missing."""
    place = {name: i for i, name in enumerate(names)}
    photos, found = new_array(path, (len(names), side, side, 3)), 0
    with ThreadPoolExecutor() as pool:
        wanted = ((place[stem], content) for stem, content in read_images(data, pattern, set(place)))
        for i, image in pool.map(lambda item: (item[0], decode(item[1], side)), wanted):
            photos[i] = image
            found += 1
    return len(names) - found


def _part(path: Path) -> Path:
    """Where this process writes a file until it is whole: two trainings may make the same one at a time."""
    return path.with_suffix(f".{os.getpid()}.part")


def new_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A uint8 .npy on disk that does not bear its final name until it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(_part(path), mode="w+", dtype=np.uint8, shape=shape)


def mapped(path: Path) -> np.memmap:
    """The file's array, read as it is used, to which nothing is written back."""
    return np.lib.format.open_memmap(path, mode="c")


def publish(path: Path) -> None:
    _part(path).rename(path)


def _draw_range(
    photos_path: str, landmarks: np.ndarray, variant: int, seed: int, start: int, stop: int, out: str
) -> None:
    """Worker: put a mask on faces start..stop and write RGB and mask as four channels to the shared file."""
    cv2.setNumThreads(1)
    photos = np.load(photos_path, mmap_mode="r")
    target = np.lib.format.open_memmap(out, mode="r+")
    for i in range(start, stop):
        apart = np.random.default_rng([seed, variant, i, 1])
        loose = apart.uniform(*STAND_OFF) if apart.random() < LOOSE else 0.0
        masked = synth.put_mask_on(
            photos[i], landmarks[i], np.random.default_rng([seed, variant, i]), stand_off=float(loose)
        )
        target[variant * len(photos) + i, ..., :3] = masked.image
        target[variant * len(photos) + i, ..., 3] = masked.mask


def draw_pairs(faces: Faces, cache: Path, variants: int, seed: int, workers: int | None = None) -> np.ndarray:
    """Put `variants` different synthetic masks on every face: (variants * N, 256, 256, 4) uint8.

    Channels 0-2 are the masked face, 3 is the mask (0 or 255); row v * N + i belongs to face i. Half of the masks
    stand off the face, as worn ones do. Reproducible from the seed, kept in the cache under the drawing code's own
    hash.
    """
    assert isinstance(faces.photos, np.memmap), "faces come from load_faces, as a file that the workers share"
    base = Path(str(faces.photos.filename))
    path = cache / f"{base.stem}-pairs{variants}-seed{seed}-{_code_hash()}.npy"
    if not path.exists():
        count = len(faces.names)
        new_array(path, (variants * count, SIDE, SIDE, 4)).flush()
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
        publish(path)
    return mapped(path)


def _code_hash() -> str:
    """Short hash of the drawing code: other code draws other masks."""
    how = inspect.getsource(_draw_range) + repr((STAND_OFF, LOOSE))
    source = Path(synth.__file__)
    files = sorted(source.parent.glob("*.py")) if source.name == "__init__.py" else [source]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files) + how.encode()).hexdigest()[:10]


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
        new_array(path, (len(squares), SIDE, SIDE, 3))[:] = squares
        publish(path)
    return mapped(path)
