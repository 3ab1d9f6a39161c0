"""The examples: thumbnails, of which a click puts one into the photo's place."""

import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import gradio as gr
from PIL import Image, ImageOps

from unmask.settings import examples
from unmask.web.events import PRIVATE
from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC, THUMBNAIL, file_url
from unmask.web.templates import render

KINDS = (".jpg", ".png")


def example_files(masked: bool) -> list[str]:
    """The examples, where there are any: `<person>-photo` shows somebody in a mask, `<person>` the bare face.

    JPEG files first, which are the larger and the more varied ones. What else there is has its own uses elsewhere.
    """
    paths = [path for path in examples().glob("*") if path.suffix in KINDS]
    paths.sort(key=lambda path: (KINDS.index(path.suffix), path.stem))
    return [str(path) for path in paths if path.stem.endswith("-photo") == masked and (masked or "-" not in path.stem)]


@cache
def _example_hashes() -> frozenset[bytes]:
    return frozenset(sha256(Path(path).read_bytes()).digest() for path in example_files(True))


def is_example(file: bytes) -> bool:
    """Whether a picture's file is one of the masked examples."""
    return sha256(file).digest() in _example_hashes()


def build_examples(masked: bool, photo: gr.Image, elem_id: str) -> gr.events.Dependency:
    """Thumbnails of the examples; a click puts one into `photo`. Returns that event, for what is to follow.

    Not `gr.Examples`: its buttons have no names, and it sends whole pictures for its thumbnails.
    """
    paths = example_files(masked)
    thumbnails = [_thumbnail_url(photo, path) for path in paths]
    gallery = gr.HTML(
        on_page(_draw_examples, paths, thumbnails),
        js_on_load=(STATIC / "examples.js").read_text(),
        elem_id=elem_id,
        apply_default_css=False,
    )

    def choose(event: gr.EventData) -> str:
        number = event._data.get("example")
        if type(number) is not int or not 0 <= number < len(paths):
            raise gr.Error("There is no such example.", print_exception=False)
        address: str = photo.move_resource_to_block_cache(paths[number])
        return address

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
    named = []
    for number, (path, url) in enumerate(zip(paths, thumbnails), 1):
        if Path(path).stem.endswith("-photo"):
            named.append((tr("Example {number}: a whole photo", number=number), url))
        else:
            named.append((tr("Example {number}: a bare face", number=number), url))
    line = " · ".join((tr("Or click an example"), tr("Masks are drawn, most people synthetic")))
    return render("examples", line=line, examples=named, side=THUMBNAIL)
