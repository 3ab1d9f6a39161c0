"""Photo and mask as two pictures, where the mask's editor will be: nothing is spent on its canvas before it is wanted.

They lie as the editor draws them, so that nothing moves when it comes up.
"""

import html

import gradio as gr

from unmask.web.i18n import tr


def build() -> gr.HTML:
    """The place for them, empty until there is a photo."""
    return gr.HTML(apply_default_css=False, elem_id="still")


def render(photo: str, mask: str) -> str:
    """Both as HTML. photo, mask: URLs of what the editor would show, and of the mask over it."""
    alt = html.escape(tr("Your photo, with the mask in pink"))
    return (
        f'<div class="still"><div><img src="{html.escape(photo)}" alt="{alt}" draggable="false">'
        f'<img src="{html.escape(mask)}" alt="" draggable="false"></div></div>'
    )
