"""The canvas that all results share: the photo, and over it those parts of it that are worked on, close by.

Every result is drawn on the same canvas, so that one look at it (a face, the whole photo, a zoom) is a look at all of
them: `static/viewer.js` says with a few numbers where the canvas lies in its frame.
"""

import html
import json
from dataclasses import dataclass

from unmask.web.i18n import tr
from unmask.web.pictures import file_url

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
    full = html.escape(tr("Show full screen"))
    slider = (
        f'<input type="range" min="0" max="100" value="{at}" aria-label="{html.escape(line)}">'
        f'<span class="badge" aria-hidden="true">{html.escape(tr("Before"))}</span>'
    )
    return f"""
<figure class="before-after" style="--own: {before.ratio:.4f}; --at: {at}">
  {draw_frame(before, afters, after, slider)}
  <button type="button" class="full" title="{full}" aria-label="{full}"><svg viewBox="0 0 16 16" width="16"
    height="16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
    <path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/></svg></button>
</figure>"""


def draw_frame(before: Before, afters: list[str], after: str, more: str = "") -> str:
    """The canvas in its frame. afters: files, one a part; after: what they show; more: HTML that lies over them."""
    pages = [{"place": part.place, "face": part.face, "number": part.number} for part in before.parts]
    data = html.escape(json.dumps({"ratio": before.ratio, "pages": pages}))
    under = [_image(before.whole, ALL)] if before.whole else []
    under += [_image(file_url(part.file), part.place) for part in before.parts]
    over = [_image(file_url(file), part.place) for file, part in zip(afters, before.parts, strict=True)]
    return f"""
<div class="frame"{f' data-pages="{data}"' if before.whole else ""}>
  <div class="scene" role="img" aria-label="{html.escape(tr("Before"))}">{"".join(under)}</div>
  <div class="after"><div class="scene" role="img" aria-label="{html.escape(after)}">{"".join(over)}</div></div>
  {more}
</div>"""


def _image(url: str, place: Box) -> str:
    """A picture in its place on the canvas. What it shows is said of all of them at once."""
    x, y, width, height = (f"{100 * share:.4f}%" for share in place)
    style = f"left: {x}; top: {y}; width: {width}; height: {height}"
    return f'<img src="{html.escape(url)}" alt="" draggable="false" style="{style}">'
