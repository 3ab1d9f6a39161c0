"""The report of an evaluation: means with their 95 % intervals, over all faces and by kind of face and mask.

Writes per-image.csv, report.json (every figure, for programs) and table.md (the same for people).
"""

import csv
import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from unmask.registry import RELEASES
from unmask.types import Json

RESAMPLES, SEED = 2000, 2026  # of the bootstrap
FEWEST = 10  # faces for which an interval is given: the bootstrap of fewer is too narrow to mean anything
SEGMENTATION = {"dice": ("Dice", "{:.2%}"), "accuracy": ("pixel accuracy", "{:.2%}")}
INPAINTING = {
    "psnr": ("PSNR", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "hole_psnr": ("hole PSNR", "{:.2f}"),
    "hole_ssim": ("hole SSIM", "{:.4f}"),
    "sharpness": ("hole sharpness", "{:.2f}"),
    "band_4_8": ("band 4-8 px", "{:.2f}"),
    "band_8_16": ("band 8-16 px", "{:.2f}"),
    "lpips": ("LPIPS", "{:.4f}"),
}
RATIOS = ("band_4_8", "band_8_16")  # averaged by geometric mean
BARE = {"none_found": ("no mask found on the bare face", "{:.1%}")}
FORMATS = SEGMENTATION | INPAINTING | BARE
# Words of earlier calls and reports, understood for one version.
OLD_TERMS = {"shown": "post-processed", "true": "ground-truth", "found": "predicted"}


def current_term(term: str) -> str:
    """A protocol's name or the kind of holes, where an old name may be given."""
    return OLD_TERMS.get(term, term)

GROUPS = {
    "source": "source", "group": "group, as the source labels it", "gender": "gender, likewise",
    "kind": "kind of mask", "wear": "how it is worn", "head": "head",
    "hole": "hole, share of the picture",
}  # fmt: skip


def interval(values: Iterable[float]) -> dict[str, float | int | None]:
    """The mean, and its 95 % interval by the percentile bootstrap over faces, seeded: mean, low, high, count.

    Values that do not exist (a measure over no pixels) are left out; low and high are None for fewer than FEWEST.
    """
    x = np.array([value for value in values if math.isfinite(value)])
    if len(x) == 0:
        return {"mean": None, "low": None, "high": None, "count": 0}
    low = high = None
    if len(x) >= FEWEST:
        picks = np.random.default_rng(SEED).integers(len(x), size=(RESAMPLES, len(x)))
        low, high = (float(value) for value in np.percentile(x[picks].mean(axis=1), (2.5, 97.5)))
    return {"mean": float(x.mean()), "low": low, "high": high, "count": len(x)}


def ratio_interval(values: Iterable[float]) -> dict[str, float | int | None]:
    """As `interval`, of the geometric mean of ratios. No detail at all counts as a millionth, not as nothing."""
    found = interval(math.log(max(value, 1e-6)) for value in values if math.isfinite(value))
    return {key: value if key == "count" or value is None else math.exp(value) for key, value in found.items()}


def hole_terciles(rows: list[Json]) -> tuple[float, float]:
    """The two shares that part the faces into three equal lots."""
    shares = list({row["name"]: row["share"] for row in rows}.values())
    low, high = np.quantile(shares, (1 / 3, 2 / 3))
    return float(low), float(high)


def summarise(rows: list[Json], about: Json) -> Json:
    """All figures as plain types: `about`, then `share`, `models` and `groups`.

    rows: one for each face and model, see train.evaluation.evaluate. models[name][measure] and
    groups[key][value]["models"][name][measure] are what `interval` gives.
    """
    low, high = hole_terciles(rows)
    names = (f"small, below {low:.1%}", "middle", f"large, above {high:.1%}")
    for row in rows:
        row["hole"] = names[(row["share"] > low) + (row["share"] > high)]
        if "bare_share" in row:
            row["none_found"] = float(row["bare_share"] == 0)
    groups: dict[str, Json] = {}
    for key in GROUPS:
        values = names if key == "hole" else sorted({row[key] for row in rows})
        if len(values) > 1:
            lots = {value: [row for row in rows if row[key] == value] for value in values}
            groups[key] = {
                value or "not known": {"faces": len({row["name"] for row in lot}), "models": _models(lot)}
                for value, lot in lots.items() if lot
            }  # fmt: skip
    shares = {row["name"]: row["share"] for row in rows}.values()
    return about | {"share": interval(shares), "models": _models(rows), "groups": groups}


def _models(rows: list[Json]) -> dict[str, Json]:
    """Model name -> measure -> interval, in the rows' order."""
    by_model: dict[str, list[Json]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    return {
        name: {
            key: (ratio_interval if key in RATIOS else interval)(row[key] for row in own)
            for key in FORMATS if key in own[0]
        }
        for name, own in by_model.items()
    }  # fmt: skip


def cell(key: str, value: Json) -> str:
    """A figure for people: the mean and, where there is one, its interval."""
    if value["mean"] is None:
        return "-"
    form = FORMATS[key][1]
    text = form.format(value["mean"])
    if value["low"] is not None:
        text += f" [{form.format(value['low']).rstrip('%')}, {form.format(value['high']).rstrip('%')}]"
    return text


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Markdown lines."""

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    return [line(head), "|" + "---|" * len(head), *map(line, rows), ""]


def overall(report: Json) -> list[str]:
    """The tables over all faces, as Markdown lines: segmentation models, then inpainting models."""
    lines: list[str] = []
    models = report["models"]
    segmentation_models = {name: measures for name, measures in models.items() if "dice" in measures}
    inpainting_models = {name: measures for name, measures in models.items() if "psnr" in measures}
    if segmentation_models:
        keys = SEGMENTATION | BARE
        lines += table(["segmentation model", "faces", *(title for title, _ in keys.values())], [
            [RELEASES[name].title, str(own["dice"]["count"]), *(cell(key, own[key]) for key in keys)]
            for name, own in segmentation_models.items()
        ])  # fmt: skip
    if inpainting_models:
        holes = {"boxes": "a white square, ", "thick": "wide strokes and boxes, "}
        what = holes.get(report["protocol"], f"the {report['holes']} mask, ")
        lines += [
            f"Inpainting models at {report['size']} px, hole = {what}mean share of the picture that is hidden "
            f"{report['share']['mean']:.1%}.",
            "",
        ]
        given = [key for key in INPAINTING if any(key in own for own in inpainting_models.values())]
        lines += table(["inpainting model", "faces", *(INPAINTING[key][0] for key in given)], [
            [RELEASES[name].title, str(own["psnr"]["count"])]
            + [cell(key, own[key]) if key in own else "-" for key in given]
            for name, own in inpainting_models.items()
        ])  # fmt: skip
    if report.get("distances"):
        distances = list(next(iter(report["distances"].values())))
        lines += table(["inpainting model", *distances], [
            [RELEASES[name].title, *(f"{own[key]:.4g}" for key in distances)]
            for name, own in report["distances"].items()
        ])  # fmt: skip
    return lines


def by_group(report: Json) -> list[str]:
    """A table for every grouping and measure: Dice of the segmentation models, hole PSNR of the inpainting models."""
    lines: list[str] = []
    for key in ("dice", "hole_psnr"):
        names = [name for name, own in report["models"].items() if key in own]
        head = [f"{RELEASES[name].title}, {FORMATS[key][0]}" for name in names]
        for group, lots in report["groups"].items():
            rows = [
                [value, str(lot["faces"])]
                + [cell(key, lot["models"][name][key]) if name in lot["models"] else "-" for name in names]
                for value, lot in lots.items()
            ]
            lines += table([GROUPS[group], "faces", *head], rows) if names else []
    return lines


def write_report(out: Path, rows: list[Json], about: Json) -> str:
    """Write the three files; returns table.md's text."""
    out.mkdir(parents=True, exist_ok=True)
    report = summarise(rows, about)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    with open(out / "per-image.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, keys)
        writer.writeheader()
        writer.writerows(rows)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    lines = overall(report)
    lines += [
        f"In brackets: 95 % intervals of the means, percentile bootstrap over faces ({RESAMPLES:,} resamples, seeded), "
        f"for {FEWEST} faces and more.",
        "",
    ]
    lines += [f"{note}\n" for note in report.get("notes", [])]
    text = "\n".join(lines + by_group(report))
    (out / "table.md").write_text(text)
    return text
