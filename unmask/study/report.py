"""A study's results: every table before and after screening, and one page that holds all of it.

The page needs nothing from outside, writes its methods out, and cries out where its data are simulated. It
names the models: it is for those who run the study, and must not be where a rater's browser may reach.
"""

import io
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from unmask.study.answer import Say, answer
from unmask.study.statistics import (
    agreement,
    comparison,
    like_index,
    order_effects,
    ranking,
    screening,
    sequential,
    weighed,
)
from unmask.study.statistics.data import StudyData, check, judged, rater_by_item
from unmask.types import Json

REFERENCES = Path(__file__).with_name("references.bib")
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "choix")
DRAWING = threading.Lock()  # matplotlib's style is one for all threads
BEFORE, AFTER = "#d9730d", "#3b82c4"  # read well on white and on black
INK = "#010203"  # stands for the page's own text colour, dark or light
STYLE: dict[Any, Any] = dict.fromkeys(["text.color", *(f"axes.{part}color" for part in ("label", "edge"))], INK) | {
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,  # a model's name may have a dollar sign
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "unmask",  # the same picture, the same bytes
}


class Section(NamedTuple):
    heading: str
    note: str = ""
    charts: Sequence[Markup] = ()
    tables: Sequence[Markup] = ()


def summarise(data: StudyData) -> dict[str, pd.DataFrame]:
    """All tables of a study: models, questions, weighed, comparisons, weighed_comparisons, preferences, placings,
    stopping, agreement, effects, raters, weighed_raters.

    Their columns are those of describe_models, describe_statements, weigh_models, compare_models, weigh_differences,
    bradley_terry, plackett_luce, told_apart, agreement, order_effects, screen and weigh_raters, and simulated (bool);
    all but those of raters, who are all in them, have a column screening, "before" or "after".
    Raises ValueError, in one sentence, for real and simulated ratings in one, for none, and for ratings that
    do not fit the study.
    """
    check(data)
    raters = screening.screen(data)
    parts = {"before": data, "after": data.of_raters(raters.loc[raters["kept"], "rater_id"])}
    analyses: dict[str, Callable[[StudyData], pd.DataFrame]] = {
        "models": like_index.describe_models,
        "questions": like_index.describe_statements,
        "weighed": weighed.weigh_models,
        "comparisons": comparison.compare_models,
        "weighed_comparisons": weighed.weigh_differences,
        "preferences": ranking.bradley_terry,
        "placings": ranking.plackett_luce,
        "stopping": sequential.told_apart,
        "agreement": agreement.agreement,
        "effects": order_effects.order_effects,
    }
    tables = {}
    for name, analyse in analyses.items():
        results = [analyse(part).assign(screening=screening) for screening, part in parts.items()]
        # An empty table has no types, and would take them from the other.
        tables[name] = pd.concat([x for x in results if len(x)] or results[:1], ignore_index=True)
    tables |= {"raters": raters, "weighed_raters": weighed.weigh_raters(data)}
    return {name: table.assign(simulated=data.simulated) for name, table in tables.items()}


def write_report(data: StudyData, out_dir: Path, say: Say = str.format, language: str = "en") -> Path:
    """Write report.html into the folder, and beside it report.json, the data and all tables as CSV and Parquet, and
    references.bib with what the methods cite.

    report.json: title, simulated, scale_max, and tables, name -> rows; what cannot be had is null.

    say, language: of the answer, as `answer.answer` has it. Returns the page's path. Names of files of simulated data
    begin with "simulated-". Raises ValueError as summarise does, before anything is written, and OSError.
    """
    summary = summarise(data)
    page = render(data, summary, say, language)
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    prefix = "simulated-" if data.simulated else ""
    tables = {"stimuli": data.stimuli, "ratings": data.ratings, "statements": data.statements}
    tables |= {"pairs": data.pairs, "rankings": data.rankings} | summary
    for name, table in tables.items():
        table.to_csv(out_dir / f"{prefix}{name}.csv", index=False)
        table.to_parquet(out_dir / f"{prefix}{name}.parquet", index=False)
    numbers = {"title": data.title, "simulated": data.simulated, "scale_max": data.scale_max}
    numbers["tables"] = {name: json.loads(table.to_json(orient="records")) for name, table in summary.items()}
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
    (out_dir / f"{prefix}report.json").write_text(text + "\n", encoding="utf-8")
    (out_dir / "references.bib").write_bytes(REFERENCES.read_bytes())
    path = out_dir / f"{prefix}report.html"
    path.write_text(page, encoding="utf-8")
    return path


