"""Tab 1: a photo in; its mask found, shown and editable; what each model puts in the mask's place."""

import html
from collections.abc import Iterator
from dataclasses import replace
from functools import partial, reduce

import gradio as gr

from unmask import Guide, PhotoError, Unmasker, WeightsError, read_photo
from unmask.faces import align
from unmask.guidance import AS_FOUND
from unmask.image import NOTICE
from unmask.masks import MASK_COLOR, check_mask, is_empty, read_mask
from unmask.models import DEFAULT_MODELS, GENDER_HINT, MODELS, list_models, list_removers
from unmask.pipeline import CROP
from unmask.sam import Sam
from unmask.web import casual, disagreement_card, faces_panel, guide_panel, sam_tool
from unmask.web.guide_panel import GUIDED
from unmask.web.parts import (
    FORGET_AFTER,
    HEAVY,
    PICTOGRAM,
    PRIVATE,
    VISIBLE_ERRORS,
    MaskEditor,
    build_cards,
    build_examples,
    build_queue_line,
    cached_png,
    download_through,
    draw_status,
    failed,
    file_url,
    finished,
    model_choices,
    painting_text,
    photo_input,
    plain_errors,
    status,
    step_title,
    thumbnail,
    timed,
    to_show,
    waiting,
)
from unmask.web.texts import on_page, static, tr, tr_error
from unmask.web.visit import EDITOR_SIZE, Click, Visit

BRUSH_COLOR = ("#{:02x}{:02x}{:02x}".format(*MASK_COLOR), 0.6)

MASK_HINT = "The mask is found by itself, and shown here for you to correct."
RUN_HINT = "The chosen models run as soon as there is a photo."
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


def draw_empty_bench() -> str:
    """What is in the editor's place until there is a photo."""
    text = tr("Here you will see the photo with its mask in pink. You can correct it with a brush.")
    return f'<div class="empty-bench">{PICTOGRAM}<p>{html.escape(text)}</p></div>'


def draw_how_to() -> str:
    """What can be done about a result that is not good."""
    text = tr(
        "Not quite right? Paint over fabric that was missed, erase what was marked wrongly, and press the button "
        "again. Other models keep your mask."
    )
    return f'<p class="how-to">{html.escape(text)}</p>'


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


