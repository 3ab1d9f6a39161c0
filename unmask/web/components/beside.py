"""The result beside the mask's editor, to be seen while one edits: the one that is large below, and the others small.

The script copies what the row of all results shows, so the server sends no picture for it.
"""

import html

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC


def build() -> gr.HTML:
    """The place beside the editor, or below it on a narrow screen."""
    return gr.HTML(
        on_page(_draw), js_on_load=(STATIC / "beside.js").read_text(), apply_default_css=False, elem_id="beside"
    )


def _draw() -> str:
    title, none = html.escape(tr("Result as you edit")), html.escape(tr("The result will stand here."))
    others, large = html.escape(tr("Results")), html.escape(tr("Show it large"))
    return (
        f'<section class="beside"><h3>{title}</h3><div class="now"><p>{none}</p></div>'
        f'<p class="name"></p><div class="others" role="group" aria-label="{others}"></div>'
        f'<button type="button" class="plain" data-act="large">{large}</button></section>'
    )
