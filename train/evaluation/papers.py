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


def beside_papers(reports: list[Json]) -> str:
    """A Markdown table of every printed figure beside the last report's of the same kind of hole, true masks given."""
    ours = {
        (report["protocol"], name): own
        for report in reports if report["holes"] == "ground-truth"
        for name, own in report["models"].items() if "psnr" in own
    }  # fmt: skip
    rows = []
    for protocol, lot in PRINTED.items():
        for name, printed in lot.items():
            own = ours.get((protocol, name))
            here = [f"{own['psnr']['mean']:.2f}", f"{own['ssim']['mean']:.4f}"] if own else ["-", "-"]
            there = [f"{printed.psnr:.2f}", f"{printed.ssim:.2f}", printed.where]
            rows.append([RELEASES[name].title, HOLES[protocol], *there, *here])
    head = ["inpainting model", "holes", "printed PSNR", "printed SSIM", "where", "PSNR here", "SSIM here"]
    return "\n".join([*table(head, rows), DIFFERENCES])
