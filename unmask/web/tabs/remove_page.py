"""Tab 1's page: what a visitor sees and clicks. What happens then is remove_callbacks' business."""

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from unmask.faces.editing import AS_FOUND
from unmask.registry import DEFAULT_MODELS
from unmask.sam import Sam
from unmask.web.components import (
    beside,
    brush_keys,
    disagreement_card,
    edit_line,
    edit_switch,
    faces_panel,
    first_result,
    guide_panel,
    outline_tool,
    still,
    viewer_bar,
    vote_card,
)
from unmask.web.components.cards import Card, build_cards
from unmask.web.components.examples import build_examples
from unmask.web.components.guide_panel import GUIDED
from unmask.web.components.inputs import MaskEditor, model_choices, photo_input
from unmask.web.components.status import build_queue_line, draw_status, step_title
from unmask.web.events import FORGET_AFTER
from unmask.web.i18n import on_page, static, tr
from unmask.web.mask_layers import MASK_COLOR
from unmask.web.pictures import STATIC
from unmask.web.session import EDITOR_SIZE, SAMPLED

BRUSH_COLOR = ("#{:02x}{:02x}{:02x}".format(*MASK_COLOR), 0.6)

MASK_HINT = "The mask is found by itself, and shown here for you to correct."
REALISM_HINT = (
    "Left: the average of all likely faces, soft but seldom far off. Right: one likely face, sharp but more invented. "
    "GANMasker alone has both; the slider counts from the next run."
)
RUN_HINT = "The chosen models run as soon as there is a photo."
NO_PHOTO = "No photo is here, or it is not kept any more: give the photo once more, or click an example."

# The first result is below the fold: when it begins to appear, it comes into view by itself; after a click on an
# example the focus goes with it, so that the keyboard goes on where the eye is. Who scrolls meanwhile is not led away.
SCROLL_TO_RESULTS = """
() => {
  if (!document.querySelector("#run-status .first")) return;
  const due = setTimeout(scroll, 300), options = { once: true, passive: true };
  for (const gesture of ["wheel", "touchmove"]) addEventListener(gesture, () => clearTimeout(due), options);
  function scroll() {
    const results = document.querySelector("#results");
    if (document.activeElement?.closest("#examples")) {
      results.tabIndex = -1;
      results.focus({ preventScroll: true });
    }
    results.scrollIntoView({
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth", block: "nearest"
    });
  }
}
"""


@dataclass(frozen=True)
class RemovePage:
    """The tab's components."""

    visit: gr.State  # a Visit, or None before there is a photo
    guide: gr.State  # a Guide, as the controls on the guided model's card stand
    photo: gr.Image
    example: gr.events.Dependency  # an example was clicked
    mask_status: gr.HTML
    empty_bench: gr.HTML  # where there is no photo
    first: tuple[str, str]  # the files of the result that is shown there
    panel: gr.HTML  # the faces
    still: gr.HTML  # photo and mask, in the editor's place until that is wanted
    edit_switch: gr.HTML  # its event `open` asks for the editor
    editor: gr.ImageEditor
    outline: outline_tool.Tool | None
    grow: gr.Button
    shrink: gr.Button
    clear: gr.Button
    reset: gr.Button
    import_mask: gr.UploadButton
    download_mask: gr.Button
    mask_file: gr.DownloadButton
    chosen: gr.CheckboxGroup
    realism: gr.Slider  # 0, faithful, to 1, realistic
    run: gr.Button
    run_status: gr.HTML
    edits: gr.HTML  # the line in its place, from a stroke until the server knows of it
    cards: dict[str, Card]  # by model
    controls: gr.HTML | None  # on the guided model's card, where its weights are there
    expressions: gr.HTML | None  # likewise: faces to choose from
    another: gr.Button | None  # on SAMPLED's card, where its weights are there: another plausible face
    vote: gr.HTML | None  # two results without names, before all are shown; where the host wants votes
    map: gr.HTML  # where the models disagree
    row: gr.HTML  # all results side by side; its event `more` (with `model`) asks for one more
    download_all: gr.Button
    result_file: gr.DownloadButton

    def outline_parts(self) -> list[Any]:
        return self.outline.components() if self.outline else []

    def card_parts(self) -> list[Any]:
        """All that a run of the models changes."""
        parts = [part for card in self.cards.values() for part in card.components()]
        return [*parts, self.map, *filter(None, (self.vote, self.expressions))]

    def mask_parts(self) -> list[Any]:
        """All that another mask changes."""
        parts = [self.visit, self.still, self.editor, self.panel, self.mask_status, self.run_status]
        return [*parts, *self.outline_parts()]


