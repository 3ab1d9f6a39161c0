"""The bar above the results: which face or the whole photo, zoom, the original, and several results at once."""

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC
from unmask.web.templates import render


def build() -> gr.HTML:
    """The bar, which the style sheet hides until there are results."""
    return gr.HTML(
        on_page(_draw), js_on_load=(STATIC / "viewer.js").read_text(), apply_default_css=False, elem_id="viewer"
    )


def _draw() -> str:
    # What the script fills in has a mark in place of braces: a text that is translated in the browser has none.
    words = {
        "face": tr("Face"),
        "numbered": tr("Face {number}", number="#number"),
        "whole": tr("Whole photo"),
    }
    return render(
        "viewer_bar",
        words=words,
        view=tr("View"),
        compare=tr("Compare"),
        keys=tr("Keys: + and - zoom, 0 resets, Shift and arrows move, H shows the original."),
        original=tr("Hold to see the original"),
        zoom=tr("Zoom"),
        smaller=tr("Show it smaller"),
        larger=tr("Show it larger"),
        reset=tr("Reset"),
        invention=tr("These are inventions, not the person's face."),
        choose=tr("Choose two to four below."),
    )
