"""Thick holes as in LaMa's evaluation (Suvorov et al. 2022, section 4.1, and the settings that were released with it).

Wide strokes and boxes anywhere in the picture, which say how an inpainting model fares beyond the masks it is made for.
"""

import cv2
import numpy as np

STROKES, SEGMENTS = (1, 6), (1, 5)  # broken lines, and segments in each
LENGTH, WIDTH = (10, 209), (5, 104)  # px of a 256 px picture, of a segment
TURNS = 4  # a segment's direction is one of so many whole radians, and for every other line their mirror images
BOXES, BOX_SIDE, BOX_MARGIN = (1, 3), (30, 149), 10  # and px of a box's sides, and from the border
BOX_SHARE = 0.3 / 1.3  # of the holes that are boxes
LARGEST = 0.5  # of the picture: what covers more is drawn again


def draw_thick_hole(rng: np.random.Generator, side: int = 256) -> np.ndarray:
    """One hole: (side, side) uint8 of 0 and 255, at most LARGEST of it covered."""
    while True:
        hole = _boxes(rng, side) if rng.random() < BOX_SHARE else _strokes(rng, side)
        if 0 < np.count_nonzero(hole) <= LARGEST * hole.size:
            return hole


def _strokes(rng: np.random.Generator, side: int) -> np.ndarray:
    hole = np.zeros((side, side), np.uint8)
    for line in range(rng.integers(*STROKES, endpoint=True)):
        x, y = (int(value) for value in rng.integers(side, size=2))
        for _ in range(rng.integers(*SEGMENTS, endpoint=True)):
            angle = 0.01 + int(rng.integers(TURNS))
            if line % 2 == 0:
                angle = -angle
            length, width = (int(rng.integers(*bounds, endpoint=True)) for bounds in (LENGTH, WIDTH))
            end_x = int(np.clip(x + length * np.sin(angle), 0, side))
            end_y = int(np.clip(y + length * np.cos(angle), 0, side))
            cv2.line(hole, (x, y), (end_x, end_y), 255, width)
            x, y = end_x, end_y
    return hole


def _boxes(rng: np.random.Generator, side: int) -> np.ndarray:
    hole = np.zeros((side, side), np.uint8)
    for _ in range(rng.integers(*BOXES, endpoint=True)):
        width, height = (int(value) for value in rng.integers(*BOX_SIDE, size=2, endpoint=True))
        x, y = (int(rng.integers(BOX_MARGIN, side - BOX_MARGIN - length, endpoint=True)) for length in (width, height))
        hole[y : y + height, x : x + width] = 255
    return hole
