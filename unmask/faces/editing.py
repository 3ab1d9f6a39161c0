"""What a visitor can tell landmark-guided inpainting: a smile, and an open mouth."""

from dataclasses import dataclass

import numpy as np

from unmask.faces.layout import CHIN, MOUTH, NOSE, OVAL


@dataclass(frozen=True)
class Guide:
    """Changes to the face that the landmarks say. All zero: the face as it was found under the mask."""

    smile: float = 0.0  # -1 (corners down) to 1 (a broad smile)
    mouth: float = 0.0  # 0 (as found) to 1 (open)


AS_FOUND = Guide()


def move(points: np.ndarray, guide: Guide) -> np.ndarray:
    """The landmarks (92, 2) of an upright face, moved as the guide says; x and y in any one unit, y down."""
    moved = np.array(points, np.float64)
    face = np.ptp(moved[OVAL, 1])  # forehead to chin
    mouth = moved[MOUTH]
    middle, half = mouth.mean(axis=0), np.ptp(mouth[:, 0]) / 2
    across = (mouth[:, 0] - middle[0]) / half  # -1 ... 1, corner to corner
    corner = np.abs(across) ** 1.5
    mouth[:, 0] += 0.035 * face * guide.smile * across
    mouth[:, 1] -= 0.045 * face * guide.smile * (corner - 0.3)
    below = np.clip((points[MOUTH, 1] - middle[1]) / (0.04 * face), -0.3, 1)
    mouth[:, 1] += 0.08 * face * guide.mouth * below * (1 - corner)
    moved[MOUTH] = mouth
    oval = moved[OVAL]
    # From nothing at the height of the nose's bridge to all of it at the chin.
    low = np.clip((oval[:, 1] - moved[NOSE.start, 1]) / (moved[CHIN, 1] - moved[NOSE.start, 1]), 0, 1)
    oval[:, 1] += 0.05 * face * guide.mouth * low**3
    moved[OVAL] = oval
    return moved
