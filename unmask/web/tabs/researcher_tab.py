"""The researcher's tab: studies, their progress and results, and new ones. It is there only for hosts who set
UNMASK_RESEARCHER_TOKEN, and answers only to those who know it."""

import hmac
import html
import math
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import gradio as gr

from unmask import PhotoError, Unmasker, WeightsError, read_photo
from unmask.registry import DEFAULT_MODELS
from unmask.settings import RESEARCHER_TOKEN
from unmask.study.create import create_study
from unmask.study.export import export_study, load
from unmask.study.pictures import Picture
from unmask.study.plan import PRESENTATIONS, Study, StudyError
from unmask.study.store import Store
from unmask.web.components.inputs import model_choices
from unmask.web.components.status import status
from unmask.web.events import COMPUTE, PRIVATE
from unmask.web.study_page import Studies

AFTER_A_WRONG_TOKEN = 1  # s: with one guess at a time, guessing takes longer than anybody lives
# Heading -> a column of the report's table of models, or (value, low, high).
COLUMNS = {
    "Role": "role",
    "Screening": "screening",
    "Raters": "raters",
    "Ratings": "ratings",
    "MOS, 95 %": ("mos", "t_low", "t_high"),
    "Like index, 95 %": ("like", "like_low", "like_high"),
}
REFUSED = (StudyError, PhotoError, WeightsError, ValueError, OSError)


def wanted() -> bool:
    """Whether the host has set a token."""
    return bool(RESEARCHER_TOKEN.read())


def check(token: str) -> None:
    """Raises gr.Error unless it is the researcher's token."""
    right = RESEARCHER_TOKEN.read()
    if not right or not hmac.compare_digest((token or "").encode(), right.encode()):
        time.sleep(AFTER_A_WRONG_TOKEN)
        raise gr.Error("This is not the researcher's token.", print_exception=False)


def describe(study: Study, progress: dict[str, int]) -> str:
    """A study's state in a few words, as HTML."""
    plan = study.plan
    state = "ended" if plan.ended else f"open until {plan.ends}" if plan.ends else "open"
    state += ", by invitation" * plan.by_invitation
    words = (
        f"{state}; {progress['finished']} of {plan.raters} raters have finished, "
        f"{progress['joined']} have begun, {progress['withdrawn']} have withdrawn; "
        f"{progress['answers']} answers; "
        f"{len(plan.stimuli)} items of {', '.join(plan.models)}, {plan.presentation}."
    )
    return (
        f'<p class="how-to"><b>{html.escape(plan.title)}</b>: {html.escape(words)}<br>'
        f'Raters find it at <a href="study/{plan.study_id}">study/{plan.study_id}</a>; it is in '
        f"{html.escape(str(study.folder))}.</p>"
    )


