"""Damaged pictures for scripts/fuzz.py: real files of every format, cut at their parts, and mutated."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, HEIC = ROOT / "examples", ROOT / "tests" / "unmask" / "pictures"

# ---------------------------------------------------------------- the parts of a file

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def webp(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def split(data: bytes) -> list[bytes]:
    """A whole file's head and parts, which joined are the file again; GIF, BMP and TIFF have one part."""
    parts, at = [], 0

    def cut(length: int) -> None:
        nonlocal at
        parts.append(data[at : at + length])
        at += length

    if data.startswith(PNG_SIGNATURE):
        cut(8)
        while at < len(data):
            cut(12 + int.from_bytes(data[at : at + 4], "big"))
    elif data.startswith(b"RIFF"):
        cut(12)
        while at < len(data):
            length = int.from_bytes(data[at + 4 : at + 8], "little")
            cut(8 + length + length % 2)
    elif is_boxed(data):
        cut(0)
        while at < len(data):
            cut(int.from_bytes(data[at : at + 4], "big"))
    elif not data.startswith(b"\xff\xd8"):
        cut(8)
        cut(len(data) - at)
    else:
        cut(2)
        while data[at + 1] != 0xDA:
            cut(2 + int.from_bytes(data[at + 2 : at + 4], "big"))
        cut(len(data) - at)
    return parts


def is_boxed(data: bytes) -> bool:
    """Whether it is a HEIC or AVIF file."""
    return data[4:8] == b"ftyp"


def mended(parts: list[bytes]) -> bytes:
    """The parts as a file whose lengths and checksums are right again, so that damage gets past them."""
    if parts[0] == PNG_SIGNATURE:
        return PNG_SIGNATURE + b"".join(png_chunk(part[4:8], part[8:-4]) for part in parts[1:])
    if parts[0].startswith(b"RIFF"):
        return webp(b"".join(riff_chunk(part[:4], part[8:]) for part in parts[1:]))
    if is_boxed(parts[1]):
        return b"".join(struct.pack(">I", len(part)) + part[4:] for part in parts[1:])
    if not parts[0].startswith(b"\xff\xd8"):
        return b"".join(parts)
    whole = [part[:2] + struct.pack(">H", len(part) - 2 & 0xFFFF) + part[4:] for part in parts[1:-1]]
    return parts[0] + b"".join(whole) + parts[-1]


# ---------------------------------------------------------------- the files that are damaged


def drawn(height: int, width: int, seed: int) -> np.ndarray:
    """A colourful RGB uint8 picture."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def encode(picture: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def real_files() -> list[bytes]:
    """Files as cameras, phones and editors write them. Those of HEIC are drawn pictures, too, made beforehand."""
    picture = Image.fromarray(drawn(96, 128, 0))
    example = Image.open(EXAMPLES / "hopper-kn95.png").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    about = {"exif": exif.tobytes(), "icc_profile": icc}
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)], "duration": 50}
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "text " * 50, zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    return [
        encode(picture, "JPEG", comment=b"a remark", **about),
        encode(picture, "JPEG", progressive=True, subsampling=0, quality=95),
        encode(picture, "JPEG", restart_marker_blocks=4, optimize=True),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture.convert("L"), "JPEG"),
        encode(example, "JPEG", quality=85, **about),
        encode(picture, "MPO", save_all=True, append_images=[picture.rotate(90)]),
        encode(picture, "PNG", pnginfo=text, dpi=(72, 72), **about),
        encode(picture.convert("RGBA"), "PNG"),
        encode(picture.convert("P"), "PNG", transparency=b"\x00\x80\xff"),
        encode(picture.convert("LA"), "PNG"),
        encode(Image.fromarray(np.arange(96 * 128, dtype=np.uint16).reshape(96, 128)), "PNG"),
        encode(picture.convert("1"), "PNG"),
        encode(picture, "PNG", **frames),
        encode(example, "PNG"),
        encode(picture, "WEBP", **about),
        encode(picture, "WEBP", lossless=True),
        encode(picture.convert("RGBA"), "WEBP", quality=50, **about),
        encode(picture.convert("RGBA"), "WEBP", **frames),
        encode(example, "WEBP"),
        encode(picture.convert("P"), "GIF", transparency=3, save_all=True, append_images=[picture.rotate(90)]),
        encode(picture, "BMP"),
        encode(picture, "TIFF", compression="tiff_lzw", icc_profile=icc),
        encode(picture.convert("RGBA"), "TIFF"),
        encode(picture, "AVIF", **about),
        *(path.read_bytes() for path in sorted(HEIC.glob("*.heic"))),
    ]


# ---------------------------------------------------------------- damage


def flip_bits(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    damaged = bytearray(data)
    # Headers carry the structure: half of the damage goes into the first 100 bytes.
    reach = len(data) if rng.random() < 0.5 else min(100, len(data))
    for at in rng.integers(0, reach, rng.integers(1, 9)):
        damaged[at] ^= 1 << rng.integers(8)
    return bytes(damaged)


def set_bytes(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    damaged = bytearray(data)
    at = int(rng.integers(len(data)))
    run = int(rng.integers(1, 64))
    damaged[at : at + run] = bytes([rng.choice((0, 0x7F, 0x80, 0xFF))]) * len(damaged[at : at + run])
    return bytes(damaged)


def truncate(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    return data[: rng.integers(len(data))]


def delete_or_repeat(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    start, end = sorted(rng.integers(0, len(data), 2))
    return data[:start] + data[start:end] * int(rng.choice((0, 2, 3))) + data[end:]


def splice(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    other = others[rng.integers(len(others))]
    return data[: rng.integers(len(data))] + other[rng.integers(len(other)) :]


def shuffle_parts(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    """Repeat, drop, move or swap in another file's chunks and segments."""
    head, *parts = split(data)
    for _ in range(rng.integers(1, 4)):
        at, to = rng.integers(0, len(parts), 2)
        match rng.integers(4):
            case 0:
                parts[to:to] = [parts[at]] * int(rng.choice((1, 2, 50)))
            case 1 if len(parts) > 1:
                del parts[at]
            case 2:
                parts[at], parts[to] = parts[to], parts[at]
            case _:
                foreign = split(others[rng.integers(len(others))])[1:]
                parts.insert(to, foreign[rng.integers(len(foreign))])
    return head + b"".join(parts)


