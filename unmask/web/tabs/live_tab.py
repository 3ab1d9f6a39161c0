"""Tab 3: the camera live. The page sends its newest picture when the last one's result has come, and never before.

Not Gradio's own stream: that uploads every picture whether or not there is time for it, and writes those that are
worked on to the disk. Here a picture is a POST whose answer is the result; nothing of it stays.
"""

import asyncio
import base64
import io
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from unmask import PhotoError, Unmasker, WeightsError, read_photo
from unmask.imaging.metadata import NOTICE, write_png
from unmask.live import MODEL, LiveUnmasker
from unmask.registry import MODELS
from unmask.types import Json
from unmask.web.components.status import PICTOGRAM, status
from unmask.web.i18n import in_language, language_of, on_page, tr, tr_error
from unmask.web.pictures import STATIC
from unmask.web.security.rate_limit import visitor_of
from unmask.web.templates import render

SECONDS = 60  # a turn; then it is the next one's
MOST_WAITING = 20
MOST_EACH = 3  # of them from one address, which a household may share
GONE_AFTER = 5.0  # s without a sign of life
FASTEST = 1 / 12  # s between two pictures: more would take the machine from those who give photos
LONGEST_SIDE = 480  # px of what the page sends
MOST_BYTES = 400_000  # of a JPEG of that size
CLIP_SECONDS = 5

HINT = "Start the camera: a mask is found and taken off while you watch."
STATES = {
    "opening": "Opening the camera …",
    "first": "The first picture is on its way …",
    "masked": "The mask is taken off as you move.",
    "bare": "No mask is seen on this face, which is shown as it is.",
    "nobody": "No face is in sight.",
    "stopped": "The camera is off.",
    "denied": "The camera could not be opened: allow it for this page, and close other programs that use it.",
    "insecure": "Browsers give the camera only to pages that come over https.",
    "lost": "The connection was lost, and the camera is off: start it again.",
    "busy": "This server has too much to do just now: please try again in a minute.",
}


@dataclass
class View:
    """Somebody's live view, running or waiting."""

    visitor: str
    live: LiveUnmasker
    heard: float  # when it was last asked for anything; all times in s, monotonic
    ends: float | None = None  # when its turn is over
    next: float = 0.0  # when it may send again
    working: bool = False


class Line:
    """Who looks live: one at a time, the others wait in the order in which they came. For one event loop."""

    def __init__(self, unmasker: Unmasker, seconds: float = SECONDS):
        self.unmasker, self.seconds = unmasker, seconds
        self.views: dict[str, View] = {}  # ticket -> view; the first one has its turn

    def join(self, visitor: str) -> str | None:
        """A ticket for a new view, at the end of the line; None when the line is full."""
        self.tidy()
        own = sum(view.visitor == visitor for view in self.views.values())
        if len(self.views) > MOST_WAITING or own >= MOST_EACH:
            return None
        ticket = secrets.token_urlsafe(16)
        self.views[ticket] = View(visitor, LiveUnmasker(self.unmasker), time.monotonic())
        return ticket

    def hear(self, ticket: str) -> View | None:
        """The view of this ticket, which has given a sign of life; None when its turn is over."""
        self.tidy()
        if view := self.views.get(ticket):
            view.heard = time.monotonic()
            # A browser that is gone takes its face along, though nobody else may ask for anything.
            asyncio.get_running_loop().call_later(GONE_AFTER + 0.1, self.tidy)
        return view

    def place(self, ticket: str) -> tuple[int, int]:
        """How many are before this view, and the longest that they can take, in s. Its turn begins with 0."""
        place = list(self.views).index(ticket)
        now, first = time.monotonic(), next(iter(self.views.values()))
        if place == 0 and first.ends is None:
            first.ends = now + self.seconds
        running = self.seconds if first.ends is None else max(first.ends - now, 0)
        return place, round(running + (place - 1) * self.seconds) if place else 0

    def leave(self, ticket: str) -> None:
        """End a view, if there still is one."""
        self.views.pop(ticket, None)

    def tidy(self) -> None:
        """End the view whose turn is over, and those that nobody has asked for lately."""
        now = time.monotonic()
        for ticket, view in list(self.views.items()):
            silent = not view.working and now - view.heard > GONE_AFTER
            if silent or (view.ends is not None and now > view.ends):
                self.leave(ticket)


