"""Mask operations, mask files, and the editor's layers."""


import cv2
import numpy as np
import pytest
from PIL import Image

from tests.unmask.made_files import encode
from unmask import masks
from unmask.faces.face import Face
from unmask.imaging.reader import PhotoError
from unmask.web import mask_layers


def disk(height: int = 80, width: int = 100, radius: int = 20) -> np.ndarray:
    return cv2.circle(np.zeros((height, width), np.uint8), (width // 2, height // 2), radius, 255, -1)


# binarise


@pytest.mark.parametrize(
    "mask",
    [
        np.array([[0, 127, 128, 255]], np.uint8),
        np.array([[0, 127, 128, 255]], np.int64),
        np.array([[False, False, True, True]]),
        np.array([[0.0, 0.498, 0.5, 1.0]], np.float32),
        np.array([[[0], [127], [128], [255]]], np.uint8),
        np.array([[[0] * 3, [127] * 3, [128] * 3, [255] * 3]], np.uint8),
        np.array([[[0, 0, 0, 255], [127, 127, 127, 255], [128, 128, 128, 0], [255] * 4]], np.uint8),
        np.array([[[False], [False], [True], [True]]]),
    ],
)
def test_binarise_takes_every_kind(mask):
    result = masks.binarise(mask)
    assert result.dtype == np.uint8 and result.tolist() == [[0, 0, 255, 255]]


def test_binarise_threshold_is_of_255():
    assert masks.binarise(np.array([[76, 77]], np.uint8), 76).tolist() == [[0, 255]]
    assert masks.binarise(np.array([[0.29, 0.31]]), 76).tolist() == [[0, 255]]


# read_mask


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "LA"])
def test_mask_file_by_brightness(mode):
    mask = disk()
    picture = Image.fromarray(mask).convert(mode)
    np.testing.assert_array_equal(masks.read_mask(encode(picture), (80, 100)), mask)


def test_mask_file_grey_level_127_is_free():
    grey = np.full((40, 40), 127, np.uint8)
    grey[:20] = 128
    assert masks.read_mask(encode(grey))[[0, 39], 0].tolist() == [255, 0]


def test_mask_as_cmyk_jpeg_and_as_16_bit():
    mask = disk()
    assert np.mean(masks.read_mask(encode(Image.fromarray(mask).convert("CMYK"), "JPEG")) != mask) < 0.01
    deep = mask.astype(np.uint16) * 257
    np.testing.assert_array_equal(masks.read_mask(encode(deep)), mask)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 51, 102), (255, 255, 255)])
@pytest.mark.parametrize("opacity", [255, 153])
def test_strokes_on_a_transparent_picture_count_by_alpha(color, opacity):
    mask = disk()
    rgba = np.zeros((80, 100, 4), np.uint8)
    rgba[mask > 0] = (*color, opacity)
    np.testing.assert_array_equal(masks.read_mask(encode(rgba)), mask)


def test_soft_strokes_end_at_half_their_opacity():
    rgba = np.full((40, 60, 4), (255, 51, 102, 0), np.uint8)
    rgba[:, 20:, 3] = 153
    rgba[:, 19, 3], rgba[:, 20, 3] = 70, 80
    mask = masks.read_mask(encode(rgba))
    assert mask[0, 18:22].tolist() == [0, 0, 255, 255]


def test_black_and_white_with_transparency_counts_by_brightness():
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[:, :20] = (255, 255, 255, 255)  # white: covered
    rgba[:, 20:40] = (0, 0, 0, 255)  # black: free
    mask = masks.read_mask(encode(rgba))  # the last third is transparent: free
    assert mask[0, [10, 30, 50]].tolist() == [255, 0, 0]


def test_wholly_transparent_mask_is_empty():
    assert masks.is_empty(masks.read_mask(encode(Image.new("RGBA", (40, 40), (255, 255, 255, 0)))))


