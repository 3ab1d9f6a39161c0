"""The researcher's tab: studies, their links, progress and results, and new ones.

It opens by itself on the machine that serves the page, and elsewhere to whoever knows UNMASK_RESEARCHER_TOKEN.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import gradio as gr
import segno

from unmask import PhotoError, Unmasker, WeightsError
from unmask.settings import RESEARCHER_TOKEN
from unmask.study.export import export_study, load
from unmask.study.plan import Plan, Study, StudyError, find_studies
from unmask.study.store import Store
from unmask.types import Json
from unmask.web.components.status import status
from unmask.web.events import COMPUTE, PRIVATE
from unmask.web.i18n import language, on_page, static, tr
from unmask.web.security.researcher import check, is_at_the_machine
from unmask.web.study_page import Studies
from unmask.web.tabs import study_wizard
from unmask.web.templates import render
from unmask.web.types import Updates

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
CLOSED = (
    "This tab is for whoever runs rating studies. It opens on the machine that serves the page, and elsewhere where "
    "UNMASK_RESEARCHER_TOKEN is set there."
)
HERE = "location.origin + location.pathname"


def _draw_closed() -> str:
    return f'<p class="how-to">{tr(CLOSED)}</p>'


def wanted() -> bool:
    """Whether somebody could open it: in a Space nobody sits at the machine."""
    return bool(RESEARCHER_TOKEN.read()) or not os.environ.get("SPACE_ID")


def name_of(plan: Plan) -> str:
    """How the list of studies calls it."""
    return f"{plan.title} ({tr('draft')})" if plan.draft else plan.title


def describe(study: Study) -> str:
    """A study's state in a few words, as HTML."""
    plan = study.plan
    systems = ", ".join([*plan.models, *plan.conditions])
    if plan.presentation == "single":
        words = tr("{count} pictures to rate, of {systems}, one at a time.", count=len(plan.stimuli), systems=systems)
    elif plan.presentation == "none":
        words = tr("{count} pictures to compare, of {systems}.", count=len(plan.stimuli), systems=systems)
    else:
        words = tr("{count} pictures to rate, of {systems}, side by side.", count=len(plan.stimuli), systems=systems)
    if plan.draft:
        state = tr("a draft, into which nobody is let")
    else:
        state = tr("ended") if plan.ended else tr("open until {when}", when=plan.ends) if plan.ends else tr("open")
        if plan.by_invitation:
            state = f"{state}, {tr('by invitation')}"
        counts = Store(study).progress() | {"wanted": plan.raters}
        said = tr(
            "{finished} of {wanted} raters have finished, {joined} have begun, {withdrawn} have withdrawn", **counts
        )
        words = f"{said}; {tr('{answers} answers', **counts)}; {words}"
    place = tr("It is in {folder}.", folder=study.folder)
    return render("study_about", title=plan.title, words=f"{state}; {words}", place=place)


def draw_preview(study: Study) -> str:
    """The study as a rater sees it, without saving anything, as HTML."""
    return render(
        "study_preview",
        address=f"study/{study.plan.study_id}#{Store(study).tokens.preview()}",
        note=tr("This is what a rater sees; nothing that you do here is saved."),
        own_tab=tr("Open it in a tab of its own"),
        title=tr("What a rater sees"),
    )


def link_of(address: str, study: Study) -> str:
    """Where raters find it."""
    return urljoin(address.strip().rstrip("/") + "/", f"study/{study.plan.study_id}")


def draw_code(link: str) -> str:
    """The link as a QR code, and who can use it, as HTML."""
    note = tr("Whoever points a phone's camera at it comes to the study.")
    if urlsplit(link).hostname in ("localhost", "127.0.0.1", "::1"):
        note = tr(
            "Only this machine can open this address. Write the one under which raters reach it, such as "
            "http://192.168.1.20:7860, into the field above the link, and start the page with --host 0.0.0.0."
        )
    code = segno.make(link, error="m").svg_inline(scale=5, light="#fff", border=3, svgclass="qr", lineclass=None)
    return render("study_code", label=tr("QR code of {link}", link=link), code=code, note=note)


