"""The faces of a photo: outlined on it and numbered, to choose or leave out, to edit one by one, or to box by hand.

The server sends HTML, in which Gradio exchanges only what has changed; `assets/faces.js` sends back what was
clicked, as the events of its last lines.
"""

import json
import math

import gradio as gr

from unmask.imaging.reader import PhotoError
from unmask.types import Json
from unmask.web import templates
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
    views = [] if choice else [_view(visit, index) for index in range(len(candidates))]
    # Where a face fills the photo, both views are the same.
    if any(visit.frame_of(index) != visit.frame_of(None) for index in range(len(candidates))):
        views.append(_view(visit, None))
    height, width = visit.shape
    hints = {
        "draw": tr("Drag a box over the face, from forehead to chin, or tap two opposite corners."),
        "opposite": tr("Now the opposite corner."),
        "keys": tr("Arrow keys move the box, Shift and arrows resize it, Enter takes it, Escape gives up."),
        "small": tr(TOO_SMALL),
    }
    return templates.render(
        "faces",
        words=_words(bool(candidates)),
        hints=json.dumps(hints),
        several=choice,
        width=width,
        height=height,
        smallest=SMALLEST_BOX,
        overview=visit.overview,
        faces=[_face(visit, index, each) for index, each in enumerate(candidates)],
        views=views,
    )


def _words(faces: bool) -> dict[str, str]:
    return {
        "photo": tr("Your photo"),
        "hint": tr(CHOOSE_HINT),
        "faces": tr("Faces"),
        "leave": tr("Leave this face out"),
        "choose": tr("Choose this face"),
        "bare": tr("no mask"),
        "drop": tr("Remove this box"),
        "add": tr("Add a face") if faces else tr("Box a face by hand"),
        "cancel": tr("Cancel"),
    }


def _face(visit: Visit, index: int, each: Candidate) -> Json:
    """What the template says of a face: its outline on the photo, its thumbnail, the buttons that belong to it."""
    height, width = visit.shape
    x0, y0, x1, y1 = each.face.box
    x0, x1 = max(x0, 0.0), min(x1, width)
    y0, y1 = max(y0, 0.0), min(y1, height)
    place = f"left:{x0 / width:.2%};top:{y0 / height:.2%};width:{(x1 - x0) / width:.2%};"
    place += f"height:{(y1 - y0) / height:.2%}"
    number = index + 1
    return {
        "index": index,
        "name": tr("Face {number}", number=number),
        "chosen": each.chosen,
        "masked": each.masked,
        "by_hand": each.by_hand,
        "state": ("in" if each.chosen else "out") + (" current" if index == visit.current else ""),
        "place": place,
        "thumbnail": each.thumbnail,
        "drop": tr("Remove the box of face {number}", number=number),
        "edit": _edit(visit, index, tr("Edit"), tr("Edit the mask of face {number}", number=number)),
    }


def _view(visit: Visit, index: int | None) -> Json:
    """The button that brings the only face, or the whole photo, into the editor."""
    if index is None:
        return _edit(visit, index, tr("Whole photo"), tr("Show in the editor: whole photo"))
    return _edit(visit, index, tr("Face"), tr("Show in the editor: face"))


def _edit(visit: Visit, index: int | None, text: str, label: str) -> Json:
    """A button that brings a face, or the whole photo, into the editor."""
    return {"index": index, "text": text, "label": label, "pressed": index == visit.current}
