"""From a folder of photos to training data: find bare faces, align them, pack them as `faces-*.tar`."""

import csv
import io
import math
import tarfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from train.data.faces import IMAGES, SIDE
from unmask import PhotoError, Unmasker, read_photo
from unmask.faces.alignment import align
from unmask.faces.face import Face
from unmask.faces.layout import LEFT_EAR, NOSE_TIP, RIGHT_EAR
from unmask.masks import share
from unmask.types import Json

SHARD = 2000  # faces a tar
BARE = 0.5  # largest probability of a mask that passes
COLUMNS = ("name", "shard", "split", "source", "gender", "age", "group", "side", "yaw", "crop")


def prepare(images: Path, out: Path, *, smallest: float = 128, val: float = 0.03, device: str = "auto") -> str:
    """Write `faces-N.tar` (lossless WebP, 256 x 256), `faces.csv` and `landmarks.npz` from the photos below `images`.

    smallest: px of a crop's side in its photo below which a face is left out, for enlarging adds no detail. val: share
    of the photos held back; it hangs on the file's content, so the same photo is always on the same side. Faces with
    a mask, and with landmarks outside of their crop, are left out. Columns that nobody can know from a photo (gender,
    age, group) stay empty. Returns a summary. Raises ValueError when no face was found at all.
    """
    unmasker = Unmasker(device)
    paths = sorted(path for path in images.rglob("*") if path.suffix.lower() in IMAGES)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Json] = []
    points: list[np.ndarray] = []
    unread = left_out = 0
    shards = Shards(out)
    for path in tqdm(paths, desc="prepare", unit="photo"):
        try:
            photo = read_photo(path)
        except PhotoError as error:
            tqdm.write(f"{path}: {error}")
            unread += 1
            continue
        split = "val" if zlib.crc32(path.read_bytes()) % 10_000 < val * 10_000 else "train"
        for face in unmasker.find(photo):
            landmarks = usable(unmasker, photo, face, smallest)
            if landmarks is None:
                left_out += 1
                continue
            name = f"{len(rows):06d}"
            shards.add(f"{name}.webp", align(photo, face, SIDE))
            rows.append(dict.fromkeys(COLUMNS, "") | {"name": name, "shard": len(rows) // SHARD, "split": split})
            rows[-1] |= {"source": images.name, "side": round(face.side), "yaw": round(yaw(landmarks))}
            rows[-1] |= {"crop": " ".join(map(str, photographed(face, photo.shape[:2])))}
            points.append(landmarks)
    if not rows:
        raise ValueError(f"No bare face of at least {smallest:.0f} px was found in {len(paths)} files of {images}.")
    shards.close()
    with open(out / "faces.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    np.savez(out / "landmarks.npz", names=np.array([row["name"] for row in rows]), points=np.array(points, np.float16))
    held_back = sum(row["split"] == "val" for row in rows)
    return (
        f"{len(rows)} faces from {len(paths) - unread} photos, {held_back} of them held back; "
        f"{left_out} faces left out (masked, too small or not whole), {unread} files not readable."
    )


def usable(unmasker: Unmasker, photo: np.ndarray, face: Face, smallest: float) -> np.ndarray | None:
    """The landmarks (92, 2) of a face in its 256 px crop, or None for a face that is no good for training."""
    if face.points is None or face.side < smallest or (face.masked or 0) > BARE:
        return None
    inside: np.ndarray = cv2.transform(unmasker.landmarks(photo, face)[None], face.to_crop(SIDE))[0]
    if inside.min() < 0 or inside.max() > SIDE or share(unmasker.find_mask(align(photo, face, SIDE))) > 0.03:
        return None
    return inside


def yaw(landmarks: np.ndarray) -> float:
    """Degrees that a head is turned, positive when the nose points to the picture's right; from 92 landmarks (92, 2).

    The nose's tip wanders from the middle of the two sides of the face with the sine of the angle while the width
    between them shrinks with its cosine. The factor is fitted to angles of a face mesh of 27 thousand faces, from which
    this is 0.8 degrees away in the mean.
    """
    near_ears, tip = landmarks[[LEFT_EAR, RIGHT_EAR]], landmarks[NOSE_TIP]
    across = near_ears[1] - near_ears[0]
    wandered = (tip - near_ears.mean(axis=0)) @ across / (across @ across)
    return 0.736 * math.degrees(math.atan(2 * wandered))


def photographed(face: Face, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The rectangle x0, y0, x1, y1 in a face's 256 px crop that is photograph, of a photo of `shape` (H, W): what lies
    outside it is reflection. As large as it gets by taking off the side that has most reflection, line by line."""
    height, width = shape
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32)
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(inside, cv2.transform(corners, face.to_crop(SIDE)).round().astype(np.int32), 1)
    x0, y0, x1, y1 = 0, 0, SIDE, SIDE
    while x0 < x1 and y0 < y1 and not (rest := inside[y0:y1, x0:x1]).all():
        left, right, top, bottom = (1 - line.mean() for line in (rest[:, 0], rest[:, -1], rest[0], rest[-1]))
        most = max(left, right, top, bottom)
        x0, x1 = x0 + (left == most), x1 - (right == most)
        y0, y1 = y0 + (top == most), y1 - (bottom == most)
    return int(x0), int(y0), int(x1), int(y1)


class Shards:
    """Writes pictures to faces-0.tar, faces-1.tar and so on, SHARD to each."""

    def __init__(self, out: Path):
        self.out, self.count = out, 0
        self.tar: tarfile.TarFile | None = None

    def add(self, name: str, image: np.ndarray) -> None:
        """One picture (H, W, 3) uint8 RGB, without loss."""
        if self.tar is None or self.count % SHARD == 0:
            self.close()
            self.tar = tarfile.open(self.out / f"faces-{self.count // SHARD}.tar", "w")
        quality = [cv2.IMWRITE_WEBP_QUALITY, 101]  # above 100 is lossless
        content = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self.tar.addfile(info, io.BytesIO(content))
        self.count += 1

    def close(self) -> None:
        if self.tar is not None:
            self.tar.close()
