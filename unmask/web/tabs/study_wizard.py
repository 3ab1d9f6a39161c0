"""The form for a new study, in three steps: pictures, question, raters. What it makes is a draft to look at."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import gradio as gr
from pydantic import BaseModel, BeforeValidator

from unmask import Unmasker
from unmask.registry import DEFAULT_MODELS
from unmask.study.create import CONSENT, HIGH_LABEL, LOW_LABEL, QUESTION, create_study
from unmask.study.pictures import gather, pair
from unmask.study.plan import PRESENTATIONS, Study, StudyError
from unmask.study.questions import RANKED, STATEMENTS, Question, scale
from unmask.web.components.inputs import model_choices
from unmask.web.components.status import status
from unmask.web.events import PRIVATE
from unmask.web.i18n import on_page, static, tr
from unmask.web.security.researcher import check

MOST_CONDITIONS = 6  # on the form; the command line takes any number
SHOWN = 2  # of them, until more are asked for
PRESENTED = ("One picture at a time", "All of one photo side by side", "No scores: only comparisons")
# Which of a photo's pairs are asked, as a plan says it -> how the form says it.
PAIRS = {
    "": "No",
    "balanced": "Yes, every two as often",
    "active": "Yes, the two of whom the answer says most so far (for eight systems or more)",
}
MOST_FURTHER = len(STATEMENTS)  # questions beside the first, on the form
MASKED, BARE = "The masked photos", "The bare photos"
KEPT_FOR = 86_400  # s that uploads wait for their study, at most; they go with the page before

Value = str | float | bool | None  # of a field of the form
Kept = Mapping[str, Mapping[str, str]]  # what the files are -> uploaded file -> our copy


class Wizard(NamedTuple):
    """The form's parts: all of it, its button, and what the button's event is given."""

    form: gr.Column
    create: gr.Button
    inputs: list[gr.components.Component]


def build(token: gr.Textbox) -> Wizard:
    """Lay the form out, and wire what stays inside of it. token: the researcher's, without which no upload is kept."""
    with gr.Column(visible=False, elem_id="new-study") as form:
        with gr.Walkthrough(selected=1) as steps:
            with gr.Step(static("Pictures"), id=1):
                kept = gr.State({}, time_to_live=KEPT_FOR, delete_callback=_forget)
                names = _build_pictures(kept, token)
                models = gr.CheckboxGroup(
                    model_choices(),
                    value=list(DEFAULT_MODELS),
                    label=static("Our models, where there are masked photos"),
                )
                to_question = gr.Button(static("Next: the question"), variant="primary")
            with gr.Step(static("Question"), id=2):
                question = _build_question()
                further = _build_further()
                to_raters = gr.Button(static("Next: the raters"), variant="primary")
            with gr.Step(static("Raters"), id=3):
                raters = _build_raters()
                plan = gr.HTML(elem_id="study-size")
                create = gr.Button(static("Make it, and look at it"), variant="primary")
        to_question.click(lambda: gr.Walkthrough(selected=2), None, steps, **PRIVATE)
        texts = [question[name] for name in ("question", "low", "high", "consent")]
        gr.on([to_question.click, steps.select], _in_their_language, texts, texts, **PRIVATE)
        to_raters.click(lambda: gr.Walkthrough(selected=3), None, steps, **PRIVATE)
        wanted, effect, trials = (raters[name] for name in ("raters", "effect", "trials"))
        scale = question["scale_max"]
        events = [to_raters.click, steps.select, wanted.change, effect.change, trials.change, scale.change]
        compared = [raters["presentation"], raters["rank"]]
        events += [field.change for field in compared]
        gr.on(events, advise, [kept, models, wanted, effect, trials, scale, *compared], plan, **PRIVATE)
    fields = question | {name: field for name, field in raters.items() if name != "effect"}
    return Wizard(form, create, [kept, models, *names, *further, *fields.values()])


Text = Annotated[str, BeforeValidator(lambda given: given or "")]  # None: never touched


class Fields(BaseModel):
    """The form's values in its order, after conditions' names and further questions. None: an emptied number."""

    title: Text
    question: Text
    scale_max: float | None
    low: Text
    high: Text
    consent: Text
    presentation: Text
    pairs: Text  # of PAIRS
    rank: float | None
    raters: float | None
    trials: float | None
    repeats: float | None
    attention: float | None
    by_invitation: bool
    ends: Text
    completion: Text


class Row(BaseModel):
    """A further question, as the form has it."""

    text: Text
    scale_max: float
    low: Text
    high: Text


