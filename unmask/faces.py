"""Where a face is in a photo, the square crop around it, and the way back.

Where no face is found, a photo counts as one face that fills it: the crop is the whole photo, letterboxed.
Coordinates are in pixels with the origin at the top-left corner of the top-left pixel.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import nn

from unmask.detail import blend
from unmask.image import resize, to_tensor
from unmask.masks import binarise


@dataclass(frozen=True)
class Face:
    """One face of a photo. The crop is the square of `side` px around `center`, turned by `angle`."""

    box: tuple[float, float, float, float]  # x0, y0, x1, y1 in the photo
    center: tuple[float, float]  # x, y of the crop's middle in the photo
    side: float  # the crop's side in photo pixels
    angle: float = 0.0  # radians, clockwise as seen: how far the crop's x axis is turned from the photo's
    points: tuple[tuple[float, float], ...] | None = None  # left eye, right eye, nose tip, mouth corners; as seen
    score: float = 1.0
    masked: float | None = None  # probability that it wears a mask, as the finder sees it; None where it did not look

    @property
    def size(self) -> float:
        """The box's size in photo px: the root of its area."""
        x0, y0, x1, y1 = self.box
        return float(np.sqrt(max(x1 - x0, 0) * max(y1 - y0, 0)))

    def to_crop(self, size: int) -> np.ndarray:
        """The (2, 3) float64 matrix that takes a point of the photo to the crop of size x size px."""
        scale = size / self.side
        cos, sin = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = np.full(2, size / 2) - turn @ np.array(self.center)
        return np.column_stack([turn, shift])

    def corners(self) -> np.ndarray:
        """The crop's corners in the photo, from its top left clockwise: (4, 2) float64, x and y."""
        unit = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], float)
        return cv2.transform(unit, cv2.invertAffineTransform(self.to_crop(1)))[0]


def whole_photo(photo: np.ndarray) -> Face:
    """The whole photo (H, W, 3) as one face: the smallest square around it."""
    height, width = photo.shape[:2]
    return Face(box=(0.0, 0.0, width, height), center=(width / 2, height / 2), side=max(height, width))


# In the 256 px crop of a face, the box from the forehead to the chin and from cheek to cheek has, on average, an area
# of (0.592 of the crop's side)^2 and its middle lies 0.091 of the side below the crop's.
BOX_SIDE, BOX_DROP = 0.592, 0.091


def face_from_box(box: tuple[float, float, float, float]) -> Face:
    """The upright face in a box (x0, y0, x1, y1) of a photo, drawn by hand around forehead, cheeks and chin."""
    x0, y0, x1, y1 = box
    side = float(np.sqrt((x1 - x0) * (y1 - y0))) / BOX_SIDE
    return Face(box, ((x0 + x1) / 2, (y0 + y1) / 2 - BOX_DROP * side), side)


def face_from_points(
    points: np.ndarray, box: tuple[float, float, float, float], score: float = 1.0, masked: float | None = None
) -> Face:
    """The face with these five points (5, 2) and its crop in the FFHQ frame (Karras et al. 2019, appendix C)."""
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    axis = across + down[::-1] * (1, -1)  # the eyes' direction, and the one at a right angle to the face's length
    axis *= max(2 * np.hypot(*across), 1.8 * np.hypot(*down)) / max(np.hypot(*axis), 1e-6)
    center = eyes + 0.1 * down
    return Face(
        box=tuple(float(v) for v in box),
        center=(float(center[0]), float(center[1])),
        side=2 * float(np.hypot(*axis)),
        angle=float(np.arctan2(axis[1], axis[0])),
        points=tuple((float(x), float(y)) for x, y in points),
        score=float(score),
        masked=masked,
    )


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """92 landmarks (..., 92, 2) -> left eye, right eye, nose tip, mouth corners, as seen: (..., 5, 2)."""
    eyes = [landmarks[..., 50:56, :].mean(axis=-2), landmarks[..., 56:62, :].mean(axis=-2)]
    return np.stack([*eyes, landmarks[..., 42, :], landmarks[..., 72, :], landmarks[..., 78, :]], axis=-2)


def upright_crop(face: Face, photo: np.ndarray) -> Face:
    """The face itself, or, where the photo (H, W, 3) already is about its crop, with the whole photo as the crop:
    nothing is then resampled."""
    whole = whole_photo(photo)
    away = np.hypot(face.center[0] - whole.center[0], face.center[1] - whole.center[1]) / whole.side
    fits = abs(np.log(face.side / whole.side)) < 0.12 and away < 0.05 and abs(face.angle) < 0.06
    return replace(face, center=whole.center, side=whole.side, angle=0.0) if fits else face


