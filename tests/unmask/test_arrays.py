"""The way between arrays, tensors and files, and the composite."""

import io
import struct
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.unmask.made_files import encode, smooth_picture
from unmask.blending.composite import composite
from unmask.imaging import metadata
from unmask.imaging.metadata import write_jpeg, write_png
from unmask.imaging.reader import read_photo
from unmask.imaging.tensors import mask_to_tensor, resize, to_image, to_tensor

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC_EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"


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
    write_png(file, photo, metadata.NOTICE)
    written = Image.open(file)
    written.load()
    source_type = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert written.text["Title"] == written.text["Description"] == metadata.NOTICE
    assert written.text["Software"] == "Unmask" and written.text["DigitalSourceType"] == source_type
    (description,) = ElementTree.fromstring(written.text["XML:com.adobe.xmp"]).iter(RDF + "Description")
    assert description.get(IPTC_EXTENSION + "DigitalSourceType") == source_type
    assert not written.getexif()
    assert b"CameraMaker" not in file.getvalue() and b"private" not in file.getvalue()
    np.testing.assert_array_equal(np.array(written), photo)


def test_written_jpeg_carries_the_notice_and_nothing_else():
    file = io.BytesIO()
    photo = read_photo(gps_jpeg())
    write_jpeg(file, photo, metadata.NOTICE)
    written = Image.open(file)
    assert written.info["comment"].decode() == metadata.NOTICE
    assert metadata.DIGITAL_SOURCE_TYPE.encode() in written.info["xmp"]
    assert not written.getexif()
    assert b"CameraMaker" not in file.getvalue() and b"private" not in file.getvalue()
    assert np.abs(np.array(written).astype(int) - photo).mean() < 2


def test_mask_is_written_as_grey(tmp_path):
    mask = oval_mask(40, 50)
    write_png(tmp_path / "mask.png", mask)
    written = Image.open(tmp_path / "mask.png")
    assert written.mode == "L"
    np.testing.assert_array_equal(np.array(written), mask)
