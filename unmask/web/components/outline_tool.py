"""Outline by click: Segment Anything beside the mask editor. What is clicked on is added to the mask, or taken from it.

The editor tells nobody where it was clicked, so the tool lays the same picture over it while it is switched on. It is
on the page unless the host has turned it off (UNMASK_OUTLINE).
"""

import math
from dataclasses import dataclass
from typing import Any

import gradio as gr

from unmask import PhotoError
from unmask.sam import Sam
from unmask.web import templates
from unmask.web.clicks import Click
from unmask.web.components.status import build_queue_line
from unmask.web.events import COMPUTE, PRIVATE
from unmask.web.i18n import tr
from unmask.web.pictures import STATIC
from unmask.web.session import Visit

# A queue of its own: looking at a picture takes seconds, in which the inpainting models are not to wait.
OUTLINE = PRIVATE | COMPUTE | {"concurrency_id": "outline", "show_progress": "minimal"}
READY = "Click on what covers the face: all of it that can be told apart is outlined."
NOTHING = "Nothing can be told apart at this place: click elsewhere, or use the brush."


@dataclass(frozen=True)
class Tool:
    """Its components on the page. `panel` has the events look, mark and undo."""

    sam: Sam
    panel: gr.HTML
    note: gr.HTML  # what it is doing

    def components(self) -> list[Any]:
        """Those that events change."""
        return [self.panel, self.note]


def build(sam: Sam) -> Tool:
    """The tool, which shows nothing until there is a photo. It belongs directly below the editor."""
    panel = gr.HTML(
        js_on_load=(STATIC / "outline.js").read_text(),
        css_template=(STATIC / "outline.css").read_text(),
        elem_id="outline",
        apply_default_css=False,
    )
    note = gr.HTML(elem_id="outline-note")
    build_queue_line(note)
    return Tool(sam, panel, note)


def render(visit: Visit, photo: str, mask: str) -> str:
    """The tool as HTML. photo, mask: URLs of what the editor shows, and of the mask over it."""
    return templates.render(
        "outline",
        face="null" if visit.current is None else visit.current,
        label=tr("Outline what is here: click on it, or move the cross with the arrow keys and press Enter."),
        photo=photo,
        mask=mask,
        switch=tr("Outline by click"),
        modes=(("true", tr("Mark what I click")), ("false", tr("Unmark what I click"))),
        undo=bool(visit.steps),
        back=tr("Undo"),
    )


def click_of(visit: Visit, event: gr.EventData) -> Click:
    """Where a visitor clicked. Raises PhotoError."""
    x, y, adds = (event._data.get(key) for key in ("x", "y", "adds"))
    numbers = all(type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1 for value in (x, y))
    if not numbers or type(adds) is not bool:
        raise PhotoError("This is no place on the photo.")
    if event._data.get("face") != visit.current:
        raise PhotoError("This face is not here any more.")
    return Click(visit.frame, (float(x), float(y)), adds)


def busy_text(sam: Sam, visit: Visit, click: Click) -> str:
    """What is going on while a click, or a first look, is worked on."""
    if visit.clicks.knows(click.frame):
        return tr("Looking for the outline …")
    if sam.is_loaded:
        return tr("Looking at the picture: once, it takes some seconds …")
    return tr("Fetching what is needed: the first time, it takes a while …")
