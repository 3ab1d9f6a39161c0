"""Gradio's Blocks, spending nothing on outputs that a callback left alone, and little on sessions and the start."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import gradio as gr
from gradio.routes import App
from gradio.state_holder import StateHolder

from unmask.web.sessions import Sessions


@contextmanager
def _without_server() -> Iterator[None]:
    """Gradio makes a server when blocks begin, when they are complete, when their queue changes, and when they are
    launched: 0.3 s each of a processor. Only the last one is ever asked for anything."""
    create = App.create_app
    App.create_app = staticmethod(lambda *args, **options: None)
    try:
        yield
    finally:
        App.create_app = staticmethod(create)


class QuickBlocks(gr.Blocks):  # type: ignore[misc]  # Gradio is read without its types
    """Blocks whose callbacks return dictionaries, component -> update, of a few of their many outputs.

    Gradio builds each of the others anew, and describes it twice, to find that nothing changed: 24 ms of the server's
    one interpreter for a message to tab 1, of which a run sends nine.
    """

    def queue(self, *args: Any, **options: Any) -> "QuickBlocks":
        """As Gradio's."""
        with _without_server():
            super().queue(*args, **options)
        return self

    def __exit__(self, *raised: Any) -> None:
        with _without_server():
            super().__exit__(*raised)

    @property
    def state_holder(self) -> StateHolder:
        """What is known of the visitors' sessions."""
        return self._sessions

    @state_holder.setter
    def state_holder(self, holder: StateHolder) -> None:
        """Gradio makes one for its server and gives it to these blocks before the first visitor comes."""
        holder.__class__ = Sessions
        self._sessions = holder

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
