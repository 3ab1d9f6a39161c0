"""The blind vote: "Which looks more real, A or B?", of two of a visitor's own results, before any is shown by name.

Off until the host names a file for the votes (UNMASK_VOTES). A question that stands beside named results is not blind,
and one that comes below them comes too late. So at the first run of a photo, of two models or more, the results wait:
two of them, drawn at random, are asked about on random sides, and after the answer, or "Show the results", all come
up. Later runs of the photo ask nothing: their results have been seen by name, and one photo is one vote.

Nothing of the vote's own tells the models: its two pictures are files of their own, of one size and one name, and the
answer goes back with a random number that only this server can read. The named results wait in the same page, hidden
by the style sheet. Who opens the browser's tools to look there can tell which is which, and gains nothing by it
that voting at random would not give.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from time import monotonic

import gradio as gr
import numpy as np

from unmask import Guide
from unmask.faces.editing import AS_FOUND
from unmask.imaging.metadata import NOTICE
from unmask.imaging.tensors import resize
from unmask.registry import MODELS
from unmask.settings import VOTES
from unmask.study.plan import StudyError
from unmask.study.votes import ANSWERS, Vote, VoteStore
from unmask.web.components.examples import is_example
from unmask.web.events import FORGET_AFTER, PRIVATE
from unmask.web.i18n import tr
from unmask.web.kept_photo import KeptPhoto
from unmask.web.pictures import STATIC, View, cached_png, file_url
from unmask.web.security.rate_limit import RateLimit, visitor_of
from unmask.web.session import Visit
from unmask.web.templates import render
from unmask.web.types import Updates

DONE_HINT = "Done. Before you see the names: which looks more real?"
KEPT = "Of a vote are kept the two models, the answer, whether it was an example, and the day; nothing of the picture."
SIDE = 512  # px, the longest of what is shown
VOTES_A_MINUTE = 6  # of one visitor
MOST_OPEN = 10_000  # questions that wait for an answer; the oldest go first
_random = SystemRandom()


@dataclass
class Ballot:
    """A question in the making: the results of a run, each cropped to the face."""

    view: View
    source: str
    crops: dict[str, np.ndarray] = field(default_factory=dict)  # model -> uint8 (S, S, 3)

    def add(self, name: str, result: np.ndarray) -> None:
        """One more result, (H, W, 3) uint8 of the photo's size."""
        part = self.view.cut(result)
        height, width = part.shape[:2]
        x, y, across, down = self.view.face
        top, left = round(y * height), round(x * width)
        crop = part[top : round((y + down) * height), left : round((x + across) * width)]
        scale = SIDE / max(crop.shape[:2])
        size = (round(crop.shape[0] * scale), round(crop.shape[1] * scale))
        self.crops[name] = resize(crop, size) if scale < 1 else crop.copy()

    def draw_two(self) -> tuple[str, str] | None:
        """Two models at random, in random order; None where there are no two different results."""
        if len(self.crops) < 2:
            return None
        first, second = _random.sample(sorted(self.crops), 2)
        return None if np.array_equal(self.crops[first], self.crops[second]) else (first, second)


