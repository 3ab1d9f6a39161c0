"""Reading untrusted pictures, and the way between arrays, tensors and files."""

import io
import struct
import time
import zlib
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from unmask import image as photos
from unmask.container import pixels_only
from unmask.image import (
    PhotoError,
    composite,
    mask_to_tensor,
    read_photo,
    resize,
    to_image,
    to_tensor,
    write_png,
)

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC_EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"


PATH = Path(__file__).resolve().parents[1] / "scripts" / "fuzz.py"


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A colourful RGB uint8 picture that JPEG keeps well."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def encode(picture: Image.Image | np.ndarray, format: str = "PNG", **options) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, depth: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG written by hand: `color` 0 is grey, 2 RGB; `rows` come with their filter bytes."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    body = extra + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


# What is accepted


@pytest.mark.parametrize("format, options", [("PNG", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_are_read_exactly_from_every_kind_of_source(tmp_path, format, options):
    picture = smooth_picture(40, 50)
    data = encode(picture, format, **options)
    path = tmp_path / "misnamed.gif"  # the content decides, not the name
    path.write_bytes(data)
    for source in (data, io.BytesIO(data), path, str(path)):
        photo = read_photo(source)
        assert photo.dtype == np.uint8 and photo.flags.writeable and photo.flags.c_contiguous
        np.testing.assert_array_equal(photo, picture)


def test_jpeg_is_rgb_not_bgr():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 0] = 200
    photo = read_photo(encode(picture, "JPEG", quality=95))
    assert np.abs(photo.astype(int) - picture).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_all_exif_orientations(format, orientation):
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:16, :16] = (255, 0, 0)  # red top left
    upright[:16, -16:] = (0, 255, 0)  # green top right
    upright[-16:, :16] = (0, 0, 255)  # blue bottom left
    # How a camera held this way stores the picture, from the EXIF standard's "row 0 is the visual ...".
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encode(np.ascontiguousarray(stored), format, exif=exif, quality=100))
    assert photo.shape == upright.shape
    for y, x in ((8, 8), (8, 56), (40, 8), (40, 56)):
        assert np.abs(photo[y, x].astype(int) - upright[y, x]).max() < 40, (y, x)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_counts_as_upright():
    picture = smooth_picture(40, 50)
    assert read_photo(encode(picture, "PNG", exif=b"Exif\0\0II*\0garbage")).shape == picture.shape


def test_cmyk_jpeg():
    picture = smooth_picture(64, 64)
    cmyk = Image.fromarray(picture).convert("CMYK")  # Pillow writes it inverted and with Adobe's marker
    data = encode(cmyk, "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.abs(read_photo(data).astype(int) - picture).mean() < 4


def test_16_bit_grey_is_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    rows = b"".join(b"\0" + ramp.astype(">u2").tobytes() for _ in range(64))
    photo = read_photo(raw_png(64, 64, 16, 0, rows))
    np.testing.assert_array_equal(photo[10], np.rint(ramp / 257).astype(np.uint8)[:, None].repeat(3, 1))


def test_16_bit_grey_is_turned_upright():
    grey = np.zeros((40, 64), np.uint16)
    grey[:, :20] = 65535
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(encode(Image.fromarray(grey), "PNG", exif=exif))
    assert photo.shape == (64, 40, 3)
    assert photo[:20].min() == 255 and photo[20:].max() == 0


def test_16_bit_grey_ignores_its_transparent_level():
    rows = (b"\0" + struct.pack(">H", 200 * 257) * 64) * 64
    level = png_chunk(b"tRNS", struct.pack(">H", 200))  # of 65535, not of 255
    assert (read_photo(raw_png(64, 64, 16, 0, rows, level)) == 200).all()


def test_16_bit_rgb():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    rows = b"".join(b"\0" + ramp.repeat(3).astype(">u2").tobytes() for _ in range(64))
    photo = read_photo(raw_png(64, 64, 16, 2, rows))
    assert np.abs(photo[0, :, 1] - ramp / 257).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_opaque_modes(mode):
    picture = Image.fromarray(smooth_picture(40, 40)).convert(mode)
    np.testing.assert_array_equal(read_photo(encode(picture)), np.array(picture.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparency_is_put_on_white(mode):
    rgba = Image.new("RGBA", (40, 40), (0, 0, 0, 255))
    rgba.paste((10, 200, 30, 0), (0, 0, 20, 40))  # a colour that nobody sees
    options = {}
    if mode == "P":
        picture = Image.new("P", (40, 40), 1)
        picture.putpalette([10, 200, 30, 0, 0, 0])
        picture.paste(0, (0, 0, 20, 40))
        options["transparency"] = b"\x00\xff"
    else:
        picture = rgba.convert(mode)
    photo = read_photo(encode(picture, **options))
    assert (photo[:, :20] == 255).all() and (photo[:, 20:] == 0).all()


def test_half_transparent_is_blended_with_white():
    photo = read_photo(encode(Image.new("RGBA", (40, 40), (0, 0, 0, 128))))
    assert abs(int(photo[0, 0, 0]) - 127) <= 1


def test_colour_profile_is_converted_to_srgb():
    # L*a*b* D50 with mid grey through a linear-light profile: 0.5 in linear light is 188 in sRGB.
    linear = ImageCms.createProfile("sRGB")
    data = bytearray(ImageCms.ImageCmsProfile(linear).tobytes())
    # Swap every tone curve of the built-in sRGB profile for a gamma of 1 (a parametric curve of type 0).
    for i in range(struct.unpack(">I", data[128:132])[0]):
        tag, offset, size = struct.unpack(">4sII", data[132 + 12 * i : 144 + 12 * i])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            assert data[offset : offset + 4] == b"para"
            data[offset + 8 : offset + 16] = struct.pack(">HHi", 0, 0, 65536)
    grey = np.full((40, 40, 3), 128, np.uint8)
    photo = read_photo(encode(grey, icc_profile=bytes(data)))
    assert abs(int(photo[5, 5, 1]) - 188) <= 2


def test_srgb_profile_changes_next_to_nothing():
    picture = smooth_picture(64, 64)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(read_photo(encode(picture, icc_profile=profile)).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
def test_broken_or_foreign_colour_profile_is_ignored(mode):
    picture = Image.fromarray(smooth_picture(40, 40)).convert(mode)
    format = "JPEG" if mode == "CMYK" else "PNG"
    plain = read_photo(encode(picture, format))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"no profile at all", lab):
        np.testing.assert_array_equal(read_photo(encode(picture, format, icc_profile=profile)), plain)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_animation_gives_its_first_frame(format):
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "lime", "blue")]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], duration=50, lossless=True)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert (read_photo(data) == (255, 0, 0)).all()


