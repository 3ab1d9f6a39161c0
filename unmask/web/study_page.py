"""The rating page, /study: a small page of its own beside Gradio's: a rater needs speed, and must stay blind.

Gradio's pages carry every component's text to every visitor, models' names included. This page gets a study's
words, opaque picture ids and signed tokens, and nothing else.
"""

import json
import threading
from pathlib import Path

import gradio as gr
import segno
from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.middleware.base import RequestResponseEndpoint
from starlette.routing import BaseRoute, Mount, Route

from unmask import PhotoError, Unmasker, WeightsError
from unmask.study.backup import Backup, backup_from_environment
from unmask.study.create import create_example_study
from unmask.study.order import count_questions, order_pairs, order_rankings, order_screens
from unmask.study.plan import Study, StudyError, find_studies, studies_folder
from unmask.study.questions import pair_key, ranking_key
from unmask.study.store import Rater, Store
from unmask.types import Json
from unmask.web.rater_words import rater_words
from unmask.web.study_messages import (
    About,
    Answer,
    Asked,
    AskedComparison,
    AskedScore,
    Consent,
    Elsewhere,
    Link,
    Listed,
    Pairs,
    Part,
    Saved,
    Withdrawn,
)
from unmask.web.theme import LOGO, SLATE, TEAL

STATIC = Path(__file__).resolve().parent / "static"
SHADES = (50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950)
# What the page may load: itself. It may be framed, as a Space's page is.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FOREVER = "private, max-age=604800, immutable"  # a stimulus never changes


class Studies:
    """The studies that this server runs: those in the folder, or the built-in one when there is none."""

    def __init__(self, unmasker: Unmasker):
        self.unmasker = unmasker
        self.folder = studies_folder()
        self._backup: Backup | None = None
        self._restored: set[str] = set()  # ids of studies into which the backup has been read
        self._making = threading.Lock()

    def all(self) -> list[Study]:
        """Oldest first. The built-in study is rendered the first time that nothing is found: some seconds."""
        found = find_studies(self.folder)
        if not found:
            with self._making:
                if not (found := find_studies(self.folder)):
                    study = create_example_study(self.folder, self.unmasker)
                    found = {study.plan.study_id: study}
        return list(found.values())

    def store(self, study_id: str) -> Store:
        """Where a study's answers go. Raises StudyError for a study that is not here."""
        study = find_studies(self.folder).get(study_id)
        if study is None:
            raise StudyError("There is no such study here.", 404)
        store = Store(study)
        with self._making:
            if study_id not in self._restored:
                store.replay(self._fetch_backup())
                self._restored.add(study_id)
        store.backup = self._backup
        return store

    def _fetch_backup(self) -> list[Json]:
        """What a Space saved before its last restart, which emptied its disk. Raises StudyError."""
        try:
            self._backup = backup_from_environment()
            return list(self._backup.fetch()) if self._backup else []
        except Exception as error:  # the Hub's errors and its transport's share no base class
            raise StudyError("The study's backup cannot be reached: please try again later.", 503) from error


def routes(studies: Studies) -> list[BaseRoute]:
    """The page and its own API, to stand before Gradio's routes."""
    # Relative, because a proxy may serve all of it under a prefix.
    return [Route("/study", lambda request: RedirectResponse("study/")), Mount("/study", build_app(studies))]


