"""Tab 1: a photo in; its mask found, shown and editable; what each model puts in the mask's place.

Here is which event calls what. How it is laid out is remove_page's business, what happens then remove_callbacks'.
"""

from functools import partial

import gradio as gr

from unmask import Unmasker
from unmask.masks import read_mask
from unmask.sam import Sam
from unmask.web.components import edit_line, edit_switch, outline_tool
from unmask.web.components.cards import download_through
from unmask.web.components.guide_panel import GUIDED
from unmask.web.events import HEAVY, PRIVATE
from unmask.web.memory import Memory
from unmask.web.session import SAMPLED, Visit
from unmask.web.tabs.remove_callbacks import OutlineTool, RemoveTab
from unmask.web.tabs.remove_downloads import Downloads
from unmask.web.tabs.remove_live import LiveEdits
from unmask.web.tabs.remove_page import SCROLL_TO_RESULTS, build_page
from unmask.web.types import EventOptions

# Every click counts, one after the other.
IN_TURN = {"trigger_mode": "multiple", "concurrency_id": "mask", "concurrency_limit": 1}
# After an event that may have changed mask or faces: results follow, as after a stroke.
FOLLOW = {"js": edit_line.CHANGED, "api_visibility": "private"}


def build(unmasker: Unmasker, memory: Memory, sam: Sam | None = None) -> None:
    """Lay out the tab and wire it. sam: what the tool "Outline by click" asks; without it there is no such tool."""
    page = build_page(sam)
    # What Gradio shows progress on it also reads back, many times: the editor would upload its pictures.
    progress = {"show_progress_on": page.run_status}
    tab, private, heavy = RemoveTab(unmasker, page, memory), PRIVATE | progress, HEAVY | progress
    wire_photo_and_models(tab, private, heavy)
    wire_mask_and_faces(tab, private | IN_TURN, heavy)
    if page.outline:
        wire_outline(OutlineTool(tab, page.outline), private | IN_TURN)
    wire_downloads(Downloads(unmasker, page), private, heavy)
    page.run_status.change(js=SCROLL_TO_RESULTS, api_visibility="private")


def wire_photo_and_models(tab: RemoveTab, private: EventOptions, heavy: EventOptions) -> None:
    page = tab.page
    about_photo = [
        *page.mask_parts(), page.empty_bench, page.edits, *page.card_parts(),
    ]  # fmt: skip
    new_photo = heavy | {
        "fn": tab.take_photo,
        "inputs": [page.photo, page.visit, page.chosen, page.guide, page.realism],
        "outputs": [page.photo, *about_photo],
        "trigger_mode": "always_last",
    }
    run = page.run.click(
        tab.runs.run_again,
        [page.visit, page.editor, page.chosen, page.guide, page.realism],
        [page.visit, page.run_status, page.edits, *page.card_parts()],
        **heavy,
    )
    live = wire_live_edits(LiveEdits(tab.runs), heavy)
    page.row.more(
        tab.runs.add_model,
        [page.visit, page.chosen, page.guide],
        [page.visit, page.chosen, page.run_status, *page.card_parts()],
        **heavy | {"trigger_mode": "multiple"},
    )
    # What is still at work on the photo must not put its results on the page that was cleared.
    at_work = [page.photo.input(**new_photo), page.example.then(**new_photo), run, live]
    page.photo.clear(tab.start_over, None, about_photo, cancels=at_work, **private)
    if page.controls:
        # Heard in turn, painted from the last word: an event that has to wait would lose what it says.
        page.controls.guide(
            tab.runs.hear, None, page.guide,
            **PRIVATE, trigger_mode="multiple", concurrency_id="guide", concurrency_limit=1,
        ).success(
            tab.runs.paint_guided,
            [page.visit, page.guide],
            [page.run_status, *page.cards[GUIDED].components()],
            **heavy | {"trigger_mode": "always_last"},
        )  # fmt: skip
    if page.another:
        page.another.click(
            tab.runs.paint_another,
            page.visit,
            [page.visit, page.run_status, *page.cards[SAMPLED].components()],
            **heavy,
        )


