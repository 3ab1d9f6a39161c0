"""GIF, BMP, TIFF, HEIC and AVIF files as the decoders get to see them; see container.py for the why.

Of a GIF, its first frame is kept; of a TIFF, the entries of its first page that describe pixels. A BMP is checked
alone, for it is no more than its pixels. HEIC and AVIF are told by their brands; their parts point at each other, and
are left to the decoder, in a process of its own.
"""

import struct

from unmask.imaging.container import (
    DAMAGED,
    MAX_PROFILE,
    TIFF_ORDERS,
    TOO_MANY,
    UNREADABLE,
    ContainerError,
    Picture,
    orientation_of_tiff,
)

MAX_BLOCKS = 200_000  # of a GIF's pixels: in blocks of 255 bytes, 30 MB have 120,000
MAX_BOXES = 1_000  # of a HEIC or AVIF file, on the outermost level; they have five
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1")

TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}  # bytes of a value, by its type; no other is needed for pixels
COMPRESSION, BITS, SAMPLE_FORMAT, PROFILE = 259, 258, 339, 34675
# Size, bits, compression, meaning, strips, samples, planes, predictor, palette, tiles, alpha, format.
TIFF_PIXELS = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339)
TIFF_COMPRESSIONS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, packed bits, deflate; not JPEG, fax or video
MAX_ENTRIES = 1_000  # of a TIFF's page, which mostly has twenty
MAX_VALUES = 4 << 20  # bytes of their values, of which the places of strips are the largest


def further_pixels(data: bytes) -> Picture:
    """The first picture of a file in one of these formats, told by its content. Raises ContainerError."""
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return _gif(data)
    if data[:2] == b"BM":
        return _bmp(data)
    if data[:4] in TIFF_ORDERS:
        return _tiff(data)
    if data[4:8] == b"ftyp":
        return _boxes(data)
    raise ContainerError(UNREADABLE)


def _gif(data: bytes) -> Picture:
    if len(data) < 13:
        raise ContainerError(DAMAGED)
    at = 13 + _palette_size(data[10])
    kept = [data[:at]]
    for _ in range(MAX_BLOCKS):  # extensions, up to the first frame
        kind = data[at : at + 1]
        if kind == b",":
            start = at + 10 + _palette_size(data[at + 9 : at + 10][0] if len(data) > at + 9 else 0) + 1
            return Picture(b"".join((*kept, data[at : _end_of_blocks(data, start)], b";")))
        if kind != b"!":
            raise ContainerError(DAMAGED)
        end = _end_of_blocks(data, at + 2)
        if data[at + 1] == 0xF9 and len(kept) < 3:  # tells the transparent colour
            kept.append(data[at:end])
        at = end
    raise ContainerError(TOO_MANY)


def _palette_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _end_of_blocks(data: bytes, at: int) -> int:
    """Where a GIF's chain of blocks ends, each with its length before it, the last of length 0."""
    for _ in range(MAX_BLOCKS):
        if at >= len(data):
            raise ContainerError(DAMAGED)
        length = data[at]
        at += 1 + length
        if length == 0:
            return at
    raise ContainerError(TOO_MANY)


def _bmp(data: bytes) -> Picture:
    if len(data) < 54:
        raise ContainerError(DAMAGED)
    size, compression = struct.unpack_from("<I", data, 14)[0], struct.unpack_from("<I", data, 30)[0]
    # Run lengths are unpacked by a loop in Python, a second for each megabyte; no program of today writes them.
    if size >= 40 and compression not in (0, 3, 6):
        raise ContainerError(UNREADABLE)
    return Picture(data)


def _tiff(data: bytes) -> Picture:
    order = TIFF_ORDERS[data[:4]]
    orientation = orientation_of_tiff(data)
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        entries = [struct.unpack_from(order + "HHI", data, start + 2 + 12 * i) for i in range(min(count, MAX_ENTRIES))]
    except struct.error as error:
        raise ContainerError(DAMAGED) from error
    if count > MAX_ENTRIES:
        raise ContainerError(TOO_MANY)
    kept: dict[int, tuple[int, int, bytes]] = {}
    profile, total = None, 0
    for index, (tag, kind, length) in enumerate(entries):
        if tag not in (*TIFF_PIXELS, PROFILE) or tag in kept:
            continue
        size, place = TIFF_SIZES.get(kind, 0) * length, start + 10 + 12 * index
        if size > 4:
            place = int.from_bytes(data[place : place + 4], "little" if order == "<" else "big")
        value = data[place : place + size]
        total += size
        if not size or len(value) < size or total > MAX_VALUES:
            raise ContainerError(DAMAGED)
        if tag == PROFILE:
            profile = value if size <= MAX_PROFILE else None
        else:
            kept[tag] = kind, length, value

    def numbers(tag: int, default: int) -> tuple[int, ...]:
        kind, length, value = kept.get(tag, (3, 1, struct.pack(order + "H", default)))
        return struct.unpack(f"{order}{min(length, 8)}{' B HI'[kind]}", value[: TIFF_SIZES[kind] * min(length, 8)])

    whole = all(kind in (1, 3, 4) for kind, _, _ in kept.values())
    if not whole or numbers(COMPRESSION, 1)[0] not in TIFF_COMPRESSIONS:
        raise ContainerError(UNREADABLE)
    if set(numbers(SAMPLE_FORMAT, 1)) != {1} or not set(numbers(BITS, 1)) <= {1, 2, 4, 8, 16}:
        raise ContainerError(UNREADABLE)
    return Picture(_rebuilt(data, order, kept), orientation, profile, decoder="TIFF")


def _rebuilt(data: bytes, order: str, kept: dict[int, tuple[int, int, bytes]]) -> bytes:
    """The file with another table of entries behind its pixels, and no other page."""
    start = len(data) + len(data) % 2
    after, late = start + 2 + 12 * len(kept) + 4, b""
    table = struct.pack(order + "H", len(kept))
    for tag in sorted(kept):
        kind, length, value = kept[tag]
        table += struct.pack(order + "HHI", tag, kind, length)
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", after + len(late))
            late += value + b"\0" * (len(value) % 2)
    head = data[:4] + struct.pack(order + "I", start)
    return b"".join((head, memoryview(data)[8:], b"\0" * (len(data) % 2), table, bytes(4), late))


def _boxes(data: bytes) -> Picture:
    """A HEIC or AVIF file, as it is: its parts tell each other's places in the file."""
    (size,) = struct.unpack_from(">I", data)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(size, 200, len(data)), 4))]
    at = 0
    for _ in range(MAX_BOXES):
        if at + 8 > len(data):
            break
        size, header = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size and size < header:
            raise ContainerError(DAMAGED)
        at = at + size if size else len(data)
    else:
        raise ContainerError(TOO_MANY)
    if any(brand in AVIF_BRANDS for brand in brands):
        return Picture(data, decoder="AVIF")
    if any(brand in HEIC_BRANDS for brand in brands):
        return Picture(data, decoder="HEIC")
    raise ContainerError(UNREADABLE)
