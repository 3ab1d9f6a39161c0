"""The square in which GANMasker's paper shows its faces, cut from crops in the FFHQ frame.

The paper's faces are CelebA's: pictures of 178 x 218 px, of which the middle 178 x 178, enlarged to 256 x 256, are
taken here. The face is smaller in it than in the FFHQ frame, and so is the hole: about 1 dB more.
"""

from dataclasses import replace

import cv2
import numpy as np

from train.data.faces import SIDE, Faces
from unmask.faces.face import face_from_points

# Where CelebA's alignment puts eyes, nose and mouth corners in 178 x 218 px: means of its list_landmarks_align_celeba.
CELEBA = np.array([[69, 111], [108, 111], [88, 136], [72, 152], [105, 152]], float)
SQUARE, TOP = 178, 20  # px: the square's side, and its first row


def to_square() -> np.ndarray:
    """(2, 3) float64: takes a point of the 256 px crop to the square at 256 px.

    Every face is taken to lie in its CelebA picture as CelebA's mean landmarks do. The square is then 1.14 times as
    wide as the crop, and its middle lies 0.039 of the crop's side above the crop's.
    """
    from_crop = cv2.invertAffineTransform(face_from_points(CELEBA, (0, 0, SQUARE, SQUARE)).to_crop(SIDE))
    from_crop[:, 2] -= 0, TOP
    return from_crop * SIDE / SQUARE


def cut_squares(faces: Faces) -> Faces:
    """The CelebA faces (source `ca`) in the paper's square, at 256 px.

    What lies beyond the crop, up to 6 % of the square at a side and 10 % above, is its reflection. Only the
    network sees that: a mask seldom reaches so far, and outside the hole nothing is changed. Raises ValueError without
    such faces.
    """
    kept = [i for i, row in enumerate(faces.rows) if row["source"] == "ca"]
    if not kept:
        raise ValueError("The paper's square is cut from CelebA faces (source ca), and this split has none: try val2.")
    matrix = to_square()
    photos = [
        cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for photo in (np.asarray(faces.photos[i]) for i in kept)
    ]
    return replace(
        faces, names=[faces.names[i] for i in kept], rows=[faces.rows[i] for i in kept], photos=np.stack(photos),
        landmarks=np.stack([cv2.transform(faces.landmarks[i][None], matrix)[0] for i in kept]),
    )  # fmt: skip