def test_phone_jpeg_with_a_second_picture_inside_gives_the_first():
    red, blue = (Image.new("RGB", (40, 40), color) for color in ("red", "blue"))
    data = encode(red, "MPO", save_all=True, append_images=[blue])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert np.abs(read_photo(data).astype(int) - (255, 0, 0)).max() <= 4


def test_40_megapixels_are_read():
    photo = read_photo(encode(Image.new("L", (8000, 5000), 77), "JPEG"))
    assert photo.shape == (5000, 8000, 3) and photo[4999, 7999, 2] == 77


# What is refused, with one sentence


def refusal(source) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(source)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and 10 < len(message) < 160
    return message


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n", b"RIFF\x10\0\0\0WEBP"])
def test_no_picture(data):
    assert "not a readable JPEG, PNG or WebP" in refusal(data)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xd9"])
def test_nothing_but_a_beginning(data):
    assert "damaged or incomplete" in refusal(data)


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "PPM", "ICO", "JPEG2000", "AVIF", "PDF"])
def test_other_formats(tmp_path, format):
    path = tmp_path / "disguised.png"
    path.write_bytes(encode(smooth_picture(64, 64), format))
    assert "not a readable JPEG, PNG or WebP" in refusal(path)


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
    monkeypatch.setattr(photos, "MAX_BYTES", 2_000_000)
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


def test_tensor_round_trip_is_exact_for_every_value():
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, 2)
    tensor = to_tensor(picture)
    assert tensor.shape == (1, 3, 16, 16) and tensor.dtype == torch.float32 and tensor.is_contiguous()
    assert tensor.min() == -1 and tensor.max() == 1
    np.testing.assert_array_equal(to_image(tensor), picture)
    np.testing.assert_array_equal(to_image(tensor[0]), picture)
    np.testing.assert_array_equal(to_image(to_tensor(picture[:, ::-1])), picture[:, ::-1])


def test_to_tensor_keeps_channels_and_positions():
    picture = np.zeros((3, 5, 3), np.uint8)
    picture[2, 4, 0] = 255
    assert to_tensor(picture)[0, 0, 2, 4] == 1 and to_tensor(picture).add(1).sum() == 2


def test_to_image_rounds_and_clamps():
    values = torch.tensor([-9.0, 9.0, 0.5 / 127.5 - 1 + 1e-4, 0.5 / 127.5 - 1 - 1e-4])
    picture = to_image(values.expand(3, 1, 4))
    assert picture[0, :, 0].tolist() == [0, 255, 1, 0]
    with pytest.raises(ValueError, match="batch of 2"):
        to_image(torch.zeros(2, 3, 4, 4))


def test_mask_to_tensor():
    mask = np.array([[0, 127, 128, 255]], np.uint8)
    tensor = mask_to_tensor(mask)
    assert tensor.shape == (1, 1, 1, 4) and tensor.dtype == torch.float32
    assert tensor.flatten().tolist() == [0, 0, 1, 1]


