"""Clicks on a photo in the tool "Outline by click", and what Segment Anything finds there."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

from unmask.faces.alignment import align
from unmask.faces.face import Face
from unmask.sam import Embedding, Sam
from unmask.web.pictures import PAD

LOOKED_AT = 1024  # px, the side of what Segment Anything gets of a frame: it works on no more
EMBEDDINGS = 3  # frames of which a visitor's embeddings are kept, 4 MB each; older ones are made anew


@dataclass(frozen=True)
class Click:
    """A visitor's click on a frame of the photo, whose outline is to be added to the mask or taken from it."""

    frame: Face
    at: tuple[float, float] | None = None  # x and y in shares of the frame; None: only look at it
    adds: bool = True


class Clicks:
    """Clicks on one photo, their outlines, and the embeddings of its frames: one visitor's, and gone with the visit.

    A visitor's events overlap. Whichever finds nobody at work does what all of them want, so that no frame is looked
    at twice, and no event waits for another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of all that follows
        self._working = False
        self._waiting: deque[Click] = deque()
        self._found: list[tuple[Click, np.ndarray]] = []
        self._embeddings: OrderedDict[Face, Embedding] = OrderedDict()

    def knows(self, frame: Face) -> bool:
        """Whether a click on this frame is answered at once."""
        with self._lock:
            return frame in self._embeddings

    def work(self, sam: Sam, photo: np.ndarray, click: Click) -> None:
        """Find what was clicked on, for `take`; another event of this visitor's may do it. Raises WeightsError."""
        with self._lock:
            self._waiting.append(click)
            if self._working:
                return
            self._working = True
        try:
            while (next_one := self._next()) is not None:
                self._answer(sam, photo, next_one)
        except BaseException:
            with self._lock:
                self._waiting.clear()
                self._working = False
            raise

    def _next(self) -> Click | None:
        with self._lock:
            self._working = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _answer(self, sam: Sam, photo: np.ndarray, click: Click) -> None:
        with self._lock:
            embedding = self._embeddings.get(click.frame)
        if embedding is None:
            embedding = sam.embed(align(photo, click.frame, LOOKED_AT, pad=PAD))
        with self._lock:
            self._embeddings[click.frame] = embedding
            self._embeddings.move_to_end(click.frame)
            while len(self._embeddings) > EMBEDDINGS:
                self._embeddings.popitem(last=False)
        if click.at is not None:
            x, y = click.at
            outline = sam.outline(embedding, [(x * LOOKED_AT, y * LOOKED_AT)])
            with self._lock:
                self._found.append((click, outline))

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept here."""
        with self._lock:
            embedded = sum(each.features.nbytes for each in self._embeddings.values())
            return embedded + sum(outline.nbytes for _, outline in self._found)

    def take(self) -> list[tuple[Click, np.ndarray]]:
        """The outlines that were found since, each (S, S) uint8 of its click's frame."""
        with self._lock:
            found, self._found = self._found, []
        return found