def damage_within(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    """Damage one part's content, EXIF, profile, tables or pixels, and set its length and checksum right again."""
    head, *parts = split(data)
    at = rng.integers(len(parts))
    body = parts[at][8:-4]
    if len(body) > 1:
        damage = (flip_bits, set_bytes, truncate, delete_or_repeat)[rng.integers(4)]
        parts[at] = parts[at][:8] + damage(rng, body, others) + parts[at][-4:]
    try:
        return mended([head, *parts])
    except struct.error:  # a part that has become too short to have a length
        return head + b"".join(parts)


def set_size(rng: np.random.Generator, data: bytes, others: list[bytes]) -> bytes:
    """Another width and height in the header, with the checksum that belongs to it."""
    width, height = (int(rng.choice((0, 1, 31, 127, 1000, 7000, 16383, 65535))) for _ in range(2))
    head, *parts = split(data)
    for index, part in enumerate(parts):
        if head == PNG_SIGNATURE and part[4:8] == b"IHDR":
            parts[index] = png_chunk(b"IHDR", struct.pack(">II", width, height) + part[16:-4])
        elif part[:4] == b"VP8X":
            parts[index] = part[:12] + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3] + part[18:]
        elif part[:4] == b"VP8 ":
            parts[index] = part[:14] + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF) + part[18:]
        elif part[:4] == b"VP8L":
            parts[index] = part[:9] + struct.pack("<I", width & 0x3FFF | (height & 0x3FFF) << 14) + part[13:]
        elif head[:4] == b"GIF8":
            head = head[:6] + struct.pack("<H", width)
        elif head[:2] == b"BM":
            parts[index] = part[:10] + struct.pack("<II", width, height) + part[18:]
        elif head == b"\xff\xd8" and part[1] in (0xC0, 0xC2):
            parts[index] = part[:5] + struct.pack(">HH", height, width) + part[9:]
    return head + b"".join(parts)


DAMAGE = (flip_bits, set_bytes, truncate, delete_or_repeat, splice, shuffle_parts, damage_within, set_size)


def mutation(seed: int, index: int, files: list[bytes]) -> bytes:
    """The index-th mutation: always the same bytes for a seed."""
    rng = np.random.default_rng([seed, index])
    data = files[rng.integers(len(files))]
    damaged = DAMAGE[rng.integers(len(DAMAGE))](rng, data, files)
    return flip_bits(rng, damaged, files) if len(damaged) > 8 and rng.random() < 0.2 else damaged
