"""Pictures on their way to the page: cached files, thumbnails, and what is shown of a large photo."""

import base64
import io
import tempfile
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import numpy as np
from PIL import Image

from unmask.faces.alignment import align
from unmask.faces.face import Face
from unmask.imaging.metadata import write_png
from unmask.imaging.tensors import resize

THUMBNAIL = 112  # px, the side of a face's small picture
SHOWN = 1024  # px: longest side of what is shown; downloads have the photo's own size
STATIC = Path(__file__).resolve().parent / "static"


def cached_png(
    component: gr.components.Component, image: np.ndarray, filename: str, notice: str | None = None
) -> str:
    """Path of a PNG in the component's cache, from where it is served and where the clean-up deletes it.

    Components get this path and never an array: those Gradio writes in place, under a name made from the
    content, so that a browser that is just fetching the same picture gets half of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / filename
        write_png(path, image, notice)
        return component.move_resource_to_block_cache(path)


def file_url(path: str) -> str:
    """Where the page gets a file of a component's cache."""
    return "gradio_api/file=" + quote(path)


def thumbnail(photo: np.ndarray, face: Face) -> str:
    """A face's crop as the URL of a small JPEG that the page itself carries."""
    file = io.BytesIO()
    Image.fromarray(align(photo, face, THUMBNAIL)).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def to_show(image: np.ndarray) -> np.ndarray:
    """The picture as it goes to the page: no side longer than SHOWN px."""
    height, width = image.shape[:2]
    scale = SHOWN / max(height, width)
    return image if scale >= 1 else resize(image, (round(height * scale), round(width * scale)))
