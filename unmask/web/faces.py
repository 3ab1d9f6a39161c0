"""Which faces a photo has, as page and API take it: a photo without one is not painted on by itself."""

import numpy as np

from unmask import Unmasker
from unmask.faces.face import Face, whole_photo


def faces_of(unmasker: Unmasker, photo: np.ndarray) -> list[Face]:
    """All faces in a photo (H, W, 3) uint8, largest first; empty where there is none."""
    return [face for face in unmasker.find(photo) if face != whole_photo(photo)]
