"""Tab 1: a photo in; its mask found, shown and editable; what each model puts in the mask's place."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import gradio as gr
import numpy as np

from unmask import PhotoError, Unmasker, read_photo
from unmask.faces import Face, align, align_mask, mask_to_photo, whole_photo
from unmask.image import NOTICE
from unmask.masks import (
    MASK_COLOR,
    check_mask,
    editor_value,
    grow,
    is_empty,
    mask_from_editor,
    read_mask,
    share,
)
from unmask.models import DEFAULT_MODELS, MODELS, list_removers
from unmask.web.parts import (
    FORGET_AFTER,
    HEAVY,
    PRIVATE,
    VISIBLE_ERRORS,
    build_cards,
    cached_png,
    download_through,
    example_files,
    failed,
    finished,
    model_choices,
    photo_input,
    plain_errors,
    status,
    step_title,
    timed,
    to_show,
    waiting,
)

# px. The editor draws a given layer in its place only if all it gets has exactly the canvas' size.
EDITOR_SIZE = 512
STEP = 3 / 256  # of the face's side, by which "Grow" and "Shrink" move the mask's edge
LOADING = 3.0  # seconds in which a browser loads a new mask; a quick second click still sends the old one
PAD = (125, 138, 148)  # RGB around a photo that is not square: a grey that is quiet on light and dark pages
BRUSH_COLOR = ("#{:02x}{:02x}{:02x}".format(*MASK_COLOR), 0.6)

MASK_HINT = "The mask is found by itself, and shown here for you to correct."
RUN_HINT = "The chosen models run as soon as there is a photo."
RUN_AGAIN_HINT = 'The mask has changed: press "Remove the mask".'
NO_PHOTO = "There is no photo here (any more): give one, or click an example."
# The first result is below the fold: when it begins to appear, it comes into view by itself.
SCROLL_TO_RESULTS = """
() => document.querySelector("#run-status .first")
  && setTimeout(
    () => document.querySelector("#results").scrollIntoView({behavior: "smooth", block: "nearest"}), 300
  )
"""
EMPTY_BENCH = """
<div class="empty-bench">
  <svg viewBox="0 0 64 64" width="64" height="64" fill="none" stroke="currentColor" stroke-width="2"
       aria-hidden="true">
    <path d="M16 24c0-10 7-16 16-16s16 6 16 16v10c0 12-7 22-16 22S16 46 16 34z"/>
    <path d="M16 32c5-2 10-3 16-3s11 1 16 3c0 13-7 24-16 24S16 45 16 32z" fill="#ff336655" stroke="#ff3366"/>
    <path d="M25 23h.1M39 23h.1" stroke-width="4" stroke-linecap="round"/>
  </svg>
  <p>Here you will see the photo with its mask in pink. You can correct it with a brush.</p>
</div>"""
HOW_TO = """
<p class="how-to">Not quite right? Paint over fabric that was missed, erase what was marked wrongly, and press
the button again. Other models keep your mask.</p>"""


@dataclass(frozen=True)
class Visit:
    """What is kept of a visitor, in `gr.State`: never shared, and forgotten after ten minutes."""

    photo: np.ndarray  # (H, W, 3) uint8, as it was read: every model works on this one
    found: np.ndarray  # (H, W) uint8: the mask that was found
    mask: np.ndarray  # (H, W) uint8: the mask as the visitor has it now
    faces: list[Face]  # largest first
    shown: np.ndarray  # (EDITOR_SIZE, EDITOR_SIZE) uint8: the same on the editor's working copy
    step: int  # photo px by which "Grow" and "Shrink" move the mask's edge
    earlier: tuple[
        np.ndarray, ...
    ] = ()  # what the editor showed before, and may show until it has loaded `shown`
    put_at: float = 0.0  # time.monotonic() when `shown` was sent
    ran: np.ndarray | None = None  # (H, W) uint8: the mask that the results were made with

    @classmethod
    def begin(cls, photo: np.ndarray, found: np.ndarray, faces: list[Face]) -> "Visit":
        """A visit with a new photo (H, W, 3), the mask found in it (H, W), and its faces, largest first."""
        shown = align_mask(found, whole_photo(photo), EDITOR_SIZE)
        return cls(photo, found, found, faces, shown, step=max(round(STEP * faces[0].side), 1))

    @property
    def frame(self) -> Face:
        """What the editor shows: the whole photo, letterboxed to a square."""
        return whole_photo(self.photo)

    def with_mask(self, mask: np.ndarray) -> "Visit":
        """This visit with another mask (H, W), which is to be put into the editor."""
        now = time.monotonic()
        earlier = self.earlier if now - self.put_at < LOADING else ()
        shown = align_mask(mask, self.frame, EDITOR_SIZE)
        return replace(self, mask=mask, shown=shown, earlier=(*earlier, self.shown), put_at=now)

    def grown(self, steps: int) -> "Visit":
        """This visit with the mask's edge moved outwards by so many steps, inwards if negative."""
        return self.with_mask(grow(self.mask, steps * self.step))

    def editor_value(self, editor: gr.ImageEditor) -> dict:
        """The editor's value: the working copy, with the mask on a layer of its own."""
        value = editor_value(align(self.photo, self.frame, EDITOR_SIZE, pad=PAD), self.shown)
        layers = [cached_png(editor, layer, "mask.png") for layer in value["layers"]]
        return value | {"background": cached_png(editor, value["background"], "photo.png"), "layers": layers}

    def edited(self, value: dict | None) -> "Visit":
        """This visit with the mask as the visitor left it in the editor."""
        drawn = mask_from_editor(value, (EDITOR_SIZE, EDITOR_SIZE))
        loading = self.earlier if time.monotonic() - self.put_at < LOADING else ()
        if any(np.array_equal(drawn, known) for known in (self.shown, *loading)):
            return self  # nothing drawn since: the mask keeps the photo's own resolution
        return replace(self, mask=mask_to_photo(drawn, self.frame, self.photo.shape[:2]), shown=drawn)


