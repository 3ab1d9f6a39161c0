"""Files that are refused, or read in part: broken ones, and those made to cost time or memory."""

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.unmask.made_files import encode, png_chunk, raw_png, smooth_picture
from unmask.imaging import reader
from unmask.imaging.container import pixels_only
from unmask.imaging.reader import PhotoError, read_photo

PATH = Path(__file__).resolve().parents[2] / "scripts" / "fuzz.py"


def refusal(source) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(source)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and 10 < len(message) < 160
    return message


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n", b"RIFF\x10\0\0\0WEBP"])
def test_no_picture(data):
    assert "not a readable JPEG, PNG, WebP" in refusal(data)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xd9"])
def test_nothing_but_a_beginning(data):
    assert "damaged or incomplete" in refusal(data)


@pytest.mark.parametrize("format", ["PPM", "ICO", "JPEG2000", "PDF", "TGA", "PCX"])
def test_other_formats(tmp_path, format):
    path = tmp_path / "disguised.png"
    path.write_bytes(encode(smooth_picture(64, 64), format))
    assert "not a readable JPEG, PNG, WebP" in refusal(path)


def test_svg():
    assert "not a readable" in refusal(b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>')


def test_missing_file_folder_and_closed_file(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.jpg")
    assert "could not be opened" in refusal(tmp_path)
    assert "could not be opened" in refusal("zero\0byte.jpg")
    closed = io.BytesIO()
    closed.close()
    assert "could not be opened" in refusal(closed)


def test_too_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_BYTES", 2_000_000)
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(2_000_001))
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert "larger than 2 MB" in refusal(source)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [30_000, 8_000])  # above and below Pillow's own hard limit
def test_decompression_bomb_is_refused_by_its_header(side, monkeypatch):
    rows = (b"\0" + bytes(side // 8)) * side
    bomb = raw_png(side, side, 1, 0, rows)
    assert len(bomb) < 200_000
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("it was decoded"))
    assert "50 megapixels" in refusal(bomb)


def test_progressive_jpeg_with_thousands_of_scans_is_refused():
    data = encode(smooth_picture(64, 64), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert read_photo(data[:-2] + 50 * last_scan + data[-2:]).shape == (64, 64, 3)
    assert "scans" in refusal(data[:-2] + 1000 * last_scan + data[-2:])


def test_webp_with_a_huge_canvas():
    extended = struct.pack("<4sI", b"VP8X", 10) + b"\x02\0\0\0" + b"\xff\xff\0" + b"\xfe\xff\0"
    body = b"WEBP" + extended + struct.pack("<4sI", b"ANIM", 6) + bytes(6)
    refusal(b"RIFF" + struct.pack("<I", len(body)) + body)


def without_metadata(data: bytes) -> np.ndarray:
    """What a file is read as, having seen that Pillow was given nothing but the pixels of it."""
    assert len(pixels_only(data).data) < 10_000 < len(data)
    return read_photo(data)


def test_text_and_profile_bombs_are_never_unfolded():
    rows = (b"\0" + bytes([77]) * 64) * 64
    for kind in (b"zTXt", b"iCCP"):
        bomb = png_chunk(kind, b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
        assert (without_metadata(raw_png(64, 64, 8, 0, rows, bomb)) == 77).all()
        assert pixels_only(raw_png(64, 64, 8, 0, rows, bomb)).icc_profile is None


def test_exif_that_would_unfold_to_gigabytes_only_gives_its_orientation():
    directory = b"".join(struct.pack("<HHII", tag, 7, 500_000, 8) for tag in range(1000))
    exif = struct.pack("<2sHIH", b"II", 42, 8, 1001) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + directory
    exif += bytes(500_000)
    stored = smooth_picture(40, 64)
    png, webp = encode(stored), encode(stored, "WEBP", lossless=True)
    upright = np.rot90(stored, -1)
    with_exif = png[:33] + png_chunk(b"eXIf", exif) + png[33:]
    np.testing.assert_array_equal(without_metadata(with_exif), upright)
    chunks = struct.pack("<4sI", b"VP8X", 10) + b"\x08\0\0\0" + bytes([63, 0, 0, 39, 0, 0]) + webp[12:]
    chunks += struct.pack("<4sI", b"EXIF", len(exif)) + exif
    np.testing.assert_array_equal(
        without_metadata(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks), upright
    )


def test_millions_of_empty_parts_are_refused_at_once():
    picture = Image.fromarray(smooth_picture(64, 64))
    jpeg, png, webp = (encode(picture, format) for format in ("JPEG", "PNG", "WEBP"))
    many_chunks = webp[12:] + struct.pack("<4sI", b"XXXX", 0) * 3_000_000
    for data in (
        jpeg[:2] + b"\xff\xfe\0\2" * 5_000_000 + jpeg[2:],
        png[:33] + png_chunk(b"tEXt", b"") * 2_000_000 + png[33:],
        png[:33] + png_chunk(b"IDAT", b"") * 2_000_000 + png[33:],
        b"RIFF" + struct.pack("<I", 4 + len(many_chunks)) + b"WEBP" + many_chunks,
    ):
        start = time.process_time()
        assert "more than 50,000 parts" in refusal(data)
        assert time.process_time() - start < 1


def test_what_cameras_and_editors_really_write_is_read():
    picture = smooth_picture(64, 64)
    jpeg = encode(picture, "JPEG", quality=95)
    plain = read_photo(jpeg)

    def with_segments(code: int, bodies: list[bytes]) -> bytes:
        segments = b"".join(struct.pack(">BBH", 255, code, len(body) + 2) + body for body in bodies)
        return jpeg[:2] + segments + jpeg[2:]

    exif = struct.pack("<2sHIHHHIHH", b"II", 42, 8, 1, 0x0112, 3, 1, 1, 0) + bytes(4)
    for data in (
        with_segments(0xED, [b"Photoshop 3.0\0" + bytes(65_000)] * 40),
        with_segments(0xE1, [b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)] * 200),  # depth, Ultra HDR
        with_segments(0xE1, [b"Exif\0\0" + exif + jpeg]),  # with its thumbnail
        with_segments(0xE1, [b"FLIR\0" + bytes(65_000)] * 300),  # a thermal camera's raw data
        jpeg[:2] + b"\xff" * 1000 + jpeg[2:],  # fill bytes
        jpeg + jpeg + bytes(1_000_000),  # a gain map and a motion photo's film behind the picture
    ):
        np.testing.assert_array_equal(read_photo(data), plain)


def test_a_png_in_many_small_chunks_is_read():
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    data = encode(noise)
    pixels, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        pixels += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    small = b"".join(png_chunk(b"IDAT", pixels[at : at + 500]) for at in range(0, len(pixels), 500))
    np.testing.assert_array_equal(read_photo(data[:33] + small + png_chunk(b"IEND", b"")), noise)


def test_a_wrong_checksum_of_pixels_is_noticed_and_one_of_text_is_not():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a remark")
    data = bytearray(encode(smooth_picture(64, 64), pnginfo=text))
    data[data.index(b"a remark")] ^= 1
    assert read_photo(bytes(data)).shape == (64, 64, 3)
    data[data.index(b"IDAT") - 4 - 12 + 50] ^= 1
    assert "damaged" in refusal(bytes(data))


def test_a_profile_that_takes_minutes_is_ignored(script):
    import bombs  # where it lies is known once the script is loaded

    picture = smooth_picture(64, 64)
    data = encode(picture, icc_profile=bombs.slow_profile(1_000_000))
    start = time.process_time()
    np.testing.assert_array_equal(read_photo(data), picture)
    assert time.process_time() - start < 2


def test_limits_of_the_sides():
    assert "5 x 5 pixels" in refusal(encode(smooth_picture(5, 5)))
    assert "31 x 64 pixels" in refusal(encode(smooth_picture(64, 31)))
    assert read_photo(encode(smooth_picture(32, 32))).shape == (32, 32, 3)
    assert read_photo(encode(smooth_picture(40, 320))).shape == (40, 320, 3)
    assert "321 x 40 pixels" in refusal(encode(smooth_picture(40, 321)))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.99, 0.5, 0.1])