def draw_how_to() -> str:
    """What can be done about a result that is not good."""
    text = tr(
        "Not quite right? Paint over fabric that was missed, or erase what was marked wrongly: new results follow "
        "by themselves. Other models keep your mask."
    )
    return f'<p class="how-to">{html.escape(text)}</p>'


def draw_row() -> str:
    """Where the script puts all results side by side."""
    label, more = html.escape(tr("Results")), html.escape(tr("One more model:"))
    return f'<div class="strip" role="radiogroup" aria-label="{label}" data-more="{more}"></div>'


def build_page(sam: Sam | None) -> RemovePage:
    """Lay out the tab. sam: what the tool "Outline by click" asks; without it there is no such tool."""
    visit, guide = gr.State(time_to_live=FORGET_AFTER), gr.State(AS_FOUND)
    panels: list[gr.HTML] = []  # on the guided model's card
    others: list[gr.Button] = []  # on SAMPLED's card
    maps: list[gr.HTML] = []

    with gr.Row(elem_classes=["steps", "remove-steps"]):
        with gr.Column(scale=4, min_width=210, elem_classes="step"):
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
        with gr.Column(scale=14, min_width=320, elem_classes="step"):
            gr.HTML(on_page(step_title, 2, "Check the mask"))
            mask_status = gr.HTML(on_page(draw_status, MASK_HINT), elem_id="mask-status")
            first = first_result.put_files(photo)
            empty_bench = gr.HTML(
                on_page(first_result.draw, *first), js_on_load=(STATIC / "before_after.js").read_text(),
                apply_default_css=False, elem_id="first",
            )  # fmt: skip
            panel = faces_panel.build()
            with gr.Column(elem_classes="workbench"):
                picture = still.build()
                switch = edit_switch.build()
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
                    visible=False,  # its canvas takes a second of two cores where there is no graphics card
                    elem_id="editor",
                )
                outline = outline_tool.build(sam) if sam else None
                beside.build()
                brush_keys.build()
                with gr.Row(elem_classes="toolbar"):
                    changes = {"size": "sm", "min_width": 0, "elem_classes": "changes-mask"}
                    grow = gr.Button(static("Grow"), **changes)
                    shrink = gr.Button(static("Shrink"), **changes)
                    clear = gr.Button(static("Clear"), **changes)
                    reset = gr.Button(static("Reset to the found mask"), **changes)
                    import_mask = gr.UploadButton(
                        static("Import a mask"),
                        size="sm",
                        min_width=0,
                        file_types=["image"],
                        elem_id="import-mask",
                    )
                    download_mask = gr.Button(static("Download the mask"), size="sm", min_width=0)
                    mask_file = gr.DownloadButton(visible="hidden", elem_id="mask-file")
        with gr.Column(scale=5, min_width=250, elem_classes="step"):
            gr.HTML(on_page(step_title, 3, "Compare"))
            chosen = gr.CheckboxGroup(
                model_choices(), value=list(DEFAULT_MODELS), label=static("Models"), elem_classes="models"
            )
            realism = gr.Slider(
                0, 1, value=1, step=0.25, label=static("Faithful – realistic"), info=static(REALISM_HINT),
                buttons=[], elem_id="realism",
            )  # fmt: skip
            run = gr.Button(static("Remove the mask"), variant="primary", elem_id="run")
            run_status = gr.HTML(on_page(draw_status, RUN_HINT), elem_id="run-status")
            build_queue_line(run_status)
            edits = edit_line.build()
            gr.HTML(on_page(draw_how_to))
    vote = vote_card.build()
    with gr.Column(elem_id="results"):
        viewer_bar.build()

        def below(name: str) -> None:
            if name == GUIDED:
                panels.extend(guide_panel.build())
            elif name == SAMPLED:
                others.append(gr.Button(static("Another face that fits as well"), size="sm", elem_classes="another"))

        cards = build_cards(
            "Drag the line: before and after", below, lambda: maps.append(disagreement_card.build())
        )
        row = gr.HTML(
            on_page(draw_row), js_on_load=(STATIC / "results.js").read_text(), apply_default_css=False, elem_id="row"
        )
        download_all = gr.Button(static("Download all"), size="sm", elem_id="download-all")
        result_file = gr.DownloadButton(visible="hidden", elem_id="result-file")
    controls, expressions = panels or (None, None)
    return RemovePage(
        visit, guide, photo, example, mask_status, empty_bench, first, panel, picture, switch, editor, outline, grow,
        shrink, clear, reset, import_mask, download_mask, mask_file, chosen, realism, run, run_status, edits, cards,
        controls, expressions, others[0] if others else None, vote, maps[0], row, download_all, result_file,
    )  # fmt: skip