def results(study: Study) -> str:
    """What the raters say so far, in a sentence, and of each model before and after screening. Raises ValueError."""
    from unmask.study.answer import answer
    from unmask.study.report import summarise  # scipy and matplotlib take their time

    def cell(row: Json, heading: str) -> str:
        column = COLUMNS[heading]
        if isinstance(column, str):
            return tr(str(row[column]))
        value, low, high = (row[name] for name in column)
        return f"{value:.2f}" + ("" if math.isnan(low) else f" ({low:.2f} – {high:.2f})")  # nan: one rater

    summary = summarise(load(study))
    lines = [
        (row["model"], {tr(heading): cell(row, heading) for heading in COLUMNS})
        for row in summary["models"].to_dict("records")
    ]
    said = answer(summary, study.plan.scale_max, tr)
    return render("study_results", said=said, heads=[tr(heading) for heading in ("Model", *COLUMNS)], lines=lines)


def build(unmasker: Unmasker, studies: Studies, tab: gr.Tab) -> None:
    """Lay out the tab and wire it. Every callback looks first who asks."""
    with gr.Column(visible=False) as door:
        gr.HTML(on_page(_draw_closed))
        with gr.Row(visible=bool(RESEARCHER_TOKEN.read())):
            token = gr.Textbox(label=static("Researcher's token"), type="password", scale=4)
            enter = gr.Button(static("Open"), variant="primary", scale=1)
    with gr.Column(visible=False) as desk:
        with gr.Row(elem_classes="study-bar") as bar:
            chosen = gr.Dropdown(label=static("Study"), scale=4, min_width=320)
            refresh = gr.Button(static("Refresh"), scale=1)
            new = gr.Button(static("New study"), scale=1)
        wizard = study_wizard.build(token)
        about = gr.HTML()
        with gr.Column(visible=False) as draft:
            preview = gr.HTML()
            with gr.Row():
                publish = gr.Button(static("Open it to raters"), variant="primary")
                discard = gr.Button(static("Discard the draft"), variant="stop")
        with gr.Column(visible=False) as running:
            with gr.Row():
                with gr.Column(scale=3, min_width=320):
                    address = gr.Textbox(label=static("Address at which raters find this page"))
                    link = gr.Textbox(
                        label=static("Link for raters"), interactive=False, buttons=["copy"], elem_id="link"
                    )
                with gr.Column(scale=1, min_width=320):
                    code = gr.HTML()
            table = gr.HTML()
            with gr.Row():
                write = gr.Button(static("Report and tables"))
                export = gr.Button(static("All answers"))
                invite = gr.Button(static("Invitations"))
                end = gr.Button(static("End the study"))
            files = gr.File(label=static("To download"), file_count="multiple", interactive=False, visible=False)

    def find(study_id: str | None) -> Study:
        study = find_studies(studies.folder).get(study_id or "")
        if study is None:
            raise gr.Error(tr("Choose a study."), print_exception=False)
        return study

    def show(study_id: str | None, where: str) -> Updates:
        """The list of studies, and how the chosen one stands; without any, the form for a new one."""
        found = find_studies(studies.folder)
        study = found.get(study_id or "") or next(reversed(found.values()), None)
        choices = [(name_of(each.plan), each_id) for each_id, each in found.items()]
        seen = {door: gr.update(visible=False), desk: gr.update(visible=True), address: where}
        seen |= {bar: gr.update(visible=bool(found))}
        seen |= {chosen: gr.update(choices=choices, value=study and study.plan.study_id)}
        seen |= {files: gr.update(value=None, visible=False), table: ""}
        seen |= {part: gr.update(visible=False) for part in (draft, running)}
        if study is None:
            return seen | {wizard.form: gr.update(visible=True), about: "", preview: ""}
        seen |= {wizard.form: gr.update(visible=False), about: describe(study)}
        if study.plan.draft:
            return seen | {draft: gr.update(visible=True), preview: draw_preview(study)}
        return seen | {running: gr.update(visible=True), preview: ""} | dict(zip((link, code), draw_link(where, study)))

    def draw_link(where: str, study: Study) -> tuple[str, str]:
        return link_of(where, study), draw_code(link_of(where, study))

    def arrive(given: str, where: str, study_id: str | None, request: gr.Request) -> Updates:
        """When the tab is opened: whoever is at the machine need not ask."""
        if not given and not is_at_the_machine(request):
            return {door: gr.update(visible=True)}
        return look(given, where, study_id, request)

    def look(given: str, where: str, study_id: str | None, request: gr.Request) -> Updates:
        check(given, request)
        try:
            return show(study_id, where)
        except REFUSED as error:
            raise gr.Error(str(error), print_exception=False) from error

    def tell(given: str, study_id: str | None, request: gr.Request) -> str:
        """What the answers say so far; apart from the rest, as the first time the analysis takes a while to load."""
        study = find_studies(studies.folder).get(study_id or "")
        if study is None or study.plan.draft:
            return ""
        check(given, request)
        try:
            return results(study)
        except REFUSED as error:  # nothing to analyse yet
            return status(str(error))

    def redraw(given: str, where: str, study_id: str | None, request: gr.Request) -> tuple[str, str]:
        check(given, request)
        study = find_studies(studies.folder).get(study_id or "")
        return draw_link(where, study) if study else ("", "")

    def hand_out(
        given: str, study_id: str | None, request: gr.Request, make: Callable[[Study, Path], object]
    ) -> Updates:
        """Files that `make(study, folder)` writes, in the cache, from where they vanish within minutes."""
        check(given, request)
        study = find(study_id)
        with tempfile.TemporaryDirectory() as folder:
            try:
                make(study, Path(folder) / "study")
            except REFUSED as error:
                raise gr.Error(str(error), print_exception=False) from error
            made = sorted((Path(folder) / "study").iterdir())
            loose = [path for path in made if path.suffix in (".html", ".txt")]
            if len(loose) < len(made):
                loose.append(Path(shutil.make_archive(str(Path(folder) / "tables"), "zip", Path(folder) / "study")))
            kept = [files.move_resource_to_block_cache(path) for path in loose]
        shown: Updates = gr.update(value=kept, visible=True)
        return shown

    def write_files(given: str, study_id: str | None, request: gr.Request) -> Updates:
        from unmask.study.report import write_report

        def write(study: Study, folder: Path) -> None:
            write_report(load(study), folder, tr, language())

        return hand_out(given, study_id, request, write)

    def export_files(given: str, study_id: str | None, request: gr.Request) -> Updates:
        return hand_out(given, study_id, request, export_study)

    def write_invitations(given: str, where: str, study_id: str | None, request: gr.Request) -> Updates:
        """A link for each rater that is wanted, to send to one person each."""

        def write(study: Study, folder: Path) -> None:
            folder.mkdir()
            codes = Store(study).tokens.invitations(study.plan.raters)
            (folder / "invitations.txt").write_text("".join(f"{link_of(where, study)}#{code}\n" for code in codes))

        return hand_out(given, study_id, request, write)

    def end_study(given: str, where: str, study_id: str | None, request: gr.Request) -> Updates:
        check(given, request)
        find(study_id).close()
        return show(study_id, where)

    def publish_draft(given: str, where: str, study_id: str | None, request: gr.Request) -> Updates:
        check(given, request)
        find(study_id).publish()
        return show(study_id, where)

    def discard_draft(given: str, where: str, study_id: str | None, request: gr.Request) -> Updates:
        """Delete a draft; the form still has all that it was made of."""
        check(given, request)
        study = find(study_id)
        if study.plan.draft:  # else it has been opened meanwhile, elsewhere
            shutil.rmtree(study.folder)
        return show(None, where) | start_anew()

    def start_anew() -> Updates:
        return {wizard.form: gr.update(visible=True), about: "", preview: "", chosen: gr.update(value=None)} | {
            part: gr.update(visible=False) for part in (draft, running)
        }

    def create(
        given: str, where: str, request: gr.Request, kept: study_wizard.Kept, models: list[str], *values: Any
    ) -> Updates:
        check(given, request)
        try:
            study = study_wizard.make(unmasker, studies.folder, kept, models, values)
            return show(study.plan.study_id, where)
        except REFUSED as error:
            raise gr.Error(str(error), print_exception=False) from error

    who = [token, address, chosen]
    parts = [door, desk, bar, chosen, wizard.form, about, draft, preview, running, address, link, code, table, files]
    asking = {"js": f"(token, address, chosen) => [token, address || {HERE}, chosen]"} | PRIVATE
    opened = gr.on([tab.select], arrive, who, parts, **asking)
    looked = gr.on([enter.click, token.submit, refresh.click, chosen.input], look, who, parts, **asking)
    ended = end.click(end_study, who, parts, **PRIVATE)
    published = publish.click(publish_draft, who, parts, **PRIVATE)
    for event in (opened, looked, ended, published):
        event.success(tell, [token, chosen], table, **PRIVATE)
    discard.click(discard_draft, who, parts, **PRIVATE)
    new.click(start_anew, None, [wizard.form, about, preview, chosen, draft, running], **PRIVATE)
    address.change(redraw, who, [link, code], **PRIVATE)
    write.click(write_files, [token, chosen], files, **PRIVATE)
    export.click(export_files, [token, chosen], files, **PRIVATE)
    invite.click(write_invitations, who, files, **PRIVATE)
    wizard.create.click(create, [token, address, *wizard.inputs], parts, **PRIVATE | COMPUTE)
