"""What downloads are called, and what of a photo's transparency they keep."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.unmask.made_files import encode, smooth_picture
from unmask import read_photo
from unmask.imaging.reader import read_transparent
from unmask.web.bundle import LONGEST_STEM, result_name, stem_of, with_alpha, write_bundle
from unmask.web.kept_photo import DecodedPhotos, KeptPhoto
from unmask.web.session import Visit


@pytest.mark.parametrize(
    "path, stem",
    [
        ("holiday.jpg", "holiday"),
        ("/tmp/x/My holiday (2).heic", "My holiday (2)"),
        ("Grüße aus Köln.png", "Grüße aus Köln"),
        ("写真.png", "写真"),
        ('a"b<c>d|e?f*g:h.png', "a_b_c_d_e_f_g_h"),
        ("a\nb\x00c\u202e.png", "a_b_c_"),
        (".hidden", "hidden"),
        ("...png", "photo"),
        ("-rf.png", "rf"),
        ("CON.png", "photo"),
        ("a\\..\\b.png", "a_.._b"),
        ("x" * 300 + ".png", "x" * LONGEST_STEM),
    ],
)
def test_names_are_the_photos_own_without_what_does_harm(path, stem):
    assert stem_of(path) == stem
    assert result_name(stem, "ganmasker") == f"{stem}-unmasked-ganmasker.png"


def transparent_photo() -> tuple[bytes, np.ndarray]:
    rgba = np.dstack([smooth_picture(60, 80), np.full((60, 80), 255, np.uint8)])
    rgba[:, :20, 3], rgba[:, 20:40, 3] = 0, 128
    return encode(Image.fromarray(rgba)), rgba


def test_transparency_is_read_beside_the_photo():
    file, rgba = transparent_photo()
    np.testing.assert_array_equal(read_transparent(file), rgba)
    assert read_transparent(encode(smooth_picture(60, 80))) is None
    assert read_transparent(encode(Image.new("RGBA", (40, 40), "red"))) is None, "nothing of it is transparent"


def test_results_keep_the_alpha_and_what_is_painted_is_opaque(tmp_path):
    file, rgba = transparent_photo()
    photo = read_photo(file)
    mask = np.zeros((60, 80), np.uint8)
    mask[30:50, 10:60] = 255
    result = np.where(mask[..., None] > 127, 255 - photo // 2, photo)
    visit = Visit.begin(photo, mask, [], kept=KeptPhoto(file, photo, DecodedPhotos(10**6)))
    whole = with_alpha(result, visit.photo, visit.transparent())
    np.testing.assert_array_equal(whole[mask == 0], rgba[mask == 0])
    painted = (result != photo).any(axis=2)
    assert painted.any() and (whole[painted, 3] == 255).all()
    np.testing.assert_array_equal(whole[painted, :3], result[painted])
    assert with_alpha(result, photo, None) is result

    path = tmp_path / "all.zip"
    write_bundle(path, "holiday", photo, mask, visit.faces, [("ganmasker", result)], visit.transparent())
    with zipfile.ZipFile(path) as archive:
        names = ["holiday-unmasked-ganmasker.png", "holiday-mask.png", "holiday-comparison.png"]
        assert archive.namelist() == names
        images = {name: Image.open(io.BytesIO(archive.read(name))) for name in names}
    np.testing.assert_array_equal(np.array(images[names[0]]), whole)
    assert images[names[0]].info["Software"] == "Unmask", "the notice is lost"
    assert images[names[2]].mode == "RGB"