def build_app(studies: Studies) -> FastAPI:
    """The page, at "/" and "/<study_id>", and what it calls."""
    app = FastAPI(openapi_url=None)
    page = (STATIC / "study.html").read_text(encoding="utf-8").replace("<!-- logo -->", LOGO)
    files = {"study.css": (palette() + (STATIC / "study.css").read_text(encoding="utf-8"), "text/css")}
    for path in STATIC.glob("study*.js"):
        files[path.name] = (path.read_text(encoding="utf-8"), "text/javascript")
    for language, words in rater_words().items():
        files[f"{language}.json"] = (json.dumps(words, ensure_ascii=False), "application/json")

    @app.middleware("http")
    async def add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(StudyError)
    def refuse(request: Request, error: StudyError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, error.status)

    @app.exception_handler(RequestValidationError)
    def refuse_form(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "The request is not one that this page makes."}, 422)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in files:
            raise StudyError("There is no such file.", 404)
        text, kind = files[name]
        return Response(text, media_type=kind, headers={"Cache-Control": "no-cache"})

    @app.get("/api/studies")
    def list_studies() -> list[Listed]:
        try:
            found = studies.all()
        except (PhotoError, WeightsError, OSError) as error:
            raise StudyError(f"The study could not be prepared: {error}", 503) from error
        return [
            Listed(id=each.plan.study_id, title=each.plan.title)
            for each in found
            if not (each.plan.ended or each.plan.draft)
        ]

    @app.get("/api/{study_id}")
    def about(study_id: str) -> About:
        plan = studies.store(study_id).study.plan
        return About(
            title=plan.title,
            consent=plan.consent.split("\n\n"),
            questions=plan.questions,
            pair_question=plan.pair_question,
            rank_question=plan.rank_question,
            size=plan.size,
            training=plan.training,
            answers=count_questions(plan),
            screens=len(order_screens(plan, 0)),
            pairs=len(order_pairs(plan, 0)),
            rankings=len(order_rankings(plan, 0)),
            ended=plan.ended,
            by_invitation=plan.by_invitation,
            draft=plan.draft,
        )

    @app.post("/api/{study_id}/raters")
    def join(study_id: str, body: Consent) -> Part:
        store = studies.store(study_id)
        return _describe(store, store.join(body.consent, body.invitation, body.participant))

    @app.get("/api/{study_id}/rater")
    def resume(study_id: str, authorization: str = Header("")) -> Part:
        store = studies.store(study_id)
        return _describe(store, store.rater(_who(store, authorization)))

    @app.get("/api/{study_id}/preview")
    def preview(study_id: str, authorization: str = Header("")) -> Part:
        store = studies.store(study_id)
        return _describe(store, store.preview(authorization.removeprefix("Bearer ")))

    @app.post("/api/{study_id}/rater/elsewhere")
    def go_elsewhere(study_id: str, body: Elsewhere, authorization: str = Header("")) -> Link:
        """A link, and its QR code as an address of a picture, by which this rater goes on on another device."""
        store = studies.store(study_id)
        link = f"{body.address}#go-on.{store.tokens.of_rater(store.rater(_who(store, authorization)).rater_id)}"
        code = segno.make(link, error="l").svg_data_uri(scale=4, light="#fff", border=3)
        return Link(link=link, code=code)

    @app.post("/api/{study_id}/rater/pair")
    def ask_pair(study_id: str, authorization: str = Header("")) -> Pairs:
        """Where each next pair is chosen by what was answered: all pairs of this rater so far, the new one last."""
        store = studies.store(study_id)
        rater = store.ask_pair(_who(store, authorization))
        return Pairs(pairs=_describe(store, rater).pairs)

    @app.delete("/api/{study_id}/rater")
    def withdraw(study_id: str, authorization: str = Header("")) -> Withdrawn:
        store = studies.store(study_id)
        store.withdraw(_who(store, authorization))
        return Withdrawn()

    @app.post("/api/{study_id}/answers")
    def answer(study_id: str, body: Answer, authorization: str = Header("")) -> Saved:
        store = studies.store(study_id)
        return Saved(version=store.answer(body.token, body.answer, body.seconds, _who(store, authorization)))

    @app.get("/api/{study_id}/images/{item_id}.png")
    def image(study_id: str, item_id: str) -> FileResponse:
        study = studies.store(study_id).study
        if item_id not in (*study.plan.training, *(item.item_id for item in study.plan.stimuli)):
            raise StudyError("There is no such picture.", 404)
        return FileResponse(study.image(item_id), media_type="image/png", headers={"Cache-Control": FOREVER})

    @app.get("/")
    @app.get("/{study_id}")
    def show(study_id: str = "") -> Response:
        return Response(page, media_type="text/html", headers={"Cache-Control": "no-cache"})

    return app


def build_api(studies: Studies) -> None:
    """Add the named endpoint /rate to Gradio's, for raters who use a program instead of the page."""

    def rate(token: str, score: int) -> Json:
        """Save the score of one item, or an order as digits. The token is the one that the study handed you for it."""
        try:
            version = studies.store(str(token).split(".")[0]).answer(str(token), score)
        except StudyError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return Saved(version=version).model_dump()

    # gradio_client goes through the queue whatever `queue` says; in a group of its own, without a limit, a score
    # never waits for somebody's photo.
    gr.api(rate, api_name="rate", queue=False, concurrency_limit=None)


def _who(store: Store, authorization: str) -> str:
    """The rater who sends "Bearer <token>". Raises StudyError."""
    return store.tokens.read_rater(authorization.removeprefix("Bearer "))


def _describe(store: Store, rater: Rater) -> Part:
    plan = store.study.plan

    def asked(key: str) -> Asked:
        return Asked(token=store.tokens.of_question(rater.rater_id, key), answer=rater.answers.get(key))

    def asked_of(item: str) -> list[AskedScore]:
        """In the questions' order."""
        keys = enumerate(plan.keys(item))
        return [AskedScore(image=item, ask=number, **dict(asked(key))) for number, key in keys]

    def compared(items: tuple[str, ...], key: str) -> AskedComparison:
        return AskedComparison(images=items, **dict(asked(key)))

    return Part(
        code=rater.rater_id,
        token=store.tokens.of_rater(rater.rater_id),
        screens=[[each for item in screen for each in asked_of(item)] for screen in rater.screens],
        pairs=[compared(pair, pair_key(*pair)) for pair in rater.pairs],
        rankings=[compared(items, ranking_key(items)) for items in rater.rankings],
        completion=plan.completion if rater.finished else "",
    )


def palette() -> str:
    """The demo's colours as CSS variables: --teal-600, --slate-50 ..."""
    lines = [
        f"--{hue.name}-{shade}: {getattr(hue, f'c{shade}')};" for hue in (TEAL, SLATE) for shade in SHADES
    ]
    return ":root { " + " ".join(lines) + " }\n"