def test_mask_is_turned_upright():
    mask = np.zeros((40, 64), np.uint8)
    mask[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    read = masks.read_mask(encode(mask, exif=exif), (64, 40))
    assert read[:20].min() == 255 and read[20:].max() == 0


def test_mask_of_another_size_names_both():
    with pytest.raises(PhotoError, match="mask is 100 x 80 pixels, but the photo is 640 x 480"):
        masks.read_mask(encode(disk()), (480, 640))


@pytest.mark.parametrize("data", [b"no picture", encode(disk())[:150], encode(np.zeros((5, 5), np.uint8))])
def test_bad_mask_files(data):
    with pytest.raises(PhotoError):
        masks.read_mask(data)


# Operations


@pytest.mark.parametrize("pixels", [-7, -1, 0, 1, 6])
def test_grow_moves_the_edge_by_as_many_pixels(pixels):
    grown = masks.grow(disk(radius=20), pixels)
    row, column = grown[40] > 0, grown[:, 50] > 0
    assert row.sum() == column.sum() == 41 + 2 * pixels
    diagonal = sum(grown[40 + i, 50 + i] > 0 for i in range(-39, 40))
    assert abs(diagonal * np.sqrt(2) - (41 + 2 * pixels)) < 3  # a disk, not a square


def test_grow_border_empty_and_full():
    touching = np.zeros((40, 40), np.uint8)
    touching[:, :10] = 255
    assert (masks.grow(touching, -3)[:, :7] == 255).all()  # the picture's border is no edge
    empty, full = np.zeros((40, 40), np.uint8), np.full((40, 40), 255, np.uint8)
    for pixels in (-5, 5):
        assert (masks.grow(empty, pixels) == empty).all() and (masks.grow(full, pixels) == full).all()


def test_clean_drops_specks_and_fills_pinholes_only():
    truth = disk(100, 100, 30)
    dirty = truth.copy()
    dirty[3:6, 3:6] = 255  # 9 px
    dirty[50:53, 50:53] = 0
    np.testing.assert_array_equal(masks.clean(dirty, smallest=0.001), truth)
    np.testing.assert_array_equal(masks.clean(dirty, smallest=0.0009, strap=0.4), dirty)  # 9 px are not below 9 px
    for uniform in (0, 255):
        picture = np.full((50, 50), uniform, np.uint8)
        np.testing.assert_array_equal(masks.clean(picture), picture)


def test_clean_fills_what_the_masks_body_encloses_and_no_cheek_behind_a_strap():
    mask = np.zeros((256, 256), np.uint8)
    cv2.ellipse(mask, (128, 170), (60, 50), 0, 0, 360, 255, -1)  # its body
    whole = mask.copy()
    cv2.circle(mask, (128, 170), 15, 0, -1)  # a valve that was not found
    for picture in (whole, mask):
        cv2.ellipse(picture, (60, 140), (30, 40), 0, 0, 360, 255, 4)  # a strap around the ear
    assert whole[140, 60] == 0, "the cheek"
    np.testing.assert_array_equal(masks.clean(mask), whole)
    mask[170:, 120:136] = 0  # open below: a slit, not enclosed
    assert masks.clean(mask)[165, 128] == 0


def test_share_and_is_empty():
    mask = np.zeros((10, 10), np.uint8)
    assert masks.is_empty(mask) and masks.share(mask) == 0
    mask[:5, :5] = 255
    assert not masks.is_empty(mask) and masks.share(mask) == 0.25


def test_check_mask():
    masks.check_mask(disk(), (80, 100, 3))
    with pytest.raises(PhotoError, match="No mask is marked: paint over the area to remove."):
        masks.check_mask(np.zeros((80, 100), np.uint8), (80, 100, 3))
    with pytest.raises(PhotoError, match="nearly the whole picture"):
        masks.check_mask(np.full((80, 100), 255, np.uint8), (80, 100, 3))
    with pytest.raises(PhotoError, match="mask is 100 x 80 pixels, but the photo is 80 x 100"):
        masks.check_mask(disk(), (100, 80, 3))


# The editor


def test_layer_is_transparent_outside_the_mask():
    mask = disk()
    layer = mask_layers.to_layer(mask)
    assert layer.shape == (80, 100, 4) and layer.dtype == np.uint8
    assert (layer[mask == 0] == 0).all()
    assert (layer[mask > 0] == (255, 51, 102, 153)).all()


def test_editor_round_trip():
    mask, photo = disk(), np.zeros((80, 100, 3), np.uint8)
    value = mask_layers.editor_value(photo, mask)
    assert value["composite"] is None and value["background"] is photo
    np.testing.assert_array_equal(mask_layers.mask_from_editor(value, (80, 100)), mask)


def test_editor_layers_are_united_by_alpha():
    left, right = np.zeros((2, 40, 60, 4), np.uint8)
    left[:, :10] = (1, 2, 3, 77)  # whatever the colour has become
    left[:, 10:20] = (255, 51, 102, 76)  # the outer half of a soft edge
    right[:, 50:] = 255
    value = {"background": None, "layers": [left, right], "composite": left}
    mask = mask_layers.mask_from_editor(value, (40, 60))
    assert mask[0, [5, 15, 30, 55]].tolist() == [255, 0, 0, 255]


def test_editor_layer_of_another_size_is_scaled_without_soft_edges():
    value = mask_layers.editor_value(np.zeros((80, 100, 3), np.uint8), disk())
    mask = mask_layers.mask_from_editor(value, (160, 200))
    np.testing.assert_array_equal(mask, disk().repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    "value", [None, {}, {"layers": None}, {"background": None, "layers": [], "composite": None}]
)
def test_editor_without_layers_is_an_empty_mask(value):
    mask = mask_layers.mask_from_editor(value, (40, 60))
    assert mask.shape == (40, 60) and mask.dtype == np.uint8 and not mask.any()


def test_pixels_of_overlapping_crops_belong_to_the_nearer_face():
    large, small = Face((20, 20, 80, 90), (50, 50), 90), Face((95, 40, 115, 60), (105, 50), 40)
    mask = np.full((100, 130), 255, np.uint8)
    parts = [masks.part_of_face(mask, [large, small], index) for index in (0, 1)]
    assert not (parts[0] & parts[1]).any()
    # Both crops hold this pixel: 40 of the large one's 90 px from its middle, 15 of the small one's 40.
    assert parts[1][50, 90] == 255 and parts[0][50, 90] == 0
    assert parts[0][50, 60] == 255 and parts[1][50, 60] == 0


def test_part_of_an_only_face_is_what_lies_in_its_crop():
    generator = np.random.default_rng(0)
    for _ in range(50):
        mask = np.zeros((120, 100), np.uint8)
        x, y, width, height = generator.integers(0, 60, 4)
        mask[y : y + height, x : x + width] = 255
        center, side, angle = tuple(generator.uniform(20, 80, 2)), generator.uniform(20, 150), generator.uniform(-1, 1)
        face = Face((0, 0, 1, 1), center, side, angle)
        ys, xs = np.mgrid[:120, :100] + 0.5
        inside = np.abs(np.einsum("ij,jyx->iyx", face.to_crop(1), np.stack([xs, ys, np.ones_like(xs)])) - 0.5) <= 0.5
        np.testing.assert_array_equal(masks.part_of_face(mask, [face], 0), mask * inside.all(axis=0))


def face_with_mask():
    """A face's oval, and a mask over its lower half that runs out beside the jaw: (256, 256) each."""
    face, covered = np.zeros((256, 256), np.uint8), np.zeros((256, 256), np.uint8)
    cv2.ellipse(face, (128, 128), (70, 95), 0, 0, 360, 255, -1)
    covered[130:230, 50:206] = 255
    points = cv2.ellipse2Poly((128, 128), (70, 95), 0, 0, 360, 10)
    return face > 0, covered, points


def test_an_edge_moves_inside_the_face_first():
    face, covered, oval = face_with_mask()
    now = covered
    for _ in range(8):  # up to the eyes and beyond, never past the jaw
        now, before = masks.move_edge(now, [oval], 6), now
        added = (now > 0) & (before == 0)
        assert added.any() and (face | ~added).all() and (now[before > 0] > 0).all()
    shrunk = masks.move_edge(covered, [oval], -6)
    removed = (shrunk == 0) & (covered > 0)
    assert removed.any() and (face | ~removed).all() and (covered[shrunk > 0] > 0).all()
    # Where the face's outline has nothing more to give, or is not known, the edge moves everywhere.
    full = np.where(face, np.uint8(255), covered)
    for known in ([oval], []):
        assert np.array_equal(masks.move_edge(full, known, 6), masks.grow(full, 6))
        beside = np.where(face, np.uint8(0), covered)
        assert np.array_equal(masks.move_edge(beside, known, -6), masks.grow(beside, -6))
