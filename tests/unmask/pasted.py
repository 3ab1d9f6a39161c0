"""One fill in one photo, for tests."""

from unmask.blending.composite import Backdrop


def paste_back(photo, face, crop, mask, feather=0.0):
    """The photo (H, W, 3) uint8 with a filled crop (S, S, 3) uint8 of this face inside the mask (H, W) uint8."""
    return Backdrop(photo, mask, face.side, feather).paste(face, crop)
