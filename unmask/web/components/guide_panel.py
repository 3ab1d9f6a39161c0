"""What a visitor tells landmark-guided inpainting, on its card: faces to choose from, and sliders.

Drawn here and not by Gradio, whose sliders do not say when an arrow key has moved them.
"""

import math
from collections.abc import Sequence

import gradio as gr

from unmask import Guide, PhotoError
from unmask.faces.editing import AS_FOUND
from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC, THUMBNAIL
from unmask.web.templates import render

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
    faces = [
        (tr(label), url, {name: getattr(guide, name) for name in SLIDERS})
        for (label, guide), url in zip(EXPRESSIONS.items(), pictures, strict=True)
    ]
    caption = tr("Other faces that fit as well. None of them is the person's.")
    return render("expressions", caption=caption, faces=faces, side=THUMBNAIL)


def guide_of(event: gr.EventData) -> Guide:
    """What an event asks for. Raises PhotoError."""
    asked = {name: event._data.get(name) for name in SLIDERS}
    numbers = all(type(value) in (int, float) and math.isfinite(value) for value in asked.values())
    if not numbers or any(not SLIDERS[name][1] <= value <= 1 for name, value in asked.items()):
        raise PhotoError("The sliders say nothing that can be done.")
    return Guide(**{name: float(value) for name, value in asked.items()})


def _draw() -> str:
    sliders = [(name, tr(label), least) for name, (label, least) in SLIDERS.items()]
    title, reset = tr("Move the mouth"), tr("Back to the face as found")
    return render("guide", title=title, sliders=sliders, step=STEP, reset=reset)
