"""What Gradio keeps of every page that was ever opened, made small enough to be kept of thousands.

`StateHolder` and `SessionState` are private parts of Gradio, as seen in 6.31.
"""

from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState, StateHolder

from unmask.web.turns import Turns

MOST = 2000  # sessions that are known; of more, the ones used longest ago are forgotten, as after ten minutes


class Session(SessionState):  # type: ignore[misc]  # Gradio is read without its types
    """A visitor's values, without a description of the page.

    Gradio describes all components to each session and keeps that, half a megabyte, until ten thousand others have
    come; it is there for links to a state of the page, which this demo refuses (`security.guard`).
    """

    def __init__(self, blocks: gr.Blocks):
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))

    def __setitem__(self, key: int, value: Any) -> None:
        turns = turns_of(value)
        # A run that was still at work when the page was closed would leave the photo here.
        super().__setitem__(key, None if turns and turns.forgotten else value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """No description is kept, so none has to be renewed."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """The same for a value in it."""


class Sessions(StateHolder):  # type: ignore[misc]
    """Gradio's own, which begins each session as a `Session`."""

    def __getitem__(self, session_id: str) -> Session:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
        session: Session = super().__getitem__(session_id)
        return session

    def forget(self, session_id: str) -> None:
        """The page was closed: end the runs on its photos, and drop these. Gradio would keep them for another hour."""
        session = self.session_data.get(session_id)
        for value in list(session.state_data.values()) if session else []:
            if turns := turns_of(value):
                turns.forget()
        self.delete_state(session_id)


def turns_of(value: Any) -> Turns | None:
    """The turns of what a session keeps, where that is a visit."""
    turns = getattr(value, "turns", None)
    return turns if isinstance(turns, Turns) else None