def results(study: Study) -> str:
    """What the raters say of each model so far, before and after screening, as HTML. Raises ValueError."""
    from unmask.study.report import summarise

    def cell(row: dict, heading: str) -> str:
        column = COLUMNS[heading]
        if isinstance(column, str):
            text = str(row[column])
        else:
            value, low, high = (row[name] for name in column)
            text = f"{value:.2f}" + ("" if math.isnan(low) else f" ({low:.2f} to {high:.2f})")  # nan: one rater
        return f'<td data-label="{heading}">{html.escape(text)}</td>'

    rows = summarise(load(study))["models"].to_dict("records")
    head = "".join(f'<th scope="col">{heading}</th>' for heading in ("Model", *COLUMNS))
    body = ""
    for row in rows:
        cells = "".join(cell(row, heading) for heading in COLUMNS)
        body += f'<tr><th scope="row">{html.escape(row["model"])}</th>{cells}</tr>'
    return f'<div class="scores"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def build(unmasker: Unmasker, studies: Studies) -> None:
    """Lay out the tab and wire it. Every callback is given the token and looks at it first."""
    with gr.Row():
        token = gr.Textbox(label="Researcher's token", type="password", scale=4)
        enter = gr.Button("Open", variant="primary", scale=1)
    with gr.Column(visible=False) as desk:
        with gr.Row():
            chosen = gr.Dropdown(label="Study", scale=4)
            refresh = gr.Button("Refresh", scale=1)
        about = gr.HTML()
        table = gr.HTML()
        with gr.Row():
            write = gr.Button("Report and tables")
            export = gr.Button("All answers")
            invite = gr.Button("Invitations")
            end = gr.Button("End the study")
        files = gr.File(label="To download", file_count="multiple", interactive=False, visible=False)
        with gr.Accordion("Create a study", open=False):
            title = gr.Textbox(label="Title (raters read it)", value="How real do these faces look?")
            with gr.Row():
                photos = gr.File(label="Masked photos", file_count="multiple", file_types=["image"])
                truths = gr.File(
                    label="The same without masks, by the same names (optional)",
                    file_count="multiple",
                    file_types=["image"],
                )
            models = gr.CheckboxGroup(model_choices(), value=list(DEFAULT_MODELS), label="Models")
            with gr.Row():
                presentation = gr.Radio(list(PRESENTATIONS), value=PRESENTATIONS[0], label="Presentation")
                raters = gr.Number(30, label="Raters wanted", precision=0, minimum=1)
                pairs = gr.Checkbox(label="Ask too which of two looks more real")
                by_invitation = gr.Checkbox(label="By invitation only: one link, one person")
            create = gr.Button("Create", variant="primary")

    def find(study_id: str | None) -> Study:
        if study_id is None:
            raise gr.Error("Choose a study.", print_exception=False)
        return studies.store(study_id).study

    def look(given: str, study_id: str | None) -> dict:
        """The list of studies, and how the chosen one stands."""
        check(given)
        try:
            found = {study.plan.study_id: study for study in studies.all()}
            study = found.get(study_id) or list(found.values())[-1]
            choices = [(each.plan.title, each_id) for each_id, each in found.items()]
            seen = {
                desk: gr.update(visible=True),
                chosen: gr.update(choices=choices, value=study.plan.study_id),
                about: describe(study, Store(study).progress()),
            }
        except REFUSED as error:
            raise gr.Error(str(error), print_exception=False) from error
        try:
            return seen | {table: results(study)}
        except (ValueError, ImportError) as error:  # nothing to analyse yet, or not the packages for it
            return seen | {table: status(str(error))}

    def hand_out(given: str, study_id: str | None, make: Callable[[Study, Path], object]) -> dict:
        """Files that `make(study, folder)` writes, in the cache, from where they vanish within minutes."""
        check(given)
        study = find(study_id)
        with tempfile.TemporaryDirectory() as folder:
            try:
                make(study, Path(folder) / "study")
            except (*REFUSED, ImportError) as error:
                raise gr.Error(str(error), print_exception=False) from error
            made = sorted((Path(folder) / "study").iterdir())
            loose = [path for path in made if path.suffix in (".html", ".txt")]
            if len(loose) < len(made):
                loose.append(shutil.make_archive(str(Path(folder) / "tables"), "zip", Path(folder) / "study"))
            kept = [files.move_resource_to_block_cache(path) for path in loose]
        return gr.update(value=kept, visible=True)

    def write_files(given: str, study_id: str | None) -> dict:
        from unmask.study.report import write_report

        return hand_out(given, study_id, lambda study, folder: write_report(load(study), folder))

    def export_files(given: str, study_id: str | None) -> dict:
        return hand_out(given, study_id, export_study)

    def end_study(given: str, study_id: str | None) -> dict:
        check(given)
        find(study_id).close()
        return look(given, study_id)

    def write_invitations(given: str, study_id: str | None, request: gr.Request) -> dict:
        """A link for each rater that is wanted, to send to one person each."""
        page = urljoin(request.headers.get("referer", ""), f"study/{study_id}")

        def write(study: Study, folder: Path) -> None:
            folder.mkdir()
            links = [f"{page}#{code}\n" for code in Store(study).invitations(study.plan.raters)]
            (folder / "invitations.txt").write_text("".join(links))

        return hand_out(given, study_id, write)

    def create_one(given: str, title, photos, truths, names, presentation, raters, pairs, invited) -> dict:
        """A study of uploaded photos, in a folder of its own beside the others."""
        check(given)
        bare = {Path(path).stem: path for path in truths or ()}
        try:
            pictures = [
                Picture(stem, read_photo(path), truth=read_photo(bare[stem]) if stem in bare else None)
                for path in photos or ()
                for stem in [Path(path).stem]
            ]
            study = create_study(
                pictures,
                studies.folder / secrets.token_hex(4),
                names,
                unmasker,
                title=title,
                raters=int(raters),
                presentation=presentation,
                pairs=pairs,
                by_invitation=invited,
            )
        except REFUSED as error:
            raise gr.Error(str(error), print_exception=False) from error
        return look(given, study.plan.study_id)

    desk_parts = [desk, chosen, about, table]
    gr.on(
        [enter.click, token.submit, refresh.click, chosen.input], look, [token, chosen], desk_parts, **PRIVATE
    )
    write.click(write_files, [token, chosen], files, **PRIVATE)
    export.click(export_files, [token, chosen], files, **PRIVATE)
    invite.click(write_invitations, [token, chosen], files, **PRIVATE)
    end.click(end_study, [token, chosen], desk_parts, **PRIVATE)
    inputs = [token, title, photos, truths, models, presentation, raters, pairs, by_invitation]
    create.click(create_one, inputs, desk_parts, **PRIVATE | COMPUTE)
