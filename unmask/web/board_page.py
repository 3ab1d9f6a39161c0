"""The public board, /board: what the visitors' blind votes say, and on how many it stands. See `unmask.study.votes`."""

import time
from pathlib import Path

import pandas as pd
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from unmask.registry import MODELS
from unmask.settings import VOTES
from unmask.study.plan import StudyError
from unmask.study.votes import LEAST_OF_A_MODEL, LEAST_VOTES, SOURCES, VoteStore, rank_models
from unmask.types import Json
from unmask.web.components.vote_card import KEPT
from unmask.web.i18n import in_language, language_of, tr
from unmask.web.study_page import HEADERS, palette
from unmask.web.templates import render
from unmask.web.theme import LOGO

STATIC = Path(__file__).resolve().parent / "static"
FRESH = 60  # s for which what was worked out is shown: asking often costs nothing


class Board:
    """What the votes say, worked out at most once a minute."""

    def __init__(self, store: VoteStore):
        self.store = store
        self._known: dict[str, tuple[int, list[Json]]] = {}
        self._at = float("-inf")

    def sections(self) -> dict[str, tuple[int, list[Json]]]:
        """Source -> (number of votes, rows of the ranking, none where votes are too few). Raises StudyError."""
        if time.monotonic() - self._at > FRESH:
            votes = {source: self.store.read(source) for source in SOURCES}
            self._known = {source: (len(each), _rows(rank_models(each))) for source, each in votes.items()}
            self._at = time.monotonic()
        return self._known


def _rows(table: pd.DataFrame) -> list[Json]:
    return [row | {"title": _title(row["model"])} for row in table.to_dict("records")]


def _title(name: str) -> str:
    """A model's title; of one that is no model any more, the name that its votes have."""
    return MODELS[name].title if name in MODELS else name


def routes() -> list[BaseRoute]:
    """The page, to stand before Gradio's routes; none where the host wants no votes. Raises StudyError."""
    file = VOTES.read()
    if file is None:
        return []
    # Relative, because a proxy may serve all of it under a prefix.
    return [
        Route("/board", lambda request: RedirectResponse("board/")),
        Mount("/board", build_app(Board(VoteStore(file)))),
    ]


def build_app(board: Board) -> Starlette:
    """The page at "/" and its style sheet."""
    style = palette() + (STATIC / "study.css").read_text("utf-8") + (STATIC / "board.css").read_text("utf-8")

    def show(request: Request) -> Response:
        language = language_of(request.headers.get("accept-language", ""))
        try:
            sections = board.sections()
        except StudyError as error:
            return Response(str(error), 503, HEADERS, "text/plain")
        with in_language(language):
            headings = {"example": tr("On the built-in examples"), "own": tr("On visitors' own pictures")}
            shown = [(headings[source], *sections[source]) for source in SOURCES]
            text = render("board", language=language, logo=LOGO, words=_words(), sections=shown)
        headers = HEADERS | {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
        return Response(text, headers=headers, media_type="text/html")

    def show_style(request: Request) -> Response:
        return Response(style, headers=HEADERS | {"Cache-Control": "no-cache"}, media_type="text/css")

    return Starlette(routes=[Route("/", show), Route("/board.css", show_style)])


def _words() -> dict[str, str]:
    """The page's own, in the reader's language."""
    return {
        "title": tr("The visitors' votes"),
        "what": tr("Visitors of the demo see two of their results without names, and say which looks more real."),
        "no_study": tr(
            "This is not a study: visitors choose photos and models, may vote more than once, and nobody knows who "
            "they are."
        ),
        "count": tr("Votes: {count}"),
        "too_few": tr(
            "There is a ranking from {least} votes on, of models with {each} each.",
            least=LEAST_VOTES,
            each=LEAST_OF_A_MODEL,
        ),
        "no_score": tr("There are no scores while a model has won, or lost, every comparison."),
        "rank": tr("Rank"),
        "model": tr("Model"),
        "preferred": tr("Preferred, %"),
        "interval": tr("95% interval"),
        "comparisons": tr("Comparisons"),
        "won": tr("Won"),
        "tie": tr("Cannot tell"),
        "lost": tr("Lost"),
        "how": tr(
            "Preferred: the share of comparisons that a model would win against an average one of these "
            "(Bradley-Terry). Intervals take every vote for another person's; a model stands below another where "
            "theirs do not overlap."
        ),
        "kept": tr(KEPT),
        "demo": tr("Back to the demo"),
        "study": tr("Take part in a rating study"),
    }
