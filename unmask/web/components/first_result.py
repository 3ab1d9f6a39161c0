"""What is on the page before there is a photo: one result large, made in advance by `scripts/make_first_result.py`.

Two small files, and not a run when the server starts: so the first visitor has it at once, the start takes no longer,
and it is there where the weights are not. A test makes the result anew and compares.
"""

import gradio as gr
from PIL import Image

from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.components.canvas import Before, Part, draw_before_after
from unmask.web.components.inputs import models_on_page
from unmask.web.components.status import PICTOGRAM
from unmask.web.i18n import tr
from unmask.web.pictures import STATIC
from unmask.web.templates import render

BEFORE, AFTER = STATIC / "first-before.png", STATIC / "first-after.png"
LINE_AT = 50  # %: half of the face with its mask, half without


def put_files(component: gr.components.Component) -> tuple[str, str]:
    """Paths of both pictures in the component's cache, where they stay as long as the server runs."""
    before, after = (component.move_resource_to_block_cache(str(path)) for path in (BEFORE, AFTER))
    component.keep_in_cache |= {before, after}
    return before, after


def draw(before: str, after: str) -> str:
    """The result, given the paths from `put_files`, and what takes its place while a photo is looked at."""
    with Image.open(BEFORE) as image:
        ratio = image.width / image.height
    photo = Before(ratio, (Part(before),))
    large = draw_before_after(
        photo, [after], tr("What {model} imagines", model="GANMasker"), tr("Drag the line: before and after"), LINE_AT
    )
    caption = tr("An example with a drawn mask. The face beneath it is an invention of GANMasker's, a network.")
    text = tr("Here you will see the photo with its mask in pink. You can correct it with a brush.")
    return render(
        "first_result", result=large, caption=caption, models=_name_models(), pictogram=PICTOGRAM, text=text
    )


def _name_models() -> str:
    """Which models will be compared, and how many more there are."""
    names = [MODELS[name].title for name in DEFAULT_MODELS]
    more = tr("{count} more", count=len(set(models_on_page()) - set(DEFAULT_MODELS)))
    return f"{tr('Side by side:')} {', '.join([*names, more])}"
