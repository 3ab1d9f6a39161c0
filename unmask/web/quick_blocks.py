"""Gradio's Blocks, spending nothing on those outputs of a callback that it left alone."""

from copy import copy
from typing import Any

import gradio as gr


class QuickBlocks(gr.Blocks):  # type: ignore[misc]  # Gradio is read without its types
    """Blocks whose callbacks return dictionaries, component -> update, of a few of their many outputs.

    Gradio builds each of the others anew, and describes it twice, to find that nothing changed: 24 ms of the server's
    one interpreter for a message to tab 1, of which a run sends nine.
    """

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What goes to the browser: a value for each of `block_fn.outputs`, `gr.skip()` where there is nothing new."""
        told, values = block_fn, predictions
        if isinstance(predictions, dict) and predictions and all(each in block_fn.outputs for each in predictions):
            told = copy(block_fn)
            told.outputs, values = list(predictions), list(predictions.values())
            values = values if len(values) > 1 else values[0]
        sent: list[Any] = await super().postprocess_data(told, values, state)
        news = dict(zip(told.outputs, sent, strict=True))
        return [news.get(each, None if each.stateful else gr.skip()) for each in block_fn.outputs]