def wire_live_edits(live: LiveEdits, heavy: EventOptions) -> gr.events.Dependency:
    """What strokes set off. Returns the event that runs the models."""
    page = live.page
    page.edits.stroke(live.stop, page.visit, None, **PRIVATE, queue=False, trigger_mode="multiple")
    rerun = page.edits.pause(
        live.rerun,
        [page.visit, page.editor, page.chosen, page.guide, page.realism],
        [page.visit, page.edits, page.mask_status, page.run_status, *page.card_parts()],
        **heavy | {"trigger_mode": "multiple"},
    )
    rerun.then(js=edit_line.OVER, api_visibility="private")
    rerun.failure(js=edit_line.FAILED, api_visibility="private")
    return rerun


def wire_mask_and_faces(tab: RemoveTab, in_turn: EventOptions, heavy: EventOptions) -> None:
    page, here = tab.page, [tab.page.visit, tab.page.editor]
    for button, change in (
        (page.grow, lambda now: now.grown(+1, tab.ovals(now))),
        (page.shrink, lambda now: now.grown(-1, tab.ovals(now))),
        (page.clear, Visit.cleared),
        (page.reset, Visit.reset),
    ):
        button.click(tab.change_mask(change), here, page.mask_parts(), **in_turn).then(**FOLLOW)
    page.import_mask.upload(
        tab.change_mask(lambda now, path: now.with_mask(read_mask(path, now.shape))),
        [*here, page.import_mask],
        page.mask_parts(),
        **in_turn,
    ).then(**FOLLOW)
    panel, parts = page.panel, page.mask_parts()
    shown = [page.still, page.editor, *page.outline_parts()]
    page.edit_switch.open(tab.open_editor, page.visit, shown, **in_turn).failure(
        js=edit_switch.FAILED, api_visibility="private"
    )
    leave_or_choose = tab.change_faces(
        lambda now, index: now.choose(index, not now.candidates[index].chosen)
    )
    for event in (
        panel.choose(leave_or_choose, here, parts, **in_turn),
        panel.edit(tab.look_at, here, parts, **in_turn),
        panel.drop(tab.change_faces(Visit.without_face), here, parts, **in_turn),
        panel.box(tab.box_face, here, parts, **heavy),
    ):
        event.then(**FOLLOW)


def wire_downloads(downloads: Downloads, private: EventOptions, heavy: EventOptions) -> None:
    page = downloads.page
    into_mask = {"js": download_through(page.mask_file), "api_visibility": "private"}
    into_result = {"js": download_through(page.result_file), "api_visibility": "private"}
    page.download_mask.click(
        downloads.save_mask, [page.visit, page.editor], page.mask_file, **private
    ).success(**into_mask)
    for name, card in page.cards.items():
        card.download.click(
            partial(downloads.save_result, name), [page.visit, page.guide], page.result_file, **heavy
        ).success(**into_result)
    page.download_all.click(
        downloads.save_all, [page.visit, page.guide], page.result_file, **heavy
    ).success(**into_result)


def wire_outline(outlines: OutlineTool, in_turn: EventOptions) -> None:
    """What the tool "Outline by click" does."""
    tab, page, tool = outlines.tab, outlines.tab.page, outlines.tool
    here = [page.visit, page.editor]
    looking = outline_tool.OUTLINE | {"show_progress_on": tool.note, "trigger_mode": "multiple"}
    tool.panel.look(tab.change_mask(lambda now: now), here, page.mask_parts(), **in_turn).success(
        outlines.look, page.visit, tool.note, **looking
    )
    tool.panel.mark(outlines.mark, page.visit, tool.note, **looking).success(
        outlines.put, here, page.mask_parts(), **in_turn
    ).then(**FOLLOW)
    tool.panel.undo(tab.change_mask(Visit.undone), here, page.mask_parts(), **in_turn).then(**FOLLOW)
