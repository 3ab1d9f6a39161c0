"""Puts a fill into its photo: the same tone, the same colour where they meet, the same grain and skin texture.

An inpainting model works at 128 or 256 px; of a large face it gives a smooth picture, beside skin that is sharp and
noisy. What is missing is measured where the photo shows the same skin, and only that is added.
Windows are (x0, y0, x1, y1) in photo pixels. Pictures here are float32 in 0-255.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from unmask.blending.edge import Edge, soft_edge
from unmask.blending.texture import Skin, repeat_tile
from unmask.blending.tone import tone_of
from unmask.blending.windows import Place, Window, enlarge, shrink
from unmask.faces.alignment import shrink_first, warp
from unmask.faces.face import Face

COARSE = 256  # px: colours are compared, and places chosen, on the face at this size
FINE = 1024  # px of a crop: as large as it is made before it is warped into a photo where it is larger still
MARGIN = 0.25  # of the face crop's side: how far from the mask the photo is looked at
STRIP = 1 << 20  # px that are worked on at once; bounds the memory of a mask as large as the photo


def composite(photo: np.ndarray, fill: np.ndarray, mask: np.ndarray, feather: float = 0.0) -> np.ndarray:
    """`mask * fill + (1 - mask) * photo`, all (H, W, 3) uint8 with the mask (H, W) uint8, 0 or 255.

    `feather` is the width in pixels of a soft edge that lies inside the mask, so that every pixel outside it
    keeps the photo's bytes. Where the mask meets the picture's border there is no edge to soften.
    """
    if photo.shape != fill.shape or photo.shape[:2] != mask.shape:
        raise ValueError(f"sizes differ: photo {photo.shape}, fill {fill.shape}, mask {mask.shape}")
    result = photo.copy()
    x, y, width, height = cv2.boundingRect((mask > 127).astype(np.uint8))
    if width == 0:
        return result
    # One pixel of margin, so that the distances below see where the mask ends.
    box = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    photo, fill, hole, region = photo[box], fill[box], mask[box] > 127, result[box]  # region is a view
    np.copyto(region, fill, where=hole[..., None])
    if feather > 0:
        distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        edge = hole & (distance < feather + 1)
        weight = distance[edge][:, None] / (feather + 1)  # (n, 1), 1 px inside: 1 / (feather + 1)
        region[edge] = np.rint(weight * fill[edge] + (1 - weight) * photo[edge]).astype(np.uint8)
    return result


class Backdrop:
    """What a photo says, around one hole, to every fill of it: measured once, for as many fills as come.

    photo: (H, W, 3) uint8; mask: (H, W) uint8, 255 = to be filled. side: of the face's crop, feather: width of the soft
    edge inside the mask, both in photo px. hidden: (H, W) uint8, all that is covered, other people's masks too, of
    which nothing is to be learnt; by default the mask. Safe to share between threads, as long as the photo stays.
    """

    def __init__(
        self, photo: np.ndarray, mask: np.ndarray, side: float, feather: float = 0.0, hidden: np.ndarray | None = None
    ):
        self.photo, self.feather = photo, feather
        self.hidden = mask if hidden is None else hidden
        self.box = left, top, width, height = cv2.boundingRect(mask)
        # Not the mask itself: a crowd has one of the photo's size for everybody.
        self._inside = mask[top : top + height, left : left + width] > 127
        if width == 0:
            return
        height_all, width_all = mask.shape
        self.step = step = max(1, round(side / COARSE))
        margin = round(MARGIN * side) + step
        x0, y0 = max(left - margin, 0), max(top - margin, 0)
        columns = -(-(min(left + width + margin, width_all) - x0) // step)
        rows = -(-(min(top + height + margin, height_all) - y0) // step)
        self.window = window = (x0, y0, x0 + columns * step, y0 + rows * step)
        known = shrink(photo, window, step).astype(np.float32)
        covered = shrink(mask, window, step)
        elsewhere = covered if self.hidden is mask else shrink(self.hidden, window, step)
        self._tone = tone_of(known[elsewhere == 0])
        self._edge = Edge(known, covered, COARSE / max(side, COARSE) * step, elsewhere)
        self._skin = Skin(photo, known, covered, elsewhere, window, step, side)

    def paste(self, face: Face, crop: np.ndarray, onto: np.ndarray | None = None) -> np.ndarray:
        """`blend` of a filled crop (S, S, 3) uint8 of this face, or of a frame around it."""
        plain = crop.astype(np.float32)
        # Of the kernels OpenCV has, the one nearest to the photo, and with the least stair-steps. A warp with it takes
        # six times as long as with the next one, which does on a picture that has been enlarged by it already.
        enlarged = face.side >= FINE > len(crop)
        large = cv2.resize(plain, (FINE, FINE), interpolation=cv2.INTER_LANCZOS4) if enlarged else plain
        kernel = cv2.INTER_CUBIC if enlarged else cv2.INTER_LANCZOS4

        def place(window: Window, step: float) -> np.ndarray:
            x0, y0, x1, y1 = window
            image = large if step == 1 else plain
            matrix = cv2.invertAffineTransform(face.to_crop(len(image)))
            matrix[:, 2] -= (x0, y0)
            image, matrix = shrink_first(image, matrix / step)
            size = (int((x1 - x0) // step), int((y1 - y0) // step))
            return warp(image, matrix, size, flags=kernel, borderMode=cv2.BORDER_REPLICATE)

        return self.blend(place, onto)

    def blend(self, place: Place, onto: np.ndarray | None = None) -> np.ndarray:
        """The photo (H, W, 3) uint8 with the fill inside the mask; every other pixel stays the same.

        place: gives the fill of a window. onto: a picture of the photo's size that is changed in place and returned,
        for several holes; by default a copy of the photo. The same input gives the same bytes.
        """
        result = self.photo.copy() if onto is None else onto
        left, top, width, height = self.box
        if width == 0:
            return result
        if self._tone:
            place = partial(_in_tone, self._tone, place)
        fill = place(self.window, self.step)
        change = self._edge.meet(fill)
        fill += change
        tile = self._skin.texture(fill, place)

        reach = int(np.ceil(self.feather)) + 2  # px beyond a strip in which the distance to the mask's edge is decided
        strip = max(STRIP // width, 1)
        for y in range(top, top + height, strip):
            end = min(y + strip, top + height)
            box, target = np.s_[y:end, left : left + width], (left, y, left + width, end)
            value = place(target, 1)
            value += enlarge(change, self.window, self.step, target)
            weight = soft_edge(self.hidden, target, self.feather, reach)[..., None]
            value -= self.photo[box]
            value *= weight
            value += self.photo[box]
            if tile is not None:
                # Two pictures mixed half and half have 0.7 of the noise of one: the noise's own weight is such that
                # its variance stays the same across the edge (Heitz and Neyret 2018).
                noise = repeat_tile(tile, target)
                noise *= np.sqrt(1 - (1 - weight) ** 2)
                value += noise
            np.rint(np.clip(value, 0, 255, out=value), out=value)
            np.copyto(result[box], value.astype(np.uint8), where=self._inside[y - top : end - top, :, None])
        return result


def _in_tone(tone: Callable[[np.ndarray], np.ndarray], place: Place, window: Window, step: float) -> np.ndarray:
    return tone(place(window, step))
