"""What a photo tells about the light on a face, the hair before it, and the camera's blur and noise."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmask.faces.layout import BRIDGE, CHIN, LEFT_CORNER, NOSE_TIP, RIGHT_CORNER
from unmask.synth.canvas import Surface
from unmask.synth.geometry import SIDES, FaceFrame

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Light:
    """Values are relative to a white sheet in good light = 1, in the photo's own (gamma) scale."""

    level: float  # brightness of the light
    tint: np.ndarray  # (3,) colour of the light, mean about 1
    colourless: bool  # a black-and-white photo
    skin: float  # luma of the skin midway between the eyes, 0..1
    slope: np.ndarray  # (2,) change of log brightness per unit along the frame's x and y
    direction: np.ndarray  # (3,) towards the light: x, y in the frame, z towards the camera


@dataclass(frozen=True)
class Camera:
    blur: float  # standard deviation of the photo's softness, pixels
    noise: float  # standard deviation, 0..255


def skin_samples(photo: np.ndarray, frame: FaceFrame) -> tuple[np.ndarray, np.ndarray]:
    """Places that are skin on most faces: (positions in units (n, 2), mean colours (n, 3) in 0..1)."""
    p = frame.points
    pairs = [  # (landmark, landmark, share of the second)
        (63, 3, 0.45), (69, 33, 0.45), (64, 0, 0.4), (BRIDGE, 0, 0.45),  # forehead
        (59, 9, 0.45), (52, 27, 0.45), (49, 9, 0.45), (46, 27, 0.45),  # upper cheeks
        (RIGHT_CORNER, 11, 0.5), (LEFT_CORNER, 25, 0.5), (BRIDGE, NOSE_TIP, 0.5), (85, CHIN, 0.5),  # cheeks, nose, chin
    ]  # fmt: skip
    first, second, share = (np.array(column) for column in zip(*pairs, strict=True))
    places = p[first] + share[:, None] * (p[second] - p[first])
    radius = max(1, round(5 * frame.unit))
    height, width = photo.shape[:2]
    colours, kept = [], []
    for place, (x, y) in zip(places, frame.to_photo(places).round().astype(int), strict=True):
        patch = photo[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        if 0 <= x < width and 0 <= y < height and patch.size:
            colours.append(patch.reshape(-1, 3).mean(0) / 255)
            kept.append(place)
    if not kept:  # a face outside the picture: neutral light
        return np.zeros((1, 2)), np.full((1, 3), 0.6)
    return np.array(kept), np.array(colours)


def estimate_light(photo: np.ndarray, frame: FaceFrame, rng: np.random.Generator) -> Light:
    places, colours = skin_samples(photo, frame)
    luma = np.maximum(colours @ LUMA, 0.02)
    log = np.log(luma)
    # Hair, beards and glasses fall on some places; those far from the median count little.
    weight = np.exp(-(((log - np.median(log)) / 0.35) ** 2))
    design = np.column_stack([np.ones(len(places)), places / 60])
    ridge = np.diag([1e-6, 1.0, 1.0])  # few samples, so slopes are pulled towards zero
    normal = (design * weight[:, None]).T @ design + ridge
    base, *slope = np.linalg.solve(normal, (design * weight[:, None]).T @ log)
    slope = np.clip(slope, -0.5, 0.5) / 60

    skin = (colours * weight[:, None]).sum(0) / weight.sum()
    bright = float(np.exp(base))
    # Skin's own tone and the light cannot be told apart: a half-way guess, with some spread.
    level = np.clip((bright / 0.6) ** 0.55 * rng.normal(1.0, 0.07), 0.3, 1.25)
    saturation = float((skin.max() - skin.min()) / max(skin.max(), 0.02))
    colourless = saturation < 0.035
    usual = np.array([1.2, 0.96, 0.82])  # skin under white light, divided by its luma
    if colourless:
        tint = np.ones(3)
    else:
        tint = np.clip((skin / max(float(skin @ LUMA), 0.02) / usual) ** 0.6, 0.7, 1.35)
        tint /= float(tint @ LUMA)

    # On a round head of radius 70, brightness changes across the face as the light's direction says.
    x, y = 75 * slope + rng.normal(0, 0.1, 2)
    direction = np.array([np.clip(x, -0.8, 0.8), np.clip(y - 0.3, -0.9, 0.2), 0.75])
    direction /= np.linalg.norm(direction)
    return Light(float(level), tint.astype(np.float32), colourless, bright, slope, direction)


def hair_in_front(part: np.ndarray, surface: Surface, light: Light) -> np.ndarray | None:
    """Dark hair that falls over the face's sides, and so over a mask: (h, w) float32 in [0, 1], or None.

    part: the canvas's piece of the photo. Only long hair counts, dark both inside the face's oval beside the
    cheek and outside of it, so that neither a beard nor a dark background is taken for it.
    """
    u, v = surface.u, surface.v
    luma = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY) * np.float32(1 / 255)
    canvas = surface.canvas
    skin = np.float32(light.skin) * np.exp(
        np.float32(light.slope[0]) * canvas.x + np.float32(light.slope[1]) * canvas.y
    )
    dark = np.clip((np.float32(0.6) - luma / skin) * np.float32(1 / 0.14) + np.float32(0.5), 0, 1)
    height = (v > 0) & (v < np.float32(0.45))
    in_front = None
    for side in SIDES:
        across = u * np.float32(side)
        cheek = height & (across > np.float32(0.78)) & (across < np.float32(0.94))
        beyond = height & (across > np.float32(1.0)) & (across < np.float32(1.15))
        if not (cheek.any() and beyond.any()) or dark[cheek].mean() < 0.35 or dark[beyond].mean() < 0.7:
            continue
        # Close the gaps between strands, which no mask shows through in specks.
        thick = np.clip(1.8 * canvas.blur(dark, 1.2) - np.float32(0.4), 0, 1)
        hair = thick * np.clip((across - np.float32(0.6)) * np.float32(1 / 0.14), 0, 1)
        in_front = hair if in_front is None else np.maximum(in_front, hair)
    return in_front


def estimate_camera(photo: np.ndarray, frame: FaceFrame) -> Camera:
    """Blur and noise of the photo where the eyes, brows and nose are: the sharpest things on a face."""
    corners = frame.to_photo(np.array([[-62.0, -28.0], [62.0, 45.0], [62.0, -28.0], [-62.0, 45.0]]))
    (x0, y0), (x1, y1) = np.maximum(corners.min(0), 0).astype(int), corners.max(0).astype(int) + 1
    patch = photo[y0:y1, x0:x1]
    if min(patch.shape[:2]) < 8:
        return Camera(0.5, 1.0)
    luma = cv2.cvtColor(np.ascontiguousarray(patch), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.Laplacian(luma, cv2.CV_32F, ksize=1)
    noise = np.median(np.abs(fine)) / 0.6745 / np.sqrt(20)  # the Laplacian of white noise has variance 20
    once = cv2.GaussianBlur(luma, (0, 0), 1.0)
    twice = cv2.GaussianBlur(once, (0, 0), 1.5)
    sharp = float(np.std(luma - once)) / (float(np.std(once - twice)) + 1e-3)
    # Measured by blurring 500 sharp photographs: this ratio of fine to coarser detail, at these deviations.
    blur = np.interp(sharp, [0.55, 0.585, 0.66, 0.8, 1.04, 1.3], [2.0, 1.6, 1.2, 0.85, 0.55, 0.3])
    return Camera(float(blur), float(np.clip(0.8 * noise, 0.3, 6)))
