"""What a visitor tells landmark-guided inpainting, on its card: faces to choose from, sliders, and a hint.

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
SLIDERS = {"smile": ("Smile", -1), "mouth": ("Open mouth", 0), "jaw": ("Jaw width", -1)}  # label, least; the most is 1
HINTS = {0: "Open", -1: "Reads as male", 1: "Reads as female"}
# The faces that are shown to choose from: several that fit as well say best that each is an invention.
EXPRESSIONS = {
    "As found": AS_FOUND,
    "Smiling": Guide(smile=0.8),
    "Lips apart": Guide(mouth=0.6),
    "Serious": Guide(smile=-0.8),
}
SURE = 0.4  # of a guess in [-1, 1]: nearer to 0 it is said to be undecided


def build() -> tuple[gr.HTML, gr.HTML, gr.HTML]:
    """The controls, whose event `guide` says that they have changed, and places for the hint network's guess and for
    the faces to choose from."""
    with gr.Column(elem_classes="guide"):
        expressions = gr.HTML(
            js_on_load=(STATIC / "expressions.js").read_text(), apply_default_css=False, elem_classes="expressions"
        )
        controls = gr.HTML(on_page(_draw), js_on_load=SCRIPT, apply_default_css=False)
        guess = gr.HTML(elem_classes="guess")
    return controls, guess, expressions


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
    hint = event._data.get("hint")
    numbers = all(type(value) in (int, float) and math.isfinite(value) for value in [*asked.values(), hint])
    if not numbers or hint not in HINTS or any(not SLIDERS[name][1] <= value <= 1 for name, value in asked.items()):
        raise PhotoError("The sliders say nothing that can be done.")
    return Guide(**{name: float(value) for name, value in asked.items()}, hint=float(hint))


def draw_guess(hint: float) -> str:
    """What the hint network makes of the visible half, -1 male to 1 female: as a guess about a picture."""
    if abs(hint) < SURE:
        guess = tr("From the visible half, a network cannot guess how this face is read.")
    elif hint < 0:
        guess = tr("From the visible half, a network guesses that this face is read as male.")
    else:
        guess = tr("From the visible half, a network guesses that this face is read as female.")
    caution = tr("It is a guess about the picture, may be wrong, and is never a fact about a person.")
    return f'<p class="how-to">{html.escape(guess)} {html.escape(caution)}</p>'


def _draw() -> str:
    sliders = "".join(
        f'<label>{html.escape(tr(label))}<input type="range" name="{name}" min="{least}" max="1" step="{STEP}" '
        'value="0"></label>'
        for name, (label, least) in SLIDERS.items()
    )
    choices = "".join(
        f'<label><input type="radio" name="hint" value="{value}"{" checked" if value == 0 else ""}>'
        f"{html.escape(tr(label))}</label>"
        for value, label in HINTS.items()
    )
    return (
        f"<details><summary>{html.escape(tr('Move mouth and jaw'))}</summary><form>{sliders}"
        f"<fieldset><legend>{html.escape(tr('Hint for the network'))}</legend>{choices}</fieldset>"
        f'<button type="reset">{html.escape(tr("Back to the face as found"))}</button></form></details>'
    )