def render(
    data: StudyData, summary: Mapping[str, pd.DataFrame], say: Say = str.format, language: str = "en"
) -> str:
    """The page, of the tables that summarise made of the same data; say, language: of its answer."""
    raters, tests = summary["raters"], data.stimuli[data.stimuli["role"] == "test"]
    ranked = data.rankings.groupby(["rater_id", "question"]).ngroups
    counts = {"ratings": len(data.ratings), "answers to further questions": len(data.statements)}
    counts |= {"side-by-side answers": len(data.pairs), "rankings": ranked}
    lead = (
        f"{len(raters)} raters, {int(raters['kept'].sum())} of them left after screening; "
        f"{', '.join(f'{count} {what}' for what, count in counts.items() if count)} "
        f"on {tests['picture'].nunique()} pictures of {tests['model'].nunique()} models."
    )
    with DRAWING:
        sections = _sections(data, summary)
    template = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return template.get_template("report.html").render(
        title=data.title,
        simulated=data.simulated,
        answer=answer(summary, data.scale_max, say),
        language=language,
        scored=len(data.ratings) > 0,
        lead=lead,
        references=REFERENCES.read_text(encoding="utf-8"),
        sections=sections,
        scale_max=data.scale_max,
        choose=data.choose,
        first_look=sequential.FIRST_LOOK,
        versions=", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    )


def _sections(data: StudyData, summary: Mapping[str, pd.DataFrame]) -> list[Section]:
    """What there is to show, in reading order."""
    mark = "SIMULATED" if data.simulated else ""
    sections = []
    columns: dict[str, str | tuple[str, ...]]
    if len(models := summary["models"]):
        columns = {"model": "model", "screening": "screening", "raters": "raters", "ratings": "ratings"}
        columns |= {"like index": ("like", "like_low", "like_high"), "MOS, t": ("mos", "t_low", "t_high")}
        columns |= {"SD": "sd", "rescaled": ("rescaled", "rescaled_low", "rescaled_high")}
        columns |= {"DMOS": ("dmos", "dmos_low", "dmos_high")}
        chart = interval_chart(models, columns["like index"], "like index", mark)
        sections.append(Section("Like index", "", [chart], [_html(models, ["model"], columns)]))
        sections.append(Section("Scores", "In percent, before screening.", [histograms(data, mark)]))
    for (question, top), asked in summary["questions"].groupby(["question", "scale_max"], sort=False):
        columns = {"model": "model", "screening": "screening", "raters": "raters", "ratings": "ratings"}
        columns |= {"MOS, t": ("mos", "t_low", "t_high")}
        columns |= {"SD": "sd", "rescaled": ("rescaled", "rescaled_low", "rescaled_high")}
        columns |= {"DMOS": ("dmos", "dmos_low", "dmos_high")}
        chart = interval_chart(asked, columns["MOS, t"], f"MOS of 1 to {top}", mark)
        note = f"Asked of every picture, too; scores from 1 to {top}."
        sections.append(Section(str(question), note, [chart], [_html(asked, ["model"], columns)]))
    if len(models := summary["weighed"]):
        columns = {name: name for name in ("model", "screening", "raters", "items")}
        columns |= {"like index, MLE": ("mle_like", "mle_like_low", "mle_like_high")}
        columns |= {"quality, MLE": ("mle", "mle_low", "mle_high")}
        columns |= {"like index, ZREC": ("zrec_like", "zrec_like_low", "zrec_like_high")}
        columns |= {"quality, ZREC": ("zrec", "zrec_low", "zrec_high")}
        note = "Every rater counts by how consistent his scores are: whoever presses keys at random hardly counts."
        sections.append(Section("Raters weighed", note, tables=[_html(models, ["model"], columns)]))
    if len(comparisons := summary["comparisons"]):
        columns = {"a": "model_a", "b": "model_b", "screening": "screening", "raters": "raters"}
        columns |= {"pictures": "pictures", "MOS a - b": ("difference", "low", "high"), "d_z": "effect"}
        columns |= {"p, t": "p_t_holm", "p, Wilcoxon": "p_wilcoxon_holm"}
        columns |= {"p, new pictures": "p_pictures_holm"}
        table = _html(comparisons, ["model_a", "model_b"], columns)
        shown = [table]
        if len(differences := summary["weighed_comparisons"]):
            columns = {"a": "model_a", "b": "model_b", "screening": "screening", "raters": "raters"}
            columns |= {"pictures": "pictures", "a - b, MLE": ("mle", "mle_low", "mle_high")}
            columns |= {"a - b, ZREC": ("zrec", "zrec_low", "zrec_high")}
            shown.append(_html(differences, ["model_a", "model_b"], columns))
        note = "Each p is corrected by Holm. The second table weighs the raters."
        sections.append(Section("Which model is better", note, tables=shown))
    if len(preferences := summary["preferences"]):
        columns = {name: name for name in ("model", "screening", "comparisons", "wins", "ties", "losses")}
        columns |= {"strength": ("strength", "low", "high"), "preferred, %": "preferred"}
        chart = interval_chart(preferences, columns["strength"], "Bradley-Terry strength", mark)
        note = "Who met whom depended on the answers: read strengths, not wins." if data.choose == "active" else ""
        sections.append(Section("Side by side", note, [chart], [_html(preferences, ["model"], columns)]))
    if len(placings := summary["placings"]):
        columns = {"model": "model", "screening": "screening", "rankings": "rankings", "mean rank": "mean_rank"}
        columns |= {"firsts": "firsts", "strength": ("strength", "low", "high"), "preferred, %": "preferred"}
        chart = interval_chart(placings, columns["strength"], "Plackett-Luce strength", mark)
        sections.append(Section("Rankings", "", [chart], [_html(placings, ["model"], columns)]))
    if len(stopping := summary["stopping"]):
        columns = {"measure": "measure", "a": "model_a", "b": "model_b", "screening": "screening", "raters": "raters"}
        columns |= {"a - b": ("difference", "low", "high"), "told apart": "decided"}
        note = "These intervals, and these alone, may be looked at after every rater, and end the study."
        table = _html(stopping, ["measure", "model_a", "model_b"], columns)
        sections.append(Section("Told apart already?", note, tables=[table]))
    columns = {"measure": "measure", "screening": "screening", "raters": "raters", "items": "items"}
    columns |= {"value": ("value", "low", "high")}
    if len(models):
        table = _html(summary["agreement"], ["measure"], columns)
        sections.append(Section("How far raters agree", "On test items.", tables=[table]))
    if len(effects := summary["effects"]):
        columns = {"effect": "effect", "screening": "screening", "answers": "answers"}
        columns |= {"value": ("value", "low", "high"), "p": "p"}
        sections.append(Section("Order and side", tables=[_html(effects, ["effect"], columns)]))
    columns = {name.replace("_", " "): name for name in summary["raters"] if name != "simulated"}
    charts = [heat_map(data, summary["raters"], mark)] if len(models) else []
    shown = [_html(summary["raters"], ["rater_id"], columns)]
    if len(raters := summary["weighed_raters"]):
        columns = {"rater": "rater_id", "ratings": "ratings", "bias": ("bias", "bias_low", "bias_high")}
        columns |= {"inconsistency": ("inconsistency", "inconsistency_low", "inconsistency_high"), "weight": "weight"}
        columns |= {"bias, ZREC": "zrec_bias", "inconsistency, ZREC": "zrec_inconsistency"}
        shown.append(_html(raters, ["rater_id"], columns))
    note = "A cross marks who was left out, and the table says why."
    sections.append(Section("Raters", note, charts, shown))
    return sections


def _html(table: pd.DataFrame, keys: Sequence[str], columns: Mapping[str, str | tuple[str, ...]]) -> Markup:
    """The table, rows of one key together. columns: heading -> one of its, (value, low, high) or (low, high).

    Escaped: model names come from a file that anybody may have written. Each cell knows its heading, for phones.
    """
    table = table.iloc[np.argsort(table.groupby(list(keys), sort=False).ngroup(), kind="stable")]
    shown = {}
    for heading, column in columns.items():
        if isinstance(column, str):
            is_p = column == "p" or column.startswith("p_")
            shown[heading] = [_text(value, is_p) for value in table[column]]
        else:
            shown[heading] = [_interval(*values) for values in table[list(column)].itertuples(index=False)]
    head = Markup("").join(Markup("<th scope=col>{}</th>").format(heading) for heading in shown)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup('<td data-label="{}">{}</td>').format(*cell) for cell in zip(shown, row))
        )
        for row in zip(*shown.values())
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)


