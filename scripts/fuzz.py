"""Feed the decoder damaged and crafted pictures: nothing but PhotoError may come out, in bounded time and memory.

    python scripts/fuzz.py --count 10000

Real JPEG, PNG and WebP files, drawn here or made from examples/, are mutated; known bombs follow, up to the upload
limit. All of it goes through `read_photo` and `read_mask`, in child processes whose memory is limited. Exit status 1
when anything else than a picture or a PhotoError comes out, or a limit is passed.
"""

import argparse
import faulthandler
import io
import json
import multiprocessing
import resource
import struct
import sys
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from unmask.image import MAX_BYTES, PhotoError, read_photo  # noqa: E402
from unmask.masks import read_mask  # noqa: E402

EXAMPLES = ROOT / "examples"
BATCH = 500  # mutations a child process takes
SECONDS = 2.0  # of processor time that one file may take; more counts as a hang
PATIENCE = 300.0  # s of the clock, on however busy a machine, until a child is killed
MEGABYTES = 1500  # that decoding may need beyond what the process has: RLIMIT_AS

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
    """A whole JPEG, PNG or WebP file's head and parts, which joined are the file again."""
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
    else:
        cut(2)
        while data[at + 1] != 0xDA:
            cut(2 + int.from_bytes(data[at + 2 : at + 4], "big"))
        cut(len(data) - at)
    return parts


def mended(parts: list[bytes]) -> bytes:
    """The parts as a file whose lengths and checksums are right again, so that damage gets past them."""
    if parts[0] == PNG_SIGNATURE:
        return PNG_SIGNATURE + b"".join(png_chunk(part[4:8], part[8:-4]) for part in parts[1:])
    if parts[0].startswith(b"RIFF"):
        return webp(b"".join(riff_chunk(part[:4], part[8:]) for part in parts[1:]))
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
    """JPEG, PNG and WebP files as cameras, phones and editors write them."""
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


# ---------------------------------------------------------------- bombs


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


# ---------------------------------------------------------------- running


def memory(field: str) -> float:
    """VmHWM, VmRSS or VmSize of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def examine(data: bytes) -> dict:
    """One file through both readers: what came out, processor time in ms, and the peak of memory in MB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, outcome, start = memory("VmRSS"), {}, time.process_time()
    for name, read in (("photo", read_photo), ("mask", read_mask)):
        try:
            picture = read(data)
            fits = picture.dtype == np.uint8 and picture.ndim == (3 if name == "photo" else 2) and picture.size
            outcome[name] = "accepted" if fits else f"a picture of {picture.dtype} {picture.shape}"
        except PhotoError as error:
            outcome[name] = "refused"
            outcome["reason"] = str(error)
        except BaseException:
            outcome[name] = traceback.format_exc(limit=-3)
        outcome[name + " ms"] = round(1000 * (time.process_time() - start), 1)
        start = time.process_time()
    return outcome | {"MB": round(memory("VmHWM") - before)}


def work(pipe, make: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    """In the child process: examine what `make` yields, telling the parent before and after each."""
    faulthandler.enable()
    warnings.filterwarnings("ignore", category=UserWarning)  # Pillow's on corrupt EXIF
    limit = int((memory("VmSize") + MEGABYTES) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, data in make():
        pipe.send((name, None))
        pipe.send((name, examine(data)))
    pipe.close()


def run_child(make: Callable[[], Iterator[tuple[str, bytes]]]) -> Iterator[tuple[str, dict]]:
    """The outcome of each file, from a child process; that of a crash or a hang for the one that did it."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=work, args=(theirs, make), daemon=True)
    child.start()
    theirs.close()
    name = "the first file"
    try:
        while True:
            if not ours.poll(PATIENCE):
                yield name, {"photo": f"no answer in {PATIENCE:.0f} s", "mask": "", "MB": 0}
                return
            name, outcome = ours.recv()
            if outcome is not None:
                yield name, outcome
    except EOFError:
        child.join()
        if child.exitcode:
            yield name, {"photo": f"the process ended with status {child.exitcode}", "mask": "", "MB": 0}
    finally:
        child.kill()
        child.join()


def fault(outcome: dict, seconds: float) -> str | None:
    """What is wrong with an outcome, if anything is."""
    for name in ("photo", "mask"):
        if outcome[name] not in ("accepted", "refused"):
            return outcome[name] or outcome["photo"]
        if outcome[name + " ms"] > 1000 * seconds:
            return f"{name}: {outcome[name + ' ms']:.0f} ms"
    return None


def fuzz(count: int, seed: int = 0, seconds: float = SECONDS) -> dict:
    """`count` mutations: how many were accepted and refused, the slowest, the largest, and what went wrong."""
    files = real_files()

    def batch(first: int, last: int) -> Iterator[tuple[str, bytes]]:
        for index in range(first, last):
            yield str(index), mutation(seed, index, files)

    outcomes, done = [], 0
    while done < count:
        # A batch that was cut short by a crash goes on behind it.
        for name, outcome in run_child(lambda: batch(done, min(done + BATCH, count))):  # noqa: B023
            outcomes.append((name, outcome))
        done = int(outcomes[-1][0]) + 1
    return summary(outcomes, seconds)


def explode(
    size: int = MAX_BYTES, megapixels: float = 49.0, only: str = ""
) -> Iterator[tuple[str, dict]]:
    """The outcome of every bomb with `only` in its name, each from a child process of its own."""
    for name, make in bombs(size, megapixels).items():
        if only in name:
            yield from run_child(lambda: iter([(name, make())]))  # noqa: B023


def summary(outcomes: list[tuple[str, dict]], seconds: float) -> dict:
    ways = Counter(outcome[kind] for _, outcome in outcomes for kind in ("photo", "mask"))
    slowest = max((outcome.get(f"{kind} ms", 0), name) for name, outcome in outcomes for kind in ("photo", "mask"))
    largest = max((outcome["MB"], name) for name, outcome in outcomes)
    return {
        "files": len(outcomes),
        "accepted": sum(outcome["photo"] == "accepted" for _, outcome in outcomes),
        "refused": sum(outcome["photo"] == "refused" for _, outcome in outcomes),
        "accepted as a mask": sum(outcome["mask"] == "accepted" for _, outcome in outcomes),
        "slowest": {"ms": slowest[0], "file": slowest[1]},
        "peak": {"MB": largest[0], "file": largest[1]},
        "outcomes": len(ways),
        "faults": {name: why for name, outcome in outcomes if (why := fault(outcome, seconds))},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="mutations (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same number gives the same files")
    parser.add_argument("--save", type=int, metavar="INDEX", help="only write that mutation to standard output")
    parser.add_argument("--no-bombs", action="store_true", help="mutations alone")
    parser.add_argument("--bomb", default="", help="only the bombs with this in their name")
    args = parser.parse_args()
    if args.save is not None:
        sys.stdout.buffer.write(mutation(args.seed, args.save, real_files()))
        return 0
    faults = {}
    if not args.no_bombs:
        print("| bomb | photo | ms | mask | ms | peak MB |\n|---|---|---|---|---|---|", flush=True)
        for name, outcome in explode(only=args.bomb):
            row = (str(outcome.get(key, "")) for key in ("photo", "photo ms", "mask", "mask ms", "MB"))
            print("|", name, "|", " | ".join(each.strip().rpartition("\n")[2] for each in row), "|", flush=True)
            if why := fault(outcome, SECONDS):
                faults[name] = why
    if args.count:
        report = fuzz(args.count, args.seed)
        faults |= report.pop("faults")
        print(json.dumps(report, indent=2))
    for name, why in faults.items():
        print(f"FAULT {name}: {why}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
