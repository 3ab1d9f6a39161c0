"""The lines that say what is going on, a place in the queue, and a step's heading."""

import html
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC

# A masked face, in the place of what is not there yet.
PICTOGRAM = """
<svg viewBox="0 0 64 64" width="64" height="64" fill="none" stroke="currentColor" stroke-width="2"
     aria-hidden="true">
  <path d="M16 24c0-10 7-16 16-16s16 6 16 16v10c0 12-7 22-16 22S16 46 16 34z"/>
  <path d="M16 32c5-2 10-3 16-3s11 1 16 3c0 13-7 24-16 24S16 45 16 32z" fill="#ff336655" stroke="#ff3366"/>
  <path d="M25 23h.1M39 23h.1" stroke-width="4" stroke-linecap="round"/>
</svg>"""

P = ParamSpec("P")
T = TypeVar("T")


def status(text: str = "", tone: str = "", edit: int = 0) -> str:
    """One line on what is going on. tone: "busy", "done", "warn" or plain. edit: which one it answers, should the page
    have written something else into this line: a text that it had before it would not show again."""
    data = f' data-edit="{edit}"' if edit else ""
    return f'<p class="status {tone}" role="status" aria-live="polite"{data}>{html.escape(text)}</p>'


def warn(text: str, more: str = "") -> str:
    """Pop a message up, and return it as a status line, where it stays. more: what else the line's tone says."""
    gr.Warning(text)
    return status(text, f"warn {more}".strip())


def draw_status(text: str) -> str:
    """A status line to begin with: an English text, in the visitor's language."""
    return status(tr(text))


def build_queue_line(run_status: gr.HTML) -> None:
    """Add the line that takes the place of `run_status` while its event waits for those of other visitors."""
    gr.HTML(
        on_page(_draw_queue_line, run_status.elem_id),
        js_on_load=(STATIC / "queue.js").read_text(),
        apply_default_css=False,
        elem_classes="queue-line",
    )


def _draw_queue_line(of: str) -> str:
    # The script puts the numbers where their names are: a text that is translated in the browser has no braces.
    timed = tr(
        "Waiting: number {place} of {size} in line, about {seconds} s.",
        place="#place",
        size="#size",
        seconds="#seconds",
    )
    plain = tr("Waiting: number {place} of {size} in line.", place="#place", size="#size")
    return (
        f'<p class="status busy queue" role="status" aria-live="polite" data-of="{of}" '
        f'data-timed="{html.escape(timed)}" data-plain="{html.escape(plain)}"></p>'
    )


def painting_text(model: str, number: int, count: int) -> str:
    """Which of the models is at work."""
    return tr("Painting with {model} ({number} of {count}) …", model=model, number=number, count=count)


def step_title(number: int, title: str) -> str:
    """The heading of one of the tab's steps."""
    return f'<h2 class="step-title"><span>{number}</span>{html.escape(tr(title))}</h2>'


def timed(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> tuple[T, int]:
    """(what `work(*args, **options)` returns, how long it took in ms)."""
    start = time.perf_counter()
    result = work(*args, **options)
    return result, round(1000 * (time.perf_counter() - start))
