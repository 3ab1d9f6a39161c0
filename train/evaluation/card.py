"""The model card: train/card.md with its gaps filled from weights' metadata and evaluation reports."""

import json
from pathlib import Path

import cv2
import numpy as np

from train.evaluation.evaluate import fill
from train.evaluation.papers import beside_papers, latest_of, measures
from train.evaluation.report import by_group, current_term, overall, table
from train.sheets import label, tint
from unmask import metrics, weights
from unmask.blending.composite import composite
from unmask.catalog import has_package
from unmask.imaging.reader import read_photo
from unmask.pipeline import Unmasker
from unmask.registry import RELEASES, current_name
from unmask.settings import examples
from unmask.types import Json

HERE = Path(__file__).parent
PICTURE = "failures.jpg"
FACES = ("faces.md", "landmarks.md")  # what evaluate-faces writes

SECTIONS = {  # protocol: the section's title, and what was done
    "faces": ("Face masks, {holes}", "A synthetic mask on every held-back face; holes are the {holes} masks"),
    "post-processed": (
        "Face masks, {holes}, as the demo shows them",
        "The same masked faces, the fill finished as in the demo: its colours meet the photo's at the mask's edge, and "
        "it is given the photo's grain and skin texture; holes are the {holes} masks, 3 px wider, as in the demo",
    ),
    "misaligned": (
        "Face masks on crops that are not well aligned, {holes}",
        "The same masked faces, turned, scaled and shifted by as much as the demo's crops of photographs are wrong "
        "(corners 1.86 % of the side off in the mean); holes are the {holes} masks. Turning and scaling softens the "
        "truth, too: these figures compare with each other, and not with those above",
    ),
    "stand-off": (
        "Face masks that stand off the face, {holes}",
        "A synthetic mask on every held-back face that is wider than the jaw and ends below the chin, as worn ones do "
        "(2 to 14 px); holes are the {holes} masks",
    ),
    "square": (
        "Face masks on CelebA faces in the paper's square, {holes}",
        "A synthetic mask on each of the CelebA faces of the second held-back split, in what would be the middle "
        "178 x 178 px of CelebA's pictures, at 256 px; holes are the {holes} masks",
    ),
    "large": (
        "Face masks on faces at 512 px, {holes}",
        "A synthetic mask on each of the faces of the second held-back split that are there at 512 px, where the "
        "refiner adds its detail; bands, KID and told apart are of these pixels; holes are the {holes} masks",
    ),
    "thick": (
        "Thick holes",
        "Wide strokes and boxes anywhere in the held-back faces, as in LaMa's evaluation (up to half of the picture)",
    ),
    "boxes": ("Random holes", "Random squares of 24 to 48 px on the held-back faces"),
}


def write_card(out: Path, reports: list[Path], files: list[Path]) -> str:
    """Write the card `out`, and failures.jpg beside it; returns a line for every file whose figures or picture are
    missing.

    reports: folders that evaluations wrote, or their report.json; of two that measured the same, one with the
        released weights counts, then the later.
    files: the weights that the card is about. Raises ValueError for a report that is none.
    """
    found = [read_report(path) for path in reports]
    about = {current_name(path.stem): weights.read_metadata(path) | {"path": path} for path in files}
    hashes = {name: weights.sha256(row["path"]) for name, row in about.items()}
    figures, measured = figure_sections(found, hashes)
    cv2.imwrite(str(out.with_name(PICTURE)), failures(about), [cv2.IMWRITE_JPEG_QUALITY, 80])
    text = (HERE / "card.md").read_text(encoding="utf-8")
    for gap, filling in {
        "files": file_table(about),
        "figures": figures,
        "papers": beside_papers(found, hashes),
        "faces": face_figures(reports),
        "failures": f"![Pictures of failures]({PICTURE})\n\n*{CAPTION}*",
    }.items():
        text = text.replace("{{" + gap + "}}", filling)
    out.write_text(text, encoding="utf-8")
    lacking = [name for name in about if RELEASES[name].kind in ("segmentation", "inpainting") and name not in measured]
    lines = [f"{name}: none of the reports measured it" for name in lacking]
    lines += [f"{name}: no picture of a failure without {RELEASES[name].package}" for name in about
              if not has_package(RELEASES[name])]  # fmt: skip
    return "\n".join([str(out), *lines])


