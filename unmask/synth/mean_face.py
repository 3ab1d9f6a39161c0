"""The mean face: where the 92 landmarks lie, on average, in the 256 x 256 FFHQ frame."""

import cv2
import numpy as np

# Mean over 15,790 training faces, x then y in pixels. The oval starts at the forehead's middle and goes
# clockwise as seen: 7 is beside one ear, 18 the chin, 29 beside the other ear. In the whole list the nose
# starts at 36 (the bridge; 42 is the tip), the eyes at 50, the brows at 62, the mouth at 72.
_PARTS = {
    "oval": [
        (127.83, 69.05), (146.78, 69.54), (162.91, 72.19), (178.00, 78.03), (187.93, 86.98),
        (194.18, 98.29), (197.53, 110.32), (198.63, 125.37), (197.81, 139.65), (196.93, 154.20),
        (194.92, 169.88), (190.37, 186.22), (183.86, 199.42), (176.41, 209.10), (166.94, 217.63),
        (158.92, 223.60), (150.49, 228.83), (140.68, 232.55), (128.08, 233.77), (115.53, 232.37),
        (105.89, 228.55), (97.68, 223.23), (89.91, 217.22), (80.68, 208.65), (73.45, 198.97),
        (67.17, 185.80), (62.76, 169.47), (60.82, 153.87), (59.97, 139.38), (59.12, 125.14),
        (60.06, 110.13), (63.19, 98.17), (69.07, 86.93), (78.47, 78.05), (93.07, 72.21),
        (108.96, 69.56),
    ],
    "nose": [
        (127.72, 117.39), (127.66, 125.34), (127.58, 132.69), (127.51, 139.48), (127.43, 146.77),
        (127.39, 155.61), (127.41, 162.27), (127.44, 165.54), (127.51, 166.69), (127.59, 168.23),
        (110.43, 165.36), (120.04, 167.93), (135.24, 167.99), (145.04, 165.47),
    ],
    "eyes": [
        (82.97, 120.97), (89.77, 117.34), (100.33, 116.80), (110.69, 122.77), (101.83, 124.73),
        (91.47, 124.53), (145.16, 122.91), (155.61, 116.92), (166.18, 117.50), (173.14, 121.16),
        (164.55, 124.68), (154.10, 124.86),
    ],
    "brows": [
        (71.39, 106.54), (77.51, 100.79), (87.03, 97.88), (99.30, 98.55), (113.27, 100.22),
        (142.13, 100.19), (156.23, 98.49), (168.78, 97.83), (178.63, 100.84), (185.06, 106.63),
    ],
    "mouth": [
        (101.02, 187.51), (106.75, 184.01), (119.76, 180.69), (127.68, 181.80), (135.66, 180.70),
        (149.12, 184.07), (155.25, 187.63), (148.59, 194.79), (136.02, 201.59), (127.95, 202.33),
        (119.93, 201.53), (107.57, 194.68), (104.71, 187.30), (116.26, 186.71), (127.82, 187.48),
        (139.59, 186.75), (151.63, 187.38), (140.33, 191.53), (127.95, 192.83), (115.74, 191.45),
    ],
}  # fmt: skip

MEAN_LANDMARKS = np.array([point for part in _PARTS.values() for point in part], dtype=np.float32)  # (92, 2)
MEAN_LANDMARKS.setflags(write=False)


def draw_plain_face(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A drawn stand-in for a photo, for tests and timing: photo (H, W, 3) uint8 RGB, landmarks (92, 2)."""
    side = min(height, width)
    landmarks = MEAN_LANDMARKS * (side / 256) + [(width - side) / 2, (height - side) / 2]
    photo = np.full((height, width, 3), (104, 128, 150), np.uint8)
    for part, colour in (
        (landmarks[:36], (214, 168, 142)),
        (landmarks[50:56], (70, 48, 36)),
        (landmarks[56:62], (70, 48, 36)),
        (landmarks[72:84], (176, 92, 88)),
    ):
        cv2.fillPoly(photo, [np.round(part * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
    return photo, landmarks.astype(np.float32)