def _text(value: object, is_p: bool = False) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        if not np.isfinite(value):
            return "–"
        return "< 0.001" if is_p and value < 0.001 else f"{value:.3f}" if is_p else f"{value:.2f}"
    return str(value)


def _interval(*values: float) -> str:
    *value, low, high = map(_text, values)
    return " ".join([*value, *([f"[{low}, {high}]"] if "–" not in (low, high) else [])])


# Charts: inline SVG, text in the page's colour


@mpl.rc_context(STYLE)
def interval_chart(table: pd.DataFrame, columns: Sequence[str], label: str, mark: str = "") -> Markup:
    """One line per model with value, low and high (the columns), before and after screening."""
    models = list(dict.fromkeys(table["model"]))
    figure = Figure(figsize=(9, 1.2 + 0.5 * len(models)), layout="constrained")
    axes = figure.subplots()
    for when, colour, shift in (("before", BEFORE, -0.12), ("after", AFTER, 0.12)):
        rows = table[table["screening"] == when].set_index("model").reindex(models)
        value, low, high = (rows[column].to_numpy(float) for column in columns)
        y = np.arange(len(models)) + shift
        axes.hlines(y, low, high, color=colour, linewidth=2)
        axes.plot(value, y, "o", color=colour, label=f"{when} screening")
    axes.set_yticks(range(len(models)), models)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=2)
    return _svg(figure, f"{label} of each model with its interval", mark)


