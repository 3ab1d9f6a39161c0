"""The 92 landmarks of a face, under its mask too, and the crop that they ask for."""

import numpy as np

from unmask.faces.layout import LEFT_CORNER, LEFT_EYE, NOSE_TIP, RIGHT_CORNER, RIGHT_EYE


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """92 landmarks (..., 92, 2) -> left eye, right eye, nose tip, mouth corners, as seen: (..., 5, 2)."""
    eyes = [landmarks[..., eye, :].mean(axis=-2) for eye in (LEFT_EYE, RIGHT_EYE)]
    return np.stack([*eyes, *(landmarks[..., k, :] for k in (NOSE_TIP, LEFT_CORNER, RIGHT_CORNER))], axis=-2)
