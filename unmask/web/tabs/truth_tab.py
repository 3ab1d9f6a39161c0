"""Tab 2: a bare face gets a synthetic mask, the models take it off, and the known truth gives them scores."""

import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from unmask import Unmasker, read_photo
from unmask.faces.alignment import align
from unmask.faces.face import whole_photo
from unmask.holes import hole_of
from unmask.imaging.reader import read_bytes
from unmask.masks import is_empty
from unmask.realism import judge_of
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.synth import KINDS, MEAN_LANDMARKS, PATTERNS, WEARS, MaskedFace, put_mask_on
from unmask.web.components.canvas import Before, Part
from unmask.web.components.cards import build_cards, failed, finished, waiting
from unmask.web.components.examples import build_examples
from unmask.web.components.inputs import model_choices, models_on_page, photo_input
from unmask.web.components.scores import Scores, draw_scores
from unmask.web.components.status import build_queue_line, draw_status, painting_text, status, step_title, timed
from unmask.web.drawn_mask import describe
from unmask.web.errors import USER_ERRORS
from unmask.web.events import FORGET_AFTER, HEAVY
from unmask.web.i18n import on_page, static, tr, tr_error
from unmask.web.pictures import cached_png, file_url, for_browsers
from unmask.web.templates import render
from unmask.web.types import Updates

FRAME = 256  # px: the side of the face crop, the frame in which the mean landmarks are given
ANY = "any"
TRUE_MASK, FOUND_MASK = "the true mask", "the mask that is found"
FACE_HINT = "Any photo will do: its largest face is cut out."
WHOLE_HINT = "No face was found: the whole picture is used. Move the mask to where the face is."
RUN_HINT = "The chosen models run as soon as there is a face."
NO_FACE = "There is no face here (any more): give a photo, or click an example."
NOT_FOUND = "No mask was found on this face, so nothing was taken off. Choose the true mask, or another one."


def draw_empty_preview() -> str:
    """What is in the masked face's place until there is a photo."""
    text = tr("Here you will see the face with a mask that was never there.")
    return render("empty_preview", text=text)


def draw_preview(path: str) -> str:
    """The file with the masked face."""
    text = tr("The face with the mask that was put on it")
    return render("preview", address=file_url(path), text=text, side=FRAME)


def choices(values: Iterable[str]) -> list[tuple[str, str]]:
    """What a visitor can choose from, as (text, value)."""
    return [(static(value), value) for value in values]


def place_landmarks(size: float, right: float, down: float, tilt: float) -> np.ndarray:
    """The mean face's landmarks (92, 2) where the sliders put them: %, and degrees clockwise for the tilt."""
    angle = math.radians(tilt)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    middle = MEAN_LANDMARKS.mean(axis=0)
    placed: np.ndarray = (MEAN_LANDMARKS - middle) @ turn * (size / 100) + middle
    return placed + np.array([right, down]) * FRAME / 100


