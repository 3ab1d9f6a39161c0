"""A model's card: what it is, its result beside the photo, and a download."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from unmask import PhotoError, WeightsError
from unmask.faces.framing import GLANCES
from unmask.imaging.metadata import NOTICE
from unmask.registry import MODELS, ModelInfo
from unmask.web.components.canvas import Before, draw_before_after
from unmask.web.components.facts import Score, parameters_of, score_of
from unmask.web.components.inputs import models_on_page
from unmask.web.i18n import on_page, static, tr, tr_error
from unmask.web.ideas import IDEAS
from unmask.web.pictures import STATIC, cached_view
from unmask.web.templates import render
from unmask.web.types import Updates

LINE_AT = 12  # %: where the line between two pictures begins: there is something beside the result, this shows


@dataclass(frozen=True)
class Card:
    """One model's place on the page.

    The style sheet hides a card whose note is empty, as it hides all that has nothing to show yet. Gradio's
    own `visible` is not used: several such updates in one message, or in quick succession, lose one another.
    """

    title: str  # the model's
    line: str  # what the line between the two pictures is for; English, as are all texts until they are drawn
    pictures: gr.HTML
    note: gr.HTML
    download: gr.Button

    def components(self) -> list[Any]:
        """Those that a run changes."""
        return [self.pictures, self.note]


def build_cards(
    line: str, below: Callable[[str], None] = lambda name: None, after: Callable[[], None] = lambda: None
) -> dict[str, Card]:
    """A card for every model that takes masks off, by name; all hidden until their model is asked for.

    below: adds to a card, given its model's name. after: adds cards after the models' own. Each card's class
    `model-NAME` tells a script whose it is.
    """
    cards = {}
    script = (STATIC / "before_after.js").read_text()
    with gr.Row(elem_classes="cards"):
        for name in models_on_page():
            with gr.Column(min_width=0, elem_classes=["card", f"model-{name}"]):
                gr.HTML(on_page(_card_head, MODELS[name], parameters_of(name), score_of(name)))
                pictures = gr.HTML(js_on_load=script, apply_default_css=False, elem_classes="pictures")
                note = gr.HTML()
                download = gr.Button(static("Download at full size"), size="sm")
                below(name)
            cards[name] = Card(MODELS[name].title, line, pictures, note, download)
        after()
    return cards


def _card_head(info: ModelInfo, parameters: int, score: Score | None) -> str:
    facts = []
    if parameters:
        facts.append(tr("{count} million parameters.", count=f"{parameters / 1e6:.1f}"))
    if score:
        facts.append(
            tr(
                "On {faces} held-back faces, under the mask: PSNR {psnr} dB, SSIM {ssim}.",
                faces=score.faces,
                psnr=f"{score.psnr:.1f}",
                ssim=f"{score.ssim:.2f}",
            )
        )
    return render(
        "card_head", title=info.title, idea=tr(IDEAS[info.name]), about=tr("About this model"), paper=info.paper,
        year=info.year, facts=" ".join(facts),
    )  # fmt: skip


def _before_after(card: Card, before: Before, afters: list[str]) -> str:
    """The photo and the model's result. afters: files, one a part."""
    return draw_before_after(before, afters, tr("What {model} imagines", model=card.title), tr(card.line), LINE_AT)


def waiting(
    cards: dict[str, Card],
    chosen: list[str],
    before: Before | None = None,
    kept: Container[str] = (),
) -> Updates:
    """Updates that show the chosen models' cards, with `before` in them, and hide the others.

    kept: the models whose earlier results stay until the new ones come.
    """
    updates: Updates = {}
    note = render("card_note", lines=[("waiting", tr("Waiting for its turn …"))])
    for name, card in cards.items():
        if name not in chosen:
            updates |= {card.pictures: "", card.note: ""}
            continue
        updates[card.note] = note
        if name not in kept and before is not None:
            updates[card.pictures] = _before_after(card, before, before.files)
    return updates


def finished(card: Card, before: Before, afters: list[np.ndarray], milliseconds: int, sample: int = 0) -> Updates:
    """Updates that put a model's result on its card: uint8 (H, W, 3) of each of the parts that `before` has.

    sample: which of the plausible faces it is.
    """
    invention = tr("This is an invention, not the person's face.")
    took = tr("Took {milliseconds} ms", milliseconds=milliseconds)
    which = [("sample", tr("Face {number} of {count}", number=sample + 1, count=len(GLANCES)))] if sample else []
    note = render("card_note", lines=[("invention", invention), *which, ("time", took)])
    files = [cached_view(card.pictures, after, "result.jpg", NOTICE) for after in afters]
    return {card.pictures: _before_after(card, before, files), card.note: note}


def failed(card: Card, error: PhotoError | WeightsError) -> Updates:
    """Updates that put the reason where the result would be."""
    return {card.pictures: "", card.note: render("card_note", lines=[("failed", tr_error(error))])}


def download_through(file: gr.DownloadButton) -> str:
    """JavaScript that clicks a hidden download button, once it holds the file.

    A visible one hands out what it held before the click: every file would have to be written in advance.
    """
    return f"() => document.querySelector('#{file.elem_id}').click()"
