"""All results of one photo as a ZIP: the photo's mask, one PNG a model, and a sheet that compares them."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unmask.faces.alignment import align
from unmask.faces.face import Face
from unmask.imaging.metadata import NOTICE, write_png
from unmask.registry import MODELS
from unmask.web.pictures import PAD

TILE = 320  # px, the side of a face on the sheet
COLUMNS = 5  # of the sheet: the photo and four models
FACES = 6  # of a crowd that are on the sheet
GAP, CAPTION = 12, 30  # px
INK, PAPER = (32, 43, 52), (255, 255, 255)  # RGB
LONGEST_STEM = 60  # characters: file systems end at 255 bytes
RESERVED = re.compile(r"(?i)con|prn|aux|nul|com\d|lpt\d")  # names that Windows keeps for itself


def stem_of(path: str | Path) -> str:
    """What a photo's downloads are called after: its file's name without the ending, and without what a file system, a
    shell or a ZIP may take amiss."""
    stem = re.sub(r"[^\w .,()+-]", "_", unicodedata.normalize("NFC", Path(path).stem))[:LONGEST_STEM].strip(" .")
    return "photo" if not stem or RESERVED.fullmatch(stem) else stem.lstrip("-") or "photo"


def result_name(stem: str, model: str) -> str:
    """What a model's result is called."""
    return f"{stem}-unmasked-{model}.png"


def with_alpha(result: np.ndarray, photo: np.ndarray, transparent: np.ndarray | None) -> np.ndarray:
    """A result (H, W, 3) with the photo's own transparency where it had any; what was painted is opaque.

    photo: (H, W, 3), on white, as the models saw it. transparent: the same with its alpha, (H, W, 4), or None.
    """
    if transparent is None:
        return result
    painted = (result != photo).any(axis=2)
    whole = transparent.copy()
    whole[painted, :3] = result[painted]
    whole[painted, 3] = 255
    return whole


def write_bundle(
    path: Path,
    stem: str,
    photo: np.ndarray,
    mask: np.ndarray,
    faces: list[Face],
    results: Iterable[tuple[str, np.ndarray]],
    transparent: np.ndarray | None = None,
) -> None:
    """Write the ZIP: <stem>-unmasked-<model>.png for each of `results`, <stem>-mask.png and <stem>-comparison.png.

    photo and results are uint8 (H, W, 3), the mask (H, W); transparent: see `with_alpha`. Results are taken one at a
    time: together those of a large photo would not fit into memory. Every picture that a network has made carries the
    notice.
    """
    shown = faces[:FACES]
    columns = [("Photo", [align(photo, face, TILE, pad=PAD) for face in shown])]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # a PNG is compressed already

        def add(filename: str, image: np.ndarray, notice: str | None = None) -> None:
            file = io.BytesIO()
            write_png(file, image, notice)
            archive.writestr(filename, file.getvalue())

        for name, result in results:
            columns.append((MODELS[name].title, [align(result, face, TILE, pad=PAD) for face in shown]))
            add(result_name(stem, name), with_alpha(result, photo, transparent), NOTICE)
        add(f"{stem}-mask.png", mask)
        add(f"{stem}-comparison.png", draw_sheet(columns), NOTICE)


def draw_sheet(columns: list[tuple[str, list[np.ndarray]]]) -> np.ndarray:
    """The sheet, uint8 (h, w, 3): a caption and its faces, each (TILE, TILE, 3) uint8, side by side.

    At most COLUMNS stand in a row; the first column, the photo, begins the sheet.
    """
    faces = len(columns[0][1])
    rows = -(-len(columns) // COLUMNS)
    row_height = CAPTION + faces * (TILE + GAP)
    width = GAP + min(len(columns), COLUMNS) * (TILE + GAP)
    sheet = Image.new("RGB", (width, GAP + rows * row_height + 2 * CAPTION), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for index, (caption, pictures) in enumerate(columns):
        x, y = GAP + index % COLUMNS * (TILE + GAP), GAP + index // COLUMNS * row_height
        draw.text((x, y), caption, INK, font)
        for number, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (x, y + CAPTION + number * (TILE + GAP)))
    notice, y = ImageFont.load_default(14), sheet.height - 2 * CAPTION
    for line in _wrap(NOTICE, notice, width - 2 * GAP):
        draw.text((GAP, y), line, INK, notice)
        y += 20
    return np.asarray(sheet)


def _wrap(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The text in lines of at most `width` px."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
