"""Tab 1: a photo in; its mask found, shown and editable; what each model puts in the mask's place.

How it is laid out is remove_page's business. Every callback is a method, gets a visitor's Visit and returns updates.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, reduce

import gradio as gr

from unmask import Guide, PhotoError, Unmasker, WeightsError, read_photo
from unmask.catalog import list_inpainting_models, list_models
from unmask.faces.alignment import align
from unmask.faces.editing import AS_FOUND
from unmask.imaging.metadata import NOTICE
from unmask.masks import check_mask, is_empty, read_mask
from unmask.pipeline import CROP
from unmask.registry import GENDER_HINT, MODELS
from unmask.sam import Sam
from unmask.web.components import disagreement_card, faces_panel, guide_panel, outline_tool
from unmask.web.components.cards import download_through, failed, finished, waiting
from unmask.web.components.guide_panel import GUIDED
from unmask.web.components.status import painting_text, status, timed
from unmask.web.errors import USER_ERRORS, plain_errors
from unmask.web.events import HEAVY, PRIVATE
from unmask.web.i18n import tr, tr_error
from unmask.web.pictures import cached_png, file_url, thumbnail, to_show
from unmask.web.session import Click, Visit
from unmask.web.tabs.remove_page import MASK_HINT, RUN_HINT, RemovePage, build_page, draw_empty_bench

RUN_AGAIN_HINT = 'The mask has changed: press "Remove the mask".'
NO_PHOTO = "There is no photo here (any more): give one, or click an example."
NOTHING_MARKED = "Nothing is marked: paint over what is to be removed."
DONE_HINT = "Done: drag the line in a picture to compare."
WAITING_HINT = "Waiting for a mask."
# The first result is below the fold: when it begins to appear, it comes into view by itself.
SCROLL_TO_RESULTS = """
() => document.querySelector("#run-status .first")
  && setTimeout(
    () => document.querySelector("#results").scrollIntoView({
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth", block: "nearest"
    }), 300
  )
