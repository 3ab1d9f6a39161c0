"""The button that opens the mask's editor in the place of the still.

Where there is a finger and no mouse, it stays and ends editing: until it is pressed again, a swipe over the editor
turns the page and paints nothing.
"""

import html

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC

FAILED = "() => { document.querySelector('.edit-switch').dispatchEvent(new Event('failed', { bubbles: true })); }"


def build() -> gr.HTML:
    """The button. Its event `open` asks for the editor; FAILED is to be run where it does not come."""
    script = (STATIC / "edit_switch.js").read_text()
    return gr.HTML(on_page(_draw), js_on_load=script, apply_default_css=False, elem_id="edit-switch")


def _draw() -> str:
    begin, opening = html.escape(tr("Edit the mask")), html.escape(tr("Opening the editor …"))
    end = html.escape(tr("Editing is done"))
    return (
        f'<button type="button" class="edit-switch" data-opening="{opening}" data-end="{end}" aria-live="polite">'
        f"{begin}</button>"
    )
