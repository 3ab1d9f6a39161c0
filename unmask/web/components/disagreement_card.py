"""The card after the models' own: where their results differ, so that nobody can know what is under the mask."""

import html

import gradio as gr
import numpy as np

from unmask.disagreement import disagreement, draw, scale_colors
from unmask.faces.face import Face
from unmask.imaging.tensors import resize
from unmask.masks import binarise
from unmask.web.i18n import on_page, tr
from unmask.web.pictures import cached_png, file_url


def build() -> gr.HTML:
    """The card, hidden until it has a picture."""
    with gr.Column(min_width=0, elem_classes=["card", "disagreement", "model-disagreement"]):
        gr.HTML(on_page(_draw_head))
        return gr.HTML(apply_default_css=False)


def render(
    card: gr.HTML,
    shown: np.ndarray,
    results: list[np.ndarray],
    mask: np.ndarray,
    faces: list[Face],
    face: tuple[float, float, float, float],
) -> str:
    """The card's content from at least two results, (h, w, 3) uint8 as shown; the photo (h, w, 3) likewise.

    mask: (H, W) uint8 of what is shown, and faces, in the photo's own resolution. Of several faces the smallest sets
    what is detail. face: where one is in what is shown, see View.
    """
    height, width = shown.shape[:2]
    sides = [face.side for face in faces] or [max(mask.shape)]
    small = binarise(resize(mask, (height, width)))
    apart = disagreement(results, small, min(sides) * max(height, width) / max(mask.shape))
    url = file_url(cached_png(card, draw(shown, apart, small), "disagreement.png"))
    text = tr(
        "The brighter a place, the further the {count} networks are apart: what is there, nobody knows; and where they "
        "agree, all may be wrong.",
        count=len(results),
    )
    colors = ", ".join("rgb({}, {}, {})".format(*color) for color in scale_colors(6))
    return f"""
<figure data-face="{" ".join(f"{share:.4f}" for share in face)}" style="--ratio: {width / height:.4f}">
  <img src="{html.escape(url)}" alt="{html.escape(tr("The photo in grey, with the map of differences on the mask"))}">
  <figcaption><span>{html.escape(tr("the same"))}</span><i style="background: linear-gradient(90deg, {colors})"></i
    ><span>{html.escape(tr("far apart"))}</span></figcaption>
</figure>
<p class="card-note">{html.escape(text)}</p>"""


def _draw_head() -> str:
    idea = tr("Every network paints what it thinks likely. Their differences show how little the photo tells.")
    title = tr("Where the models disagree")
    return f'<div class="card-head"><h3>{html.escape(title)}</h3><p>{html.escape(idea)}</p></div>'
