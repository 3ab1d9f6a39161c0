"""The named endpoints /segment and /remove, for gradio_client and curl; the page "Use via API" describes them."""

import gradio as gr

from unmask import Unmasker, read_photo
from unmask.image import NOTICE
from unmask.masks import read_mask
from unmask.models import DEFAULT_MODELS
from unmask.web.parts import COMPUTE, cached_png, model_choices, photo_input, plain_errors


def build(unmasker: Unmasker) -> None:
    """Add the endpoints. Their components are never drawn: they are what a call's parameters are described by.

    Components, not `gr.api`: its parameters are not checked to be uploads, so a call could name any file of ours.
    """
    with gr.Column(visible=False):
        image = photo_input(label="Photo: JPEG, PNG or WebP")
        mask = photo_input(label="Mask of the photo's size, brighter than 127 = covered; none: it is found")
        models = gr.CheckboxGroup(model_choices(), value=list(DEFAULT_MODELS), label="Models")
        found_mask = gr.File(label="PNG of the photo's size: 255 = covered, all 0 when no mask was found")
        results = gr.File(label="One PNG per model, in the order asked for", file_count="multiple")
        segment_call, remove_call = gr.Button(), gr.Button()

    def segment(path: str | None) -> str:
        """Find the face mask in a photo."""
        with plain_errors():
            return cached_png(found_mask, unmasker.segment(read_photo(path)), "mask.png")

    def remove(path: str | None, mask_path: str | None, names: list[str]) -> list[str]:
        """Take the mask off a photo, once per model. Outside the mask not one pixel changes."""
        with plain_errors():
            photo = read_photo(path)
            given = None if mask_path is None else read_mask(mask_path, photo.shape[:2])
            filled = unmasker.remove(photo, given, names)
            return [cached_png(results, filled[name], f"{name}.png", NOTICE) for name in names]

    segment_call.click(segment, image, found_mask, api_name="segment", **COMPUTE)
    remove_call.click(remove, [image, mask, models], results, api_name="remove", **COMPUTE)
