"""What the tabs share: the photo input, the results' cards, and how an error becomes a sentence."""

import base64
import html
import io
import os
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
from gradio.data_classes import FileData, ImageData
from PIL import Image, ImageOps

from unmask.faces import Face, align
from unmask.image import PhotoError, open_upright, resize, write_png
from unmask.models import MODELS, ModelInfo, list_removers
from unmask.web.facts import Score, parameters_of, score_of
from unmask.web.texts import on_page, static, tr, tr_error
from unmask.weights import WeightsError

FORGET_AFTER = 600  # seconds after which a photo is gone: from memory and from the temporary folder
# Heavy events, the API's too, share one group. As many run at a time as there are cores, each on one thread: twice
# the visits of one at a time on all cores (docs/speed.md).
COMPUTE = {"concurrency_id": "compute", "concurrency_limit": os.cpu_count() or 1}
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}  # the page's own events are no API
# What Gradio then says of the queue is hidden, and said by the line that `build_queue_line` adds.
HEAVY = PRIVATE | COMPUTE | {"show_progress": "minimal"}
THUMBNAIL = 112  # px, the side of a face's small picture
SHOWN = 1024  # px: longest side of what is shown; downloads have the photo's own size
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ASSETS = Path(__file__).resolve().parent / "assets"
# A masked face, in the place of what is not there yet.
PICTOGRAM = """
<svg viewBox="0 0 64 64" width="64" height="64" fill="none" stroke="currentColor" stroke-width="2"
     aria-hidden="true">
  <path d="M16 24c0-10 7-16 16-16s16 6 16 16v10c0 12-7 22-16 22S16 46 16 34z"/>
  <path d="M16 32c5-2 10-3 16-3s11 1 16 3c0 13-7 24-16 24S16 45 16 32z" fill="#ff336655" stroke="#ff3366"/>
  <path d="M25 23h.1M39 23h.1" stroke-width="4" stroke-linecap="round"/>
</svg>"""
LINE_AT = 12  # %: where the line between two pictures begins: there is something beside the result, this shows

# What visitors can put right themselves, worded for them. Anything else is a fault of ours.
VISIBLE_ERRORS = (PhotoError, WeightsError)


def _path_only(self: gr.Image, payload: ImageData | None) -> str | None:
    """The uploaded file's path, unread: `read_photo` is the only decoder.

    Gradio would open the file first, and answer a bad one with a bare "Error", not with what is wrong.
    """
    return payload.path if payload else None


def _variant(name: str, base: type, method: str, instead: Callable) -> type:
    """A component that is drawn as `base` and does one thing otherwise.

    Made by hand, because a `class` statement makes Gradio write a .pyi file beside the source. `is_template` says that
    the browser draws it as its base class.
    """
    body = {method: instead, "is_template": True, "__module__": __name__, "__doc__": instead.__doc__}
    return ABCMeta.__new__(ComponentMeta, name, (base,), body)


PhotoInput = _variant("PhotoInput", gr.Image, "preprocess", _path_only)


def _open_layer(self, file: FileData | bytes | None, flatten_on_white: bool = False) -> np.ndarray | None:
    """An editor whose pictures are untrusted too: Gradio itself opens them in any format and of any size."""
    if file is None:
        return None
    with plain_errors():
        return np.array(open_upright(file.path if isinstance(file, FileData) else bytes(file)).convert("RGBA"))


MaskEditor = _variant("MaskEditor", gr.ImageEditor, "convert_and_format_image", _open_layer)


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


def draw_status(text: str) -> str:
    """A status line to begin with: an English text, in the visitor's language."""
    return status(tr(text))


def build_queue_line(run_status: gr.HTML) -> None:
    """Add the line that takes the place of `run_status` while its event waits for those of other visitors."""
    gr.HTML(
        on_page(_draw_queue_line, run_status.elem_id),
        js_on_load=(ASSETS / "queue.js").read_text(),
        apply_default_css=False,
        elem_classes="queue-line",
    )


