"""How much memory all visits together may take; those whose visitors were idle for longest make room for new ones.

`StateHolder.session_data` and `SessionState.state_data` are private parts of Gradio, as seen in 6.31.
"""

import ctypes
import time

import gradio as gr
import numpy as np
from gradio.context import LocalContext

from unmask.settings import VISITS_MB
from unmask.web.kept_photo import DecodedPhotos, KeptPhoto
from unmask.web.session import Visit

LARGE = 50_000_000  # bytes of a photo's pixels, from which on what earlier ones have left is given back first
GIVE_BACK_EVERY = 60.0  # s, however small the photos are


class Memory:
    """The room for all visits of a demo. Half of it is for photos as pixels, half for all else that is kept."""

    def __init__(self, demo: gr.Blocks, budget: int | None = None):
        """budget: bytes; by default what UNMASK_VISITS_MB says."""
        budget = budget or VISITS_MB.read() * 1_000_000
        self.demo, self.budget, self.decoded = demo, budget // 2, DecodedPhotos(budget // 2)
        self._given_back = time.monotonic()

    def keep(self, file: bytes, pixels: np.ndarray) -> KeptPhoto:
        """A photo (H, W, 3) for a visit, and the file that it was read from."""
        now = time.monotonic()
        if pixels.nbytes > LARGE or now - self._given_back > GIVE_BACK_EVERY:
            self._given_back = now
            give_back()
        return KeptPhoto(file, pixels, self.decoded)

    def make_room(self, visit: Visit) -> None:
        """Forget the visits that are too many beside this one, which is about to become its visitor's.

        Whoever is forgotten is told so by the next event, as after ten minutes. What an event has in hand, it keeps.
        """
        request = LocalContext.request.get(None)
        own = request.session_hash if request else None
        room = self.budget - visit.nbytes
        for session, state in reversed(list(self.demo.state_holder.session_data.items())):  # the last used is last
            for key, value in list(state.state_data.items()):
                if session != own and isinstance(value, Visit):
                    room -= value.nbytes
                    if room < 0:
                        state.state_data.pop(key, None)


def give_back() -> None:
    """Let the C library return to the system what is free in its heaps.

    glibc keeps up to 64 MB of that for each of the threads on which events run, in case they ask again. On a system
    with another library nothing is done.
    """
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        pass
