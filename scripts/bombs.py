"""Crafted pictures for scripts/fuzz.py: small files that unfold, and files that are slow to read."""

import struct
import zlib
from collections.abc import Callable

from damaged_files import PNG_SIGNATURE, drawn, encode, png_chunk, riff_chunk, segment, webp
from PIL import Image, ImageCms

from unmask.imaging.reader import MAX_BYTES


def unfolding_exif(size: int) -> bytes:
    """EXIF of `size` bytes at most, of which each of 65,535 entries claims as much as there is."""
    entries = min(65_535, size // 24)
    claimed = size - 8 - 12 * entries
    directory = b"".join(struct.pack("<HHII", tag, 7, claimed, 8) for tag in range(entries))
    return struct.pack("<2sHIH", b"II", 42, 8, entries) + directory + bytes(claimed)


def slow_profile(size: int) -> bytes:
    """A colour profile of about `size` bytes: a chain of curves and matrices, each named a great many times."""
    matrix = b"matf" + bytes(4) + struct.pack(">HH12f", 3, 3, 0.9, 0.1, 0, 0, 0.9, 0.1, 0.1, 0, 0.9, 0, 0, 0)
    formula = b"parf" + bytes(4) + struct.pack(">HH4f", 0, 0, 1.1, 0.9, 0.01, 0.0)
    curve = b"curf" + bytes(4) + struct.pack(">HH", 1, 0) + formula
    curves = b"cvst" + bytes(4) + struct.pack(">HH", 3, 3) + struct.pack(">II", 36, len(curve)) * 3 + curve
    count = size // 16 * 2
    first = 16 + 8 * count
    positions = struct.pack(">IIII", first, len(matrix), first + len(matrix), len(curves)) * (count // 2)
    tag = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, count) + positions + matrix + curves
    head = struct.pack(">I4xI", 144 + len(tag), 0x04300000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)  # the profile connection space is lit by D50
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"D2B0", 144, len(tag)) + tag


def in_segments(code: int, start: bytes, body: bytes, numbered: bool = False) -> bytes:
    """A body cut into JPEG segments as EXIF and profiles are."""
    pieces = [body[at : at + 65_000] for at in range(0, len(body), 65_000)][:255]
    numbers = [bytes([i + 1, len(pieces)]) if numbered else b"" for i in range(len(pieces))]
    return b"".join(segment(code, start + number + piece) for number, piece in zip(numbers, pieces))


def flat_webp(width: int, height: int) -> bytes:
    return encode(Image.new("RGB", (width, height), "gray"), "WEBP", lossless=True, method=0)