def test_resize_averages_when_it_shrinks_and_never_wraps():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    means = noise.reshape(15, 4, 15, 4).mean(axis=(1, 3))
    assert np.abs(resize(noise, (15, 15)) - means).max() <= 0.5
    step = np.zeros((16, 16, 3), np.uint8)
    step[:, 8:] = 255
    large = resize(step, (50, 70))
    assert large.shape == (50, 70, 3) and large.dtype == np.uint8
    assert large[:, :20].max() == 0 and large[:, -20:].min() == 255  # bicubic overshoots, clamped


# Composite


def oval_mask(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    return cv2.ellipse(mask, (width // 2, height // 2), (width // 4, height // 5), 0, 0, 360, 255, -1)


@pytest.mark.parametrize("feather", [0.0, 0.5, 3.0, 100.0])
def test_composite_changes_nothing_outside_the_mask(feather):
    photo, fill, mask = smooth_picture(60, 80), smooth_picture(60, 80, seed=1), oval_mask(60, 80)
    before = photo.copy()
    result = composite(photo, fill, mask, feather)
    np.testing.assert_array_equal(result[mask == 0], photo[mask == 0])
    np.testing.assert_array_equal(photo, before)
    if feather == 0:
        np.testing.assert_array_equal(result[mask > 0], fill[mask > 0])
    else:
        assert (result[mask > 0] != photo[mask > 0]).any()


def test_composite_feather_is_a_ramp_inside_the_mask():
    photo, fill = np.zeros((9, 40, 3), np.uint8), np.full((9, 40, 3), 240, np.uint8)
    mask = np.zeros((9, 40), np.uint8)
    mask[:, 10:] = 255  # touches three borders of the picture, where nothing is softened
    row = composite(photo, fill, mask, feather=3.0)
    assert (row == row[:1]).all()
    assert row[0, 9:15, 0].tolist() == [0, 60, 120, 180, 240, 240]
    assert row[0, -1, 0] == 240


def test_composite_with_an_empty_and_a_full_mask():
    photo, fill = smooth_picture(40, 40), smooth_picture(40, 40, seed=1)
    np.testing.assert_array_equal(composite(photo, fill, np.zeros((40, 40), np.uint8), 2.0), photo)
    np.testing.assert_array_equal(composite(photo, fill, np.full((40, 40), 255, np.uint8), 2.0), fill)
    with pytest.raises(ValueError, match="sizes differ"):
        composite(photo, fill[:-1], np.zeros((40, 40), np.uint8))


def test_composite_at_40_megapixels_is_exact_outside():
    photo = cv2.resize(smooth_picture(50, 80), (8000, 5000))
    mask = np.zeros((5000, 8000), np.uint8)
    cv2.circle(mask, (6000, 3000), 700, 255, -1)
    result = composite(photo, 255 - photo, mask, feather=12.0)
    inside = mask > 0
    assert (result[inside] != photo[inside]).mean() > 0.9
    result[inside] = photo[inside]
    assert np.array_equal(result, photo)


# Written files


def gps_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "CameraMaker"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    data = encode(smooth_picture(64, 64), "JPEG", exif=exif, comment=b"a private remark")
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)[1] == "N"
    return data


def test_written_png_holds_pixels_and_nothing_else(tmp_path):
    photo = read_photo(gps_jpeg())
    write_png(tmp_path / "out.png", photo)
    data = (tmp_path / "out.png").read_bytes()
    kinds, position = [], 8
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        kinds.append(kind)
        position += 12 + length
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
    np.testing.assert_array_equal(read_photo(data), photo)


def test_written_png_carries_the_notice():
    file = io.BytesIO()
    photo = read_photo(gps_jpeg())
    write_png(file, photo, photos.NOTICE)
    written = Image.open(file)
    written.load()
    source_type = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert written.text["Title"] == written.text["Description"] == photos.NOTICE
    assert written.text["Software"] == "Unmask" and written.text["DigitalSourceType"] == source_type
    (description,) = ElementTree.fromstring(written.text["XML:com.adobe.xmp"]).iter(RDF + "Description")
    assert description.get(IPTC_EXTENSION + "DigitalSourceType") == source_type
    assert not written.getexif()
    assert b"CameraMaker" not in file.getvalue() and b"private" not in file.getvalue()
    np.testing.assert_array_equal(np.array(written), photo)


def test_mask_is_written_as_grey(tmp_path):
    mask = oval_mask(40, 50)
    write_png(tmp_path / "mask.png", mask)
    written = Image.open(tmp_path / "mask.png")
    assert written.mode == "L"
    np.testing.assert_array_equal(np.array(written), mask)
