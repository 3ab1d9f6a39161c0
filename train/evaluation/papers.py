"""What the papers print about themselves and each other, beside what was measured here."""

from typing import NamedTuple

from train.evaluation.report import table
from unmask.registry import RELEASES
from unmask.types import Json


class Printed(NamedTuple):
    """PSNR (dB) and SSIM as a paper prints them, and where."""

    psnr: float
    ssim: float
    where: str


GANMASKER, GAO = "GANMasker, table", "Gao, Nguyen and Yan, table"
PRINTED: dict[str, dict[str, Printed]] = {
    "faces": {
        "ganmasker": Printed(30.96, 0.95, f"{GANMASKER} 1"),
        "ganmasker-one-stage": Printed(28.18, 0.94, f"{GANMASKER} 2"),
        "glcic": Printed(26.78, 0.94, f"{GANMASKER} 1"),
        "gated-conv": Printed(20.57, 0.89, f"{GANMASKER} 1"),
        "gumf": Printed(21.69, 0.90, f"{GANMASKER} 1"),
    },
    "boxes": {
        "two-autoencoders": Printed(36.74, 0.91, f"{GAO} 4"),
        "glcic": Printed(31.86, 0.89, f"{GAO} 4, as the network with one autoencoder"),
    },
}
PRINTED["square"] = PRINTED["faces"]
HOLES = {
    "faces": "face masks, 256 px", "square": "face masks, the paper's square of CelebA",
    "boxes": "squares of 24 to 48 px, 128 px",
}  # fmt: skip
DIFFERENCES = """\
Why they differ. The papers' face masks are MaskTheFace's few kinds on CelebA; ours are six kinds and sixteen patterns,
worn askew too, on other people's faces. Our networks are narrower than the papers', and had hours of two CPU cores.
GANMasker's SSIM is printed with a sum where the standard has a product (its equation 14). An SSIM of 0.91 beside
36.74 dB, as Gao, Nguyen and Yan print it, is not what these measures give here, where 0.95 goes with 30 dB. Whether the
papers paste the known pixels back before they measure is not said; ours are composites, which at a hole of 16 % adds
8 dB to the hole's own PSNR."""


def measures(report: Json, name: str, hashes: dict[str, str]) -> bool:
    """Whether a report measured the model's weights of `hashes` (name -> sha256), or there are none."""
    return name not in hashes or report.get("weights", {}).get(name, {}).get("sha256") == hashes[name]


def latest_of(reports: list[Json], hashes: dict[str, str]) -> dict[str, Json]:
    """Model name -> the report that counts for it: the latest that `measures` it, or, where there is none, the latest.
    reports: of one kind of test."""
    return {
        name: report for ours_only in (False, True) for report in reports for name in report["models"]
        if not ours_only or measures(report, name, hashes)
    }  # fmt: skip


def beside_papers(reports: list[Json], hashes: dict[str, str]) -> str:
    """A Markdown table of every printed figure beside ours of the same kind of hole, true masks given: those of the
    weights of `hashes`, see `latest_of`."""
    ours = {}
    for protocol in PRINTED:
        same = [report for report in reports if (report["protocol"], report["holes"]) == (protocol, "ground-truth")]
        for name, report in latest_of(same, hashes).items():
            if "psnr" in report["models"][name]:
                ours[protocol, name] = report["models"][name]
    rows = []
    for protocol, lot in PRINTED.items():
        for name, printed in lot.items():
            own = ours.get((protocol, name))
            here = [f"{own['psnr']['mean']:.2f}", f"{own['ssim']['mean']:.4f}"] if own else ["-", "-"]
            there = [f"{printed.psnr:.2f}", f"{printed.ssim:.2f}", printed.where]
            rows.append([RELEASES[name].title, HOLES[protocol], *there, *here])
    head = ["inpainting model", "holes", "printed PSNR", "printed SSIM", "where", "PSNR here", "SSIM here"]
    return "\n".join([*table(head, rows), DIFFERENCES])
