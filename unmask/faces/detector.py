"""Finds the faces in a photo: a network looks at it closely, at a small copy of it, and turned if need be."""

import cv2
import numpy as np
import torch
from torch import nn

from unmask.faces.face import Face, face_from_points
from unmask.imaging.tensors import resize, to_tensor

FULL_LOOK, QUICK_LOOK = 640, 160  # px of the longer side, in which the detector sees the photo
# A photo whose best score is UPRIGHT is the right way up. Turned, one must reach TURNED, and MORE than it has as it is.
UPRIGHT, TURNED, MORE = 0.85, 0.75, 0.05
SAME_FACE = 0.45  # boxes that share more of their union are one face
INSIDE = 0.7  # share of a box in a larger one from which it is a part of that face


def detect(detector: nn.Module, photo: np.ndarray, threshold: float = 0.5) -> list[Face]:
    """All faces in a photo (H, W, 3) uint8 with a score of at least `threshold`, largest first.

    The network looks twice: closely, for faces down to 1/40 of the photo's longer side (and 16 px), and at a small
    copy, for those that fill it.
    """
    device = next(detector.parameters()).device
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
            out = detector(to_tensor(padded).to(device, memory_format=torch.channels_last))[0]
        back = np.array([photo.shape[1] / width, photo.shape[0] / height])
        for box, score, wears, five in decode(out, threshold):
            boxes.append(box * np.tile(back, 2))
            scores.append(score)
            masked.append(wears)
            points.append(five * back)
    kept = _one_box_a_face(boxes, scores)
    faces = [face_from_points(points[i], boxes[i], scores[i], masked[i]) for i in kept]
    return sorted(faces, key=lambda face: -face.side)


def detect_turned(detector: nn.Module, photo: np.ndarray, threshold: float = 0.5) -> list[Face]:
    """As `detect`, also in a photo (H, W, 3) that lies on its side or stands on its head.

    The detector knows faces tilted by up to 45 degrees. Where it is sure of none, it sees the photo turned by quarters,
    too; what counts is the quarter that makes it surest.
    """
    found = detect(detector, photo, threshold)
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
        turned = detect(detector, picture, threshold)
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
    """The face detector's (cells, 16) for one picture as faces, best first: box (4,), score, probability of a mask,
    points (5, 2)."""
    scores = out[:, 0].sigmoid()
    chosen = torch.nonzero(scores >= threshold)[:, 0]
    chosen = chosen[scores[chosen].argsort(descending=True)][:500]
    best, sure = out[chosen].cpu().numpy().astype(np.float64), scores[chosen].cpu().numpy()
    kept = _one_box_a_face(list(best[:, 2:6]), list(sure))
    masked = 1 / (1 + np.exp(-best[:, 1]))
    return [(best[i, 2:6], float(sure[i]), float(masked[i]), best[i, 6:].reshape(5, 2)) for i in kept]


def _one_box_a_face(boxes: list[np.ndarray], scores: list[float]) -> list[int]:
    """Non-maximum suppression: indices of the boxes (x0, y0, x1, y1) to keep, best first.

    Seen very closely, an eye or a mouth can pass for a face: a box inside a larger one that scores about as well goes.
    """
    if not boxes:
        return []
    # OpenCV's, not torchvision.ops.nms, which keeps the same boxes: importing torchvision takes two seconds of CPU.
    sized = [(box[0], box[1], box[2] - box[0], box[3] - box[1]) for box in boxes]
    kept = [int(i) for i in cv2.dnn.NMSBoxes(sized, [float(s) for s in scores], 0.0, SAME_FACE)]

    def is_part(i: int, other: int) -> bool:
        low, high = np.maximum(boxes[i][:2], boxes[other][:2]), np.minimum(boxes[i][2:], boxes[other][2:])
        area, larger = (np.prod(boxes[k][2:] - boxes[k][:2]) for k in (i, other))
        inside = np.prod(np.maximum(high - low, 0)) > INSIDE * area
        return bool(inside and larger > 1.5 * area and scores[other] > 0.6 * scores[i])

    return [i for i in kept if not any(is_part(i, other) for other in kept)]