def test_truncated_file(format, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(noise, format)
    refusal(data[: int(len(data) * kept)])


@pytest.mark.filterwarnings("ignore")
def test_random_damage_raises_nothing_but_photo_error():
    rng = np.random.default_rng(0)
    picture = Image.fromarray(smooth_picture(40, 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = {"save_all": True, "append_images": [picture.rotate(90)], "duration": 50}
    files = [
        encode(picture, "JPEG", exif=exif, icc_profile=icc),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture, "JPEG", progressive=True),
        encode(picture, "PNG", exif=exif, icc_profile=icc),
        encode(picture.convert("P"), "PNG", transparency=b"\x00\x80\xff"),
        encode(picture, "PNG", **frames),
        encode(picture, "WEBP", exif=exif, icc_profile=icc),
        encode(picture.convert("RGBA"), "WEBP", lossless=True, **frames),
    ]
    read = refused = 0
    for data in files:
        for _ in range(75):
            damaged = bytearray(data)
            # Headers carry the structure: half of the damage goes into the first 100 bytes.
            reach = len(data) if rng.random() < 0.5 else 100
            for position in rng.integers(0, reach, rng.integers(1, 8)):
                damaged[position] = rng.integers(0, 256)
            if rng.random() < 0.2:
                del damaged[rng.integers(0, len(damaged)) :]
            try:
                photo = read_photo(bytes(damaged))
            except PhotoError:
                refused += 1
            else:
                read += 1
                assert photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
    assert read > 50 and refused > 50  # both ways were taken


# Arrays and tensors
