"""HEIC, AVIF, GIF, BMP and TIFF: read as the formats of the web are, and refused where those would be."""

import io
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.unmask.made_files import encode, smooth_picture
from unmask.imaging import decode_worker, reader, sandbox
from unmask.imaging.further_formats import further_pixels
from unmask.imaging.reader import PhotoError, read_photo
from unmask.masks import read_mask

HEIC = Path(__file__).parent / "pictures"  # drawn, and encoded by libheif with x265
TIFFS = [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "packbits"}]


def refusal(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(data)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and 10 < len(message) < 160
    return message


@pytest.mark.parametrize("format, options", [("BMP", {}), *(("TIFF", options) for options in TIFFS)])
def test_lossless_formats_are_read_exactly(format, options):
    picture = smooth_picture(40, 50)
    photo = read_photo(encode(picture, format, **options))
    assert photo.flags.writeable and photo.flags.c_contiguous
    np.testing.assert_array_equal(photo, picture)


def test_avif_is_read():
    picture = smooth_picture(64, 80)
    assert np.abs(read_photo(encode(picture, "AVIF", quality=95)).astype(int) - picture).mean() < 3


def test_heic_is_read_and_turned_by_its_own_note():
    photo = read_photo(HEIC / "drawn.heic")
    assert photo.shape == (96, 128, 3) and np.abs(photo[4, 4].astype(int) - (255, 0, 0)).max() < 30
    np.testing.assert_array_equal(read_photo(HEIC / "turned.heic"), np.rot90(photo, -1))


def test_transparency_of_a_heic_is_put_on_white():
    photo = read_photo(HEIC / "clear.heic")
    assert (photo[8:-8, :56] == 255).all() and photo[:, 72:].mean() < 200


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("format", ["TIFF", "AVIF"])
def test_exif_orientations(format, orientation):
    upright = smooth_picture(48, 64)
    stored = {1: upright, 3: np.rot90(upright, 2), 6: np.rot90(upright, 1), 8: np.rot90(upright, -1)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if format == "AVIF" else {}
    photo = read_photo(encode(np.ascontiguousarray(stored), format, exif=exif, **options))
    assert photo.shape == upright.shape and np.abs(photo.astype(int) - upright).mean() < 4


@pytest.mark.parametrize("format", ["GIF", "TIFF", "AVIF"])
def test_the_first_picture_of_several(format):
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "lime", "blue")]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert np.abs(read_photo(data).astype(int) - (255, 0, 0)).max() <= 4


def test_a_gifs_transparency_is_put_on_white():
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([10, 200, 30, 0, 0, 0])
    picture.paste(0, (0, 0, 20, 40))
    photo = read_photo(encode(picture, "GIF", transparency=0))
    assert (photo[:, :20] == 255).all() and (photo[:, 20:] == 0).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_modes_of_tiff(mode):
    if mode == "I;16":
        picture = Image.fromarray(np.linspace(0, 65535, 1600).astype(np.uint16).reshape(40, 40))
        expected = np.rint(np.asarray(picture) / 257)[..., None].repeat(3, 2)
    else:
        picture = Image.fromarray(smooth_picture(40, 40)).convert(mode)
        expected = np.array(picture.convert("RGB"))
    np.testing.assert_allclose(read_photo(encode(picture, "TIFF")), expected, atol=3)


def test_a_colour_profile_is_converted():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = smooth_picture(64, 64)
    for format, options in (("TIFF", {}), ("AVIF", {"quality": 95})):
        data = encode(picture, format, icc_profile=profile, **options)
        assert reader.open_upright(data).info["icc_profile"] == profile
        assert np.abs(read_photo(data).astype(int) - picture).mean() < 3


def test_masks_too():
    mask = np.zeros((64, 80), np.uint8)
    mask[20:40, 30:50] = 255
    for format in ("GIF", "BMP", "TIFF"):
        np.testing.assert_array_equal(read_mask(encode(mask, format)), mask)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kept", [0.98, 0.5, 0.1])
