"""The button that begins editing where there is a finger and no mouse: until it is pressed, a swipe over the editor
turns the page and paints nothing."""

import html

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC


def build() -> gr.HTML:
    """The button above the editor; the style sheet hides it where there is a mouse."""
    script = (STATIC / "edit_switch.js").read_text()
    return gr.HTML(on_page(_draw), js_on_load=script, apply_default_css=False, elem_id="edit-switch")


def _draw() -> str:
    begin, end = html.escape(tr("Edit the mask")), html.escape(tr("Editing is done"))
    return f'<button type="button" class="edit-switch" data-end="{end}">{begin}</button>'
