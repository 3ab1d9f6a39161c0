"""Tab 1's callbacks: every one is a method, gets a visitor's Visit and returns updates."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import reduce
from typing import Any

import gradio as gr
import numpy as np

from unmask import Guide, PhotoError, Unmasker, read_photo
from unmask.imaging.reader import read_bytes
from unmask.masks import is_empty
from unmask.web.bundle import stem_of
from unmask.web.clicks import Click
from unmask.web.components import edit_line, faces_panel, first_result, outline_tool, still
from unmask.web.components.status import status, warn
from unmask.web.errors import USER_ERRORS
from unmask.web.i18n import tr, tr_error
from unmask.web.memory import Memory
from unmask.web.pictures import cached_png, cached_view, file_url, for_browsers, thumbnail
from unmask.web.session import Visit
from unmask.web.tabs.remove_page import MASK_HINT, NO_PHOTO, RUN_HINT, RemovePage
from unmask.web.tabs.remove_runs import RUN_AGAIN_HINT, WAITING_HINT, Runs
from unmask.web.tabs.remove_texts import mask_text, nothing_found_text
from unmask.web.types import EditorValue, Updates

LOOKING = "Looking for the face …"
# The editor, when it is not wanted. As it leaves the page, Gradio reads it once more: its value is to be put anew then.
CLOSED = gr.update(value=None, visible=False)


class RemoveTab:
    """The tab's callbacks. It keeps no visitor's photo: that is in the Visit each callback is given."""

    def __init__(self, unmasker: Unmasker, page: RemovePage, memory: Memory):
        self.unmasker, self.page, self.memory = unmasker, page, memory
        self.runs = Runs(unmasker, page)

    # ------------------------------------------------------------ updates

    def show(self, new: Visit, text: str | None = None) -> Updates:
        """Updates that put a visit's faces and mask on the page, and say how much the mask covers."""
        self.memory.make_room(new)
        page = self.page
        tone = "warn" if text or is_empty(new.mask) else "done"
        return self.pictures(new) | {
            page.visit: new,
            page.panel: faces_panel.render(new),
            page.mask_status: status(text or mask_text(new), tone),
        }

    def pictures(self, new: Visit) -> Updates:
        """Updates of all that shows the mask on the photo: the still, the tool "Outline by click", an open editor."""
        page, value = self.page, new.editor_value()
        photo = cached_view(page.still, value["background"], "photo.jpg")
        layers = [cached_png(page.still, layer, "mask.png") for layer in value["layers"]]
        urls = file_url(photo), file_url(layers[0])
        in_editor = value | {"background": photo, "layers": layers} if new.turns.editing else None
        updates: Updates = {page.still: still.render(*urls), page.editor: in_editor}
        if page.outline:
            updates[page.outline.panel] = outline_tool.render(new, *urls)
        return updates

    # ------------------------------------------------------------ photo and models

    def take_photo(
        self, path: str | None, old: Visit | None, names: list[str], told: Guide, realism: float
    ) -> Iterator[Updates]:
        """A new photo: find its faces and their masks, show them, and run the chosen models at once."""
        page = self.page
        if path is None:
            # The camera was opened, or the photo cleared. Without a word Gradio would empty what this event writes to.
            yield {page.run_status: gr.skip()}
            return
        if old is not None:
            old.turns.close()
        yield {page.run_status: status(tr(LOOKING), "busy outdated"), page.edits: edit_line.answer()}
        try:
            file = read_bytes(path)
            new = self.begin(file, path)
        except USER_ERRORS as error:
            if old is not None:
                old.turns.reopen()
            before = None if old is None else cached_view(page.photo, old.photo, "photo.jpg")
            refused = {page.photo: before, page.mask_status: warn(tr_error(error))}
            yield refused | {page.run_status: self.runs.results_status(old)}
            return
        if old is not None and old.turns.editing:
            yield {page.editor: CLOSED}
        gone = {page.empty_bench: ""} | self.runs.nothing()
        gone |= for_browsers(page.photo, file, new.photo)
        if is_empty(new.found):
            waits = {page.run_status: status(tr(WAITING_HINT), "warn")}
            yield gone | self.show(new, nothing_found_text(new)) | waits
            return
        yield gone | self.show(new)
        yield from self.runs.fill(new, names, told, realism)

    def begin(self, file: bytes, path: str) -> Visit:
        """The visit of a photo's file, with the faces and the masks that are found. Raises one of USER_ERRORS.

        What is found is as large as the photo, and gone when this returns: the models' runs take long."""
        picture = read_photo(file)
        faces = self.unmasker.find(picture)
        found = self.unmasker.segment(picture, faces=faces)
        small = [thumbnail(picture, face) for face in faces]
        overview = file_url(cached_view(self.page.panel, picture, "photo.jpg"))
        visit = Visit.begin(picture, found, faces, small, self.memory.keep(file, picture))
        return replace(visit, overview=overview, stem=stem_of(path))

    def start_over(self) -> Updates:
        """Forget the photo and all that came from it."""
        page = self.page
        return {
            page.visit: None,
            page.still: "",
            page.editor: CLOSED,
            page.panel: "",
            page.empty_bench: first_result.draw(*page.first),
            page.mask_status: status(tr(MASK_HINT)),
            page.run_status: status(tr(RUN_HINT)),
            page.edits: edit_line.answer(),
        } | dict.fromkeys(page.outline_parts(), "") | self.runs.nothing()

    # ------------------------------------------------------------ mask and faces

    def open_editor(self, old: Visit | None) -> Updates:
        """The editor in the place of the still, with what that shows. Raises gr.Error where the photo is forgotten."""
        if old is None or old.turns.closed:
            raise gr.Error(tr(NO_PHOTO), print_exception=False)
        old.turns.editing = True
        updates, editor = self.pictures(old), self.page.editor
        return updates | {editor: gr.update(value=updates[editor], visible=True)}

    def change_mask(self, change: Callable[..., Visit]) -> Callable[..., Updates]:
        """A button's callback from a function (Visit as edited, ...) -> Visit with another mask."""

        def callback(old: Visit | None, value: EditorValue | None, *inputs: Any) -> Updates:
            return self.changed(old, value, lambda now: change(now, *inputs))

        return callback

    def ovals(self, now: Visit) -> list[np.ndarray]:
        """The outlines of the faces that are being edited, as far as they can be found; see Unmasker.oval."""
        found = (self.unmasker.oval(now.photo, face) for face in now.edited_faces)
        return [oval for oval in found if oval is not None]

    def change_faces(self, change: Callable[[Visit, int], Visit]) -> Callable[..., Updates]:
        """The panel's callback from a function (Visit as edited, index of a face) -> Visit."""

        def callback(old: Visit | None, value: EditorValue | None, event: gr.EventData) -> Updates:
            return self.changed(old, value, lambda now: change(now, faces_panel.face_index(now, event)))

        return callback

    def changed(self, old: Visit | None, value: EditorValue | None, change: Callable[[Visit], Visit]) -> Updates:
        """Updates after a function (Visit as edited) -> Visit; a sentence where it does not apply."""
        page = self.page
        if old is None:
            return {page.mask_status: warn(tr(NO_PHOTO))}
        try:
            before = old.edited(value)
            new = change(before)
        except PhotoError as error:
            return {page.mask_status: warn(tr_error(error))}
        if new.kept_mask != before.kept_mask or new.faces != before.faces:
            new = new.renewed()
        if new.is_outdated():
            new.turns.interrupt()
            return self.show(new) | {page.run_status: status(tr(RUN_AGAIN_HINT), "outdated")}
        return self.show(new) | ({page.run_status: self.runs.results_status(new)} if old.is_outdated() else {})

    def look_at(self, old: Visit | None, value: EditorValue | None, event: gr.EventData) -> Updates:
        """Another face in the editor, chosen again if it was left out; or the whole photo."""
        if event._data.get("face") is None:
            return self.changed(old, value, lambda now: now.look_at(None))
        looked_at = self.change_faces(lambda now, index: now.choose(index, True).look_at(index))
        return looked_at(old, value, event)

    def box_face(self, old: Visit | None, value: EditorValue | None, event: gr.EventData) -> Iterator[Updates]:
        """A face that was boxed by hand: find its mask, and show it."""
        page = self.page
        if old is None:
            yield {page.mask_status: warn(tr(NO_PHOTO))}
            return
        try:
            face = old.box_to_face(faces_panel.box_corners(event))
            yield {page.mask_status: status(tr("Looking for a mask on the new face …"), "busy")}
            found = self.unmasker.segment(old.photo, faces=[face])
        except USER_ERRORS as error:
            yield {page.mask_status: warn(tr_error(error))}
            return
        new = old.edited(value).with_face(face, found, thumbnail(old.photo, face)).renewed()
        if is_empty(found):
            yield self.show(new, tr("No mask was found on the new face: paint over what covers it."))
        else:
            new.turns.interrupt()
            yield self.show(new) | {page.run_status: status(tr(RUN_AGAIN_HINT), "outdated")}


