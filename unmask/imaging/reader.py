"""Reads an untrusted picture: a file of eight formats becomes an upright RGB array, or one sentence says why not."""

import io
import warnings
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageCms

from unmask.imaging.container import (
    DAMAGED,
    MAX_PROFILE,
    UNREADABLE,
    ContainerError,
    Picture,
    count_scans,
    is_for_the_web,
    pixels_only,
)
from unmask.imaging.further_formats import further_pixels
from unmask.imaging.sandbox import decode_apart

MAX_BYTES = 30_000_000
MAX_PIXELS = 50_000_000  # a 40-megapixel photo passes; decoded it takes 150 MB
MIN_SIDE = 32
MAX_ASPECT = 8  # with MAX_PIXELS this keeps every side below OpenCV's 32767
MAX_SCANS = 100  # of a progressive JPEG, which mostly has ten; each costs a pass over all pixels for 60 bytes
MAX_PASSES = 30 * MAX_PIXELS  # pixels, over all scans: a second's work
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # decoded here; HEIC, AVIF and TIFF apart, see sandbox.py


TURN_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(ValueError):
    """A picture or a mask that cannot be used; the message is one sentence for the visitor.

    template, values: the sentence with {placeholders}, by which its translations are found, and what belongs there.
    """

    def __init__(self, template: str, **values: str | int):
        super().__init__(template.format(**values) if values else template)
        self.template, self.values = template, values


def _too_large() -> PhotoError:
    """The error for a picture of more than MAX_PIXELS."""
    return PhotoError("The picture has more than {count} megapixels.", count=MAX_PIXELS // 1_000_000)


def limit_pillow() -> None:
    """Let Pillow refuse, in the whole process, what has more than MAX_PIXELS: Gradio opens uploads before this module
    sees them."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def read_photo(source: str | Path | bytes | BinaryIO) -> np.ndarray:
    """Decode an untrusted JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF picture.

    Returns RGB uint8 (H, W, 3), upright, sRGB, no metadata. Transparency is put on white; of an animation the first
    frame is taken. Raises PhotoError, and nothing else, for whatever is wrong with the file.
    """
    image = open_upright(source)
    try:
        icc_profile = image.info.get("icc_profile")
        return np.array(_to_srgb(_flatten(image), icc_profile))
    except Exception as error:  # a metadata or palette fault that only shows on conversion
        raise PhotoError(DAMAGED) from error


def read_transparent(source: str | Path | bytes | BinaryIO) -> np.ndarray | None:
    """The same picture with its alpha: RGBA uint8 (H, W, 4); None where nothing of it is transparent.

    Raises PhotoError. Where alpha is 255, its colours are those of `read_photo`.
    """
    image = open_upright(source)
    if not image.has_transparency_data:
        return None
    icc_profile = image.info.get("icc_profile")
    try:
        rgba = image.convert("RGBA")
        alpha = np.array(rgba.getchannel("A"))
        colours = np.array(_to_srgb(rgba.convert("RGB"), icc_profile))
    except Exception as error:  # a palette fault that only shows on conversion
        raise PhotoError(DAMAGED) from error
    return None if alpha.min() == 255 else np.dstack([colours, alpha])


def open_upright(source: str | Path | bytes | BinaryIO) -> Image.Image:
    """Decode an untrusted picture into an upright PIL image, alpha and colour profile still on it.

    The mode is one of 1, L, LA, P, PA, RGB, RGBA, CMYK; 16-bit grey is scaled to L. Raises PhotoError only.
    """
    data = read_bytes(source)
    try:
        picture = pixels_only(data) if is_for_the_web(data) else further_pixels(data)
        if picture.decoder:
            return _decode_apart(picture)
    except ContainerError as error:
        raise PhotoError(str(error)) from error
    image = _open(picture.data)  # reads the header only
    _check_size(image.width, image.height)
    scans = count_scans(picture.data) if image.format == "JPEG" else 0
    if scans > MAX_SCANS or scans * image.width * image.height > MAX_PASSES:
        raise PhotoError("The JPEG file has {count} scans, more than any camera or editor writes.", count=scans)
    try:
        image.load()
        image = _upright_8_bit(image, picture.orientation)
    except Exception as error:  # the decoders raise a dozen unrelated types on damaged data
        raise PhotoError(DAMAGED) from error
    image.info["icc_profile"] = picture.icc_profile
    return image


def _decode_apart(picture: Picture) -> Image.Image:
    """As `open_upright`, of a format whose decoder is not let into this process. Raises ContainerError, PhotoError."""
    decoded = decode_apart(picture.data, picture.decoder, MAX_PIXELS)
    _check_size(*decoded.size)
    if decoded.image is None:
        raise PhotoError(DAMAGED)
    image = _upright_8_bit(decoded.image, picture.orientation if picture.decoder == "TIFF" else decoded.orientation)
    profile = picture.icc_profile or decoded.icc_profile
    image.info["icc_profile"] = profile if profile and len(profile) <= MAX_PROFILE else None
    return image


def _upright_8_bit(image: Image.Image, orientation: int) -> Image.Image:
    if orientation in TURN_UPRIGHT:
        image = image.transpose(TURN_UPRIGHT[orientation])
    return _scale_16_bit(image) if image.mode.startswith("I;16") else image


def read_bytes(source: str | Path | bytes | BinaryIO) -> bytes:
    """The file's bytes, of which at most MAX_BYTES + 1 are ever read. Raises PhotoError."""
    try:
        if isinstance(source, bytes):
            data = source
        elif isinstance(source, (str, Path)):
            with open(source, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        else:
            data = source.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a closed file, a zero byte in the path
        reason = getattr(error, "strerror", None) or "it is not readable"
        raise PhotoError("The file could not be opened: {reason}.", reason=reason) from error
    if len(data) > MAX_BYTES:
        raise PhotoError("The file is larger than {size} MB.", size=MAX_BYTES // 1_000_000)
    return data


def _open(data: bytes) -> Image.Image:
    """Read the header with the allowed decoders."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large() from error
    except Exception as error:
        raise PhotoError(UNREADABLE) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_large()
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            "The picture is {width} x {height} pixels: at least {least} on each side are needed.",
            width=width,
            height=height,
            least=MIN_SIDE,
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PhotoError(
            "The picture is {width} x {height} pixels: one side may be at most {most} times the other.",
            width=width,
            height=height,
            most=MAX_ASPECT,
        )


def _scale_16_bit(image: Image.Image) -> Image.Image:
    """16-bit grey to L; Pillow's own conversion clips at 255 instead."""
    return Image.fromarray(cv2.convertScaleAbs(np.asarray(image).astype(np.uint16), alpha=255 / 65535))


def _flatten(image: Image.Image) -> Image.Image:
    """Put transparent pixels on white; the result has mode L, RGB or CMYK."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(rgba, mask=rgba.getchannel("A"))
        return flat
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _to_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """From the embedded colour profile to sRGB; without a usable profile the values are taken as sRGB."""
    # A chain of processing elements ("mpet") can be made to take minutes; browsers ignore those as well.
    if icc_profile and b"mpet" not in icc_profile:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            in_place = image.mode == "RGB"  # a large photo is 200 MB
            converted = ImageCms.profileToProfile(
                image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB", inPlace=in_place
            )
            return image if converted is None else converted  # None: changed in place
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a broken profile, or one for another colour model, is common and harmless
    return image if image.mode == "RGB" else image.convert("RGB")
