"""Pictures on their way to the page: cached files, thumbnails, and what is shown of a large photo."""

import base64
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from unmask.faces.alignment import align
from unmask.faces.face import Face
from unmask.imaging.container import TIFF_ORDERS
from unmask.imaging.further_formats import AVIF_BRANDS
from unmask.imaging.metadata import write_jpeg, write_png
from unmask.imaging.tensors import resize
from unmask.web.types import Updates

THUMBNAIL = 112  # px, the side of a face's small picture
SHOWN = 1024  # px: longest side of what is shown; downloads have the photo's own size
WHOLE_STEPS = 3  # photo px a pixel
AROUND = 0.1  # of what is worked on: as much of its surroundings is shown on each side
WIDEST = 1.5  # width : height to which a result's view is widened, where the photo goes on
PAD = (125, 138, 148)  # RGB around a photo that is not square: a grey that is quiet on light and dark pages
CLOSE = 0.8  # of a face's crop: what a small picture shows of it
STATIC = Path(__file__).resolve().parent / "static"


def cached_png(
    component: gr.components.Component, image: np.ndarray, filename: str, notice: str | None = None
) -> str:
    """Path of a PNG in the component's cache, from where it is served and where the clean-up deletes it.

    Components get this path and never an array: those Gradio writes in place, under a name made from the
    content, so that a browser that is just fetching the same picture gets half of it.
    """
    return _cached(component, filename, lambda path: write_png(path, image, notice))


def cached_view(
    component: gr.components.Component, image: np.ndarray, filename: str, notice: str | None = None
) -> str:
    """`cached_png` of what is only looked at: no larger than SHOWN, and JPEG, a tenth of the time and the bytes."""
    return _cached(component, filename, lambda path: write_jpeg(path, to_show(image), notice))


def _cached(component: gr.components.Component, filename: str, write: Callable[[Path], None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / filename
        write(path)
        address: str = component.move_resource_to_block_cache(path)
        return address


def file_url(path: str) -> str:
    """Where the page gets a file of a component's cache."""
    return "gradio_api/file=" + quote(path)


def thumbnail(photo: np.ndarray, face: Face) -> str:
    """A face's crop as the URL of a small JPEG that the page itself carries."""
    file = io.BytesIO()
    Image.fromarray(align(photo, face, THUMBNAIL)).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def for_browsers(component: gr.components.Component, file: bytes, photo: np.ndarray) -> Updates:
    """Updates that show a photo (H, W, 3) in its component, where browsers cannot show the file that it came in."""
    return {} if browsers_show(file) else {component: cached_view(component, photo, "photo.jpg")}


def browsers_show(file: bytes) -> bool:
    """Whether browsers show a picture file that we can read: all but HEIC and TIFF."""
    tiff, boxes = file[:4] in TIFF_ORDERS, file[4:8] == b"ftyp"
    return not tiff and (not boxes or any(brand in file[8:64] for brand in AVIF_BRANDS))


def to_show(image: np.ndarray) -> np.ndarray:
    """The picture as it goes to the page: no side longer than SHOWN px."""
    height, width = image.shape[:2]
    scale = max(height, width) / SHOWN
    if scale <= 1:
        return image
    if scale > WHOLE_STEPS:  # a whole number of pixels for each that is shown is far quicker, and loses little here
        scale = math.ceil(scale)
        image = image[: height - height % scale, : width - width % scale]
    return resize(image, (round(image.shape[0] / scale), round(image.shape[1] / scale)))


@dataclass(frozen=True)
class View:
    """What is shown of a photo with its results: the faces that are worked on, and their surroundings."""

    rows: slice
    columns: slice
    face: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)  # a face in it: x, y, width, height in shares

    @property
    def shape(self) -> tuple[int, int]:
        """Its height and width, px."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, image: np.ndarray) -> np.ndarray:
        """This part of a picture (H, W, ...) in the photo's size."""
        return image[self.rows, self.columns]

    def place(self, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
        """Where it lies in a photo of this shape (H, W, ...): x, y, width, height in shares."""
        height, width = shape[:2]
        top, left, bottom, right = self.rows.start, self.columns.start, self.rows.stop, self.columns.stop
        return left / width, top / height, (right - left) / width, (bottom - top) / height


def view_of(mask: np.ndarray, faces: Sequence[Face]) -> View:
    """The view of a photo whose mask (H, W) uint8 and faces, largest first, are being worked on."""
    left, top, width, height = cv2.boundingRect(mask)
    return _view_around((left, top, left + width, top + height), faces, mask.shape)


def views_of(mask: np.ndarray, faces: Sequence[Face]) -> dict[int, View]:
    """The view of every face that wears some of the mask (H, W) uint8, by its index; together they show all of it.

    What is covered beside the faces is shown with the nearest.
    """
    if len(faces) < 2:
        return {0: view_of(mask, faces)}
    step = max(max(mask.shape) // SHOWN, 1)  # of a large mask one pixel in so many is looked at
    ys, xs = np.nonzero(cv2.dilate(mask, np.ones((step, step), np.uint8))[::step, ::step])
    ys, xs = ys * step, xs * step
    away = [np.hypot(xs - face.center[0], ys - face.center[1]) / face.side for face in faces]
    nearest = np.argmin(away, axis=0)
    views = {}
    for index in np.unique(nearest):
        own_xs, own_ys = xs[nearest == index], ys[nearest == index]
        covered = own_xs.min() - step, own_ys.min() - step, own_xs.max() + step, own_ys.max() + step
        views[int(index)] = _view_around(covered, [faces[index]], mask.shape)
    return views


def _view_around(covered: tuple[int, int, int, int], faces: Sequence[Face], shape: tuple[int, ...]) -> View:
    """The view of faces and of what is covered, x0, y0, x1, y1, in a photo of this shape (H, W, ...)."""
    height, width = shape[:2]
    spans = [(*face.corners().min(axis=0), *face.corners().max(axis=0)) for face in faces]
    spans.append(covered)
    left, top = np.min(spans, axis=0)[:2]
    right, bottom = np.max(spans, axis=0)[2:]
    around = AROUND * max(right - left, bottom - top)
    top, bottom = max(int(top - around), 0), min(round(bottom + around), height)
    missing = max(WIDEST * (bottom - top) - (right - left) - 2 * around, 0)
    left, right = left - around - missing / 2, right + around + missing / 2
    # Where one side has no more photo, the other gives what is missing.
    left, right = left - max(right - width, 0), right + max(-left, 0)
    left, right = max(int(left), 0), min(round(right), width)
    close = _close_up(faces[0] if faces else None, spans[-1], (left, top, right, bottom))
    return View(slice(top, bottom), slice(left, right), close)


def _close_up(
    face: Face | None, covered: tuple[float, ...], view: tuple[int, int, int, int]
) -> tuple[float, float, float, float]:
    """The square around a face, or else around what is covered, within a view: x, y, width, height in shares of it."""
    left, top, right, bottom = view
    if face is not None:
        (x, y), side = face.center, CLOSE * face.side
    else:
        x0, y0, x1, y1 = covered
        (x, y), side = ((x0 + x1) / 2, (y0 + y1) / 2), 2 * max(x1 - x0, y1 - y0)
    width, height = right - left, bottom - top
    side = float(min(side, width, height))
    x = float(np.clip(x - side / 2, left, right - side)) - left
    y = float(np.clip(y - side / 2, top, bottom - side)) - top
    return x / width, y / height, side / width, side / height
