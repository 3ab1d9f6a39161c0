"""What makes a fill fit its photo: grain, texture, and the colour at its edge. Pictures are drawn."""

import cv2
import numpy as np
import pytest

from tests.unmask.pasted import paste_back
from unmask.blending.composite import Backdrop
from unmask.blending.edge import Edge
from unmask.blending.texture import PAINTED, _quietest
from unmask.faces.alignment import align
from unmask.faces.face import Face

SIDE, SHAPE = 640, (760, 800)  # of the face's crop and the photo, px
FACE = Face((0, 0, 0, 0), (400.0, 360.0), SIDE, 0.1)
FEATHER = 2.5 / 256 * SIDE


def skin(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Smooth shading in the colours of skin, float32 (H, W, 3)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([190 + 20 * np.sin(x / 300), 145 + 15 * np.sin(y / 250), 120 + 10 * np.sin((x + y) / 350)], axis=2)


def grainy(clean: np.ndarray, sigma: float, blotch: float = 0.0, seed: int = 1) -> np.ndarray:
    """The picture with Gaussian noise of standard deviation `sigma`, whose grains are `blotch` px wide; uint8."""
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    if blotch:
        noise = cv2.GaussianBlur(noise, (0, 0), blotch)
        noise /= noise.std()
    return np.rint(np.clip(clean + sigma * noise, 0, 255)).astype(np.uint8)


def hole(shape: tuple[int, int] = SHAPE, face: Face = FACE) -> np.ndarray:
    mask, side = np.zeros(shape, np.uint8), face.side
    center = (round(face.center[0]), round(face.center[1] + 0.2 * side))
    return cv2.ellipse(mask, center, (round(0.25 * side), round(0.2 * side)), 0, 0, 360, 255, -1)


def fill(offset: float = 0.0, face: Face = FACE, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """What a perfect but smooth inpainting model gives: the crop without grain, lighter by `offset`."""
    return align(np.rint(skin(shape) + offset).astype(np.uint8), face, 256)


@pytest.mark.parametrize("sigma, blotch", [(0, 0), (2, 0), (5, 0), (10, 0), (5, 1.5)])
def test_the_fill_is_as_grainy_as_the_photo(sigma, blotch):
    photo, mask = grainy(skin(), sigma, blotch), hole()
    error = paste_back(photo, FACE, fill(), mask, FEATHER) - skin()
    around = (photo - skin())[mask == 0].var(axis=0)
    inner = cv2.erode(mask, np.ones((19, 19))) > 0
    rim = (mask > 0) & ~inner
    if sigma == 0:
        assert error[mask > 0].var() < 0.2  # rounding alone is 1 / 12
    else:
        assert error[inner].var(axis=0) == pytest.approx(around, rel=0.25)
        assert error[rim].var(axis=0) == pytest.approx(around, rel=0.25)  # no smooth band where the two are mixed
    # The grains are as wide, too: neighbours are as alike inside as around.
    if sigma:
        assert _alike(error, inner) == pytest.approx(_alike(photo - skin(), mask == 0), abs=0.1)


def _alike(noise: np.ndarray, where: np.ndarray) -> float:
    """Correlation of neighbours."""
    both = where[:, 1:] & where[:, :-1]
    return (noise[:, 1:] * noise[:, :-1])[both].mean() / noise[where].var()


def test_grey_grain_stays_grey():
    noise = np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32)[..., None]
    photo = np.rint(skin() + 6 * noise).astype(np.uint8)
    error = (paste_back(photo, FACE, fill(), hole(), FEATHER) - skin())[hole() > 0]
    assert np.corrcoef(error.T)[0, 1] > 0.95
    coloured = (paste_back(grainy(skin(), 6), FACE, fill(), hole(), FEATHER) - skin())[hole() > 0]
    assert abs(np.corrcoef(coloured.T)[0, 1]) < 0.1


def test_grain_that_the_fill_has_is_not_added_again():
    """An inpainting model at the photo's own resolution, with grain of its own."""
    face = Face((0, 0, 0, 0), (150.0, 140.0), 256, 0.0)
    mask = hole((300, 300), face)
    photo, clean = grainy(skin((300, 300)), 6, 1.0), skin((300, 300))
    crop = align(grainy(clean, 6, 1.0, seed=3), face, 256)
    error = paste_back(photo, face, crop, mask, 2.5) - clean
    assert error[mask > 0].var() == pytest.approx((photo - clean)[mask == 0].var(), rel=0.25)


@pytest.mark.parametrize("offset", [-12, 6, 12])
def test_no_step_at_the_edge(offset):
    photo, mask = grainy(skin(), 0), hole()
    result = paste_back(photo, FACE, fill(offset), mask, FEATHER)
    rim = (mask > 0) & (cv2.erode(mask, np.ones((31, 31))) == 0)
    deep = cv2.erode(mask, np.ones((181, 181))) > 0
    assert np.abs(result - skin())[rim].mean() < 0.3 * abs(offset)
    assert deep.any() and (result - skin())[deep].mean() == pytest.approx(offset, abs=0.35 * abs(offset))


def test_hair_and_background_beside_the_mask_do_not_bleed_into_the_fill():
    clean = skin()
    clean[:, 560:] = (20, 60, 30)  # the mask's right edge lies at 560
    mask = hole()
    assert (clean[480:500, 560:] == (20, 60, 30)).all() and mask[490, 552]
    crop = align(np.rint(skin()).astype(np.uint8), FACE, 256)
    result = paste_back(np.rint(clean).astype(np.uint8), FACE, crop, mask)
    assert np.abs(result - skin())[mask > 0].mean() < 1.5


def test_meeting_the_edge_leaves_a_matching_fill_alone():
    covered = hole((256, 256), Face((0, 0, 0, 0), (128, 128), 256))
    change = Edge(skin((256, 256)), covered).meet(skin((256, 256)))
    assert np.abs(change).max() < 1
    assert np.abs(Edge(skin((256, 256)), np.full((256, 256), 255, np.uint8)).meet(skin((256, 256)))).max() == 0


def test_a_fill_of_another_colour_gets_no_skin_texture():
    """There is nothing in the photo to measure it on, and no edge that could be met."""
    mask = hole()
    blue = np.full((256, 256, 3), (20, 40, 220), np.uint8)
    result = paste_back(grainy(skin(), 8), FACE, blue, mask)
    assert (result[mask > 0] == (20, 40, 220)).all()


def test_the_same_input_gives_the_same_bytes():
    photo, crop, mask = grainy(skin(), 5), fill(), hole()
    first = paste_back(photo, FACE, crop, mask, FEATHER)
    assert (paste_back(photo.copy(), FACE, crop.copy(), mask.copy(), FEATHER) == first).all()


def test_the_texture_does_not_depend_on_how_the_work_is_cut(monkeypatch):
    photo, crop, mask = grainy(skin(), 5), fill(), hole()
    whole = paste_back(photo, FACE, crop, mask, FEATHER)
    monkeypatch.setattr("unmask.blending.composite.STRIP", 20_000)
    strips = paste_back(photo, FACE, crop, mask, FEATHER)
    assert np.abs(whole.astype(int) - strips).max() <= 1


@pytest.mark.parametrize("side", [40, 100, 200, 300])
def test_small_faces(side):
    shape = (side + 20, side + 30)
    face = Face((0, 0, 0, 0), (side / 2 + 12, side / 2 + 8), side, -0.2)
    photo, mask = grainy(skin(shape), 4), hole(shape, face)
    result = paste_back(photo, face, fill(0, face, shape), mask, 2.5 / 256 * side)
    error = (result - skin(shape))[mask > 0]
    assert (result[mask == 0] == photo[mask == 0]).all()
    assert np.abs(error.mean(axis=0)).max() < 2 and error.std() < 6
    if side >= 100:
        assert error.std() > 3


@pytest.mark.parametrize("side", [400, 640])
def test_skin_texture_is_for_faces_that_the_networks_do_not_paint_at_their_size(side):
    """Rough skin in a photo whose wall has hardly any grain."""
    shape = (2 * side, side + 40)
    face = Face((0, 0, 0, 0), (side / 2 + 20, 1.4 * side), side)
    mask, clean = hole(shape, face), skin(shape)
    rough = grainy(clean, 4, 1.0)
    rough[:, : side // 5] = grainy(clean, 0.5)[:, : side // 5]
    painted = (paste_back(rough, face, fill(0, face, shape), mask, FEATHER) - clean)[mask > 0].std()
    assert painted < 1.6 if side <= PAINTED else painted > 2.5, "the skin's standard deviation is 4"


def test_a_mask_over_the_whole_photo():
    photo, mask = grainy(skin(), 4), np.full(SHAPE, 255, np.uint8)
    assert np.abs(paste_back(photo, FACE, fill(), mask, FEATHER)[100:600, 200:600] - skin()[100:600, 200:600]).max() < 4


def test_hair_everywhere_is_not_taken_for_grain():
    x = np.arange(256)
    line = 120 + 12 * np.sin(2.1 * x) + 8 * np.sin(1.3 * x)
    strands = np.tile(line[None, :, None], (256, 1, 3))
    noise = np.random.default_rng(0).normal(0, 5, (256, 256, 1)).repeat(3, axis=2)
    everywhere = np.ones((256, 256), bool)
    assert _quietest(strands.astype(np.float32), everywhere) == 1.0
    assert 3 < _quietest((120 + noise).astype(np.float32), everywhere) < 5  # the quietest of many squares


def test_hair_in_the_colours_of_skin_is_not_strewn_over_a_face():
    """Beside the mask is nothing but slanting strands."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    strands = 12 * np.sin((x + 0.4 * y) / 2) * np.sin((x + 0.4 * y) / 5.3)
    error = paste_back(grainy(skin() + strands[..., None], 2), FACE, fill(), hole(), FEATHER) - skin()
    assert error[cv2.erode(hole(), np.ones((41, 41))) > 0].std() < 3, "the strands' standard deviation is 6"


def test_texture_has_no_direction():
    """Of grain that is drawn out a little in one direction the fill gets as much, and round grains."""
    noise = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=0.9)
    photo, mask = np.rint(skin() + 5 / noise.std() * noise[..., None]).astype(np.uint8), hole()
    inner = cv2.erode(mask, np.ones((41, 41))) > 0
    painted = (paste_back(photo, FACE, fill(), mask, FEATHER) - skin())[..., 1]

    def change(image: np.ndarray, axis: int) -> float:
        both = np.roll(inner, -1, axis) & inner
        return float(((np.roll(image, -1, axis) - image)[both] ** 2).mean())

    there = (photo - skin())[..., 1]
    assert change(there, 0) > 1.4 * change(there, 1)
    assert change(painted, 0) == pytest.approx(change(painted, 1), rel=0.1)
    assert painted[inner].std() == pytest.approx(there[mask == 0].std(), rel=0.25)


def test_bricks_and_cloth_around_a_small_face_are_not_strewn_over_it():
    rng = np.random.default_rng(0)
    wall = cv2.GaussianBlur(rng.normal(0, 1, (256, 256, 1)), (0, 0), 2)
    wall = 150 + 12 * wall / wall.std()
    photo = np.clip(np.repeat(wall.reshape(256, 256, 1), 3, axis=2), 0, 255)
    photo[60:72, 70:186] = 150 + rng.normal(0, 1, (12, 116, 1))  # what is seen of the skin
    photo = photo.astype(np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[110:220, 70:186] = 255
    fill = np.full((256, 256, 3), 150, np.float32)
    place = lambda window, step: cv2.resize(
        fill[window[1] : window[3], window[0] : window[2]],
        (round((window[2] - window[0]) / step), round((window[3] - window[1]) / step)),
    )
    inner = Backdrop(photo, mask, 256.0, 2.5).blend(place)[125:205, 85:171].astype(float)
    assert inner.std() < 3, "the wall's standard deviation is 12"


def test_another_hole_beside_this_one_is_not_learnt_from():
    photo, face = grainy(skin(), 4), FACE
    own, other = hole(), np.zeros(SHAPE, np.uint8)
    left = np.nonzero(own)[1].min()
    other[300:700, : left + 60] = 255
    own[other > 0] = 0
    photo[other > 0] = (0, 0, 255)  # the neighbour's mask, which touches this one
    result = Backdrop(photo, own, SIDE, FEATHER, hidden=own | other).paste(face, fill())
    inside = own > 0
    assert np.abs((result - skin())[inside].mean(axis=0)).max() < 1
    assert np.array_equal(result[~inside], photo[~inside])
    seam = inside & (cv2.dilate(other, np.ones((7, 7))) > 0)
    assert np.abs((result - skin())[seam]).max() < 35, "blue shines through where the two touch"