class Votes:
    """The questions that wait for an answer, by a random token, and where answers go. Shared by all visitors."""

    def __init__(self, page: gr.HTML, store: VoteStore):
        self.page, self.store = page, store
        self._limit = RateLimit(VOTES_A_MINUTE)
        self._open: OrderedDict[str, tuple[float, str, str, str]] = OrderedDict()  # token -> since when, A, B, source
        self._lock = threading.Lock()

    def begin(
        self, now: Visit, views: dict[int, View], names: Sequence[str], told: Guide, realism: float
    ) -> Ballot | None:
        """What a run's results are to be put into; None where it is no run to ask about.

        It is one where two models or more do what they do by themselves, and nothing of the photo was seen by name.
        """
        if now.ran is not None or len(names) < 2 or told != AS_FOUND or realism != 1:
            return None
        kept = now.kept_photo
        example = isinstance(kept, KeptPhoto) and is_example(kept.file) and now.kept_mask == now.kept_found
        return Ballot(next(iter(views.values())), "example" if example else "own")

    def ask(self, ballot: Ballot) -> str:
        """The question, as HTML; nothing where there are no two results to ask about, so that all are shown."""
        two = ballot.draw_two()
        if two is None:
            return ""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._open[token] = (monotonic(), *two, ballot.source)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        files = [cached_png(self.page, ballot.crops[name], "face.png", NOTICE) for name in two]
        return draw_question(token, files, ballot.crops[two[0]].shape)

    def take(self, token: object) -> tuple[str, str, str] | None:
        """A question's A, B and source, once; None where it was answered, has grown old, or never was."""
        with self._lock:
            since, *what = self._open.pop(token, (0.0,)) if isinstance(token, str) else (0.0,)
        if not what or monotonic() - since > FORGET_AFTER:
            return None
        first, second, source = what
        return first, second, source

    def vote(self, event: gr.EventData, request: gr.Request) -> str | Updates:
        """Keep an answer, and say which was which."""
        as_it_is: Updates = gr.skip()
        said = event._data if isinstance(event._data, dict) else {}
        token, answer = said.get("token"), said.get("answer")
        if not isinstance(answer, str) or answer not in ANSWERS:
            gr.Warning(tr("This is no answer: choose A, B or neither."))
            return as_it_is
        if seconds := self._limit.wait(visitor_of(request.request.scope)):
            text = "You are asking for more than this server can give: please wait {seconds} s and try again."
            gr.Warning(tr(text, seconds=int(seconds) + 1))
            return as_it_is
        asked = self.take(token)
        if asked is None:
            gr.Warning(tr("This question is not open any more."))
            return ""
        first, second, source = asked
        try:
            self.store.save(Vote(first, second, answer, source))
        except StudyError:
            gr.Warning(tr("Your vote could not be saved."))
        return draw_names(first, second)


def build() -> gr.HTML | None:
    """The place for the question, where the host wants votes. Its events: vote (`token`, `answer`) and skip."""
    if VOTES.read() is None:
        return None
    return gr.HTML(js_on_load=(STATIC / "vote.js").read_text(), apply_default_css=False, elem_id="vote")


def wire(page: gr.HTML) -> Votes:
    """Let the place for the question answer. Raises StudyError where there is no place for the votes."""
    file = VOTES.read()
    assert file is not None
    votes = Votes(page, VoteStore(file))
    page.vote(votes.vote, None, page, **PRIVATE)
    page.skip(lambda: "", None, page, **PRIVATE)
    return votes


def draw_hold() -> str:
    """What stands there while the models are at work, and all their results wait."""
    text = tr("Two results come first, without names.")
    return render("vote_hold", text=text, skip=tr("Show the results"))


def draw_question(token: str, files: Sequence[str], shape: tuple[int, ...]) -> str:
    """The question of two pictures' files, of one shape (H, W, 3)."""
    return render(
        "vote_question",
        token=token,
        question=tr("Which looks more real, A or B?"),
        pictures=[
            (letter, tr("Result {letter}", letter=letter), file_url(file))
            for letter, file in zip("AB", files, strict=True)
        ],
        height=shape[0],
        width=shape[1],
        choices=(("A", tr("A looks more real")), ("tie", tr("Cannot tell")), ("B", tr("B looks more real"))),
        note=" ".join((tr("These are inventions, not the person's face."), tr(KEPT))),
        skip=tr("Show the results"),
    )


def draw_names(first: str, second: str) -> str:
    """What is said after the answer."""
    text = tr("Thank you! A was {first}, B was {second}.", first=_title(first), second=_title(second))
    return render("vote_names", text=text, board=tr("What all votes say"))


def _title(name: str) -> str:
    return MODELS[name].title
