"""Decodes one HEIC, AVIF or TIFF picture in a process of its own: python -P decode_worker.py FORMAT MOST_PIXELS

The decoders of these formats are large, and what has gone wrong in them went wrong badly. Here they have eight seconds
of a processor and 2 GB, write no file, and know nothing of the process that asks. On standard input is the file. On
standard output come a line of JSON, {"size", "mode", "orientation", "icc"}, the colour profile, of which `icc` tells
the length, and the pixels; without the pixels where there are more than MOST_PIXELS.
"""

import io
import json
import sys
import warnings
from typing import Any

from PIL import Image

SECONDS, MEMORY = 8, 2 << 30
MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "I;16", "I;16B")  # what goes out; others are converted, or not for us
ORIENTATION_TAG = 0x0112


def limit() -> None:
    """Bound what this process may use. Windows has no such limits; there the caller's patience is the only one."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def open_heic(data: bytes) -> tuple[Any, int]:
    """The primary picture, which libheif turns upright by itself, and its orientation, 1."""
    import pi_heif

    options = pi_heif.options
    options.THUMBNAILS = options.AUX_IMAGES = options.DEPTH_IMAGES = False
    options.DECODE_THREADS = 2
    file = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    return file[file.primary_index], 1


def open_by_pillow(data: bytes, format: str) -> tuple[Image.Image, int]:
    """The first picture, and its orientation, 1-8; that of a TIFF has been read already."""
    image = Image.open(io.BytesIO(data), formats=[format])
    return image, image.getexif().get(ORIENTATION_TAG, 1) if format == "AVIF" else 1


def converted(image: Image.Image) -> Image.Image:
    """The picture in one of MODES."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = image.convert("L") if image.mode == "1" else image
    if image.mode not in MODES:
        raise ValueError(image.mode)
    return image


def main(format: str, most_pixels: int) -> None:
    limit()
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # the limit is the caller's
    opened: Any
    opened, orientation = open_heic(data) if format == "HEIC" else open_by_pillow(data, format)
    icc = opened.info.get("icc_profile") or b""
    head = {"size": opened.size, "mode": opened.mode, "orientation": orientation, "icc": len(icc)}
    pixels = b""
    if opened.size[0] * opened.size[1] <= most_pixels:
        image = converted(opened.to_pillow() if format == "HEIC" else opened)
        head["mode"], pixels = image.mode, image.tobytes()
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\n" + icc)
    out.write(pixels)
    out.flush()


if __name__ == "__main__":
    data = sys.stdin.buffer.read()
    main(sys.argv[1], int(sys.argv[2]))