"""
# Every click counts, one after the other.
IN_TURN = {"trigger_mode": "multiple", "concurrency_id": "mask", "concurrency_limit": 1}


def build(unmasker: Unmasker, sam: Sam | None = None) -> None:
    """Lay out the tab and wire it. sam: what the tool "Outline by click" asks; without it there is no such tool."""
    page = build_page(sam)
    # What Gradio shows progress on it also reads back, many times: the editor would upload its pictures.
    progress = {"show_progress_on": page.run_status}
    tab, private, heavy = RemoveTab(unmasker, page), PRIVATE | progress, HEAVY | progress
    wire_photo_and_models(tab, private, heavy)
    wire_mask_and_faces(tab, private | IN_TURN, heavy)
    if page.outline:
        wire_outline(OutlineTool(tab, page.outline), private | IN_TURN)
    page.download_mask.click(tab.save_mask, [page.visit, page.editor], page.mask_file, **private).success(
        js=download_through(page.mask_file), api_visibility="private"
    )
    for name, card in page.cards.items():
        card.download.click(
            partial(tab.save_result, name), [page.visit, page.guide], page.result_file, **heavy
        ).success(js=download_through(page.result_file), api_visibility="private")
    page.run_status.change(js=SCROLL_TO_RESULTS, api_visibility="private")


def wire_photo_and_models(tab: "RemoveTab", private: dict, heavy: dict) -> None:
    page = tab.page
    about_photo = [
        page.visit, page.editor, page.panel, page.empty_bench, page.mask_status, page.run_status,
        *page.outline_parts(), *page.card_parts(),
    ]  # fmt: skip
    new_photo = heavy | {
        "fn": tab.take_photo,
        "inputs": [page.photo, page.visit, page.chosen, page.guide, page.realism],
        "outputs": [page.photo, *about_photo],
        "trigger_mode": "always_last",
    }
    page.photo.input(**new_photo)
    page.example.then(**new_photo)
    page.photo.clear(tab.start_over, None, about_photo, **private)
    page.run.click(
        tab.run_again,
        [page.visit, page.editor, page.chosen, page.guide, page.realism],
        [page.visit, page.run_status, *page.card_parts()],
        **heavy,
    )
    if page.controls:
        # Heard in turn, painted from the last word: an event that has to wait would lose what it says.
        page.controls.guide(
            tab.hear, None, page.guide,
            **PRIVATE, trigger_mode="multiple", concurrency_id="guide", concurrency_limit=1,
        ).success(
            tab.paint_guided,
            [page.visit, page.guide],
            [page.run_status, *page.cards[GUIDED].components()],
            **heavy | {"trigger_mode": "always_last"},
        )  # fmt: skip


def wire_mask_and_faces(tab: "RemoveTab", in_turn: dict, heavy: dict) -> None:
    page, here = tab.page, [tab.page.visit, tab.page.editor]
    for button, change in (
        (page.grow, lambda now: now.grown(+1)),
        (page.shrink, lambda now: now.grown(-1)),
        (page.clear, Visit.cleared),
        (page.reset, Visit.reset),
    ):
        button.click(tab.change_mask(change), here, page.mask_parts(), **in_turn)
    page.import_mask.upload(
        tab.change_mask(lambda now, path: now.with_mask(read_mask(path, now.photo.shape[:2]))),
        [*here, page.import_mask],
        page.mask_parts(),
        **in_turn,
    )
    page.panel.choose(
        tab.change_faces(lambda now, index: now.choose(index, not now.candidates[index].chosen)),
        here,
        page.mask_parts(),
        **in_turn,
    )
    page.panel.edit(tab.look_at, here, page.mask_parts(), **in_turn)
    page.panel.drop(tab.change_faces(Visit.without_face), here, page.mask_parts(), **in_turn)
    page.panel.box(tab.box_face, here, page.mask_parts(), **heavy)


def wire_outline(outlines: "OutlineTool", in_turn: dict) -> None:
    """What the tool "Outline by click" does."""
    tab, page, tool = outlines.tab, outlines.tab.page, outlines.tool
    here = [page.visit, page.editor]
    looking = outline_tool.OUTLINE | {"show_progress_on": tool.note, "trigger_mode": "multiple"}
    tool.panel.look(tab.change_mask(lambda now: now), here, page.mask_parts(), **in_turn).success(
        outlines.look, page.visit, tool.note, **looking
    )
    tool.panel.mark(outlines.mark, page.visit, tool.note, **looking).success(
        outlines.put, here, page.mask_parts(), **in_turn
    )
    tool.panel.undo(tab.change_mask(Visit.undone), here, page.mask_parts(), **in_turn)


def mask_text(now: Visit) -> str:
    """What is marked, in a sentence or two."""
    covered = now.covers()
    share = tr("less than 1%") if 0 < covered < 0.005 else f"{covered:.0%}"
    text = tr("The mask covers {share} of the photo. Correct it with brush and eraser.", share=share)
    if is_empty(now.mask):
        text = tr(NOTHING_MARKED)
    count, chosen = len(now.candidates), len(now.faces)
    if count < 2:
        return text
    if chosen == count:
        faces = tr("{count} faces, all chosen.", count=count)
    elif chosen == 0:
        faces = tr("{count} faces, none chosen.", count=count)
    else:
        faces = tr("{count} faces, {chosen} chosen.", count=count, chosen=chosen)
    return f"{faces} {text}"


def nothing_found_text(now: Visit) -> str:
    """What a visitor can do where no mask was found."""
    if not now.candidates:
        return tr(
            "No face was found: the whole picture is used. Box the face by hand, or paint over what covers the face, "
            'then press "Remove the mask".'
        )
    if len(now.candidates) > 1:
        return tr(
            "No mask was found on these faces. If there is one, paint over what covers the face, "
            'then press "Remove the mask".'
        )
    return tr(
        "No mask was found. If there is one, paint over what covers the face, then press \"Remove the mask\"."
    )


def warn(text: str) -> str:
    """Pop a message up, and return it as a status line, where it stays."""
    gr.Warning(text)
    return status(text, "warn")


class RemoveTab:
    """The tab's callbacks. It keeps no visitor's photo: that is in the Visit each callback is given."""

    def __init__(self, unmasker: Unmasker, page: RemovePage):
        self.unmasker, self.page = unmasker, page

    # ------------------------------------------------------------ updates

    def in_editor(self, new: Visit) -> dict:
        """The editor's update: the working copy and its mask, as files."""
        editor, value = self.page.editor, new.editor_value()
        layers = [cached_png(editor, layer, "mask.png") for layer in value["layers"]]
        return value | {"background": cached_png(editor, value["background"], "photo.png"), "layers": layers}

    def show(self, new: Visit, text: str | None = None) -> dict:
        """Updates that put a visit's faces and mask on the page, and say how much the mask covers."""
        page, value = self.page, self.in_editor(new)
        tone = "warn" if text or is_empty(new.mask) else "done"
        updates = {
            page.visit: new,
            page.editor: value,
            page.panel: faces_panel.render(new),
            page.mask_status: status(text or mask_text(new), tone),
        }
        if page.outline:
            urls = file_url(value["background"]), file_url(value["layers"][0])
            updates[page.outline.panel] = outline_tool.render(new, *urls)
        return updates

    def nothing(self) -> dict:
        """Updates that hide all cards."""
        page = self.page
        return waiting(page.cards, []) | {page.map: ""} | ({page.guess: ""} if page.guess else {})

    # ------------------------------------------------------------ photo and models

    def take_photo(
        self, path: str | None, old: Visit | None, names: list[str], told: Guide, realism: float
    ) -> Iterator[dict]:
        """A new photo: find its faces and their masks, show them, and run the chosen models at once."""
        page = self.page
        if path is None:
            return  # the camera was opened, or the photo cleared
        try:
            picture = read_photo(path)
            faces = self.unmasker.find(picture)
            found = self.unmasker.segment(picture, faces=faces)
        except USER_ERRORS as error:
            before = None if old is None else cached_png(page.photo, to_show(old.photo), "photo.png")
            yield {page.photo: before, page.mask_status: warn(tr_error(error))}
            return
        new = Visit.begin(picture, found, faces, [thumbnail(picture, face) for face in faces])
        new = replace(new, overview=file_url(cached_png(page.panel, to_show(picture), "photo.png")))
        yield {page.empty_bench: ""} | self.nothing()
        if is_empty(found):
            waits = {page.run_status: status(tr(WAITING_HINT), "warn")}
            yield self.show(new, nothing_found_text(new)) | waits
            return
        yield self.show(new)
        yield from self.fill(new, names, told, realism)

    def fill(self, now: Visit, names: list[str], told: Guide, realism: float) -> Iterator[dict]:
        """Run the chosen models one after the other; each result is shown as soon as it is there."""
        page, cards = self.page, self.page.cards
        names = [name for name in list_inpainting_models() if name in names]
        try:
            if not names:
                raise PhotoError("No model is chosen: tick at least one.")
            if not now.faces and is_empty(now.mask):
                raise PhotoError("No face is chosen: click one on the photo.")
            check_mask(now.mask, now.photo.shape)
        except PhotoError as error:
            yield {page.run_status: warn(tr_error(error))}
            return
        shown = to_show(now.photo)
        before = cached_png(next(iter(cards.values())).pictures, shown, "photo.png")
        fresh = self.nothing() | waiting(cards, names, before, shown.shape)
        yield {page.visit: replace(now, ran=(now.mask, now.faces), realism=realism)} | fresh
        learned = []  # results that are all a network's own idea of this face
        for count, name in enumerate(names, 1):
            tone = "busy first" if count == 1 else "busy"
            yield {page.run_status: status(painting_text(MODELS[name].title, count, len(names)), tone)}
            try:
                results, milliseconds = timed(
                    self.unmasker.remove, now.photo, now.mask, [name], faces=now.faces, guide=told, realism=realism
                )
            except USER_ERRORS as error:
                yield failed(cards[name], error)
                continue
            yield finished(cards[name], before, results[name], milliseconds)
            if name == GUIDED:
                yield {page.guess: self.guess(now)}
            if MODELS[name].kind == "inpainting" and (name != GUIDED or told == AS_FOUND):
                learned.append(to_show(results[name]))
        if len(learned) > 1:
            yield {page.map: disagreement_card.render(page.map, shown, learned, now.mask, now.faces)}
        yield {page.run_status: status(tr(DONE_HINT), "done")}

    def guess(self, now: Visit) -> str:
        """The hint network's guess, as HTML; nothing before it is released, nor for several faces at once."""
        if GENDER_HINT not in list_models("hint") or len(now.faces) != 1:
            return ""
        try:
            return guide_panel.draw_guess(self.unmasker.hint(align(now.photo, now.faces[0], CROP)))
        except WeightsError:
            return ""  # logged; the controls work without

    def hear(self, event: gr.EventData) -> Guide:
        """What the controls say."""
        with plain_errors():
            return guide_panel.guide_of(event)

    def paint_guided(self, old: Visit | None, told: Guide) -> Iterator[dict]:
        """The guided model alone, as its controls now say, on the mask and the faces of its last result."""
        page = self.page
        if old is None or old.ran is None:
            yield {page.run_status: warn(tr(NO_PHOTO))}
            return
        card, (mask, faces) = page.cards[GUIDED], old.ran
        try:
            yield {page.run_status: status(painting_text(card.title, 1, 1), "busy")}
            results, milliseconds = timed(self.unmasker.remove, old.photo, mask, [GUIDED], faces=faces, guide=told)
        except USER_ERRORS as error:
            yield {page.run_status: warn(tr_error(error))}
            return
        before = cached_png(card.pictures, to_show(old.photo), "photo.png")
        yield finished(card, before, results[GUIDED], milliseconds)
        yield {page.run_status: status(tr(DONE_HINT), "done")}

    def run_again(
        self, old: Visit | None, value: dict | None, names: list[str], told: Guide, realism: float
    ) -> Iterator[dict]:
        """The button: the chosen models on the mask as it is in the editor now."""
        if old is None:
            yield {self.page.run_status: warn(tr(NO_PHOTO))}
            return
        yield from self.fill(old.edited(value), names, told, realism)

    def save_result(self, name: str, old: Visit | None, told: Guide) -> str | None:
        """One model's result in the photo's size, made anew: keeping all would cost more than a run."""
        if old is None or old.ran is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        with plain_errors():
            mask, faces = old.ran
            result = self.unmasker.remove(
                old.photo, mask, [name], faces=faces, guide=told, realism=old.realism
            )[name]
        return cached_png(self.page.result_file, result, f"unmask-{name}.png", NOTICE)

    def start_over(self) -> dict:
        """Forget the photo and all that came from it."""
        page = self.page
        return {
            page.visit: None,
            page.editor: None,
            page.panel: "",
            page.empty_bench: draw_empty_bench(),
            page.mask_status: status(tr(MASK_HINT)),
            page.run_status: status(tr(RUN_HINT)),
        } | dict.fromkeys(page.outline_parts(), "") | self.nothing()

    # ------------------------------------------------------------ mask and faces

    def change_mask(self, change: Callable[..., Visit]) -> Callable:
        """A button's callback from a function (Visit as edited, ...) -> Visit with another mask."""

        def callback(old: Visit | None, value: dict | None, *inputs) -> dict:
            return self.changed(old, value, lambda now: change(now, *inputs))

        return callback

    def change_faces(self, change: Callable[[Visit, int], Visit]) -> Callable:
        """The panel's callback from a function (Visit as edited, index of a face) -> Visit."""

        def callback(old: Visit | None, value: dict | None, event: gr.EventData) -> dict:
            return self.changed(old, value, lambda now: change(now, faces_panel.face_index(now, event)))

        return callback

    def changed(self, old: Visit | None, value: dict | None, change: Callable[[Visit], Visit]) -> dict:
        """Updates after a function (Visit as edited) -> Visit; a sentence where it does not apply."""
        page = self.page
        if old is None:
            return {page.mask_status: warn(tr(NO_PHOTO))}
        try:
            new = change(old.edited(value))
        except PhotoError as error:
            return {page.mask_status: warn(tr_error(error))}
        if new.is_outdated():
            return self.show(new) | {page.run_status: status(tr(RUN_AGAIN_HINT))}
        return self.show(new) | ({page.run_status: status(tr(DONE_HINT), "done")} if old.is_outdated() else {})

    def look_at(self, old: Visit | None, value: dict | None, event: gr.EventData) -> dict:
        """Another face in the editor, chosen again if it was left out; or the whole photo."""
        if event._data.get("face") is None:
            return self.changed(old, value, lambda now: now.look_at(None))
        return self.change_faces(lambda now, index: now.choose(index, True).look_at(index))(old, value, event)

    def box_face(self, old: Visit | None, value: dict | None, event: gr.EventData) -> Iterator[dict]:
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
        new = old.edited(value).with_face(face, found, thumbnail(old.photo, face))
        if is_empty(found):
            yield self.show(new, tr("No mask was found on the new face: paint over what covers it."))
        else:
            yield self.show(new) | {page.run_status: status(tr(RUN_AGAIN_HINT))}

    def save_mask(self, old: Visit | None, value: dict | None) -> str | None:
        """The mask in the photo's size, as a PNG file."""
        if old is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        return cached_png(self.page.mask_file, old.edited(value).mask, "unmask-mask.png")


