"""The bar above the results: which face or the whole photo, zoom, the original, and several results at once."""

import html

import gradio as gr

from unmask.web.i18n import on_page, tr
from unmask.web.pictures import STATIC


def build() -> gr.HTML:
    """The bar, which the style sheet hides until there are results."""
    return gr.HTML(
        on_page(_draw), js_on_load=(STATIC / "viewer.js").read_text(), apply_default_css=False, elem_id="viewer"
    )


def _draw() -> str:
    # What the script fills in has a mark in place of braces: a text that is translated in the browser has none.
    words = {
        "face": tr("Face"),
        "numbered": tr("Face {number}", number="#number"),
        "whole": tr("Whole photo"),
    }
    data = " ".join(f'data-{name}="{html.escape(word)}"' for name, word in words.items())
    view, zoom = html.escape(tr("View")), html.escape(tr("Zoom"))
    smaller, larger = html.escape(tr("Show it smaller")), html.escape(tr("Show it larger"))
    keys = html.escape(tr("Keys: + and - zoom, 0 resets, Shift and arrows move, H shows the original."))
    original = html.escape(tr("Hold to see the original"))
    return f"""
<div class="viewer" {data}>
  <div class="group pages" role="group" aria-label="{view}"></div>
  <button type="button" data-act="compare" aria-pressed="false">{html.escape(tr("Compare"))}</button>
  <button type="button" data-act="hold" aria-pressed="false" title="{keys}">{original}</button>
  <div class="group zoom" role="group" aria-label="{zoom}" title="{keys}">
    <button type="button" data-act="out" aria-label="{smaller}">−</button>
    <output aria-live="polite">100%</output>
    <button type="button" data-act="in" aria-label="{larger}">+</button>
    <button type="button" data-act="reset">{html.escape(tr("Reset"))}</button>
  </div>
  <p class="together">{html.escape(tr("These are inventions, not the person's face."))}
    <span>{html.escape(tr("Choose two to four below."))}</span></p>
</div>"""