def _draw_queue_line(of: str) -> str:
    # The script puts the numbers where their names are: a text that is translated in the browser has no braces.
    timed = tr(
        "Waiting: number {place} of {size} in line, about {seconds} s.",
        place="#place",
        size="#size",
        seconds="#seconds",
    )
    plain = tr("Waiting: number {place} of {size} in line.", place="#place", size="#size")
    return (
        f'<p class="status busy queue" role="status" aria-live="polite" data-of="{of}" '
        f'data-timed="{html.escape(timed)}" data-plain="{html.escape(plain)}"></p>'
    )


def painting_text(model: str, number: int, count: int) -> str:
    """Which of the models is at work."""
    return tr("{model} is painting: {number} of {count} …", model=model, number=number, count=count)


def step_title(number: int, title: str) -> str:
    """The heading of one of the tab's steps."""
    return f'<h2 class="step-title"><span>{number}</span>{html.escape(tr(title))}</h2>'


def example_files(masked: bool) -> list[str]:
    """The examples: `<person>.png` is a bare face, `<person>-<mask>.png` the same one masked.

    After the masked faces come the whole photos they are from, `<person>-photo.png`.
    """
    paths = sorted(EXAMPLES.glob("*.png"), key=lambda path: (path.stem.endswith("-photo"), path.stem))
    return [str(path) for path in paths if ("-" in path.stem) == masked]


def build_examples(masked: bool, photo: gr.Image, elem_id: str) -> gr.events.Dependency:
    """Thumbnails of the examples; a click puts one into `photo`. Returns that event, for what is to follow.

    Not `gr.Examples`: its buttons have no names, and it sends whole pictures for its thumbnails.
    """
    paths = example_files(masked)
    thumbnails = [_thumbnail_url(photo, path) for path in paths]
    gallery = gr.HTML(
        on_page(_draw_examples, paths, thumbnails),
        js_on_load=(ASSETS / "examples.js").read_text(),
        elem_id=elem_id,
        apply_default_css=False,
    )

    def choose(event: gr.EventData) -> str:
        number = event._data.get("example")
        if type(number) is not int or not 0 <= number < len(paths):
            raise gr.Error("There is no such example.", print_exception=False)
        return photo.move_resource_to_block_cache(paths[number])

    return gallery.choose(choose, None, photo, **PRIVATE)


def _thumbnail_url(photo: gr.Image, path: str) -> str:
    """Where the page gets a small, square JPEG of an example; it stays as long as the server runs."""
    with tempfile.TemporaryDirectory() as folder, Image.open(path) as image:
        small = Path(folder) / f"{Path(path).stem}.jpg"
        ImageOps.fit(image.convert("RGB"), (THUMBNAIL, THUMBNAIL)).save(small, quality=85)
        cached = photo.move_resource_to_block_cache(str(small))
    photo.keep_in_cache.add(cached)
    return file_url(cached)


def _draw_examples(paths: list[str], thumbnails: list[str]) -> str:
    buttons = ""
    for index, (path, url) in enumerate(zip(paths, thumbnails)):
        kind = Path(path).stem.partition("-")[2]
        if kind == "photo":
            text = tr("Example {number}: a whole photo", number=index + 1)
        elif kind:
            text = tr("Example {number}: a masked face ({worn})", number=index + 1, worn=tr(kind))
        else:
            text = tr("Example {number}: a bare face", number=index + 1)
        buttons += (
            f'<button type="button" data-example="{index}" title="{html.escape(text)}">'
            f'<img src="{html.escape(url)}" alt="{html.escape(text)}" width="{THUMBNAIL}" height="{THUMBNAIL}">'
            "</button>"
        )
    return f'<p>{html.escape(tr("Or click an example"))}</p><div class="examples">{buttons}</div>'


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
        raise gr.Error(tr_error(error), print_exception=False) from error


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

    title: str  # the model's
    line: str  # what the line between the two pictures is for; English, as are all texts until they are drawn
    pictures: gr.HTML
    note: gr.HTML
    download: gr.Button

    def components(self) -> list:
        """Those that a run changes."""
        return [self.pictures, self.note]


