"""What a visitor tells landmark-guided inpainting, on its card: faces to choose from, and sliders.

Drawn here and not by Gradio, whose sliders do not say when an arrow key has moved them.
"""

import html
import math
from collections.abc import Sequence

import gradio as gr

from unmask import Guide, PhotoError
from unmask.faces.editing import AS_FOUND
from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC, THUMBNAIL

GUIDED = "landmark-guided"
SCRIPT = (STATIC / "guide.js").read_text()
STEP = 0.1
SLIDERS = {"smile": ("Smile", -1), "mouth": ("Open mouth", 0)}  # label, least; the most is 1
# The faces that are shown to choose from: several that fit as well say best that each is an invention.
EXPRESSIONS = {
    "As found": AS_FOUND,
    "Smiling": Guide(smile=0.8),
    "Lips apart": Guide(mouth=0.6),
    "Serious": Guide(smile=-0.8),
}


def build() -> tuple[gr.HTML, gr.HTML]:
    """The controls, whose event `guide` says that they have changed, and a place for the faces to choose from."""
    with gr.Column(elem_classes="guide"):
        expressions = gr.HTML(
            js_on_load=(STATIC / "expressions.js").read_text(), apply_default_css=False, elem_classes="expressions"
        )
        controls = gr.HTML(on_page(_draw), js_on_load=SCRIPT, apply_default_css=False)
    return controls, expressions


def draw_expressions(pictures: Sequence[str]) -> str:
    """One button for each of EXPRESSIONS, with its small picture (a URL)."""
    buttons = ""
    for (label, guide), url in zip(EXPRESSIONS.items(), pictures, strict=True):
        text = html.escape(tr(label))
        data = " ".join(f'data-{name}="{getattr(guide, name):g}"' for name in SLIDERS)
        buttons += (
            f'<button type="button" {data}><img src="{html.escape(url)}" alt="" width="{THUMBNAIL}" '
            f'height="{THUMBNAIL}">{text}</button>'
        )
    caption = html.escape(tr("Other faces that fit as well. None of them is the person's."))
    return f'<p class="how-to">{caption}</p><div class="choices">{buttons}</div>'


def guide_of(event: gr.EventData) -> Guide:
    """What an event asks for. Raises PhotoError."""
    asked = {name: event._data.get(name) for name in SLIDERS}
    numbers = all(type(value) in (int, float) and math.isfinite(value) for value in asked.values())
    if not numbers or any(not SLIDERS[name][1] <= value <= 1 for name, value in asked.items()):
        raise PhotoError("The sliders say nothing that can be done.")
    return Guide(**{name: float(value) for name, value in asked.items()})


def _draw() -> str:
    sliders = "".join(
        f'<label>{html.escape(tr(label))}<input type="range" name="{name}" min="{least}" max="1" step="{STEP}" '
        'value="0"></label>'
        for name, (label, least) in SLIDERS.items()
    )
    return (
        f"<details><summary>{html.escape(tr('Move the mouth'))}</summary><form>{sliders}"
        f'<button type="reset">{html.escape(tr("Back to the face as found"))}</button></form></details>'
    )
