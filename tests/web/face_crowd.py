"""A photo of several drawn faces, and a stand-in for the networks whose answers can be told in advance."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unmask import PhotoError
from unmask.faces.face import Face, face_from_box
from unmask.imaging.metadata import write_png
from unmask.nets.parsing import ParsingNet
from unmask.registry import DEFAULT_MODELS
from unmask.web.zero import OneByOne

CLOTH = (40, 90, 200)  # RGB of the drawn masks
FILL = (210, 160, 130)  # what the stand-in puts in their place
LEFT, RIGHT, MISSED = (60, 70, 150, 190), (300, 110, 380, 214), (470, 60, 560, 178)  # faces' boxes in `crowd`
# Orientation in EXIF -> what was done to an upright picture that is stored so.
EXIF_TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, -1),
}


class StandIn(OneByOne):
    """Knows the faces it was told of, and finds what has the colour of CLOTH on them."""

    boxes = {}  # photo's shape -> boxes of the faces that it finds, largest first

    def model(self, name, output=None):
        """It has none to load but the judge of realism, which knows nothing."""
        return ParsingNet().eval() if name == "parsing" else None

    def oval(self, photo, face):
        """It knows of no outlines."""

    def find(self, photo, aligned=False):
        return [face_from_box(box) for box in self.boxes.get(photo.shape, [])]

    def segment(self, photo, aligned=False, faces=None):
        cloth = np.abs(photo.astype(int) - CLOTH).max(axis=2) < 30
        seen = np.zeros(cloth.shape, bool)
        for face in self.find(photo) if faces is None else faces:
            seen |= crop_region(face, cloth.shape)
        return np.where(cloth & seen, 255, 0).astype(np.uint8)

    def fill(self, name, crop, mask, guide=None, realism=1.0):
        return np.full_like(crop, FILL)

    def remove(self, photo, mask=None, models=DEFAULT_MODELS, *args, **options):
        if mask is None:
            if not self.find(photo):
                raise PhotoError("No face was found in this photo: give a mask of what is to be removed.")
            mask = self.segment(photo)
        filled = np.where(mask[..., None] > 127, np.uint8(FILL), photo)
        return {name: filled for name in models}


def crop_region(face: Face, shape: tuple[int, int]) -> np.ndarray:
    """What the face's crop covers of a photo of `shape` (H, W): bool (H, W)."""
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), np.rint(face.corners()).astype(np.int32), 1) > 0


def draw_face(photo, box, masked=True):
    """A face as a child would draw it, to fill the box."""
    x0, y0, x1, y1 = box
    middle, half = ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2)
    cv2.ellipse(photo, middle, half, 0, 0, 360, (225, 180, 150), -1)
    for side in (-1, 1):
        eye = (middle[0] + side * half[0] // 2, middle[1] - half[1] // 4)
        cv2.circle(photo, eye, max(half[0] // 8, 2), (40, 30, 30), -1)
    if masked:
        lower, size = (middle[0], middle[1] + half[1] // 3), (half[0] * 4 // 5, half[1] // 2)
        cv2.ellipse(photo, lower, size, 0, 0, 360, CLOTH, -1)


def crowd(shape=(300, 600)) -> np.ndarray:
    """A photo of three masked faces on a wall with a pattern, of which the stand-in finds two."""
    noise = np.random.default_rng(3).integers(60, 200, (shape[0] // 20, shape[1] // 20, 3), np.uint8)
    photo = cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
    for box in (LEFT, RIGHT, MISSED):
        draw_face(photo, box)
    return photo


def write_pictures(folder: Path) -> dict:
    """Test pictures by name, as files; the stand-in knows their faces."""
    photo = crowd()
    StandIn.boxes = {photo.shape: [LEFT, RIGHT]}
    paths = {name: folder / f"{name}.png" for name in ("crowd", "one", "nobody")}
    write_png(paths["crowd"], photo)
    write_png(paths["nobody"], np.full((200, 330, 3), 120, np.uint8))
    one = photo[:, :250]
    StandIn.boxes[one.shape] = [LEFT]
    write_png(paths["one"], one)
    # Lying on its side in the file, with the note that says how it is to be turned.
    turned = photo[:, :590]
    StandIn.boxes[turned.shape] = [LEFT, RIGHT]
    for orientation, back in EXIF_TURNS.items():
        paths[orientation] = folder / f"turned-{orientation}.jpg"
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(back(turned)).save(paths[orientation], quality=95, exif=exif)
    paths["upright"] = folder / "upright.png"
    write_png(paths["upright"], turned)
    return paths


