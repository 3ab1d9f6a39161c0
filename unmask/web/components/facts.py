"""What a card says of its model beyond the registry: how large it is, and how it did on the held-back faces."""

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from unmask.catalog import describe
from unmask.registry import MODELS
from unmask.types import Json

REPORTS = Path(__file__).resolve().parents[1] / "reports"  # by `python -m train evaluate`

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Score:
    """Means over the held-back faces, of the covered pixels alone."""

    faces: int
    psnr: float  # dB
    ssim: float


def parameters_of(name: str) -> int:
    """How many numbers the model has learned; 0 where there is no file of weights."""
    parameters: int = describe(name)["parameters"]
    return parameters


def score_of(name: str) -> Score | None:
    """What the report with the most faces says of these very weights; None where there is none."""
    sha256 = describe(name)["sha256"]
    found = []
    for report in _reports():
        try:
            if report["protocol"] != "faces" or report["holes"] != "ground-truth":
                continue
            if MODELS[name].kind != "classical" and report["weights"][name]["sha256"] != sha256:
                continue  # of another training
            psnr, ssim = report["models"][name]["hole_psnr"], report["models"][name]["hole_ssim"]
            found.append(Score(int(psnr["count"]), float(psnr["mean"]), float(ssim["mean"])))
        except (KeyError, TypeError, ValueError):
            continue  # it did not measure this model
    return max(found, key=lambda score: score.faces, default=None)


def _reports() -> list[Json]:
    """The reports in REPORTS, which are its files or its folders' report.json."""
    paths = sorted([*REPORTS.glob("*.json"), *REPORTS.glob("*/report.json")])
    return [report for path in paths if (report := _read(path, path.stat().st_mtime_ns)) is not None]


@lru_cache(maxsize=64)
def _read(path: Path, modified_ns: int) -> Json | None:
    """A report, read again only when it has changed: every card asks for all of them."""
    try:
        report: Json = json.loads(path.read_text(encoding="utf-8"))
        return report
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return None
