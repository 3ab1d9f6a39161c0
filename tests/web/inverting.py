"""A stand-in for the networks: a face in the middle of every photo, and its mask in negative."""

from contextlib import contextmanager

import numpy as np
import pytest

from tests.web.web_page import middle_face, serve
from unmask.web.zero import OneByOne


class StandIn(OneByOne):
    """Instant networks: the mask is the photo's middle, and what is under it is its negative."""

    def __init__(self):
        super().__init__(device="cpu")

    def find(self, photo, *args, **options):
        return [middle_face(photo)]

    def segment(self, photo, *args, **options):
        mask = np.zeros(photo.shape[:2], np.uint8)
        height, width = mask.shape
        mask[height // 2 : height * 3 // 4, width // 4 : width * 3 // 4] = 255
        return mask

    def remove(self, photo, mask=None, models=("ganmasker",), *args, **options):
        mask = self.segment(photo) if mask is None else mask
        return {name: np.where(mask[..., None] > 127, 255 - photo, photo) for name in models}


@contextmanager
def serve_with_votes(folder):
    """The demo with the stand-in, whose host wants votes, in a file of the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_VOTES", str(folder / "votes.db"))
        with serve(StandIn()) as demo:
            yield demo
