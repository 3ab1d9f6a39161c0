"""Tab 1's live editing: after a stroke of brush or eraser, the results follow by themselves."""

from collections.abc import Iterator

import gradio as gr

from unmask import Guide
from unmask.masks import is_empty
from unmask.web.components import edit_line
from unmask.web.components.status import status, warn
from unmask.web.i18n import tr
from unmask.web.session import Visit
from unmask.web.tabs.remove_page import NO_PHOTO
from unmask.web.tabs.remove_runs import Runs
from unmask.web.tabs.remove_texts import mask_text
from unmask.web.types import EditorValue, Updates


class LiveEdits:
    """The callbacks of `edit_line`.

    Where results were asked for, they follow every change of the mask. Where none were (no face or no mask was found,
    so that the visitor marks one from nothing), a stroke only changes what is said of the mask: half a mask need not be
    painted over, and the button says when it is whole. From then on that photo's results follow, too.
    """

    def __init__(self, runs: Runs):
        self.runs, self.page = runs, runs.page

    def stop(self, old: Visit | None) -> None:
        """A stroke: what is being painted is of an older mask. Light, and in nobody's queue: it comes with each one."""
        if old is not None:
            old.turns.interrupt()

    def rerun(
        self, old: Visit | None, value: EditorValue | None, names: list[str], told: Guide, realism: float,
        event: gr.EventData,
    ) -> Iterator[Updates]:  # fmt: skip
        """A pause after strokes: say what is marked now, and run the chosen models if their results are of another
        mask."""
        page, number = self.page, edit_line.number_of(event)
        answer = {page.edits: edit_line.answer(number)}
        if old is None:
            yield answer | {page.run_status: warn(tr(NO_PHOTO))}
            return
        if old.turns.closed:
            yield answer
            return
        now = old.edited(value)
        if now.is_stale():
            yield answer
            return
        tone = "warn" if is_empty(now.mask) else "done"
        said = answer | {page.mask_status: status(mask_text(now), tone, number)}
        if now.ran is None or (now.turns.settled and not now.is_outdated()):
            yield said | {page.visit: now, page.run_status: self.runs.results_status(now)}
            return
        yield from self.runs.fill(now, names, told, realism, after_edit=said)