def build(unmasker: Unmasker, sam: Sam | None = None) -> None:
    """Lay out the tab and wire it. sam: what the tool "Outline by click" asks; without it there is no such tool."""
    visit = gr.State(time_to_live=FORGET_AFTER)
    guide = gr.State(AS_FOUND)  # as the controls on the guided model's card stand
    panels: list[gr.HTML] = []  # on that card: the controls, and the hint network's guess
    maps: list[gr.HTML] = []  # where the models disagree

    with gr.Row(elem_classes="steps"):
        with gr.Column(scale=4, min_width=270, elem_classes="step"):
            gr.HTML(on_page(step_title, 1, "Give a photo"))
            photo = photo_input(
                sources=["upload", "webcam", "clipboard"],
                label=static("Photo of a masked face"),
                show_label=False,
                height=300,
                buttons=[],
                elem_id="photo",
            )
            example = build_examples(True, photo, "examples")
        with gr.Column(scale=7, min_width=320, elem_classes="step"):
            gr.HTML(on_page(step_title, 2, "Check the mask"))
            mask_status = gr.HTML(on_page(draw_status, MASK_HINT), elem_id="mask-status")
            empty_bench = gr.HTML(on_page(draw_empty_bench))
            panel = faces_panel.build()
            with gr.Column(elem_classes="workbench"):
                editor = MaskEditor(
                    type="numpy",
                    format="png",
                    image_mode="RGBA",
                    sources=(),
                    transforms=(),
                    layers=gr.LayerOptions(allow_additional_layers=False, layers=["Mask"]),
                    brush=gr.Brush(
                        default_size=18, colors=[BRUSH_COLOR], default_color=BRUSH_COLOR, color_mode="fixed"
                    ),
                    eraser=gr.Eraser(default_size=18),
                    canvas_size=(EDITOR_SIZE, EDITOR_SIZE),
                    buttons=["fullscreen"],
                    interactive=True,
                    show_label=False,
                    height=470,
                    elem_id="editor",
                )
                outline = sam_tool.build(sam) if sam else None
                with gr.Row(elem_classes="toolbar"):
                    grow_button = gr.Button(static("Grow"), size="sm", min_width=0)
                    shrink_button = gr.Button(static("Shrink"), size="sm", min_width=0)
                    clear_button = gr.Button(static("Clear"), size="sm", min_width=0)
                    reset_button = gr.Button(static("Reset to the found mask"), size="sm", min_width=0)
                    import_button = gr.UploadButton(
                        static("Import a mask"),
                        size="sm",
                        min_width=0,
                        file_types=["image"],
                        elem_id="import-mask",
                    )
                    download_button = gr.Button(static("Download the mask"), size="sm", min_width=0)
                    mask_file = gr.DownloadButton(visible="hidden", elem_id="mask-file")
        with gr.Column(scale=4, min_width=250, elem_classes="step"):
            gr.HTML(on_page(step_title, 3, "Compare"))
            chosen = gr.CheckboxGroup(
                model_choices(), value=list(DEFAULT_MODELS), label=static("Models"), elem_classes="models"
            )
            run_button = gr.Button(static("Remove the mask"), variant="primary", elem_id="run")
            run_status = gr.HTML(on_page(draw_status, RUN_HINT), elem_id="run-status")
            build_queue_line(run_status)
            gr.HTML(on_page(draw_how_to))
    with gr.Column(elem_id="results"):

        def below(name: str) -> None:
            if name == GUIDED:
                panels.extend(guide_panel.build())
            if casual.wanted():
                casual.stars(name)

        cards = build_cards(
            "Drag the line: before and after", below, lambda: maps.append(disagreement_card.build())
        )
        result_file = gr.DownloadButton(visible="hidden", elem_id="result-file")

    def in_editor(new: Visit) -> dict:
        """The editor's update: the working copy and its mask, as files."""
        value = new.editor_value()
        layers = [cached_png(editor, layer, "mask.png") for layer in value["layers"]]
        return value | {"background": cached_png(editor, value["background"], "photo.png"), "layers": layers}

    def show(new: Visit, text: str | None = None) -> dict:
        """Updates that put a visit's faces and mask on the page, and say how much the mask covers."""
        tone = "warn" if text or is_empty(new.mask) else "done"
        value = in_editor(new)
        updates = {
            visit: new,
            editor: value,
            panel: faces_panel.render(new),
            mask_status: status(text or mask_text(new), tone),
        }
        if outline:
            updates[outline.panel] = sam_tool.render(new, file_url(value["background"]), file_url(value["layers"][0]))
        return updates

    def nothing() -> dict:
        """Updates that hide all cards."""
        return waiting(cards, []) | dict.fromkeys([*maps, *panels[1:]], "")

    def take_photo(path: str | None, old: Visit | None, names: list[str], told: Guide) -> Iterator[dict]:
        """A new photo: find its faces and their masks, show them, and run the chosen models at once."""
        if path is None:
            return  # the camera was opened, or the photo cleared
        try:
            picture = read_photo(path)
            faces = unmasker.find(picture)
            found = unmasker.segment(picture, faces=faces)
        except VISIBLE_ERRORS as error:
            before = None if old is None else cached_png(photo, to_show(old.photo), "photo.png")
            yield {photo: before, mask_status: warn(tr_error(error))}
            return
        new = Visit.begin(picture, found, faces, [thumbnail(picture, face) for face in faces])
        new = replace(new, overview=file_url(cached_png(panel, to_show(picture), "photo.png")))
        yield {empty_bench: ""} | nothing()
        if is_empty(found):
            yield show(new, nothing_found_text(new)) | {run_status: status(tr(WAITING_HINT), "warn")}
            return
        yield show(new)
        yield from fill(new, names, told)

    def fill(now: Visit, names: list[str], told: Guide) -> Iterator[dict]:
        """Run the chosen models one after the other; each result is shown as soon as it is there."""
        names = [name for name in list_removers() if name in names]
        try:
            if not names:
                raise PhotoError("No model is chosen: tick at least one.")
            if not now.faces and is_empty(now.mask):
                raise PhotoError("No face is chosen: click one on the photo.")
            check_mask(now.mask, now.photo.shape)
        except PhotoError as error:
            yield {run_status: warn(tr_error(error))}
            return
        shown = to_show(now.photo)
        before = cached_png(next(iter(cards.values())).pictures, shown, "photo.png")
        fresh = nothing() | waiting(cards, names, before, shown.shape)
        yield {visit: replace(now, ran=(now.mask, now.faces))} | fresh
        learned = []  # results that are all a network's own idea of this face
        for count, name in enumerate(names, 1):
            tone = "busy first" if count == 1 else "busy"
            yield {run_status: status(painting_text(MODELS[name].title, count, len(names)), tone)}
            try:
                results, milliseconds = timed(
                    unmasker.remove, now.photo, now.mask, [name], faces=now.faces, guide=told
                )
            except VISIBLE_ERRORS as error:
                yield failed(cards[name], error)
                continue
            yield finished(cards[name], before, results[name], milliseconds)
            if name == GUIDED:
                yield {panels[1]: guess(now)}
            if MODELS[name].kind == "remover" and (name != GUIDED or told == AS_FOUND):
                learned.append(to_show(results[name]))
        if len(learned) > 1:
            yield {maps[0]: disagreement_card.render(maps[0], shown, learned, now.mask, now.faces)}
        yield {run_status: status(tr(DONE_HINT), "done")}

    def guess(now: Visit) -> str:
        """The hint network's guess, as HTML; nothing before it is released, nor for several faces at once."""
        if GENDER_HINT not in list_models("hint") or len(now.faces) != 1:
            return ""
        try:
            return guide_panel.draw_guess(unmasker.hint(align(now.photo, now.faces[0], CROP)))
        except WeightsError:
            return ""  # logged; the controls work without

    def hear(event: gr.EventData) -> Guide:
        """What the controls say."""
        with plain_errors():
            return guide_panel.guide_of(event)

    def paint_guided(old: Visit | None, told: Guide) -> Iterator[dict]:
        """The guided model alone, as its controls now say, on the mask and the faces of its last result."""
        if old is None or old.ran is None:
            yield {run_status: warn(tr(NO_PHOTO))}
            return
        card, (mask, faces) = cards[GUIDED], old.ran
        try:
            yield {run_status: status(painting_text(card.title, 1, 1), "busy")}
            results, milliseconds = timed(unmasker.remove, old.photo, mask, [GUIDED], faces=faces, guide=told)
        except VISIBLE_ERRORS as error:
            yield {run_status: warn(tr_error(error))}
            return
        before = cached_png(card.pictures, to_show(old.photo), "photo.png")
        yield finished(card, before, results[GUIDED], milliseconds)
        yield {run_status: status(tr(DONE_HINT), "done")}

    def run_again(
        old: Visit | None, value: dict | None, names: list[str], told: Guide
    ) -> Iterator[dict]:
        """The button: the chosen models on the mask as it is in the editor now."""
        if old is None:
            yield {run_status: warn(tr(NO_PHOTO))}
            return
        yield from fill(old.edited(value), names, told)

    def change_mask(change):
        """A button's callback from a function (Visit as edited, ...) -> Visit with another mask."""

        def callback(old: Visit | None, value: dict | None, *inputs) -> dict:
            return changed(old, value, lambda now: change(now, *inputs))

        return callback

    def change_faces(change):
        """The panel's callback from a function (Visit as edited, index of a face) -> Visit."""

        def callback(old: Visit | None, value: dict | None, event: gr.EventData) -> dict:
            return changed(old, value, lambda now: change(now, faces_panel.face_index(now, event)))

        return callback

    def changed(old: Visit | None, value: dict | None, change) -> dict:
        """Updates after a function (Visit as edited) -> Visit; a sentence where it does not apply."""
        if old is None:
            return {mask_status: warn(tr(NO_PHOTO))}
        try:
            new = change(old.edited(value))
        except PhotoError as error:
            return {mask_status: warn(tr_error(error))}
        if new.is_outdated():
            return show(new) | {run_status: status(tr(RUN_AGAIN_HINT))}
        return show(new) | ({run_status: status(tr(DONE_HINT), "done")} if old.is_outdated() else {})

    def look_at(old: Visit | None, value: dict | None, event: gr.EventData) -> dict:
        """Another face in the editor, chosen again if it was left out; or the whole photo."""
        if event._data.get("face") is None:
            return changed(old, value, lambda now: now.look_at(None))
        return change_faces(lambda now, index: now.choose(index, True).look_at(index))(old, value, event)

    def box_face(old: Visit | None, value: dict | None, event: gr.EventData) -> Iterator[dict]:
        """A face that was boxed by hand: find its mask, and show it."""
        if old is None:
            yield {mask_status: warn(tr(NO_PHOTO))}
            return
        try:
            face = old.box_to_face(faces_panel.box_corners(event))
            yield {mask_status: status(tr("Looking for a mask on the new face …"), "busy")}
            found = unmasker.segment(old.photo, faces=[face])
        except VISIBLE_ERRORS as error:
            yield {mask_status: warn(tr_error(error))}
            return
        new = old.edited(value).with_face(face, found, thumbnail(old.photo, face))
        if is_empty(found):
            yield show(new, tr("No mask was found on the new face: paint over what covers it."))
        else:
            yield show(new) | {run_status: status(tr(RUN_AGAIN_HINT))}

    def save_mask(old: Visit | None, value: dict | None) -> str | None:
        """The mask in the photo's size, as a PNG file."""
        if old is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        return cached_png(mask_file, old.edited(value).mask, "unmask-mask.png")

    def save_result(name: str, old: Visit | None, told: Guide) -> str | None:
        """One model's result in the photo's size, made anew: keeping all would cost more than a run."""
        if old is None or old.ran is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        with plain_errors():
            mask, faces = old.ran
            result = unmasker.remove(old.photo, mask, [name], faces=faces, guide=told)[name]
        return cached_png(result_file, result, f"unmask-{name}.png", NOTICE)

    def start_over() -> dict:
        """Forget the photo and all that came from it."""
        return {
            visit: None,
            editor: None,
            panel: "",
            empty_bench: draw_empty_bench(),
            mask_status: status(tr(MASK_HINT)),
            run_status: status(tr(RUN_HINT)),
        } | dict.fromkeys(outline_parts, "") | nothing()

    outline_parts = outline.components() if outline else []
    card_parts = [part for card in cards.values() for part in card.components()] + maps + panels[1:]
    # What Gradio shows progress on it also reads back, many times: the editor would upload its pictures.
    private, heavy = PRIVATE | {"show_progress_on": run_status}, HEAVY | {"show_progress_on": run_status}
    new_photo = heavy | {
        "fn": take_photo,
        "inputs": [photo, visit, chosen, guide],
        "outputs": [photo, visit, editor, panel, empty_bench, mask_status, run_status, *outline_parts, *card_parts],
        "trigger_mode": "always_last",
    }
    photo.input(**new_photo)
    example.then(**new_photo)
    photo.clear(
        start_over,
        None,
        [visit, editor, panel, empty_bench, mask_status, run_status, *outline_parts, *card_parts],
        **private,
    )
    run_button.click(run_again, [visit, editor, chosen, guide], [visit, run_status, *card_parts], **heavy)
    if panels:
        # Heard in turn, painted from the last word: an event that has to wait would lose what it says.
        panels[0].guide(
            hear, None, guide, **PRIVATE, trigger_mode="multiple", concurrency_id="guide", concurrency_limit=1
        ).success(
            paint_guided,
            [visit, guide],
            [run_status, *cards[GUIDED].components()],
            **heavy | {"trigger_mode": "always_last"},
        )

    mask_outputs = [visit, editor, panel, mask_status, run_status, *outline_parts]
    # Every click counts, one after the other.
    in_turn = private | {"trigger_mode": "multiple", "concurrency_id": "mask", "concurrency_limit": 1}
    for button, change in (
        (grow_button, lambda now: now.grown(+1)),
        (shrink_button, lambda now: now.grown(-1)),
        (clear_button, Visit.cleared),
        (reset_button, Visit.reset),
    ):
        button.click(change_mask(change), [visit, editor], mask_outputs, **in_turn)
    import_button.upload(
        change_mask(lambda now, path: now.with_mask(read_mask(path, now.photo.shape[:2]))),
        [visit, editor, import_button],
        mask_outputs,
        **in_turn,
    )
    here = [visit, editor]
    panel.choose(
        change_faces(lambda now, index: now.choose(index, not now.candidates[index].chosen)),
        here,
        mask_outputs,
        **in_turn,
    )
    panel.edit(look_at, here, mask_outputs, **in_turn)
    panel.drop(change_faces(Visit.without_face), here, mask_outputs, **in_turn)
    panel.box(box_face, here, mask_outputs, **heavy)

    def wire_outline(tool: sam_tool.Tool) -> None:
        """What the tool "Outline by click" does."""

        def look(old: Visit | None) -> Iterator[dict]:
            """Segment Anything looks at what the editor shows, so that the first click is answered soon."""
            if old is not None:  # else the line before has said so
                yield from ask(old, Click(old.frame))

        def mark(old: Visit | None, event: gr.EventData) -> Iterator[dict]:
            """Find the outline of what was clicked on; `put_outlines` puts it into the mask."""
            try:
                if old is None:
                    raise PhotoError(NO_PHOTO)
                click = sam_tool.click_of(old, event)
            except PhotoError as error:
                yield {tool.note: warn(tr_error(error))}
                return
            yield from ask(old, click)

        def ask(now: Visit, click: Click) -> Iterator[dict]:
            yield {tool.note: status(sam_tool.busy_text(tool.sam, now, click), "busy")}
            try:
                now.clicks.work(tool.sam, now.photo, click)
            except VISIBLE_ERRORS as error:
                yield {tool.note: warn(tr_error(error))}
                return
            yield {tool.note: status(tr(sam_tool.READY))}

        def put_outlines(old: Visit | None, value: dict | None) -> dict:
            """What was found since goes into the mask, as it is in the editor by now."""
            found = old.clicks.take() if old else []
            if not found:
                return {visit: old}
            updates = changed(old, value, lambda now: reduce(lambda each, one: each.outlined(*one), found, now))
            if all(is_empty(each) for _, each in found):
                updates[tool.note] = status(tr(sam_tool.NOTHING), "warn")
            return updates

        looking = sam_tool.OUTLINE | {"show_progress_on": tool.note, "trigger_mode": "multiple"}
        tool.panel.look(change_mask(lambda now: now), here, mask_outputs, **in_turn).success(
            look, visit, tool.note, **looking
        )
        tool.panel.mark(mark, visit, tool.note, **looking).success(
            put_outlines, here, mask_outputs, **in_turn
        )
        tool.panel.undo(change_mask(Visit.undone), here, mask_outputs, **in_turn)

    if outline:
        wire_outline(outline)
    download_button.click(save_mask, [visit, editor], mask_file, **private).success(
        js=download_through(mask_file), api_visibility="private"
    )
    for name, card in cards.items():
        card.download.click(partial(save_result, name), [visit, guide], result_file, **heavy).success(
            js=download_through(result_file), api_visibility="private"
        )
    run_status.change(js=SCROLL_TO_RESULTS, api_visibility="private")
