"""Keys and wheel for the mask's editor, which has none of its own but the wheel's zoom and shift; and what says so."""

import html

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC


def build() -> gr.HTML:
    """The line below the editor that names them, seen where there is a mouse; its script listens to them."""
    return gr.HTML(
        on_page(_draw), js_on_load=(STATIC / "brush_keys.js").read_text(), apply_default_css=False,
        elem_classes="brush-keys",
    )  # fmt: skip


def _draw() -> str:
    text = tr(
        "Ctrl+Z undoes, Ctrl+Shift+Z redoes, X swaps brush and eraser; over the picture, the wheel sets their size."
    )
    return f'<p class="how-to">{html.escape(text)}</p>'