def build(unmasker: Unmasker) -> None:
    """Lay out the tab and wire it."""
    truth = gr.State(time_to_live=FORGET_AFTER)  # the bare face's crop, (FRAME, FRAME, 3) uint8
    seed = gr.State(0)

    with gr.Row(elem_classes="steps"):
        with gr.Column(scale=4, min_width=270, elem_classes="step"):
            gr.HTML(on_page(step_title, 1, "Give a bare face"))
            photo = photo_input(
                sources=["upload", "webcam", "clipboard"],
                label=static("Photo of a face without a mask"),
                show_label=False,
                height=300,
                buttons=[],
                elem_id="bare-photo",
            )
            face_status = gr.HTML(on_page(draw_status, FACE_HINT))
            example = build_examples(False, photo, "bare-examples")
        with gr.Column(scale=7, min_width=320, elem_classes="step"):
            gr.HTML(on_page(step_title, 2, "Put a mask on it"))
            with gr.Row(elem_classes="bench"):
                with gr.Column(min_width=260):
                    empty_preview = gr.HTML(on_page(draw_empty_preview))
                    preview = gr.HTML(elem_id="masked-preview")
                with gr.Column(min_width=180):
                    kind = gr.Dropdown(choices([ANY, *KINDS]), value=ANY, label=static("Kind"))
                    wear = gr.Dropdown(choices([ANY, *WEARS]), value=ANY, label=static("How it is worn"))
                    pattern = gr.Dropdown(choices([ANY, *PATTERNS]), value=ANY, label=static("Cloth"))
                    another = gr.Button(static("Another one"), elem_id="another")
            with gr.Accordion(static("Is the mask not where it should be? Move it"), open=False):
                with gr.Row(elem_classes="sliders"):
                    size = gr.Slider(60, 140, 100, step=1, label=static("Size, %"), min_width=140)
                    tilt = gr.Slider(-30, 30, 0, step=1, label=static("Tilt, degrees"), min_width=140)
                    right = gr.Slider(-25, 25, 0, step=0.5, label=static("Left or right, %"), min_width=140)
                    down = gr.Slider(-25, 25, 0, step=0.5, label=static("Up or down, %"), min_width=140)
        with gr.Column(scale=4, min_width=250, elem_classes="step"):
            gr.HTML(on_page(step_title, 3, "Measure"))
            source = gr.Radio(
                choices([TRUE_MASK, FOUND_MASK]),
                value=TRUE_MASK,
                label=static("The models are given"),
                elem_classes="models",
            )
            chosen = gr.CheckboxGroup(
                model_choices(), value=list(DEFAULT_MODELS), label=static("Models"), elem_classes="models"
            )
            run_status = gr.HTML(on_page(draw_status, RUN_HINT), elem_id="truth-status")
            build_queue_line(run_status)
    table = gr.HTML(elem_id="scores")
    with gr.Column(elem_classes="truth-results"):
        cards = build_cards("Drag the line: the truth and the result")

    controls = [kind, wear, pattern, size, right, down, tilt, source, chosen]

    def take_photo(path: str | None, number: int, *settings: Any) -> Iterator[Updates]:
        """A new photo: cut out the square of its largest face, put a mask on it and measure."""
        if path is None:
            # The camera was opened, or the photo cleared. Without a word Gradio would empty what this event writes to.
            yield {run_status: gr.skip()}
            return
        try:
            file = read_bytes(path)
            picture = read_photo(file)
            faces = unmasker.find(picture)
        except USER_ERRORS as error:
            gr.Warning(tr_error(error))
            yield {face_status: status(tr_error(error), "warn")}
            return
        crop = align(picture, faces[0] if faces else whole_photo(picture), FRAME)
        hint = status(tr(FACE_HINT)) if faces else status(tr(WHOLE_HINT), "warn")
        yield {truth: crop, face_status: hint, empty_preview: ""} | for_browsers(photo, file, picture)
        yield from measure(crop, number, *settings)

    def put_another(crop: np.ndarray | None, number: int, *settings: Any) -> Iterator[Updates]:
        """Another random mask on the same face."""
        yield {seed: number + 1}
        yield from measure(crop, number + 1, *settings)

    def measure(
        crop: np.ndarray | None, number: int, kind: str, wear: str, pattern: str, size: float, right: float,
        down: float, tilt: float, source: str, names: list[str],
    ) -> Iterator[Updates]:
        """Put the mask on, take it off with every chosen model, and score each result as it comes."""
        if crop is None:
            yield {run_status: status(tr(NO_FACE), "warn")}
            return
        landmarks, rng = place_landmarks(size, right, down, tilt), np.random.default_rng(number)
        chosen_kind, chosen_wear, chosen_pattern = (None if each == ANY else each for each in (kind, wear, pattern))
        masked = put_mask_on(crop, landmarks, rng, chosen_kind, chosen_wear, chosen_pattern)
        names = [name for name in models_on_page() if name in names]
        before = Before(crop.shape[1] / crop.shape[0], (Part(cached_png(preview, crop, "truth.png")),))
        shown = draw_preview(cached_png(preview, masked.image, "masked.png"))
        yield {preview: shown} | waiting(cards, names, before)
        yield from score(crop, before, masked, source, names)

    def score(
        crop: np.ndarray, before: Before, masked: MaskedFace, source: str, names: list[str]
    ) -> Iterator[Updates]:
        """Run the models on a masked face whose truth is `crop`; before: that truth on the page."""
        try:
            if source == TRUE_MASK:
                given = hole_of(masked.mask, FRAME)
            else:
                given = unmasker.segment(masked.image, aligned=True)
        except USER_ERRORS as error:
            yield {run_status: status(tr_error(error), "warn")}
            return
        if is_empty(given):
            yield {run_status: status(tr(NOT_FOUND), "warn"), table: ""} | waiting(cards, [])
            return
        measure_one = partial(Scores.of, judge_of(unmasker), crop, masked.mask)
        untouched = measure_one(tr("Masked, as given"), masked.image)
        rows = []
        for count, name in enumerate(names, 1):
            title = MODELS[name].title
            yield {run_status: status(painting_text(title, count, len(names)), "busy")}
            try:
                results, milliseconds = timed(unmasker.remove, masked.image, given, [name], True)
            except USER_ERRORS as error:
                yield failed(cards[name], error)
                continue
            rows.append(measure_one(title, results[name], milliseconds=milliseconds))
            scored = {table: draw_scores(untouched, rows)}
            yield finished(cards[name], before, [results[name]], milliseconds) | scored
        yield {run_status: status(f"{tr('Done.')} {describe(masked)}", "done")}

    card_parts = [part for card in cards.values() for part in card.components()]
    results = [preview, table, run_status, *card_parts]
    options = HEAVY | {"show_progress_on": run_status, "trigger_mode": "always_last"}
    new_photo = options | {
        "fn": take_photo,
        "inputs": [photo, seed, *controls],
        "outputs": [photo, truth, face_status, empty_preview, *results],
    }
    photo.input(**new_photo)
    example.then(**new_photo)
    another.click(put_another, [truth, seed, *controls], [seed, *results], **options)
    changes = [control.input for control in (kind, wear, pattern, source, chosen)]
    changes += [slider.release for slider in (size, right, down, tilt)]
    gr.on(changes, measure, [truth, seed, *controls], results, **options)