def make(unmasker: Unmasker, folder: Path, kept: Kept, models: Sequence[str], given: Sequence[Value]) -> Study:
    """The draft of a new study in `folder`, of what `Wizard.inputs` gives. Raises StudyError, WeightsError, OSError."""
    names, given = given[:MOST_CONDITIONS], given[MOST_CONDITIONS:]
    further = _read_further(given[: len(Row.model_fields) * MOST_FURTHER])
    values = Fields.model_validate(dict(zip(Fields.model_fields, given[-len(Fields.model_fields) :])))
    conditions = [
        gather(str(name or "").strip(), of) for place, name in enumerate(names) if (of := _files(kept, f"{place}"))
    ]
    masked, bare = (gather(what, of) if (of := _files(kept, what)) else None for what in (MASKED, BARE))
    return create_study(
        pair(conditions, masked, bare),
        folder / secrets.token_hex(4),
        models if masked else [],
        unmasker,
        title=values.title,
        raters=int(values.raters or 0),
        scale_max=int(values.scale_max or 0),
        scale_labels=(values.low, values.high),
        presentation=values.presentation,
        pairs=bool(values.pairs),
        choose=values.pairs or "balanced",
        repeats=int(values.repeats or 0),
        attention=int(values.attention or 0),
        ends=values.ends.strip() or None,
        by_invitation=values.by_invitation,
        question=values.question,
        consent=values.consent,
        draft=True,
        completion=values.completion,
        further=further,
        rank=int(values.rank or 0),
        trials=int(values.trials or 0) or None,
    )


def advise(
    kept: Kept,
    models: Sequence[str],
    raters: float | None,
    effect: float | None,
    trials: float | None,
    scale: float,
    presentation: str = "single",
    rank: float = 0,
) -> str:
    """Whether so many raters and the uploaded pictures are enough, as HTML."""
    from unmask.study.statistics import planning, planning_comparisons  # scipy takes its time

    made = [files for what, files in kept.items() if what.isdecimal() and files]
    photos = max(map(len, [*made, kept.get(MASKED, {})]))
    systems = len(made) + (len(models) if kept.get(MASKED) else 0)
    try:
        if presentation == "none":  # of rankings, where there are any, and else of pairs
            at_once, present = min(int(rank or 2), max(systems, 2)), (int(raters or 0) or None, photos or None)
            return status(planning_comparisons.advise(max(systems, 2), at_once, None, *present, say=tr))
        if raters and trials and photos:  # as many as would see everything
            raters = max(2, raters * min(1, trials / max(systems * photos, 1)))
        design = planning.Design(models=max(systems, 2), scale_max=int(scale))
        return status(planning.advise(design, effect or None, int(raters or 0) or None, photos or None, tr))
    except ValueError as error:
        return status(str(error), "warn")


HOW_TO = (
    "What several systems made of the same photos, one condition each: files that belong to one photo have one name. "
    "Or masked photos, of which our models take the masks; or both. Raters see neither the names of conditions nor "
    "those of files. What you put in stays until the page is closed, a day at most."
)


def _explain() -> str:
    return f'<p class="how-to">{tr(HOW_TO)}</p>'


def _number(text: str, number: int) -> str:
    return tr(text, number=number)


def _in_their_language(*texts: str) -> list[str]:
    """What raters read: our own texts in the researcher's language, others as they are."""
    return [tr(text) if text in (QUESTION, LOW_LABEL, HIGH_LABEL, CONSENT) else text for text in texts]


def _build_pictures(kept: gr.State, token: gr.Textbox) -> list[gr.Textbox]:
    gr.HTML(on_page(_explain))
    rows, names = [], []
    for place in range(MOST_CONDITIONS):
        with gr.Row(visible=place < SHOWN) as row:
            label = on_page(_number, "Condition {number}", place + 1)
            names.append(gr.Textbox(label=label, placeholder=static("its name in the report"), scale=1))
            _upload(on_page(_number, "Pictures of condition {number}", place + 1), f"{place}", kept, token)
        rows.append(row)
    more, shown = gr.Button(static("Add a condition"), size="sm"), gr.State(SHOWN)
    with gr.Row():
        _upload(static("Masked photos (for our models)"), MASKED, kept, token)
        _upload(static("The bare photos, hidden among the others (optional)"), BARE, kept, token)

    def add(count: int) -> list[object]:
        count = min(count + 1, MOST_CONDITIONS)
        button = gr.update(visible=count < MOST_CONDITIONS)
        return [count, button, *(gr.update(visible=place < count) for place in range(MOST_CONDITIONS))]

    more.click(add, shown, [shown, more, *rows], **PRIVATE)
    return names


def _upload(label: str, what: str, kept: gr.State, token: gr.Textbox) -> None:
    def keep(given: str, files: list[str] | None, before: Kept, request: gr.Request) -> Kept:
        check(given, request)
        return _keep(what, files, before)

    file = gr.File(label=label, file_count="multiple", file_types=["image"], height=150, scale=2, min_width=320)
    # One at a time: each adds to what the others have kept.
    file.change(keep, [token, file, kept], kept, concurrency_id="keep", concurrency_limit=1, **PRIVATE)