FULL_LOOK, QUICK_LOOK = 640, 160  # px of the longer side, in which the finder sees the photo
# A photo whose best score is UPRIGHT is the right way up. Turned, one must reach TURNED, and MORE than it has as it is.
UPRIGHT, TURNED, MORE = 0.85, 0.75, 0.05
SAME_FACE = 0.45  # boxes that share more of their union are one face
INSIDE = 0.7  # share of a box in a larger one from which it is a part of that face


def detect(finder: nn.Module, photo: np.ndarray, threshold: float = 0.5) -> list[Face]:
    """All faces in a photo (H, W, 3) uint8 with a score of at least `threshold`, largest first.

    The network looks twice: closely, for faces down to 1/40 of the photo's longer side (and 16 px), and at a small
    copy, for those that fill it.
    """
    device = next(finder.parameters()).device
    boxes, scores, masked, points = [], [], [], []
    longest = max(photo.shape[:2])
    for look in (FULL_LOOK, QUICK_LOOK):
        scale = min(look / longest, 1.0)
        if look == QUICK_LOOK and scale > 0.7:
            break  # a photo this small has been seen as a whole
        small = resize(photo, tuple(max(round(side * scale), 1) for side in photo.shape[:2]))
        height, width = small.shape[:2]
        padded = cv2.copyMakeBorder(small, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT, value=(127,) * 3)
        with torch.inference_mode():
            out = finder(to_tensor(padded).to(device, memory_format=torch.channels_last))[0]
        back = np.array([photo.shape[1] / width, photo.shape[0] / height])
        for box, score, wears, five in decode(out, threshold):
            boxes.append(box * np.tile(back, 2))
            scores.append(score)
            masked.append(wears)
            points.append(five * back)
    kept = _one_box_a_face(boxes, scores)
    faces = [face_from_points(points[i], boxes[i], scores[i], masked[i]) for i in kept]
    return sorted(faces, key=lambda face: -face.side)


def detect_turned(finder: nn.Module, photo: np.ndarray, threshold: float = 0.5) -> list[Face]:
    """As `detect`, also in a photo (H, W, 3) that lies on its side or stands on its head.

    The finder knows faces tilted by up to 45 degrees. Where it is sure of none, it sees the photo turned by quarters,
    too; what counts is the quarter that makes it surest.
    """
    found = detect(finder, photo, threshold)
    best = _surest(found)
    if best >= UPRIGHT:
        return found
    best = max(TURNED, best + MORE)
    height, width = photo.shape[:2]
    scale = min(FULL_LOOK / max(height, width), 1.0)  # it looks no closer, and a small picture is turned sooner
    small = resize(photo, tuple(max(round(side * scale), 1) for side in (height, width)))
    enlarge = np.diag([width / small.shape[1], height / small.shape[0]])
    for quarters, cos, sin in ((1, 0, 1), (2, -1, 0), (3, 0, -1)):
        picture = np.ascontiguousarray(np.rot90(small, quarters))  # against the clock; `back` takes its points back
        back = np.array([[cos, -sin], [sin, cos]])
        corner = np.maximum(-back, 0) @ picture.shape[1::-1]
        turned = detect(finder, picture, threshold)
        if _surest(turned) >= best:
            best = _surest(turned)
            found = [_moved(face, enlarge @ np.column_stack([back, corner])) for face in turned]
    return found


def _surest(faces: list[Face]) -> float:
    return max((face.score for face in faces), default=0.0)


def _moved(face: Face, matrix: np.ndarray) -> Face:
    """A face with its points, after the (2, 3) matrix: a similarity that turns by quarters."""
    corners = cv2.transform(np.array(face.box).reshape(1, 2, 2), matrix)[0]
    points = cv2.transform(np.array(face.points)[None], matrix)[0]
    return face_from_points(points, (*corners.min(axis=0), *corners.max(axis=0)), face.score, face.masked)


def decode(out: torch.Tensor, threshold: float) -> list[tuple[np.ndarray, float, float, np.ndarray]]:
    """The face finder's (cells, 16) for one picture as faces, best first: box (4,), score, probability of a mask,
    points (5, 2)."""
    scores = out[:, 0].sigmoid()
    chosen = torch.nonzero(scores >= threshold)[:, 0]
    chosen = chosen[scores[chosen].argsort(descending=True)][:500]
    out, scores = out[chosen].cpu().numpy().astype(np.float64), scores[chosen].cpu().numpy()
    kept = _one_box_a_face(list(out[:, 2:6]), list(scores))
    masked = 1 / (1 + np.exp(-out[:, 1]))
    return [(out[i, 2:6], float(scores[i]), float(masked[i]), out[i, 6:].reshape(5, 2)) for i in kept]