def build(unmasker: Unmasker) -> None:
    """Lay out the tab and wire it."""
    visit = gr.State(time_to_live=FORGET_AFTER)

    with gr.Row(elem_classes="steps"):
        with gr.Column(scale=4, min_width=270, elem_classes="step"):
            gr.HTML(step_title(1, "Give a photo"))
            photo = photo_input(
                sources=["upload", "webcam", "clipboard"],
                label="Photo of a masked face",
                show_label=False,
                height=300,
                buttons=[],
                webcam_options=gr.WebcamOptions(constraints={"video": {"facingMode": "user"}}),
                elem_id="photo",
            )
            examples = gr.Examples(
                example_files(masked=True),
                photo,
                label="Or click an example",
                api_visibility="private",
                elem_id="examples",
            )
        with gr.Column(scale=7, min_width=320, elem_classes="step"):
            gr.HTML(step_title(2, "Check the mask"))
            mask_status = gr.HTML(status(MASK_HINT), elem_id="mask-status")
            empty_bench = gr.HTML(EMPTY_BENCH)
            with gr.Column(elem_classes="workbench"):
                editor = gr.ImageEditor(
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
                with gr.Row(elem_classes="toolbar"):
                    grow_button = gr.Button("Grow", size="sm", min_width=0)
                    shrink_button = gr.Button("Shrink", size="sm", min_width=0)
                    clear_button = gr.Button("Clear", size="sm", min_width=0)
                    reset_button = gr.Button("Reset to the found mask", size="sm", min_width=0)
                    import_button = gr.UploadButton(
                        "Import a mask", size="sm", min_width=0, file_types=["image"], elem_id="import-mask"
                    )
                    download_button = gr.Button("Download the mask", size="sm", min_width=0)
                    mask_file = gr.DownloadButton(visible="hidden", elem_id="mask-file")
        with gr.Column(scale=4, min_width=250, elem_classes="step"):
            gr.HTML(step_title(3, "Compare"))
            chosen = gr.CheckboxGroup(
                model_choices(), value=list(DEFAULT_MODELS), label="Models", elem_classes="models"
            )
            run_button = gr.Button("Remove the mask", variant="primary", elem_id="run")
            run_status = gr.HTML(status(RUN_HINT), elem_id="run-status")
            gr.HTML(HOW_TO)
    with gr.Column(elem_id="results"):
        cards = build_cards("Drag the line: before and after")
        result_file = gr.DownloadButton(visible="hidden", elem_id="result-file")

    def show(new: Visit, text: str | None = None, tone: str = "done") -> dict:
        """Updates that put a visit's mask into the editor, and say how much it covers."""
        text = (
            text or f"The mask covers {share(new.mask):.0%} of the photo. Correct it with brush and eraser."
        )
        return {visit: new, editor: new.editor_value(editor), mask_status: status(text, tone)}

    def take_photo(path: str | None, old: Visit | None, names: list[str]) -> Iterator[dict]:
        """A new photo: find its mask, show it, and run the chosen models at once."""
        if path is None:
            return  # the camera was opened, or the photo cleared
        try:
            picture = read_photo(path)
            faces = unmasker.find(picture)
            found = unmasker.segment(picture, faces=faces)
        except VISIBLE_ERRORS as error:
            gr.Warning(str(error))
            before = None if old is None else cached_png(photo, to_show(old.photo), "photo.png")
            yield {photo: before, mask_status: status(str(error), "warn")}
            return
        new = Visit.begin(picture, found, faces)
        yield {empty_bench: ""} | waiting(cards, [])
        if is_empty(found):
            text = 'No mask was found. Paint over what covers the face, then press "Remove the mask".'
            yield show(new, text, "warn") | {run_status: status("Waiting for a mask.", "warn")}
            return
        yield show(new)
        yield from fill(new, names)

    def fill(now: Visit, names: list[str]) -> Iterator[dict]:
        """Run the chosen models one after the other; each result is shown as soon as it is there."""
        names = [name for name in list_removers() if name in names]
        try:
            if not names:
                raise PhotoError("No model is chosen: tick at least one.")
            check_mask(now.mask, now.photo.shape)
        except PhotoError as error:
            gr.Warning(str(error))
            yield {run_status: status(str(error), "warn")}
            return
        before = cached_png(next(iter(cards.values())).slider, to_show(now.photo), "photo.png")
        yield {visit: replace(now, ran=now.mask)} | waiting(cards, names, before)
        for count, name in enumerate(names, 1):
            tone = "busy first" if count == 1 else "busy"
            yield {run_status: status(f"{MODELS[name].title} is painting: {count} of {len(names)} …", tone)}
            try:
                results, milliseconds = timed(unmasker.remove, now.photo, now.mask, [name], faces=now.faces)
            except VISIBLE_ERRORS as error:
                yield failed(cards[name], error)
            else:
                yield finished(cards[name], before, results[name], milliseconds)
        yield {run_status: status("Done: drag the line in a picture to compare.", "done")}

    def run_again(old: Visit | None, value: dict | None, names: list[str]) -> Iterator[dict]:
        """The button: the chosen models on the mask as it is in the editor now."""
        if old is None:
            gr.Warning(NO_PHOTO)
            yield {run_status: status(NO_PHOTO, "warn")}
            return
        yield from fill(old.edited(value), names)

    def change_mask(change):
        """A button's callback from a function (Visit as edited, ...) -> Visit with another mask."""

        def callback(old: Visit | None, value: dict | None, *inputs) -> dict:
            if old is None:
                gr.Warning(NO_PHOTO)
                return {mask_status: status(NO_PHOTO, "warn")}
            try:
                return show(change(old.edited(value), *inputs)) | {run_status: status(RUN_AGAIN_HINT)}
            except PhotoError as error:
                gr.Warning(str(error))
                return {mask_status: status(str(error), "warn")}

        return callback

    def save_mask(old: Visit | None, value: dict | None) -> str | None:
        """The mask in the photo's size, as a PNG file."""
        if old is None:
            gr.Warning(NO_PHOTO)
            return None
        return cached_png(mask_file, old.edited(value).mask, "unmask-mask.png")

    def save_result(name: str, old: Visit | None) -> str | None:
        """One model's result in the photo's size, made anew: keeping all would cost more than a run."""
        if old is None or old.ran is None:
            gr.Warning(NO_PHOTO)
            return None
        with plain_errors():
            result = unmasker.remove(old.photo, old.ran, [name], faces=old.faces)[name]
        return cached_png(result_file, result, f"unmask-{name}.png", NOTICE)

    def start_over() -> dict:
        """Forget the photo and all that came from it."""
        return {
            visit: None,
            editor: None,
            empty_bench: EMPTY_BENCH,
            mask_status: status(MASK_HINT),
            run_status: status(RUN_HINT),
        } | waiting(cards, [])

    card_parts = [part for card in cards.values() for part in card.components()]
    # What Gradio shows progress on it also reads back, many times: the editor would upload its pictures.
    private, heavy = PRIVATE | {"show_progress_on": run_status}, HEAVY | {"show_progress_on": run_status}
    new_photo = heavy | {
        "fn": take_photo,
        "inputs": [photo, visit, chosen],
        "outputs": [photo, visit, editor, empty_bench, mask_status, run_status, *card_parts],
        "trigger_mode": "always_last",
    }
    photo.input(**new_photo)
    examples.load_input_event.then(**new_photo)
    photo.clear(
        start_over, None, [visit, editor, empty_bench, mask_status, run_status, *card_parts], **private
    )
    run_button.click(run_again, [visit, editor, chosen], [visit, run_status, *card_parts], **heavy)

    mask_outputs = [visit, editor, mask_status, run_status]
    # Every click counts, one after the other.
    in_turn = private | {"trigger_mode": "multiple", "concurrency_id": "mask", "concurrency_limit": 1}
    for button, change in (
        (grow_button, lambda now: now.grown(+1)),
        (shrink_button, lambda now: now.grown(-1)),
        (clear_button, lambda now: now.with_mask(np.zeros_like(now.mask))),
        (reset_button, lambda now: now.with_mask(now.found)),
    ):
        button.click(change_mask(change), [visit, editor], mask_outputs, **in_turn)
    import_button.upload(
        change_mask(lambda now, path: now.with_mask(read_mask(path, now.photo.shape[:2]))),
        [visit, editor, import_button],
        mask_outputs,
        **in_turn,
    )
    download_button.click(save_mask, [visit, editor], mask_file, **private).success(
        js=download_through(mask_file), api_visibility="private"
    )
    for name, card in cards.items():
        card.download.click(partial(save_result, name), visit, result_file, **heavy).success(
            js=download_through(result_file), api_visibility="private"
        )
    run_status.change(js=SCROLL_TO_RESULTS, api_visibility="private")
