"""Contact sheets at 100 %, to judge results by eye: real masked photographs, val faces, and the worst of those.

Look at each page in its full size, at the mouth, the jaw line, the seam, the skin's colour and grain, in this order.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from train.data.faces import decode, load_faces, read_images
from train.evaluation.evaluate import masked_cases
from train.sheets import label
from unmask import metrics
from unmask.blending.composite import composite
from unmask.faces.alignment import align
from unmask.faces.face import whole_photo
from unmask.imaging.metadata import write_png
from unmask.imaging.reader import PhotoError
from unmask.pipeline import Unmasker

# Names in photos.tar (whole photographs) and in real-masked.tar (face crops), chosen once by eye: turned heads,
# glasses, beards, dark and light skin, young and old, many kinds of masks.
REAL = Path(__file__).with_name("real_photos.json")
TILES = (256, 320)  # px: a photograph's face is shown as large as it is, within these
WIDEST, HIGHEST = 1920, 2048  # px of a page
FACES, WORST = 24, 10


def write_sheets(
    data: Path, out: Path, cache: Path, models: list[str], *, weights: dict[str, str], device: str,
    limit: int | None = None,
) -> str:  # fmt: skip
    """Write the pages, PNG files, to the folder `out`; returns one line a file.

    photos-N.png: each photograph of REAL that the data folder has, and what every inpainting model makes of it, with
    the mask that M-Seg finds. faces-N.png: val faces with a drawn mask, every model's result, the truth.
    worst-NAME-N.png: the same for those with a model's lowest hole PSNR. limit: only so many photographs and val faces,
    for a rehearsal.
    """
    out.mkdir(parents=True, exist_ok=True)
    unmasker = Unmasker(device, weights=weights)
    real = list(real_tiles(unmasker, data, models, limit))
    written = save_pages(out, "photos", real)
    cases = masked_cases(load_faces(data, "val", cache, limit))
    fills = {
        name: [composite(case.image, unmasker.fill(name, case.image, case.mask), case.mask)
               for case in tqdm(cases, desc=name, unit="face")]
        for name in models
    }  # fmt: skip
    picks = np.linspace(0, len(cases) - 1, min(FACES, len(cases))).astype(int)
    units = [
        [label(cases[i].image, cases[i].about["name"]), *(label(fills[name][i], name) for name in models),
         cases[i].photo] for i in picks
    ]  # fmt: skip
    written += save_pages(out, "faces", units)
    for name, images in fills.items():
        scores = [metrics.psnr(image, case.photo, case.mask) for image, case in zip(images, cases)]
        units = [
            [cases[i].image, label(images[i], f"{name} {scores[i]:.1f} dB"), cases[i].photo]
            for i in np.argsort(scores)[:WORST]
        ]
        written += save_pages(out, f"worst-{name}", units)
    lines = [str(path) for path in written]
    return "\n".join(lines if real else [*lines, f"No photographs: {data} has none of those that {REAL.name} lists."])


def real_tiles(unmasker: Unmasker, data: Path, models: list[str], limit: int | None) -> Iterator[list[np.ndarray]]:
    """For each photograph of REAL in the data folder: its largest face as it is, and after every inpainting model."""
    wanted = [(archive, name) for archive, names in json.loads(REAL.read_text()).items() for name in names][:limit]
    for archive in dict.fromkeys(archive for archive, _ in wanted):
        names = {name for kind, name in wanted if kind == archive}
        if not (data / f"{archive}.tar").exists():
            continue
        for name, content in tqdm(read_images(data, f"{archive}.tar", names), archive, len(names), unit="photo"):
            photo = decode(content, side=None)
            # Found as for a visitor, also in real-masked.tar, whose pictures are crops already and are shown whole.
            found = unmasker.find(photo)
            largest = found[0] if found else whole_photo(photo)
            face = whole_photo(photo) if archive == "real-masked" else largest
            side = int(np.clip(round(face.side), *TILES))
            try:
                results = unmasker.remove(photo, models=models, faces=[largest])
            except PhotoError as error:  # no mask was found
                results, name = {model: photo for model in models}, f"{name}: {error}"
            tiles = [label(align(photo, face, side), name)]
            tiles += [label(align(result, face, side), model) for model, result in results.items()]
            yield [_frame(tile) for tile in tiles]


def _frame(tile: np.ndarray) -> np.ndarray:
    """The tile in the middle of a black one of the largest size."""
    before = (TILES[1] - len(tile)) // 2
    after = TILES[1] - len(tile) - before
    return cv2.copyMakeBorder(tile, before, after, before, after, cv2.BORDER_CONSTANT)


def save_pages(out: Path, stem: str, units: list[list[np.ndarray]]) -> list[Path]:
    """Write stem-1.png, stem-2.png ... with tiles of one size, side x side x 3; a unit's tiles stay together, in one
    row where they fit. Returns the files."""
    if not units:
        return []
    side, length = len(units[0][0]), len(units[0])
    across = min(WIDEST // side, length)  # tiles of a unit beside each other
    high = -(-length // across)  # rows of a unit
    blocks = []
    for unit in units:
        padded = unit + [np.zeros_like(unit[0])] * (across * high - length)
        rows = [np.concatenate(padded[i : i + across], axis=1) for i in range(0, len(padded), across)]
        blocks.append(np.concatenate(rows, axis=0))
    columns, lines = WIDEST // (side * across), max(HIGHEST // (side * high), 1)
    paths: list[Path] = []
    for start in range(0, len(blocks), columns * lines):
        page = blocks[start : start + columns * lines]
        page += [np.zeros_like(page[0])] * (-len(page) % columns)
        rows = [np.concatenate(page[i : i + columns], axis=1) for i in range(0, len(page), columns)]
        paths.append(out / f"{stem}-{len(paths) + 1}.png")
        with open(paths[-1], "wb") as file:
            write_png(file, np.concatenate(rows, axis=0))
    return paths
