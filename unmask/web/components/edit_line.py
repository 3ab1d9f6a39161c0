"""The line that takes the place of the run's status from a stroke on the mask until the server knows of it.

The editor's own event would send its pictures with every stroke, and keep them: so the script watches the strokes, and
sends them when they pause.
"""

import time

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC
from unmask.web.templates import render

ID = "edits"
# What the page does when an event of the line's own ends: the script sends but one at a time.
SAY = "document.querySelector('.edit-line').dispatchEvent(new Event('{}', {{ bubbles: true }}));"
OVER = f"() => {{ {SAY.format('over')} }}"
CHANGED = f"() => {{ {SAY.format('changed')} }}"  # after another event that has changed the mask
FAILED = f"() => {{ {SAY.format('failed')} {SAY.format('over')} }}"



def build() -> gr.HTML:
    """The line, after the run's status. Its events: stroke (one was drawn, undone or done again) and, about a second
    after the last of them, pause (with `number`)."""
    return gr.HTML(
        on_page(_draw), js_on_load=(STATIC / "edits.js").read_text(), apply_default_css=False, elem_id=ID
    )


def answer(number: int | None = None) -> str:
    """The line after the edit of that number has been taken over; without it, all that there are."""
    # The time makes every answer another text: the page takes no notice of one that it has.
    return _draw("all" if number is None else str(number), time.monotonic_ns())


def number_of(event: gr.EventData) -> int:
    """Which edit a pause comes after; 0 for none that the page can have counted."""
    number = event._data.get("number")
    return number if type(number) is int and number > 0 else 0


def _draw(number: str = "0", at: int = 0) -> str:
    return render(
        "edit_line",
        number=number,
        at=at,
        edited=tr("Edited by hand …"),
        follow=tr("The mask has changed: new results follow …"),
        press=tr('The mask has changed: press "Remove the mask".'),
    )