@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "AVIF", "HEIC"])
def test_truncated_files(format, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = (HEIC / "drawn.heic").read_bytes() if format == "HEIC" else encode(noise, format)
    refusal(data[: int(len(data) * kept)])


def test_too_many_pixels_are_refused_by_the_header(monkeypatch):
    monkeypatch.setattr(reader, "MAX_PIXELS", 10_000)
    picture = smooth_picture(100, 101)
    for data in (*(encode(picture, format) for format in ("GIF", "BMP", "TIFF", "AVIF")), HEIC / "drawn.heic"):
        assert "more than" in str(pytest.raises(PhotoError, read_photo, data).value)


def test_a_tiff_whose_entries_claim_gigabytes():
    entries = b"".join(struct.pack("<HHII", 40_000 + i % 20_000, 7, 20_000_000, 8) for i in range(900))
    data = encode(smooth_picture(64, 64), "TIFF")
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    table = struct.pack("<H", count + 900) + data[start + 2 : start + 2 + 12 * count] + entries + bytes(4)
    bomb = data[:4] + struct.pack("<I", len(data)) + data[8:] + table + bytes(20_000_000)
    assert read_photo(bomb).shape == (64, 64, 3), "what is no pixel is left out"
    many = data[:4] + struct.pack("<I", len(data)) + data[8:] + struct.pack("<H", 60_000) + entries * 70
    assert "parts" in refusal(many)
    claims = struct.pack("<HHII", 273, 4, 500_000_000, 8)
    assert "damaged" in refusal(data[:4] + struct.pack("<I", len(data)) + data[8:] + b"\1\0" + claims + bytes(4))


def test_compressions_of_tiff_that_are_left_out():
    picture = smooth_picture(64, 64)
    assert "not a readable" in refusal(encode(picture, "TIFF", compression="jpeg"))
    assert "not a readable" in refusal(encode(picture, "TIFF", big_tiff=True))
    assert "not a readable" in refusal(encode(Image.fromarray(picture).convert("F"), "TIFF"))


def test_parts_without_end_are_refused_at_once():
    gif = encode(smooth_picture(64, 64), "GIF")
    avif = encode(smooth_picture(64, 64), "AVIF")
    at = gif.index(b",", 13 + 768)
    for data in (
        gif[:at] + b"!\xfe\0" * 5_000_000 + gif[at:],
        gif[:at] + b"!\xfe" + b"\1x" * 5_000_000 + b"\0" + gif[at:],
        avif + struct.pack(">I4s", 8, b"free") * 2_000_000,
    ):
        start = time.process_time()
        assert "more than 50,000 parts" in refusal(data)
        assert time.process_time() - start < 1


def test_run_lengths_of_bmp_are_left_to_others():
    data = bytearray(encode(Image.fromarray(smooth_picture(64, 64)).convert("P"), "BMP"))
    data[30] = 1
    assert "not a readable" in refusal(bytes(data))


def test_films_are_no_pictures():
    assert "not a readable" in refusal(struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"mp42") + bytes(1000))


def test_only_pixels_of_a_tiff_go_to_its_decoder():
    exif = Image.Exif()
    exif[0x010F] = "CameraMaker"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    kept = further_pixels(encode(smooth_picture(64, 64), "TIFF", exif=exif))
    assert not Image.open(io.BytesIO(kept.data)).getexif().get_ifd(0x8825)
    assert 0x010F not in Image.open(io.BytesIO(kept.data)).tag_v2


# ---------------------------------------------------------------- the process of its own


def worker(code: str, monkeypatch, tmp_path) -> None:
    """Have this code run in the decoder's place."""
    path = tmp_path / "worker.py"
    path.write_text(code)
    monkeypatch.setattr(sandbox, "WORKER", path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize("harm", ["bytearray(3 << 30)", "open('harm', 'w').write('x')", "import os; os.abort()"])
def test_a_decoder_gone_mad_costs_a_sentence(harm, monkeypatch, tmp_path):
    folder = str(Path(decode_worker.__file__).parent)
    worker(f"import sys; sys.path.append({folder!r}); import decode_worker; decode_worker.limit()\n{harm}", monkeypatch,
           tmp_path)  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert "damaged" in refusal(encode(smooth_picture(64, 64), "TIFF"))
    assert not (tmp_path / "harm").exists() or not (tmp_path / "harm").stat().st_size


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_decoder_that_hangs_is_ended():
    code = "import decode_worker; decode_worker.SECONDS = 1; decode_worker.limit()\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(decode_worker.__file__).parent, timeout=100)
    assert done.returncode != 0


SHORT = '{"size": [64, 64], "mode": "RGB", "orientation": 1, "icc": 0}\\nx'


@pytest.mark.parametrize("answer", ["", "{}", "[1]", SHORT])
def test_a_wrong_answer_is_no_picture(answer, monkeypatch, tmp_path):
    worker(f"import sys; sys.stdin.buffer.read(); print({answer!r}, end='')", monkeypatch, tmp_path)
    assert "damaged" in refusal(encode(smooth_picture(64, 64), "TIFF"))


def test_the_decoder_knows_no_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("UNMASK_STUDY_SECRET", "hunter2")
    worker(f"import os; open({str(tmp_path / 'seen')!r}, 'w').write(str(dict(os.environ)))", monkeypatch, tmp_path)
    refusal(encode(smooth_picture(64, 64), "TIFF"))
    seen = (tmp_path / "seen").read_text()
    assert "PATH" in seen and "hunter2" not in seen
