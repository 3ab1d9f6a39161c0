"""What tests of the mask's editor share: a stand-in that remembers what it painted, and a photo in the editor."""

import re
import threading

import numpy as np

from tests.web.face_crowd import LEFT, StandIn
from tests.web.web_page import Canvas, give_photo, look_at_editor, wait_until_done
from unmask import read_photo
from unmask.faces.face import face_from_box
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.web.session import Visit

TITLES = [MODELS[name].title for name in DEFAULT_MODELS]
ABOVE = [(0.3, 0.2), (0.7, 0.2)]  # a stroke on the forehead, which is free
BELOW = [(0.3, 0.28), (0.7, 0.28)]


class Counting(StandIn):
    """Remembers what it was asked to paint, and does so while it may."""

    def __init__(self):
        super().__init__("cpu")
        self.go = threading.Event()
        self.go.set()
        self.asked = []  # (model, mask) in the order of the calls

    def remove(self, photo, mask=None, models=(), *args, **options):
        if models:
            self.asked.append((models[0], mask))
            assert self.go.wait(60)
        return super().remove(photo, mask, models, *args, **options)


def first_visit(photo) -> Visit:
    faces = [face_from_box(LEFT)]
    return Visit.begin(photo, StandIn().segment(photo, faces=faces), faces)


def give(page, pictures):
    """Give the photo and wait for its results; its mask is shown in the still."""
    give_photo(page, pictures["one"])
    wait_until_done(page)


def begin(page, pictures) -> Canvas:
    """Give the photo, wait for its results, and find the picture in the editor."""
    give(page, pictures)
    return look_at_editor(page, first_visit(read_photo(pictures["one"])).copy)[0]


def percent(page) -> int:
    page.locator("#mask-status").get_by_text("%").wait_for()
    return int(re.search(r"(\d+)%", page.inner_text("#mask-status")).group(1))


def opacity(page) -> float:
    picture = page.locator("#results .card:visible .before-after").first
    return picture.evaluate("element => Number(getComputedStyle(element).opacity)")


def masks_of(stand_in, count: int = len(DEFAULT_MODELS)) -> list[np.ndarray]:
    """What the last models were asked to paint over."""
    return [mask for _, mask in stand_in.asked[-count:]]
