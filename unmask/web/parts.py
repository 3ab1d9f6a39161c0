"""What the tabs share: the photo input, the results' cards, and how an error becomes a sentence."""

import base64
import html
import io
import tempfile
import time
from abc import ABCMeta
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.component_meta import ComponentMeta
from gradio.data_classes import ImageData
from PIL import Image

from unmask.faces import Face, align
from unmask.image import PhotoError, resize, write_png
from unmask.models import MODELS, ModelInfo, list_removers
from unmask.weights import WeightsError

FORGET_AFTER = 600  # seconds after which a photo is gone: from memory and from the temporary folder
# Heavy events, the API's too, share one group, in which one runs at a time.
COMPUTE = {"concurrency_id": "compute", "concurrency_limit": 1}
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}  # the page's own events are no API
HEAVY = PRIVATE | COMPUTE
THUMBNAIL = 112  # px, the side of a face's small picture
SHOWN = 1024  # px: longest side of what is shown; downloads have the photo's own size
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
INVENTION = "This is an invention, not the person's face."

# What visitors can put right themselves, worded for them. Anything else is a fault of ours.
VISIBLE_ERRORS = (PhotoError, WeightsError)


def _path_only(self: gr.Image, payload: ImageData | None) -> str | None:
    """The uploaded file's path, unread: `read_photo` is the only decoder.

    Gradio would open the file first, and answer a bad one with a bare "Error", not with what is wrong.
    """
    return payload.path if payload else None


# Made by hand, because a `class` statement makes Gradio write a .pyi file beside the source. `is_template`
# says that the browser draws it as its base class.
PhotoInput = ABCMeta.__new__(
    ComponentMeta,
    "PhotoInput",
    (gr.Image,),
    {"preprocess": _path_only, "is_template": True, "__module__": __name__, "__doc__": _path_only.__doc__},
)


# Gradio's own mirror turns the captured photo around as well. People want to see themselves as in a mirror while
# they aim, and the photo as others see them: the style sheet mirrors the preview alone.
CAMERA = gr.WebcamOptions(mirror=False, constraints={"video": {"facingMode": "user"}})


def photo_input(**options) -> gr.Image:
    """An image input for an untrusted file or the camera, of which a callback gets the path."""
    return PhotoInput(type="filepath", image_mode=None, format="png", webcam_options=CAMERA, **options)


def model_choices() -> list[tuple[str, str]]:
    """Every model that takes a mask off, as (title, name)."""
    return [(MODELS[name].title, name) for name in list_removers()]


def status(text: str = "", tone: str = "") -> str:
    """One line on what is going on. tone: "busy", "done", "warn" or plain."""
    return f'<p class="status {tone}" role="status" aria-live="polite">{html.escape(text)}</p>'


def step_title(number: int, title: str) -> str:
    """The heading of one of the tab's steps."""
    return f'<h2 class="step-title"><span>{number}</span>{html.escape(title)}</h2>'


def example_files(masked: bool) -> list[str]:
    """The examples: `<person>.png` is a bare face, `<person>-<mask>.png` the same one masked.

    After the masked faces come the whole photos they are from, `<person>-photo.png`.
    """
    paths = sorted(EXAMPLES.glob("*.png"), key=lambda path: (path.stem.endswith("-photo"), path.stem))
    return [str(path) for path in paths if ("-" in path.stem) == masked]


def timed(work: Callable, *args, **options):
    """(what `work(*args, **options)` returns, how long it took in ms)."""
    start = time.perf_counter()
    result = work(*args, **options)
    return result, round(1000 * (time.perf_counter() - start))


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


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what visitors can put right into the one sentence that a client receives."""
    try:
        yield
    except VISIBLE_ERRORS as error:
        raise gr.Error(str(error), print_exception=False) from error


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


@dataclass(frozen=True)
class Card:
    """One model's place on the page.

    The style sheet hides a card whose note is empty, as it hides all that has nothing to show yet. Gradio's
    own `visible` is not used: several such updates in one message, or in quick succession, lose one another.
    """

    slider: gr.ImageSlider
    note: gr.HTML
    download: gr.Button

    def components(self) -> list:
        """Those that a run changes."""
        return [self.slider, self.note]


def build_cards(slider_label: str, opinion: Callable[[str], None] | None = None) -> dict[str, Card]:
    """A card for every model that takes masks off, by name; all hidden until their model is asked for.

    opinion: adds to a card, given its model's name, what asks visitors for theirs.
    """
    cards = {}
    with gr.Row(elem_classes="cards"):
        for name in list_removers():
            with gr.Column(min_width=0, elem_classes="card"):
                gr.HTML(_card_head(MODELS[name]))
                slider = gr.ImageSlider(
                    label=slider_label,
                    show_label=False,
                    format="png",  # the default, lossy WebP, would put its own artefacts beside the networks'
                    interactive=False,
                    max_height=440,
                    slider_position=12,  # shows the result, and that there is something beside it
                    buttons=["fullscreen"],
                    elem_classes="before-after",
                )
                note = gr.HTML()
                download = gr.Button("Download at full size", size="sm")
                if opinion is not None:
                    with gr.Column(elem_classes="opinion"):
                        opinion(name)
            cards[name] = Card(slider, note, download)
    return cards


def _card_head(info: ModelInfo) -> str:
    title, paper, idea = html.escape(info.title), html.escape(info.paper), html.escape(info.idea)
    return (
        f'<div class="card-head"><h3>{title}</h3><p>{idea}</p><p class="paper">{paper}, {info.year}</p></div>'
    )


def waiting(cards: dict[str, Card], chosen: list[str], before: str | None = None) -> dict:
    """Updates that show the chosen models' cards, with the file `before` in them, and hide the others."""
    updates = {}
    for name, card in cards.items():
        shown = name in chosen
        updates[card.slider] = (before, before) if shown else None
        updates[card.note] = '<p class="card-note waiting">Waiting for its turn …</p>' if shown else ""
    return updates


def finished(card: Card, before: str, after: np.ndarray, milliseconds: int) -> dict:
    """Updates that put a model's result on its card, beside the file `before`."""
    note = (
        f'<p class="card-note invention">{INVENTION}</p><p class="card-note time">Took {milliseconds} ms</p>'
    )
    return {card.slider: (before, cached_png(card.slider, to_show(after), "result.png")), card.note: note}


def failed(card: Card, error: Exception) -> dict:
    """Updates that put the reason where the result would be."""
    return {card.slider: None, card.note: f'<p class="card-note failed">{html.escape(str(error))}</p>'}


def download_through(file: gr.DownloadButton) -> str:
    """JavaScript that clicks a hidden download button, once it holds the file.

    A visible one hands out what it held before the click: every file would have to be written in advance.
    """
    return f"() => document.querySelector('#{file.elem_id}').click()"