@mpl.rc_context(STYLE)
def histograms(data: StudyData, mark: str = "") -> Markup:
    """How often each score was given, one small chart per model."""
    scores = judged(data).groupby("model")["score"]
    across = min(4, scores.ngroups)
    down = -(-scores.ngroups // across)
    figure = Figure(figsize=(2.4 * across, 2 * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    values = np.arange(1, data.scale_max + 1)
    for axes, (model, mine) in zip(grid.flat, scores, strict=False):
        axes.bar(values, [100 * (mine == value).mean() for value in values], color=BEFORE)
        axes.set_title(model, fontsize=10)
        axes.set_xticks([1, data.scale_max])
    for axes in grid.flat[scores.ngroups :]:
        axes.set_visible(False)
    figure.supxlabel("score", fontsize=10)
    figure.supylabel("% of ratings", fontsize=10)
    return _svg(figure, "Histogram of the scores of each model", mark)


@mpl.rc_context(STYLE)
def heat_map(data: StudyData, raters: pd.DataFrame, mark: str = "") -> Markup:
    """Every score: raters from the most lenient down, items by model and mean; a cross: left out."""
    opinions = judged(data)
    table = rater_by_item(opinions)
    models = opinions.drop_duplicates("item_id").set_index("item_id")["model"].reindex(table.columns)
    # By the model's mean, then its name, then the item's mean.
    keys = pd.DataFrame({"of_model": table.mean().groupby(models).transform("mean"), "model": models})
    table = table[keys.assign(of_item=table.mean()).sort_values(["of_model", "model", "of_item"]).index]
    table = table.loc[table.mean(axis=1).sort_values(ascending=False).index]
    models = models[table.columns]

    figure = Figure(figsize=(9, 1.6 + 0.12 * min(len(table), 60)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table, aspect="auto", interpolation="none", vmin=1, vmax=data.scale_max)
    starts = np.flatnonzero((models != models.shift()).to_numpy())
    middles = (starts + [*starts[1:], len(models)] - 1) / 2
    axes.set_xticks(middles, models.iloc[starts], rotation=30, ha="right")
    for start in starts[1:]:
        axes.axvline(start - 0.5, color=INK, linewidth=1)
    out = np.flatnonzero(table.index.isin(raters.loc[~raters["kept"], "rater_id"]))
    axes.plot(np.full(len(out), -1.2), out, "x", color=BEFORE, markersize=4, clip_on=False)
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_yticks([])
    axes.set_ylabel("raters", labelpad=14)
    figure.colorbar(image, label="score")
    return _svg(figure, "Heat map of the scores, raters by items", mark)


def _svg(figure: Figure, description: str, mark: str) -> Markup:
    """The figure as an element of a page: no addresses in it, no ids but those that it refers to itself."""
    if mark:
        middle: Json = {"ha": "center", "va": "center", "rotation": 12}
        figure.text(0.5, 0.5, mark, color="#e02020", alpha=0.35, fontsize=34, **middle)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"]))
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"| id="[\w.]+_\d+"', "", svg)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)
    return Markup(svg.replace(INK, "currentColor"))