def routes(line: Line) -> list[BaseRoute]:
    """What the page calls, all by POST, to stand before Gradio's routes.

    live/start: a ticket, or 503 when too many wait. live/TICKET, with a JPEG or nothing: 200 and a JPEG, or 204 for
    nothing; 202 while it is somebody else's turn; 410 when the turn is over. live/TICKET/stop ends it.
    """
    worker = ThreadPoolExecutor(1, "live")

    async def start(request: Request) -> Response:
        ticket = line.join(visitor_of(request.scope))
        return _json(503) if ticket is None else _json(200, ticket=ticket, **_place(line, ticket))

    async def show(request: Request) -> Response:
        ticket = request.path_params["ticket"]
        if line.hear(ticket) is None:
            return _json(410)
        data = await _body(request)
        if data is None:
            return _json(413)
        view = line.hear(ticket)
        if view is None:
            return _json(410)
        place = _place(line, ticket)
        if place["place"] > 0:
            return _json(202, **place)
        if not data:
            return Response(status_code=204)
        if view.working:
            return _json(409)  # late pictures are dropped: the page never sends two at a time
        view.working = True
        try:
            await asyncio.sleep(view.next - time.monotonic())
            view.next = time.monotonic() + FASTEST
            picture, state = await asyncio.get_running_loop().run_in_executor(worker, take_off, view.live, data)
        except PhotoError as error:
            return _json(400, error=sentence_for(request, error))
        except WeightsError as error:
            line.leave(ticket)
            return _json(500, error=sentence_for(request, error))
        finally:
            view.working = False
            line.hear(ticket)
        left = max(round((view.ends or 0) - time.monotonic()), 0)
        return Response(
            picture, 200, {"Cache-Control": "no-store", "X-Seen": state, "X-Left": str(left)}, "image/jpeg"
        )

    async def stop(request: Request) -> Response:
        line.leave(request.path_params["ticket"])
        return Response(status_code=204)

    return [
        Route("/live/start", start, methods=["POST"]),
        Route("/live/{ticket}", show, methods=["POST"]),
        Route("/live/{ticket}/stop", stop, methods=["POST"]),
    ]


def _json(code: int, **values: Any) -> Response:
    return JSONResponse(values, code, {"Cache-Control": "no-store"})


def _place(line: Line, ticket: str) -> Json:
    return dict(zip(("place", "seconds"), line.place(ticket)))


async def _body(request: Request) -> bytes | None:
    """What was sent; None when it is too much."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            return None
    return data


def sentence_for(request: Request, error: PhotoError | WeightsError) -> str:
    """The error's sentence in the language of the browser that asked."""
    with in_language(language_of(request.headers.get("accept-language", ""))):
        return tr_error(error)


def take_off(live: LiveUnmasker, data: bytes) -> tuple[bytes, str]:
    """The result for a JPEG, as a JPEG, and what was seen: "masked", "bare" or "nobody". Raises PhotoError."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as header:
            size = header.size
    except Exception as error:
        raise PhotoError("The picture is no JPEG.") from error
    if max(size) > LONGEST_SIDE:
        raise PhotoError("A live picture may have at most {side} px on each side.", side=LONGEST_SIDE)
    result = live(read_photo(data), time.monotonic())
    file = io.BytesIO()
    comment = NOTICE if result.masked else ""
    Image.fromarray(result.image).save(file, "JPEG", quality=85, comment=comment)
    return file.getvalue(), "masked" if result.masked else "nobody" if result.face is None else "bare"


def png_marks() -> str:
    """The chunks that mark a PNG as made by a network, for a browser to put after the header of its own: base64."""
    file = io.BytesIO()
    write_png(file, np.zeros((1, 1), np.uint8), NOTICE)
    data = file.getvalue()
    header_ends, picture_starts = data.index(b"IHDR") + 4 + 13 + 4, data.index(b"IDAT") - 4
    return base64.b64encode(data[header_ends:picture_starts]).decode()


def draw_live(seconds: int) -> str:
    """The camera's picture, the result, and the buttons; `assets/live.js` makes them work."""
    texts = {name: tr(text) for name, text in STATES.items()}
    # The script puts the numbers where their names are: a text that is translated in the browser has no braces.
    texts["line"] = tr(
        "You are number {place} in line: at most {seconds} s.", place="#place", seconds="#seconds"
    )
    texts["over"] = tr("Your {seconds} s are over. Start the camera again for another turn.", seconds=seconds)
    texts["figures"] = tr(
        "{rate} pictures a second, {late} ms late, {left} s left", rate="#rate", late="#late", left="#left"
    )
    texts["recording"] = tr("Recording, {left} s left", left="#left")
    texts["notice"] = tr("AI composite: an invention, not the person's face")
    texts |= {"marks": png_marks(), "seconds": str(CLIP_SECONDS)}
    buttons = {
        "start": tr("Start the camera"),
        "stop": tr("Stop"),
        "snapshot": tr("Save a snapshot"),
        "clip": tr("Save a clip of {seconds} s", seconds=CLIP_SECONDS),
        "other": tr("Other camera"),
    }
    rules = tr(
        "Pictures go to this server one at a time and are not kept. One person at a time looks live, for {seconds} s. "
        "The nearest face is the one that is worked on. Snapshots and clips are made in your browser and sent nowhere.",
        seconds=seconds,
    )
    return render(
        "live", longest=LONGEST_SIDE, pause=round(1000 * FASTEST), texts=texts, pictogram=PICTOGRAM, hint=tr(HINT),
        camera=tr("Your camera"), imagined=tr("What {model} imagines", model=MODELS[MODEL].title), buttons=buttons,
        status=status(), invention=tr("This is an invention, not the person's face."), rules=rules,
    )  # fmt: skip


def build(seconds: int = SECONDS) -> None:
    """Lay out the tab."""
    with gr.Column(elem_classes="step"):
        gr.HTML(
            on_page(draw_live, seconds),
            js_on_load="".join((STATIC / name).read_text() for name in ("live_save.js", "live.js")),
            elem_id="live",
            apply_default_css=False,
        )