def _one_box_a_face(boxes: list[np.ndarray], scores: list[float]) -> list[int]:
    """Non-maximum suppression: indices of the boxes (x0, y0, x1, y1) to keep, best first.

    Seen very closely, an eye or a mouth can pass for a face: a box inside a larger one that scores about as well goes.
    """
    if not boxes:
        return []
    sized = [(box[0], box[1], box[2] - box[0], box[3] - box[1]) for box in boxes]
    kept = [int(i) for i in cv2.dnn.NMSBoxes(sized, [float(s) for s in scores], 0.0, SAME_FACE)]

    def is_part(i: int, other: int) -> bool:
        low, high = np.maximum(boxes[i][:2], boxes[other][:2]), np.minimum(boxes[i][2:], boxes[other][2:])
        area, larger = (np.prod(boxes[k][2:] - boxes[k][:2]) for k in (i, other))
        inside = np.prod(np.maximum(high - low, 0)) > INSIDE * area
        return bool(inside and larger > 1.5 * area and scores[other] > 0.6 * scores[i])

    return [i for i in kept if not any(is_part(i, other) for other in kept)]


def _warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], **options) -> np.ndarray:
    """cv2.warpAffine with corner-based coordinates (cv2's own origin is the first pixel's centre). size: (W, H)."""
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    return cv2.warpAffine(image, matrix, size, **options)


def _shrink_first(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average away what a warp that shrinks would alias; the matrix then takes the smaller image to the same place."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale >= 1:
        return image, matrix
    height, width = image.shape[:2]
    small = (max(round(width * scale), 1), max(round(height * scale), 1))
    matrix = matrix.copy()
    matrix[:, 0] *= width / small[0]
    matrix[:, 1] *= height / small[1]
    return cv2.resize(image, small, interpolation=cv2.INTER_AREA), matrix


def align(photo: np.ndarray, face: Face, size: int, pad: tuple[int, int, int] | None = None) -> np.ndarray:
    """The face's crop, (size, size, 3) uint8, from a photo (H, W, 3) uint8.

    What lies outside the photo is its mirror image, which networks take best, or the colour `pad`.
    """
    image, matrix = _shrink_first(photo, face.to_crop(size))
    border = {"borderMode": cv2.BORDER_REFLECT} if pad is None else {"borderValue": pad}
    return _warp(image, matrix, (size, size), flags=cv2.INTER_CUBIC, **border)


def align_mask(mask: np.ndarray, face: Face, size: int, threshold: int = 127) -> np.ndarray:
    """The mask (H, W) uint8 of a photo in the face's crop, (size, size) uint8 of 0 and 255; outside it is 0.

    A crop pixel counts as covered when its mean is above `threshold`: 0 covers all that the mask touches.
    """
    image, matrix = _shrink_first(mask, face.to_crop(size))
    crop = _warp(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return binarise(crop, threshold)


def mask_to_photo(mask_crop: np.ndarray, face: Face, shape: tuple[int, int]) -> np.ndarray:
    """The crop's mask (S, S) uint8 in the photo of `shape` (H, W): (H, W) uint8 of 0 and 255."""
    matrix = cv2.invertAffineTransform(face.to_crop(len(mask_crop)))
    image, matrix = _shrink_first(mask_crop, matrix)
    photo_mask = _warp(image, matrix, shape[::-1], flags=cv2.INTER_LINEAR)
    return binarise(photo_mask)


def crop_region(face: Face, shape: tuple[int, int]) -> np.ndarray:
    """What the face's crop covers of a photo of `shape` (H, W): bool (H, W)."""
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), np.rint(face.corners()).astype(np.int32), 1) > 0


def paste_back(
    photo: np.ndarray, face: Face, crop: np.ndarray, mask: np.ndarray, feather: float = 0.0
) -> np.ndarray:
    """Put the filled crop (S, S, 3) uint8 into the photo (H, W, 3) uint8, inside `mask` (H, W) uint8 only.

    Its colour at the edge, grain and texture become the photo's: see `unmask.detail`. feather: width in photo px of
    the soft edge inside the mask. Outside the mask every pixel of the result is the photo's.
    """
    to_photo = cv2.invertAffineTransform(face.to_crop(len(crop)))

    def place(window: tuple[int, int, int, int], step: int) -> np.ndarray:
        x0, y0, x1, y1 = window
        matrix = to_photo.copy()
        matrix[:, 2] -= (x0, y0)
        image, matrix = _shrink_first(crop.astype(np.float32), matrix / step)
        # Of the kernels OpenCV has, the one nearest to the photo, and with the least stair-steps.
        size = ((x1 - x0) // step, (y1 - y0) // step)
        return _warp(image, matrix, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)

    return blend(photo, mask, place, face.side, feather)