def bombs(size: int = MAX_BYTES, megapixels: float = 49.0) -> dict[str, Callable[[], bytes]]:
    """Crafted files by name, of at most `size` bytes and, where they are valid pictures, so many megapixels."""
    picture = Image.fromarray(drawn(96, 128, 0))
    jpeg, png, still = (encode(picture, format) for format in ("JPEG", "PNG", "WEBP"))
    png_head, png_tail = png[:33], png[33:]  # the signature and IHDR; the rest
    sos = jpeg.index(b"\xff\xda")
    sof = jpeg.index(b"\xff\xc0")
    side = int((megapixels * 1e6) ** 0.5)
    room = size - 100_000
    vp8 = still[12:]
    extended = riff_chunk(b"VP8X", b"\x02\0\0\0" + struct.pack("<I", 127)[:3] + struct.pack("<I", 95)[:3])
    extended += riff_chunk(b"ANIM", bytes(6))
    frame_head = bytes(6) + struct.pack("<I", 127)[:3] + struct.pack("<I", 95)[:3] + b"\x32\0\0\0"
    frame = riff_chunk(b"ANMF", frame_head + vp8)

    def in_png(*chunks: bytes) -> bytes:
        return png_head + b"".join(chunks) + png_tail

    def in_jpeg(at: int, extra: bytes) -> bytes:
        return jpeg[:at] + extra + jpeg[at:]

    def plain_png(width: int, height: int, rows: bytes, interlaced: bool = False, color: int = 0) -> bytes:
        header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, interlaced))
        return PNG_SIGNATURE + header + png_chunk(b"IDAT", zlib.compress(rows, 1)) + png_chunk(b"IEND", b"")

    def many_scans(scans: int) -> bytes:
        progressive = encode(Image.new("L", (side, side), 99), "JPEG", progressive=True)
        last = progressive[progressive.rindex(b"\xff\xda") : -2]
        return progressive[:-2] + last * scans + progressive[-2:]

    def pixels(interlaced: bool = False, color: int = 0) -> bytes:
        channels = {0: 1, 2: 3, 6: 4}[color]
        # Interlaced rows are shorter but more: twice as many filter bytes do.
        return plain_png(side, side, bytes((channels * side + 3) * side), interlaced, color)

    def turned() -> bytes:
        exif = Image.Exif()
        exif[0x0112] = 5
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        return encode(Image.new("RGB", (side, side), "gray"), "JPEG", exif=exif, icc_profile=icc)

    def apng() -> bytes:
        control = struct.pack(">IIIIIHHBB", 0, 128, 96, 0, 0, 1, 10, 0, 0)
        frames = b"".join(
            png_chunk(b"fcTL", control) + png_chunk(b"fdAT", struct.pack(">I", 1)) for _ in range(room // 58)
        )
        return in_png(png_chunk(b"acTL", struct.pack(">II", room // 58, 0)), frames)

    def compressed(bytes_out: int) -> bytes:
        squeeze = zlib.compressobj(9)
        block = bytes(1_000_000)
        return b"".join(squeeze.compress(block) for _ in range(bytes_out // len(block))) + squeeze.flush()

    def slow_jpeg_profile() -> bytes:
        profile = in_segments(0xE2, b"ICC_PROFILE\0", slow_profile(min(4_000_000, room)), numbered=True)
        return jpeg[:2] + profile + jpeg[2:]

    return {
        "PNG: 20,000 x 20,000": lambda: plain_png(20_000, 20_000, bytes(20_001 * 100)),
        "PNG: grey pixels": pixels,
        "PNG: transparent pixels": lambda: pixels(color=6),
        "PNG: interlaced pixels": lambda: pixels(interlaced=True, color=2),
        "PNG: empty text chunks": lambda: in_png(png_chunk(b"tEXt", b"") * (room // 12)),
        "PNG: empty pixel chunks": lambda: in_png(png_chunk(b"IDAT", b"") * (room // 12)),
        "PNG: as many pixel chunks as allowed": lambda: in_png(png_chunk(b"IDAT", b"") * 49_990),
        "PNG: animation of empty frames": apng,
        "PNG: text that unfolds": lambda: in_png(*[png_chunk(b"zTXt", b"a\0\0" + compressed(60_000_000))] * 9),
        "PNG: profile that unfolds": lambda: in_png(png_chunk(b"iCCP", b"a\0\0" + compressed(1_000_000_000))),
        "PNG: slow profile": lambda: in_png(
            png_chunk(b"iCCP", b"a\0\0" + zlib.compress(slow_profile(min(4_000_000, room)), 1))
        ),
        "PNG: EXIF that unfolds": lambda: in_png(png_chunk(b"eXIf", unfolding_exif(room))),
        "PNG: huge palette": lambda: in_png(png_chunk(b"PLTE", bytes(room // 3 * 3))),
        "JPEG: empty segments": lambda: in_jpeg(2, segment(0xFE, b"") * (room // 4)),
        "JPEG: empty segments after the header": lambda: in_jpeg(sos, segment(0xE5, b"") * (room // 4)),
        "JPEG: empty segments behind the scan": lambda: in_jpeg(len(jpeg) - 2, segment(0xFE, b"") * (room // 4)),
        "JPEG: as many segments as allowed": lambda: in_jpeg(2, segment(0xFE, b"") * 49_980),
        "JPEG: fill bytes": lambda: in_jpeg(2, b"\xff" * room),
        "JPEG: noise between segments": lambda: in_jpeg(2, b"\0" * room),
        "JPEG: restart markers": lambda: in_jpeg(2, b"\xff\xd0" * (room // 2)),
        "JPEG: tables": lambda: in_jpeg(sof, segment(0xDB, (b"\0" + bytes(range(1, 65))) * 1000) * (room // 65_004)),
        "JPEG: as many scans as allowed": lambda: many_scans(24),
        "JPEG: 5,000 scans": lambda: many_scans(5_000),
        "JPEG: turned pixels with a profile": turned,
        "JPEG: EXIF in many segments": lambda: in_jpeg(2, in_segments(0xE1, b"Exif\0\0", unfolding_exif(room))),
        "JPEG: EXIF in one segment": lambda: in_jpeg(2, segment(0xE1, b"Exif\0\0" + unfolding_exif(65_000))),
        "JPEG: profile in 255 segments": lambda: in_jpeg(2, in_segments(0xE2, b"ICC_PROFILE\0", bytes(room), True)),
        "JPEG: slow profile": slow_jpeg_profile,
        "JPEG: Photoshop blocks": lambda: in_jpeg(
            2, segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5000) * (room // 60_018)
        ),
        "WebP: flat pixels": lambda: flat_webp(16_383, int(megapixels * 1e6) // 16_383),
        "WebP: empty chunks": lambda: webp(vp8 + riff_chunk(b"XXXX", b"") * (room // 8)),
        "WebP: animation of small frames": lambda: webp(extended + frame * (room // len(frame))),
        "WebP: empty chunks in a frame": lambda: webp(
            extended + riff_chunk(b"ANMF", frame_head + vp8 + riff_chunk(b"XXXX", b"") * (room // 8))
        ),
        "WebP: huge canvas": lambda: webp(
            riff_chunk(b"VP8X", b"\x02\0\0\0\xff\x3f\0\xff\x3f\0") + riff_chunk(b"ANIM", bytes(6)) + frame
        ),
        "WebP: EXIF that unfolds": lambda: webp(
            riff_chunk(b"VP8X", b"\x08\0\0\0" + extended[12:18]) + vp8 + riff_chunk(b"EXIF", unfolding_exif(room))
        ),
        "WebP: huge profile": lambda: webp(
            riff_chunk(b"VP8X", b"\x20\0\0\0" + extended[12:18]) + riff_chunk(b"ICCP", bytes(room)) + vp8
        ),
    }
