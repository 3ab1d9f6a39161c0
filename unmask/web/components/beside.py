"""The result beside the mask's editor, to be seen while one edits: the one that is large below, and the others small.

The script copies what the row of all results shows, so the server sends no picture for it.
"""

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC
from unmask.web.templates import render


def build() -> gr.HTML:
    """The place beside the editor, or below it on a narrow screen."""
    return gr.HTML(
        on_page(_draw), js_on_load=(STATIC / "beside.js").read_text(), apply_default_css=False, elem_id="beside"
    )


def _draw() -> str:
    return render(
        "beside",
        title=tr("Result as you edit"),
        waiting=tr("The result will stand here."),
        others=tr("Results"),
        large=tr("Show it large"),
    )
