"""What of an untrusted picture file the decoders get to see: its pixels, and nothing else.

JPEG, PNG and WebP files are lists of parts. A crafted file of 30 MB can hold millions of them, or EXIF entries
that unfold to gigabytes, and Pillow spends seconds to minutes on those before the first pixel. So the parts are
walked here, a bounded number of them; only those that carry pixels are put together again for Pillow, and the
two things of the rest that matter, the orientation and the colour profile, are read with limits of their own.
Comments, places, thumbnails, further pictures and further frames never reach a decoder.
"""

import re
import struct
import zlib
from dataclasses import dataclass

# A PNG of 30 MB in libpng's blocks of 8 kB has 4,000 parts; one JPEG segment may hold 64 kB, so 30 MB take 460.
MAX_PARTS = 50_000
MAX_TABLES = 1 << 18  # bytes of a JPEG's tables and colour markers, which are 1 kB; the decoder's time grows with them
MAX_PROFILE = 4 << 20  # bytes of a colour profile; those of printing presses have 2 MB

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Optional parts of the three formats are told by these; all else that is optional is left out.
PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IEND")  # and IDAT, whose chunks are joined
WEBP_PIXELS = (b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF")
WEBP_ALPHA_AND_ANIMATION = 0x10 | 0x02  # flags of VP8X; the others announce what is left out

JPEG_MARKER = re.compile(rb"\xff[\x01-\xfe]")  # what is between two segments is skipped, as libjpeg skips it
JPEG_BARE = (0x01, *range(0xD0, 0xD9))  # markers without a length
JPEG_TABLES = (*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDD)  # SOF, DHT, DAC, DQT, DRI
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
# A scan's header as libjpeg takes it, for one to four components.
SCAN_HEADER = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")

ORIENTATION_TAG = 0x0112
TIFF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # its first bytes -> the order of bytes in its numbers
SHORT, LONG = 3, 4  # TIFF's types of a whole number

UNREADABLE = "The file is not a readable JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF picture."
DAMAGED = "The picture file is damaged or incomplete."
TOO_MANY = f"The picture file has more than {MAX_PARTS:,} parts, which no camera or editor writes."


class ContainerError(ValueError):
    """No picture can be taken from the file; the message is one sentence for the visitor."""


@dataclass(frozen=True)
class Picture:
    """A file that holds one picture's pixels, and what its metadata said about them."""

    data: bytes
    orientation: int = 1  # EXIF's, 1-8
    icc_profile: bytes | None = None
    decoder: str = ""  # HEIC, AVIF or TIFF where it is to be decoded apart, see sandbox.py


def is_for_the_web(data: bytes) -> bool:
    """Whether it begins as a JPEG, PNG or WebP file does."""
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith((b"\xff\xd8\xff", PNG_SIGNATURE)) or webp


def pixels_only(data: bytes) -> Picture:
    """The first picture of a JPEG, PNG or WebP file, its format told by its content. Raises ContainerError."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(PNG_SIGNATURE):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    raise ContainerError(UNREADABLE)


def count_scans(jpeg: bytes) -> int:
    """How many scans a JPEG file has: each costs a pass over all its pixels, for as little as 60 bytes."""
    return len(SCAN_HEADER.findall(jpeg))


def _jpeg(data: bytes) -> Picture:
    kept, size, exif, at = [b"\xff\xd8"], 0, b"", 2
    profile: dict[int, bytes] = {}
    for _ in range(MAX_PARTS):
        marker = JPEG_MARKER.search(data, at)
        if marker is None or data[marker.start() + 1] == END_OF_IMAGE:
            raise ContainerError(DAMAGED)
        at, code = marker.start(), data[marker.start() + 1]
        if code == START_OF_SCAN:  # the pixels: nothing from here on is looked at but by libjpeg
            orientation = orientation_of_tiff(exif)
            return Picture(b"".join((*kept, memoryview(data)[at:])), orientation, _joined_profile(profile))
        if code in JPEG_BARE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            raise ContainerError(DAMAGED)
        body = data[at + 4 : min(at + 2 + length, at + 22)]  # enough to tell what it is
        # JFIF's and Adobe's markers say what the three or four channels mean.
        if code in JPEG_TABLES or (code, body[:5]) in ((0xE0, b"JFIF\0"), (0xEE, b"Adobe")):
            kept.append(data[at : at + 2 + length])
            size += length
            if size > MAX_TABLES:
                raise ContainerError(DAMAGED)
        elif code == 0xE1 and body.startswith(b"Exif\0") and not exif:
            exif = data[at + 10 : at + 2 + length]
        elif code == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) >= 14:
            profile.setdefault(body[12], data[at + 18 : at + 2 + length])  # parts are numbered from 1
        at += 2 + length
    raise ContainerError(TOO_MANY)


def _joined_profile(parts: dict[int, bytes]) -> bytes | None:
    profile = b"".join(parts[number] for number in sorted(parts))
    return profile if 0 < len(profile) <= MAX_PROFILE else None


def _png(data: bytes) -> Picture:
    kept: list[bytes | memoryview] = [PNG_SIGNATURE]
    pixels: list[memoryview] = []
    orientation, profile = 1, None
    checksum = zlib.crc32(b"IDAT")  # of the joined chunk
    view, at = memoryview(data), len(PNG_SIGNATURE)
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            raise ContainerError(DAMAGED)
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ContainerError(DAMAGED)
        body = view[at + 8 : end - 4]
        if kind == b"IDAT" or kind in PNG_PIXELS:
            if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(view[end - 4 : end], "big"):
                raise ContainerError(DAMAGED)
            if kind == b"IDAT":
                pixels.append(body)
                checksum = zlib.crc32(body, checksum)
            elif kind == b"IEND":
                # One chunk in the place of many: for each, Pillow would run a dozen lines of Python.
                size = sum(map(len, pixels)).to_bytes(4, "big")
                last = view[at:end]
                joined = b"".join((*kept, size, b"IDAT", *pixels, checksum.to_bytes(4, "big"), last))
                return Picture(joined, orientation, profile)
            elif not pixels:  # what describes the pixels stands before them
                kept.append(view[at:end])
        elif kind == b"eXIf":
            orientation = orientation_of_tiff(bytes(body[: 1 << 16]))
        elif kind == b"iCCP":
            profile = _inflated_profile(bytes(body))
        at = end
    raise ContainerError(TOO_MANY)


def _inflated_profile(body: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a zero, the method, and the compressed profile."""
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(body[body.index(0) + 2 :], MAX_PROFILE)
    except (ValueError, zlib.error):
        return None
    return profile if inflate.eof else None


def _webp(data: bytes) -> Picture:
    kept: dict[bytes, bytes] = {}  # the first of each kind, which is that of the first frame
    orientation, profile = 1, None
    end = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise ContainerError(DAMAGED)
        body = memoryview(data)[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if kind in kept:
            continue
        if kind == b"VP8X" and length == 10:
            kept[kind] = bytes([body[0] & WEBP_ALPHA_AND_ANIMATION]) + body[1:]
        elif kind in WEBP_PIXELS:
            kept[kind] = bytes(body)
        elif kind == b"EXIF":
            orientation = orientation_of_tiff(bytes(body[: 1 << 16]).removeprefix(b"Exif\0\0"))
        elif kind == b"ICCP" and length <= MAX_PROFILE:
            profile = bytes(body)
    else:
        raise ContainerError(TOO_MANY)
    chunks = b"".join(
        kind + struct.pack("<I", len(each)) + each + b"\0" * (len(each) % 2) for kind, each in kept.items()
    )
    return Picture(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks, orientation, profile)


def orientation_of_tiff(tiff: bytes) -> int:
    """EXIF's orientation, 1-8; an unreadable block counts as upright, as in every browser."""
    order = TIFF_ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count = struct.unpack_from(order + "HHI", tiff, at)
        if tag == ORIENTATION_TAG:
            if kind not in (SHORT, LONG) or count != 1:
                return 1
            (value,) = struct.unpack_from(order + ("H" if kind == SHORT else "I"), tiff, at + 8)
            return value if 1 <= value <= 8 else 1
    return 1
