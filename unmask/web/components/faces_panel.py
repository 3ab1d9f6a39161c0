"""The faces of a photo: outlined on it and numbered, to choose or leave out, to edit one by one, or to box by hand.

The server sends HTML, in which Gradio exchanges only what has changed; `assets/faces.js` sends back what was
clicked, as the events of its last lines.
"""

import html
import json
import math

import gradio as gr

from unmask.imaging.reader import PhotoError
from unmask.web.i18n import tr
from unmask.web.pictures import STATIC
from unmask.web.session import SMALLEST_BOX, TOO_SMALL, Candidate, Visit

SCRIPT = (STATIC / "faces.js").read_text()

CHOOSE_HINT = "Click a face, on the photo or below, to leave it out or to choose it again."


def build() -> gr.HTML:
    """The panel, empty until there is a photo. Its events: choose, edit, drop (with `face`), and box (`corners`)."""
    return gr.HTML(js_on_load=SCRIPT, elem_id="faces", apply_default_css=False)


def face_index(visit: Visit, event: gr.EventData) -> int:
    """Which candidate an event is about. Raises PhotoError."""
    index = event._data.get("face")
    if type(index) is not int or not 0 <= index < len(visit.candidates):
        raise PhotoError("This face is not here any more.")
    return index


def box_corners(event: gr.EventData) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of a box drawn by hand, in shares of the photo. Raises PhotoError."""
    corners = event._data.get("corners")
    numbers = isinstance(corners, list) and [type(each) in (int, float) for each in corners] == [True] * 4
    if not numbers or not all(map(math.isfinite, corners)):
        raise PhotoError("This is no box: draw it around the face.")
    return tuple(corners)


def render(visit: Visit | None) -> str:
    """The panel as HTML; empty without a photo. With one face or none it is but a line of buttons."""
    if visit is None:
        return ""
    candidates = visit.candidates
    choice = len(candidates) > 1 or any(each.by_hand for each in candidates)
    boxes = "".join(_box(visit, index, each) for index, each in enumerate(candidates))
    tiles = "".join(_tile(visit, index, each) for index, each in enumerate(candidates)) if choice else ""
    views = "" if choice else "".join(_view(visit, index) for index in range(len(candidates)))
    # Where a face fills the photo, both views are the same.
    if any(visit.frame_of(index) != visit.frame_of(None) for index in range(len(candidates))):
        views += _view(visit, None)
    add = tr("Add a face") if candidates else tr("Box a face by hand")
    height, width = visit.shape
    hints = {
        "draw": tr("Drag a box over the face, from forehead to chin, or tap two opposite corners."),
        "opposite": tr("Now the opposite corner."),
        "keys": tr("Arrow keys move the box, Shift and arrows resize it, Enter takes it, Escape gives up."),
        "small": tr(TOO_SMALL),
    }
    return f"""
<div class="faces {"several" if choice else ""}" data-hints="{html.escape(json.dumps(hints))}">
  <div class="overview">
    <div class="picture" data-width="{width}" data-height="{height}" data-smallest="{SMALLEST_BOX}">
      <img src="{html.escape(visit.overview)}" alt="{html.escape(tr("Your photo"))}" draggable="false">
      {boxes}<div class="rubber"></div>
    </div>
    <p class="hint" role="status">{html.escape(tr(CHOOSE_HINT))}</p>
    <div class="tiles" role="group" aria-label="{html.escape(tr("Faces"))}">{tiles}</div>
  </div>
  <div class="views">{views}
    <button type="button" class="plain add" data-act="add">{html.escape(add)}</button>
    <button type="button" class="plain cancel" data-act="cancel">{html.escape(tr("Cancel"))}</button>
  </div>
</div>"""


def _toggle(each: Candidate, index: int) -> str:
    """The attributes that a face's outline and its thumbnail share."""
    title = html.escape(tr("Leave this face out") if each.chosen else tr("Choose this face"))
    pressed = str(each.chosen).lower()
    return (
        f'type="button" data-act="choose" data-face="{index}" aria-pressed="{pressed}" title="{title}" '
        f'aria-label="{html.escape(tr("Face {number}", number=index + 1))}"'
    )


def _state(visit: Visit, index: int, each: Candidate) -> str:
    return ("in" if each.chosen else "out") + (" current" if index == visit.current else "")


def _box(visit: Visit, index: int, each: Candidate) -> str:
    """A face's outline on the photo."""
    height, width = visit.shape
    x0, y0, x1, y1 = each.face.box
    x0, x1 = max(x0, 0.0), min(x1, width)
    y0, y1 = max(y0, 0.0), min(y1, height)
    place = f"left:{x0 / width:.2%};top:{y0 / height:.2%};width:{(x1 - x0) / width:.2%};"
    place += f"height:{(y1 - y0) / height:.2%}"
    return (
        # The thumbnail is the same button: once is enough for who goes through the page with the keyboard.
        f'<button {_toggle(each, index)} class="box {_state(visit, index, each)}" style="{place}" tabindex="-1">'
        f'<span class="number">{index + 1}</span></button>'
    )


def _tile(visit: Visit, index: int, each: Candidate) -> str:
    """A face's thumbnail, with the buttons that belong to it."""
    label = html.escape(tr("Remove the box of face {number}", number=index + 1))
    drop = (
        f'<button type="button" class="drop" data-act="drop" data-face="{index}" '
        f'aria-label="{label}" title="{html.escape(tr("Remove this box"))}">×</button>'
        if each.by_hand
        else ""
    )
    bare = "" if each.masked else f'<span class="bare">{html.escape(tr("no mask"))}</span>'
    edit = _edit(visit, index, tr("Edit"), tr("Edit the mask of face {number}", number=index + 1))
    return (
        f'<div class="tile {_state(visit, index, each)}"><button {_toggle(each, index)} class="thumb">'
        f'<img src="{html.escape(each.thumbnail)}" alt="" draggable="false">'
        f'<span class="number">{index + 1}</span>{bare}</button>{edit}{drop}</div>'
    )


def _view(visit: Visit, index: int | None) -> str:
    """The button that brings the only face, or the whole photo, into the editor."""
    if index is None:
        return _edit(visit, index, tr("Whole photo"), tr("Show in the editor: whole photo"))
    return _edit(visit, index, tr("Face"), tr("Show in the editor: face"))


def _edit(visit: Visit, index: int | None, text: str, label: str) -> str:
    """A button that brings a face, or the whole photo, into the editor."""
    face = "null" if index is None else index
    return (
        f'<button type="button" class="plain edit" data-act="edit" data-face="{face}" '
        f'aria-label="{html.escape(label)}" aria-pressed="{str(index == visit.current).lower()}">'
        f"{html.escape(text)}</button>"
    )