class OutlineTool:
    """The callbacks of the tool "Outline by click"."""

    def __init__(self, tab: RemoveTab, tool: outline_tool.Tool):
        self.tab, self.tool = tab, tool

    def look(self, old: Visit | None) -> Iterator[dict]:
        """Segment Anything looks at what the editor shows, so that the first click is answered soon."""
        if old is not None:  # else the line before has said so
            yield from self.ask(old, Click(old.frame))

    def mark(self, old: Visit | None, event: gr.EventData) -> Iterator[dict]:
        """Find the outline of what was clicked on; `put` puts it into the mask."""
        try:
            if old is None:
                raise PhotoError(NO_PHOTO)
            click = outline_tool.click_of(old, event)
        except PhotoError as error:
            yield {self.tool.note: warn(tr_error(error))}
            return
        yield from self.ask(old, click)

    def ask(self, now: Visit, click: Click) -> Iterator[dict]:
        tool = self.tool
        yield {tool.note: status(outline_tool.busy_text(tool.sam, now, click), "busy")}
        try:
            now.clicks.work(tool.sam, now.photo, click)
        except USER_ERRORS as error:
            yield {tool.note: warn(tr_error(error))}
            return
        yield {tool.note: status(tr(outline_tool.READY))}

    def put(self, old: Visit | None, value: dict | None) -> dict:
        """What was found since goes into the mask, as it is in the editor by now."""
        found = old.clicks.take() if old else []
        if not found:
            return {self.tab.page.visit: old}
        updates = self.tab.changed(old, value, lambda now: reduce(lambda each, one: each.outlined(*one), found, now))
        if all(is_empty(each) for _, each in found):
            updates[self.tool.note] = status(tr(outline_tool.NOTHING), "warn")
        return updates
