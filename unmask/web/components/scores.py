"""The truth test's table: how near each result is to the truth, how real it looks, and which is best at which."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from unmask.metrics import psnr, ssim
from unmask.nets.parsing import ParsingNet
from unmask.realism import realism
from unmask.web.i18n import tr
from unmask.web.templates import render

COLUMNS = (
    ("psnr_hole", "PSNR hole", "{:.2f}"),
    ("ssim_hole", "SSIM hole", "{:.3f}"),
    ("psnr_whole", "PSNR whole", "{:.2f}"),
    ("ssim_whole", "SSIM whole", "{:.3f}"),
    ("realism", "Realism", "{:.3f}"),
)
VERDICTS = (
    ("Closest to the truth", "psnr_hole", "PSNR hole", "{:.1f} dB"),
    ("Looks most real", "realism", "Realism", "{:.3f}"),
)
NOTES = (
    "PSNR and SSIM compare pixel by pixel: higher is nearer to the truth, and blur often is.",
    '"Hole" counts only the pixels that the mask covered; "whole" counts all, and is flattered by those that '
    "nobody touched.",
    "PSNR is in dB, SSIM is 1 for a perfect copy.",
    "Realism compares texture, wherever it lies: how lips, teeth and skin look to our face parsing network (after "
    "DISTS, Ding et al. 2020). It is 1 for the truth, and a measure, nobody's judgement.",
    "The face beneath cannot be known, so even a convincing result may score low.",
)


@dataclass(frozen=True)
class Scores:
    """One row of the table: how near a picture is to the truth, and how real it looks. nan: not measured."""

    title: str
    psnr_hole: float
    ssim_hole: float
    psnr_whole: float
    ssim_whole: float
    realism: float = math.nan
    milliseconds: int | None = None

    @classmethod
    def of(
        cls,
        judge: ParsingNet | None,
        truth: np.ndarray,
        hole: np.ndarray,
        title: str,
        image: np.ndarray,
        milliseconds: int | None = None,
    ) -> Self:
        """Measure `image` against `truth`, both (H, W, 3) uint8, in `hole` (H, W) uint8 and as a whole.

        judge: sees texture; without one realism is not measured.
        """
        return cls(
            title,
            psnr(truth, image, hole),
            ssim(truth, image, hole),
            psnr(truth, image),
            ssim(truth, image),
            realism(judge, truth, image, hole) if judge and (hole > 127).any() else math.nan,
            milliseconds,
        )


def best_of(rows: list[Scores], key: str) -> Scores | None:
    """The row with the highest value there; None where there is none."""
    measured = [row for row in rows if not math.isnan(getattr(row, key))]
    return max(measured, key=lambda row: getattr(row, key), default=None)


def verdicts(rows: list[Scores]) -> list[tuple[str, str, str]]:
    """Which model came closest to the truth, and whose result looks most real: two questions, often two answers.

    (question, model, why) each; none for fewer than two models, which are no contest.
    """
    answers = []
    for question, key, label, form in VERDICTS if len(rows) > 1 else ():
        if best := best_of(rows, key):
            answers.append((tr(question), best.title, f"{tr(label)} {form.format(getattr(best, key))}"))
    return answers


def draw_scores(untouched: Scores, rows: list[Scores]) -> str:
    """The scores as HTML, each column's best model marked. untouched: the face with its mask still on."""
    best = {key: getattr(best_of(rows, key), key, math.nan) for key, _, _ in COLUMNS}

    def cell(row: Scores, key: str, label: str, form: str) -> tuple[str, str, bool]:
        value = getattr(row, key)
        return tr(label), "–" if math.isnan(value) else form.format(value), row is not untouched and value == best[key]

    lines = [
        (row.title, [cell(row, *column) for column in COLUMNS], _time(row.milliseconds)) for row in [*rows, untouched]
    ]
    heads = [tr("Against the truth"), *(tr(label) for _, label, _ in COLUMNS), tr("Time")]
    note = " ".join(map(tr, NOTES))
    return render("scores", verdicts=verdicts(rows), heads=heads, lines=lines, best=tr("best"), note=note)


def _time(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds} ms"