def _build_question() -> dict[str, gr.components.Component]:
    fields = {
        "title": gr.Textbox(
            label=static("Name of the study (raters read it)"), placeholder=static("such as Faces, spring 2027")
        ),
        "question": gr.Textbox(QUESTION, label=static("Question")),
    }
    with gr.Row():
        fields["scale_max"] = gr.Slider(2, 10, 10, step=1, label=static("Scores go from 1 to"))
        fields["low"] = gr.Textbox(LOW_LABEL, label=static("The lowest means"))
        fields["high"] = gr.Textbox(HIGH_LABEL, label=static("The highest means"))
    fields["consent"] = gr.Textbox(
        CONSENT, label=static("What raters agree to (an empty line begins a paragraph)"), lines=8, max_lines=20
    )
    return fields


def _build_further() -> list[gr.components.Component]:
    """Rows for further questions, of text, scale and its ends' meanings; each begins as one of STATEMENTS."""
    rows, fields = [], []
    for place in range(MOST_FURTHER):
        with gr.Row(visible=False) as row:
            label = on_page(_number, "Further question {number} (empty: not asked)", place + 1)
            text = gr.Textbox(label=label, scale=2, min_width=320)
            top = gr.Slider(2, 10, 5, step=1, label=static("Scores go from 1 to"))
            ends = [gr.Textbox(label=label) for label in (static("The lowest means"), static("The highest means"))]
        rows.append(row)
        fields += [text, top, *ends]
    more, shown = gr.Button(static("Ask something else, too, of every picture"), size="sm"), gr.State(0)

    def add(count: int) -> list[object]:
        statement = list(STATEMENTS.values())[count]
        values = [tr(statement.text), statement.scale_max, *map(tr, statement.scale_labels.values())]
        filled = [gr.update()] * len(fields)
        filled[4 * count : 4 * count + 4] = values
        visible = [gr.update(visible=place <= count) for place in range(MOST_FURTHER)]
        return [count + 1, gr.update(visible=count + 1 < MOST_FURTHER), *visible, *filled]

    more.click(add, shown, [shown, more, *rows, *fields], **PRIVATE)
    return fields


def _read_further(values: Sequence[Value]) -> list[Question]:
    """What the rows of `_build_further` hold, without those that are empty."""
    wide = len(Row.model_fields)
    given = (zip(Row.model_fields, values[start : start + wide]) for start in range(0, len(values), wide))
    rows = [Row.model_validate(dict(row)) for row in given]
    return [scale(text, int(row.scale_max), row.low, row.high) for row in rows if (text := row.text.strip())]


def _build_raters() -> dict[str, gr.components.Component]:
    names = dict(zip(PRESENTATIONS, map(static, PRESENTED)))
    fields = {
        "presentation": gr.Radio(
            [(names[name], name) for name in PRESENTATIONS], value="single", label=static("Presentation")
        ),
        "pairs": gr.Radio(
            [(static(label), how) for how, label in PAIRS.items()],
            value="",
            label=static("Ask afterwards, too, which of two looks more real"),
        ),
        "rank": gr.Slider(
            0, RANKED[-1], 0, step=1, label=static("Have so many put in order at once, afterwards (0: none)")
        ),
    }
    with gr.Row():
        fields["raters"] = gr.Number(30, label=static("Raters wanted"), precision=0, minimum=1)
        fields["effect"] = gr.Number(1, label=static("Difference to be found, in points"), minimum=0)
        fields["trials"] = gr.Number(
            0, label=static("At most so many screens for one rater (0: all)"), precision=0, minimum=0
        )
    with gr.Row():
        fields["repeats"] = gr.Number(
            2, label=static("Shown twice, to see how steady raters are"), precision=0, minimum=0
        )
        fields["attention"] = gr.Number(
            2, label=static("Attention checks, which ask for a score"), precision=0, minimum=0
        )
    with gr.Row():
        fields["by_invitation"] = gr.Checkbox(label=static("By invitation only: one link, one person"))
        fields["ends"] = gr.Textbox(label=static("Closes on (optional)"), placeholder=static("such as 2027-01-31"))
    fields["completion"] = gr.Textbox(
        label=static("Code or https address for those who have finished (Prolific, MTurk; optional)"),
        placeholder=static("such as C1A2B3"),
    )
    return fields


def _keep(what: str, files: list[str] | None, kept: Kept) -> Kept:
    """Copy uploads to where they stay until the study is made: the page's own go after ten minutes."""
    folder = kept.get("folder") or {"": tempfile.mkdtemp(prefix=f"unmask-{os.getpid()}-study-")}
    before, now = kept.get(what, {}), {}
    for file in files or ():
        copy = before.get(file)
        if copy is None:
            copy = str(Path(tempfile.mkdtemp(dir=folder[""])) / Path(file).name)
            shutil.copyfile(file, copy)
        now[str(file)] = copy
    return {**kept, "folder": folder, what: now}


def _forget(kept: Kept) -> None:
    """The page is closed, or open for too long."""
    for folder in kept.get("folder", {}).values():
        shutil.rmtree(folder, ignore_errors=True)


def _files(kept: Kept, what: str) -> list[Path]:
    files = [Path(copy) for copy in kept.get(what, {}).values()]
    if not all(file.is_file() for file in files):
        raise StudyError("The uploaded pictures are gone, as they are kept for a day: please add them again.")
    return files
