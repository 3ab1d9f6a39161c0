"""The card after the models' own: where their results differ, so that nobody can know what is under the mask."""

from dataclasses import dataclass

import gradio as gr
import numpy as np

from unmask.disagreement import disagreement, draw, scale_colors
from unmask.faces.face import Face
from unmask.imaging.tensors import resize
from unmask.masks import binarise
from unmask.web import templates
from unmask.web.components.canvas import Before, draw_frame
from unmask.web.i18n import on_page, tr
from unmask.web.pictures import cached_view


@dataclass(frozen=True)
class Shown:
    """What is shown of one part of the photo."""

    photo: np.ndarray  # (h, w, 3) uint8, as shown
    results: list[np.ndarray]  # at least two, likewise
    mask: np.ndarray  # (H, W) uint8, in the photo's own resolution


def build() -> gr.HTML:
    """The card, hidden until it has a picture."""
    with gr.Column(min_width=0, elem_classes=["card", "disagreement", "model-disagreement"]):
        gr.HTML(on_page(_draw_head))
        return gr.HTML(apply_default_css=False)


def render(card: gr.HTML, before: Before, shown: list[Shown], faces: list[Face], longest: int) -> str:
    """The card's content: the map of each of the parts that `before` has, drawn on the canvas of all results.

    faces: in the photo's own resolution, whose longer side is `longest` px; the smallest sets what is detail.
    """
    side = min((face.side for face in faces), default=longest)
    files = []
    for each in shown:
        small = binarise(resize(each.mask, each.photo.shape[:2]))
        scale = max(each.photo.shape) / max(each.mask.shape)
        apart = disagreement(each.results, small, side * scale)
        files.append(cached_view(card, draw(each.photo, apart, small), "disagreement.jpg"))
    text = tr(
        "The brighter a place, the further the {count} networks are apart: what is there, nobody knows; and where they "
        "agree, all may be wrong.",
        count=len(shown[0].results),
    )
    colors = ", ".join("rgb({}, {}, {})".format(*color) for color in scale_colors(6))
    alt = tr("The photo in grey, with the map of differences on the mask")
    return templates.render(
        "disagreement",
        ratio=before.ratio,
        frame=draw_frame(before, files, alt),
        same=tr("the same"),
        colors=colors,
        apart=tr("far apart"),
        text=text,
    )


def _draw_head() -> str:
    idea = tr("Every network paints what it thinks likely. Their differences show how little the photo tells.")
    title = tr("Where the models disagree")
    return templates.render("disagreement_head", title=title, idea=idea)
