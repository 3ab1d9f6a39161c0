"""Pictures that are read: every format, mode, profile and orientation."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.unmask.made_files import encode, png_chunk, raw_png, smooth_picture
from unmask.imaging.reader import read_photo


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