def read_report(path: Path) -> Json:
    """report.json of a folder, or the file itself."""
    path = path / "report.json" if path.is_dir() else path
    try:
        report: Json = json.loads(path.read_text())
        report["models"], report["protocol"], report["holes"]
        return report | {key: current_term(report[key]) for key in ("protocol", "holes")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no report of 'python -m train evaluate'.") from error


def stages(metadata: Json) -> list[Json]:
    """How a file was trained, the first stage first: kimg, minutes, size (None where it was not noted)."""
    found: list[Json] = []
    step, size = metadata["trained"], metadata["size"]
    while step:
        # A release's own stage counts in thousands and minutes, a run's in images and seconds, an experiment's may say
        # nothing of its time.
        kimg = step["kimg"] if "kimg" in step else step["images"] / 1000
        minutes = step["minutes"] if "minutes" in step else step.get("seconds", 0) / 60
        found.append({"kimg": kimg, "minutes": minutes, "size": size, "hardware": step.get("hardware")})
        step = step.get("before")
        size = step.get("size") if step else None
    return found[::-1]


def file_table(about: dict[str, Json]) -> str:
    """One row a file: network, paper, config, parameters, what it saw and for how long, licence."""
    rows = []
    for name, metadata in about.items():
        steps = [step for step in stages(metadata) if step["kimg"]]
        merged: list[tuple[float, int | None]] = []
        for step in steps:
            if merged and merged[-1][1] == step["size"]:
                merged[-1] = (merged[-1][0] + step["kimg"], step["size"])
            else:
                merged.append((step["kimg"], step["size"]))
        seen = ", then ".join(f"{kimg:.0f} at {f'{size} px' if size else 'unknown size'}" for kimg, size in merged)
        config = ", ".join(f"{key} {value}" for key, value in metadata["config"].items())
        minutes = sum(step["minutes"] for step in steps)
        hardware = {step["hardware"] for step in steps if step["hardware"]}
        rows.append([
            f"`{metadata['path'].name}`", RELEASES[name].title,
            f"{RELEASES[name].paper} ({RELEASES[name].year})", config,
            f"{weights.count_parameters(metadata['path']) / 1e6:.1f} M",
            f"{sum(step['kimg'] for step in steps):.0f} thousand: {seen}",
            f"{minutes:.0f} min on {', '.join(sorted(map(str, hardware))) or 'nothing'}",
            RELEASES[name].licence,
        ])  # fmt: skip
    head = ["file", "network", "paper", "config", "parameters", "images seen (thousands)", "time", "licence"]
    return "\n".join(table(head, rows)).rstrip()


def figure_sections(reports: list[Json], hashes: dict[str, str]) -> tuple[str, set[str]]:
    """The reports' tables as Markdown, one section a protocol, and which models they measured.

    Reports of the same test stand in one table. Of several that measured a model the latest with the weights of
    `hashes` (name -> sha256) counts, or, where there is none, the latest; its models are named below the table.
    """
    by_protocol: dict[tuple[str, str], list[Json]] = {}
    for report in reports:
        by_protocol.setdefault((report["protocol"], report["holes"]), []).append(report)
    lines, measured = [], set()
    order = [(protocol, holes) for protocol in SECTIONS for holes in ("ground-truth", "predicted")]
    for protocol, holes in sorted(by_protocol, key=order.index):
        lot, (title, what) = by_protocol[protocol, holes], SECTIONS[protocol]
        command = "python -m train evaluate --data DATA --out report"
        command += "".join(f" --{key} {value}" for key, value in (("protocol", protocol), ("holes", holes))
                           if value not in ("faces", "ground-truth"))  # fmt: skip
        lines += [
            f"### {title.format(holes=holes)}", "",
            f"{what.format(holes=holes)} (`{command}`). Composite output, means over faces, in brackets their 95 % "
            "bootstrap intervals. PSNR and SSIM (RGB, Gaussian 11 / 1.5, valid region) over the whole picture and over "
            "the hidden pixels alone; sharpness is the Laplacian variance in the hole relative to the truth's.", "",
        ]  # fmt: skip

        latest = latest_of(lot, hashes)
        by_test: dict[str, dict[str, Json]] = {}
        for name in sorted(latest, key=list(RELEASES).index):
            test = json.dumps([latest[name].get(key) for key in ("size", "seed", "data")])
            by_test.setdefault(test, {})[name] = latest[name]
        for own in by_test.values():
            measured |= set(own)
            whole = merged(own)
            lines += overall(whole)
            old = [name for name, report in own.items() if not measures(report, name, hashes)]
            if old:
                lines += [f"Measured with other files than those released here: {', '.join(old)}.", ""]
            if whole["groups"]:
                lines += ["<details><summary>By source, group, gender, mask and hole</summary>", "", *by_group(whole)]
                lines += ["</details>", ""]
        lines += [f"{note}\n" for note in dict.fromkeys(note for report in lot for note in report.get("notes", []))]
    return "\n".join(lines).rstrip(), measured


def merged(own: dict[str, Json]) -> Json:
    """One report of the same test out of several: model name -> the report that counts for it."""
    first = next(iter(own.values()))
    whole = {key: first[key] for key in ("protocol", "holes", "size", "share")}
    whole["models"] = {name: report["models"][name] for name, report in own.items()}
    whole["distances"] = {
        name: report["distances"][name] for name, report in own.items() if name in report.get("distances", {})
    }
    groups: dict[str, Json] = {}
    for name, report in own.items():
        for key, lots in report.get("groups", {}).items():
            for value, lot in lots.items():
                row = groups.setdefault(key, {}).setdefault(value, {"faces": lot["faces"], "models": {}})
                row["models"][name] = lot["models"][name]
    return whole | {"groups": groups}


def face_figures(reports: list[Path]) -> str:
    """What evaluate-faces wrote into the report folders; the last known figures where it did not."""
    texts = [(path / name).read_text(encoding="utf-8") for path in reports for name in FACES if (path / name).is_file()]
    return "\n\n".join(text.strip() for text in texts) or (HERE / "card_faces.md").read_text(encoding="utf-8").strip()


CAPTION = (
    "Each network's worst result on this project's examples, by hole PSNR (a segmentation model's by Dice): what went "
    "in, what "
    "came out, the truth. The portraits are in the public domain, see examples/README.md."
)


def failures(about: dict[str, Json], side: int = 144) -> np.ndarray:
    """A row for each segmentation model's and inpainting model's worst result on the masked examples: (H, 3 * side, 3)
    uint8, BGR.

    A network whose package is missing on this machine has none.
    """
    unmasker = Unmasker("cpu", weights={name: str(row["path"]) for name, row in about.items()})
    cases = []
    for path in sorted(examples().glob("*-*.png")):
        bare = path.with_name(f"{path.stem.split('-')[0]}.png")
        if bare.exists() and not path.stem.endswith("-photo"):
            image, truth = (
                cv2.resize(read_photo(file), (256, 256), interpolation=cv2.INTER_AREA) for file in (path, bare)
            )
            mask = np.where((read_photo(path) != read_photo(bare)).any(axis=2), np.uint8(255), np.uint8(0))
            mask = np.where(cv2.resize(mask, (256, 256), interpolation=cv2.INTER_AREA) > 0, np.uint8(255), np.uint8(0))
            cases.append((image, truth, mask))
    rows = []
    for name in about:
        if not has_package(RELEASES[name]):
            continue
        tries = []
        for image, truth, mask in cases:
            if RELEASES[name].kind == "segmentation":
                found = unmasker.find_mask(image, name)
                tries.append((metrics.dice(found, mask), image, tint(image, found), tint(truth, mask)))
            elif RELEASES[name].kind == "inpainting":
                result = composite(image, fill(unmasker, name, image, mask), mask)
                tries.append((metrics.psnr(result, truth, mask), image, result, truth))
        if tries:
            score, image, result, truth = min(tries, key=lambda row: row[0])
            words = f"{score:.1%}" if RELEASES[name].kind == "segmentation" else f"{score:.1f} dB"
            image, result, truth = (
                cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in (image, result, truth)
            )
            titled = [label(image, RELEASES[name].title), label(result, words), label(truth, "truth")]
            rows.append(np.concatenate(titled, axis=1))
    return cv2.cvtColor(np.concatenate(rows, axis=0), cv2.COLOR_RGB2BGR)