def build_cards(
    line: str, below: Callable[[str], None] = lambda name: None, after: Callable[[], None] = lambda: None
) -> dict[str, Card]:
    """A card for every model that takes masks off, by name; all hidden until their model is asked for.

    below: adds to a card, given its model's name. after: adds cards after the models' own.
    """
    cards = {}
    script = (ASSETS / "before_after.js").read_text()
    with gr.Row(elem_classes="cards"):
        for name in list_removers():
            with gr.Column(min_width=0, elem_classes="card"):
                gr.HTML(on_page(_card_head, MODELS[name], parameters_of(name), score_of(name)))
                pictures = gr.HTML(js_on_load=script, apply_default_css=False, elem_classes="pictures")
                note = gr.HTML()
                download = gr.Button(static("Download at full size"), size="sm")
                below(name)
            cards[name] = Card(MODELS[name].title, line, pictures, note, download)
        after()
    return cards


def _card_head(info: ModelInfo, parameters: int, score: Score | None) -> str:
    title, paper, idea = html.escape(info.title), html.escape(info.paper), html.escape(tr(info.idea))
    facts = []
    if parameters:
        facts.append(tr("{count} million parameters.", count=f"{parameters / 1e6:.1f}"))
    if score:
        facts.append(
            tr(
                "On {faces} held-back faces, under the mask: PSNR {psnr} dB, SSIM {ssim}.",
                faces=score.faces,
                psnr=f"{score.psnr:.1f}",
                ssim=f"{score.ssim:.2f}",
            )
        )
    return (
        f'<div class="card-head"><h3>{title}</h3><p>{idea}</p>'
        f'<p class="paper"><span lang="en">{paper}</span>, {info.year}</p>'
        f'<p class="paper">{html.escape(" ".join(facts))}</p></div>'
    )


def _before_after(card: Card, before: str, after: str, shape: tuple[int, ...]) -> str:
    """Two files of pictures, (H, W, ...) = shape, one over the other, with a line to drag between them."""

    def image(name: str, path: str, text: str) -> str:
        return f'<img class="{name}" src="{html.escape(file_url(path))}" alt="{html.escape(text)}" draggable="false">'

    full = html.escape(tr("Show full screen"))
    return f"""
<figure class="before-after" style="--ratio: {shape[1] / shape[0]:.4f}; --at: {LINE_AT}">
  {image("before", before, tr("Before"))}
  {image("after", after, tr("What {model} imagines", model=card.title))}
  <input type="range" min="0" max="100" value="{LINE_AT}" aria-label="{html.escape(tr(card.line))}">
  <button type="button" class="full" title="{full}" aria-label="{full}"><svg viewBox="0 0 16 16" width="16"
    height="16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
    <path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/></svg></button>
</figure>"""


def waiting(
    cards: dict[str, Card], chosen: list[str], before: str = "", shape: tuple[int, ...] = (1, 1)
) -> dict:
    """Updates that show the chosen models' cards, with the file `before` in them, and hide the others."""
    updates = {}
    for name, card in cards.items():
        shown = name in chosen
        updates[card.pictures] = _before_after(card, before, before, shape) if shown else ""
        text = html.escape(tr("Waiting for its turn …"))
        updates[card.note] = f'<p class="card-note waiting">{text}</p>' if shown else ""
    return updates


def finished(card: Card, before: str, after: np.ndarray, milliseconds: int) -> dict:
    """Updates that put a model's result on its card, beside the file `before`."""
    invention = html.escape(tr("This is an invention, not the person's face."))
    took = html.escape(tr("Took {milliseconds} ms", milliseconds=milliseconds))
    note = f'<p class="card-note invention">{invention}</p><p class="card-note time">{took}</p>'
    shown = to_show(after)
    file = cached_png(card.pictures, shown, "result.png")
    return {card.pictures: _before_after(card, before, file, shown.shape), card.note: note}


def failed(card: Card, error: Exception) -> dict:
    """Updates that put the reason where the result would be."""
    return {card.pictures: "", card.note: f'<p class="card-note failed">{html.escape(tr_error(error))}</p>'}


def download_through(file: gr.DownloadButton) -> str:
    """JavaScript that clicks a hidden download button, once it holds the file.

    A visible one hands out what it held before the click: every file would have to be written in advance.
    """
    return f"() => document.querySelector('#{file.elem_id}').click()"
