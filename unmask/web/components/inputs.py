"""What a visitor puts in: the photo, the mask on it, the models. Untrusted files have one decoder, ours."""

from abc import ABCMeta
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from gradio.component_meta import ComponentMeta
from gradio.data_classes import FileData, ImageData

from unmask.catalog import list_inpainting_models
from unmask.imaging.reader import open_upright
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.types import Json
from unmask.web.errors import plain_errors


def _path_only(self: gr.Image, payload: ImageData | None) -> str | None:
    """The uploaded file's path, unread: `read_photo` is the only decoder.

    Gradio would open the file first, and answer a bad one with a bare "Error", not with what is wrong.
    """
    return payload.path if payload else None


def _variant(name: str, base: type, **instead: Callable[..., Any]) -> type:
    """A component that is drawn as `base` and does a few things otherwise: method -> what it is instead.

    Made by hand, because a `class` statement makes Gradio write a .pyi file beside the source. `is_template` says that
    the browser draws it as its base class.
    """
    body = instead | {"is_template": True, "__module__": __name__, "__doc__": next(iter(instead.values())).__doc__}
    variant: type = ABCMeta.__new__(ComponentMeta, name, (base,), body)
    return variant


def _example(self: gr.Image) -> Json:
    """What "Use via API" gives in its place: a file. Gradio's own is an address, which this server does not fetch."""
    return {"path": "photo.jpg", "url": "photo.jpg", "orig_name": "photo.jpg", "meta": {"_type": "gradio.FileData"}}


PhotoInput = _variant("PhotoInput", gr.Image, preprocess=_path_only, example_payload=_example)


def _open_layer(
    self: gr.ImageEditor, file: FileData | bytes | None, flatten_on_white: bool = False
) -> np.ndarray | None:
    """An editor whose pictures are untrusted too: Gradio itself opens them in any format and of any size."""
    if file is None:
        return None
    with plain_errors():
        return np.array(open_upright(file.path if isinstance(file, FileData) else bytes(file)).convert("RGBA"))


MaskEditor = _variant("MaskEditor", gr.ImageEditor, convert_and_format_image=_open_layer)

# Gradio's own mirror turns the captured photo around as well. People want to see themselves as in a mirror while
# they aim, and the photo as others see them: the style sheet mirrors the preview alone.
CAMERA = gr.WebcamOptions(mirror=False, constraints={"video": {"facingMode": "user"}})


def photo_input(**options: Any) -> gr.Image:
    """An image input for an untrusted file or the camera, of which a callback gets the path."""
    return PhotoInput(type="filepath", image_mode=None, format="png", webcam_options=CAMERA, **options)


def models_on_page() -> list[str]:
    """Names of every model that takes a mask off, as they stand on the page: the default ones first."""
    names = list_inpainting_models()
    return sorted(names, key=lambda name: (name not in DEFAULT_MODELS, (*DEFAULT_MODELS, *names).index(name)))


def model_choices() -> list[tuple[str, str]]:
    """Every model that takes a mask off, as (title, name)."""
    return [(MODELS[name].title, name) for name in models_on_page()]
