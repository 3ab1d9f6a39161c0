"""Makes the result that is large on the page before there is a photo: an example, and what GANMasker makes of it.

python scripts/make_first_result.py [--out unmask/web/static]

To be run again whenever the released GANMasker, the finding of faces and masks, or the example changes; a test says so.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from unmask import Unmasker, read_photo  # noqa: E402
from unmask.imaging.metadata import NOTICE, write_png  # noqa: E402
from unmask.imaging.tensors import resize  # noqa: E402
from unmask.web.components.first_result import AFTER, BEFORE  # noqa: E402
from unmask.web.pictures import STATIC, view_of  # noqa: E402

EXAMPLE, MODEL = "p001-photo.jpg", "ganmasker"
WIDTH = 600  # px: it is on the way before anything else of the page


def make(unmasker: Unmasker) -> tuple[np.ndarray, np.ndarray]:
    """The example and its result, both (H, W, 3) uint8: the face with its surroundings."""
    photo = read_photo(ROOT / "examples" / EXAMPLE)
    faces = unmasker.find(photo)
    mask = unmasker.segment(photo, faces=faces)
    result = unmasker.remove(photo, mask, [MODEL], faces=faces)[MODEL]
    view = view_of(mask, faces)
    before, after = view.cut(photo), view.cut(result)
    shape = (round(WIDTH * before.shape[0] / before.shape[1]), WIDTH)
    return resize(before, shape), resize(after, shape)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=STATIC)
    args = parser.parse_args()
    before, after = make(Unmasker(device="cpu"))
    write_png(args.out / BEFORE.name, before)
    write_png(args.out / AFTER.name, after, NOTICE)
    print(f"{args.out / BEFORE.name} and {AFTER.name}: {before.shape[1]} x {before.shape[0]} px")
    return 0


if __name__ == "__main__":
    sys.exit(main())
