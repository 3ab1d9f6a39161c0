"""A mask as a layer of Gradio's editor, and what was drawn there as a mask again: uint8 (H, W), 255 = covered."""

import cv2
import numpy as np

from unmask.masks import binarise
from unmask.web.types import EditorValue

MASK_COLOR = (255, 51, 102)  # of the mask in the editor, RGB
MASK_ALPHA = 153  # 60 % opacity: the photo stays visible below
EDITOR_THRESHOLD = MASK_ALPHA // 2  # the browser softens the edges of strokes; half the opacity is the edge


def to_layer(mask: np.ndarray) -> np.ndarray:
    """Mask -> a layer for the editor: RGBA uint8 (H, W, 4), transparent where nothing is covered."""
    layer = np.zeros((*mask.shape, 4), np.uint8)
    layer[mask > 127] = (*MASK_COLOR, MASK_ALPHA)
    return layer


def editor_value(image: np.ndarray, mask: np.ndarray) -> EditorValue:
    """The value of a gr.ImageEditor: `image` with `mask` as its editable layer, both of one size."""
    # A composite would become the background, with the mask's colour burnt in.
    return {"background": image, "layers": [to_layer(mask)], "composite": None}


def mask_from_editor(value: EditorValue | None, size: tuple[int, int]) -> np.ndarray:
    """The union of the editor's layers: uint8 (H, W) of `size` = (height, width); all 0 without layers."""
    mask = np.zeros(size, np.uint8)
    for layer in (value or {}).get("layers") or []:
        # Only alpha counts: the browser does not keep colours exactly.
        drawn = binarise(np.asarray(layer)[..., 3], EDITOR_THRESHOLD)
        if drawn.shape != size:
            drawn = cv2.resize(drawn, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
        mask |= drawn
    return mask
