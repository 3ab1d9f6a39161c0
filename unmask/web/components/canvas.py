"""The canvas that all results share: the photo, and over it those parts of it that are worked on, close by.

Every result is drawn on the same canvas, so that one look at it (a face, the whole photo, a zoom) is a look at all of
them: `static/viewer.js` says with a few numbers where the canvas lies in its frame.
"""

import json
from dataclasses import dataclass

from unmask.types import Json
from unmask.web.i18n import tr
from unmask.web.pictures import file_url
from unmask.web.templates import render

Box = tuple[float, float, float, float]  # x, y, width, height in shares of the photo
ALL: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Part:
    """A part of the photo that is worked on, in its own resolution."""

    file: str
    place: Box = ALL
    face: Box = ALL  # the face, close up
    number: int | None = None  # the face's, where there are several


@dataclass(frozen=True)
class Before:
    """The photo that every result is compared with."""

    ratio: float  # width : height
    parts: tuple[Part, ...]
    whole: str = ""  # URL of the whole photo, small enough for a page; needed where the parts are not all of it

    @property
    def files(self) -> list[str]:
        """Of its parts."""
        return [part.file for part in self.parts]


def within(outer: Box, inner: Box) -> Box:
    """The box `inner`, in shares of the box `outer`, in shares of the photo."""
    return (
        outer[0] + inner[0] * outer[2], outer[1] + inner[1] * outer[3], inner[2] * outer[2], inner[3] * outer[3]
    )  # fmt: skip


def draw_before_after(before: Before, afters: list[str], after: str, line: str, at: int) -> str:
    """The photo and a result, one over the other, with a line to drag between them.

    afters: files, one a part; after: what they show; line: what it is for, to a screen reader; at: %, where it begins.
    """
    return render(
        "before_after",
        ratio=before.ratio,
        line=line,
        at=at,
        full=tr("Show full screen"),
        **_frame(before, afters, after),
    )


def draw_frame(before: Before, afters: list[str], after: str) -> str:
    """The canvas in its frame. afters: files, one a part; after: what they show."""
    return render("canvas", line="", **_frame(before, afters, after))


def _frame(before: Before, afters: list[str], after: str) -> Json:
    """What the template of a frame is given: pictures with their places on the canvas, and what they show."""
    pages = [{"place": part.place, "face": part.face, "number": part.number} for part in before.parts]
    under = [(before.whole, _percent(ALL))] if before.whole else []
    under += [(file_url(part.file), _percent(part.place)) for part in before.parts]
    over = [(file_url(file), _percent(part.place)) for file, part in zip(afters, before.parts, strict=True)]
    return {
        "pages": json.dumps({"ratio": before.ratio, "pages": pages}) if before.whole else "",
        "before": tr("Before"),
        "under": under,
        "after": after,
        "over": over,
    }


def _percent(place: Box) -> list[str]:
    """left, top, width and height as a style has them."""
    return [f"{100 * share:.4f}%" for share in place]