class OutlineTool:
    """The callbacks of the tool "Outline by click"."""

    def __init__(self, tab: RemoveTab, tool: outline_tool.Tool):
        self.tab, self.tool = tab, tool

    def look(self, old: Visit | None) -> Iterator[Updates]:
        """Segment Anything looks at what the editor shows, so that the first click is answered soon."""
        if old is not None:  # else the line before has said so
            yield from self.ask(old, Click(old.frame))

    def mark(self, old: Visit | None, event: gr.EventData) -> Iterator[Updates]:
        """Find the outline of what was clicked on; `put` puts it into the mask."""
        try:
            if old is None:
                raise PhotoError(NO_PHOTO)
            click = outline_tool.click_of(old, event)
        except PhotoError as error:
            yield {self.tool.note: warn(tr_error(error))}
            return
        yield from self.ask(old, click)

    def ask(self, now: Visit, click: Click) -> Iterator[Updates]:
        tool = self.tool
        yield {tool.note: status(outline_tool.busy_text(tool.sam, now, click), "busy")}
        try:
            now.clicks.work(tool.sam, now.photo, click)
        except USER_ERRORS as error:
            yield {tool.note: warn(tr_error(error))}
            return
        yield {tool.note: status(tr(outline_tool.READY))}

    def put(self, old: Visit | None, value: EditorValue | None) -> Updates:
        """What was found since goes into the mask, as it is in the editor by now."""
        found = old.clicks.take() if old else []
        if not found:
            return {self.tab.page.visit: old}
        updates = self.tab.changed(old, value, lambda now: reduce(lambda each, one: each.outlined(*one), found, now))
        if all(is_empty(each) for _, each in found):
            updates[self.tool.note] = status(tr(outline_tool.NOTHING), "warn")
        return updates
