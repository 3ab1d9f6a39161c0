"""The named endpoints /segment and /remove; the page "Use via API" describes them to callers, and so does MCP."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
from gradio.context import Context

from unmask import PhotoError, Unmasker, read_photo
from unmask.faces.framing import GLANCES
from unmask.imaging.metadata import NOTICE
from unmask.masks import read_mask
from unmask.registry import DEFAULT_MODELS
from unmask.web.components.inputs import model_choices, photo_input
from unmask.web.errors import plain_errors
from unmask.web.events import COMPUTE
from unmask.web.pictures import cached_png

REALISM, SAMPLE = 1.0, 0  # what /remove is given after its first three arguments, where a call has none
# What each endpoint takes, for who calls it with something else.
TAKES = {
    "segment": "one argument, a picture's file",
    "remove": "a picture's file, a mask's file or null, a list of models' names, a realism from 0 to 1, and a sample"
    f" from 0 to {len(GLANCES) - 1}",
    "rate": "a token and a whole number",
}


def be_lenient() -> None:
    """Let calls of /remove through that have one model's name by itself, or not `realism` and `sample`, which it
    once did not have: Gradio's client adds what is missing, a plain HTTP call does not. `validate_inputs` is Gradio's
    own, as seen in 6.31."""
    demo = Context.root_block
    check = demo.validate_inputs

    def fill_in(function: Any, inputs: list[Any]) -> None:
        if function.api_name == "remove":
            missing: dict[int, list[Any]] = {3: [REALISM, SAMPLE], 4: [SAMPLE]}
            inputs += missing.get(len(inputs), [])
            inputs[2:3] = [[each] if isinstance(each, str) else each for each in inputs[2:3]]
        check(function, inputs)

    demo.validate_inputs = fill_in


def build(unmasker: Unmasker) -> None:
    """Add the endpoints. Their components are never drawn: they describe what a call gives and gets.

    Components, not `gr.api`: it does not check that a file is an upload, so a call could name any of ours.
    """
    with gr.Column(visible=False):
        image_in = photo_input(label="Photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF, up to 30 MB")
        mask_in = photo_input(
            label="Mask of the photo's size, brighter than 127 = covered; without one it is found"
        )
        models_in = gr.CheckboxGroup(model_choices(), value=list(DEFAULT_MODELS), label="Names of models")
        mask_out = gr.File(label="Mask")
        realism_in = gr.Slider(
            0, 1, value=REALISM, label="0, faithful, to 1, realistic, where a model has both outputs"
        )
        sample_in = gr.Slider(
            0, len(GLANCES) - 1, value=SAMPLE, step=1, label="Which of the faces that fit as well"
        )
        results_out = gr.File(label="Results", file_count="multiple")
        segment_call, remove_call = gr.Button(), gr.Button()

    def check(image: str | None, models: Sequence[str] = DEFAULT_MODELS) -> None:
        if image is None:
            raise PhotoError("There is no photo in this call.")
        if not models:
            raise PhotoError("There is no model in this call.")

    # The parameters' names are the endpoints' own.
    def segment(image: str) -> str:
        """Find the face masks in a photo. Gives a PNG of its size: 255 = covered, all 0 where there is none.

        Args:
            image: the photo, as a file; no address is fetched
        """
        with plain_errors():
            check(image)
            return cached_png(mask_out, unmasker.segment(read_photo(image)), "mask.png")

    def remove(
        image: str,
        mask: str | None = None,
        models: Sequence[str] = DEFAULT_MODELS,
        realism: float = REALISM,
        sample: int = SAMPLE,
    ) -> list[str]:
        """Take the face masks off a photo, once per model. Gives <model>.png of its size for each, in their order.

        The faces are inventions, and show nobody. Outside the mask not one pixel changes.

        Args:
            image: the photo, as a file; no address is fetched
            mask: of the photo's size, brighter than 127 = covered; without one, that of every face is found
            models: names of models, of which each gives one result
            realism: from 0, the faithful output, to 1, the realistic one, of a model that has both
            sample: which of the faces that fit as well, 0 to 3
        """
        with plain_errors():
            check(image, models)
            models = unmasker.check_models(models, realism, sample)
            photo = read_photo(image)
            given = None if mask is None else read_mask(mask, photo.shape[:2])
            covered, faces = unmasker.mask_and_faces(photo, given)
            files: dict[str, str] = {}
            painted = unmasker.remove_each(photo, covered, models, faces, write, realism=realism, sample=sample)
            for done in painted:
                if done.error is not None:
                    raise done.error
                assert done.kept is not None  # there is the one or the other
                files[done.model] = done.kept
            return [files[name] for name in models]

    def write(name: str, image: np.ndarray) -> str:
        return cached_png(results_out, image, f"{name}.png", NOTICE)

    be_lenient()
    segment_call.click(segment, image_in, mask_out, api_name="segment", **COMPUTE)
    inputs = [image_in, mask_in, models_in, realism_in, sample_in]
    remove_call.click(remove, inputs, results_out, api_name="remove", **COMPUTE)
