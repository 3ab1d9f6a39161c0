"""Heads turned on into profile: what photographs of people often show, and training pictures hardly ever.

Of 26 thousand training faces 200 are turned by more than 45 degrees; a network that meets each of them again and again
knows them by heart, and nothing of profiles. Here heads that are turned a little are turned on, so that each is new:
the "face profiling" of Zhu, Lei, Liu, Shi and Li 2016, Face Alignment Across Large Poses: A 3D Solution, section 4,
with the mean of the training faces' landmarks in place of a morphable model.

A solid face here is (92, 3): x to the picture's right, y down, z towards the camera, from the landmarks' mean, in units
of the distance from the eyes to the mouth.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.augment import shifted
from train.data.backdrop import cut_out, spread
from train.data.draws import Draws
from unmask.faces.face import face_from_points
from unmask.faces.landmarks import five_points
from unmask.faces.layout import LEFT_EYE, MOUTH, RIGHT_EYE
from unmask.nets.layers import dilate
from unmask.nets.parsing import ParsingNet

SOURCE, FURTHER = (12.0, 40.0), (22.0, 45.0)  # degrees that a head is turned by, and by how many it is turned on
SHARE, WHOLE = 0.5, 0.7  # share of such heads that are turned on, and how much of their picture has to be photograph
KNOWN = 42.0  # degrees beyond which the data's turns are understated
# The head behind the face, an ellipsoid, and the neck, a plane, in a solid face's coordinates.
HEAD_CENTRE, HEAD_RADII, NECK = (0.0, -0.35, -0.85), (1.13, 1.6, 1.2), -0.75
AHEAD = 0.12  # crop sides that a mask stands ahead of a profile at most
FINE, GAP = 4, 4  # columns looked at a pixel, for cheeks are stretched; px between two of them that are closed


def solid_face(points: Tensor, turn: Tensor, enough: int = 200) -> Tensor | None:
    """The mean solid face (92, 3) of landmarks (N, 92, 2) of heads that are turned by `turn` (N,) degrees, positive
    where the nose points to the picture's right; None where fewer than `enough` are turned enough to tell depth.

    A landmark is at x cos + z sin once its head is turned: least squares over all faces.
    """
    known = turn.abs() < KNOWN
    if (known & (turn.abs() > SOURCE[0])).sum() < enough:
        return None
    places, angle = points[known].double(), torch.deg2rad(turn[known].double())
    places = (places - places.mean(dim=1, keepdim=True)) / _length(places)[:, None, None]
    x, z = torch.linalg.lstsq(torch.stack([angle.cos(), angle.sin()], dim=1), places[:, :, 0]).solution
    return torch.stack([x, places[:, :, 1].mean(dim=0), z], dim=1).float()


def turn_heads(
    x: Tensor, points: Tensor, turn: Tensor, face: Tensor, net: ParsingNet, draws: Draws, share: float = SHARE
) -> tuple[Tensor, Tensor, Tensor]:
    """x, points and turn, with a share of the heads that are turned by SOURCE degrees turned on by FURTHER degrees.

    x: (B, 9, S, S) float32 in 0-255, S a multiple of 64: the photo, the masked photo, the mask, a free-form hole, and
    where the photo is photograph. points: (B, 92, 2) in crop sides. turn: (B,) degrees, positive where the nose points
    to the picture's right. face: see `solid_face`. Heads are cropped anew, before their own background out of focus. A
    mask turns as if it lay on the skin, and is then led ahead, see `stand_off`.
    """
    fit = (turn.abs() >= SOURCE[0]) & (turn.abs() <= SOURCE[1]) & (x[:, 8].mean(dim=(1, 2)) > 255 * WHOLE)
    chosen = ((draws.uniform() < share) & fit).nonzero()[:, 0]
    further, far = FURTHER[0] + (FURTHER[1] - FURTHER[0]) * draws.uniform(), draws.uniform()
    if not len(chosen):
        return x, points, turn
    size, before = x.shape[3], turn[chosen]
    pictures, after = x[chosen], before + further[chosen] * before.sign()
    half = F.avg_pool2d(pictures[:, :3], 2)  # enough for a head's outline
    head = F.interpolate(cut_out(half, net), scale_factor=2, mode="bilinear", align_corners=False)
    behind = out_of_focus(pictures[:, :3], head)
    pictures[:, :6] = spread(pictures[:, :6], head)
    columns, seen, places = look(points[chosen] * size, head[:, 0] > 0.5, before, after, face)
    # Each row of a turned head comes from the same row before; each pixel of the new crop from a turned head.
    rows = (torch.arange(size, device=x.device) + 0.5)[:, None].expand_as(columns)
    turned = torch.cat([_sample(pictures, torch.stack([columns, rows], dim=3)), 255 * seen], dim=1)
    found = [face_from_points(five_points(each), (0, 0, 0, 0)).to_crop(size) for each in places.cpu().numpy()]
    crop = x.new_tensor(np.stack(found))  # (n, 2, 3)
    back = torch.linalg.inv(crop[:, :, :2])  # (n, 2, 2)
    line = torch.arange(size, device=x.device) + 0.5
    pixels = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=2)  # (S, S, 2)
    turned = _sample(turned, torch.einsum("nij,hwnj->nhwi", back, pixels[:, :, None] - crop[:, :, 2]))
    turned = turned.clamp(0, 255)  # bicubic oversteps
    seen = turned[:, 9:] / 255
    x[chosen, :6] = seen * turned[:, :6] + (1 - seen) * behind.repeat(1, 2, 1, 1)
    x[chosen, 6:7] = seen * turned[:, 6:7]
    x[chosen, 3:7] = stand_off(x[chosen, 3:7], after.sign(), far[chosen])
    x[chosen, 8:9] = seen * turned[:, 8:9] + (1 - seen) * 255  # what is behind is made, but has no seam
    points[chosen] = (torch.einsum("nij,nkj->nki", crop[:, :, :2], places) + crop[:, None, :, 2]) / size
    turn[chosen] = after
    return x, points, turn


def look(places: Tensor, head: Tensor, before: Tensor, after: Tensor, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is seen of heads (n, S, S) bool that are turned from `before` to `after` (n,) degrees, with landmarks
    (n, 92, 2) px.

    Returns for each pixel of pictures of twice the width, the landmarks' mean in their middle, the column that it
    comes from, (n, S, 2 S) px, and whether it comes from the head, (n, 1, S, 2 S) of 0 to 1; and the landmarks there,
    (n, 92, 2) px.
    """
    n, size = head.shape[:2]
    by = torch.deg2rad(after - before)[:, None, None]
    middle, depth = places.mean(dim=1), depth_of(places, before, face, size)
    fine = F.interpolate(depth[:, None], size=(size, FINE * size), mode="bilinear", align_corners=False)[:, 0]
    column = (torch.arange(FINE * size, device=places.device) + 0.5) / FINE  # px
    off = column - middle[:, :1, None]  # (n, 1, FINE S)
    goal = (off * by.cos() + fine * by.sin() + size).floor().long()  # (n, S, FINE S)
    near = (fine * by.cos() - off * by.sin() + 4 * size).clamp(0, 8 * size)
    # The nearest of all that come to one pixel: the largest of nearness, and with it the column.
    key = (8 * near).long() * FINE * size + torch.arange(FINE * size, device=places.device)
    there = head.repeat_interleave(FINE, dim=2) & (goal >= 0) & (goal < 2 * size)
    key = torch.where(there, key, -1)
    best = torch.full((n, size, 2 * size), -1, device=key.device)
    best.scatter_reduce_(2, goal.clamp(0, 2 * size - 1), key, "amax")
    gap = (1, 2 * GAP + 1)
    around = F.max_pool2d(best.double(), gap, 1, (0, GAP))
    covered = -F.max_pool2d(-(around >= 0).double(), gap, 1, (0, GAP))  # gaps are closed, rims stay
    best = torch.where(best < 0, around.long(), best)
    seen = F.avg_pool2d(-dilate(-covered[:, None].to(depth), 1), 3, 1, 1)  # a pixel in, and soft
    # Where the picture shows it: the depth is smoother than the face.
    nearness = _sample(depth[:, None], places[:, None])[:, 0, 0]
    x = (places[..., 0] - middle[:, :1]) * by[:, 0].cos() + nearness * by[:, 0].sin() + size
    return (best % (FINE * size) + 0.5) / FINE, seen, torch.stack([x, places[..., 1]], dim=2)


def depth_of(places: Tensor, turn: Tensor, face: Tensor, size: int) -> Tensor:
    """How near each pixel is, (n, S, S) px from the landmarks' mean: the solid face, fitted to landmarks (n, 92, 2) px
    of heads that are turned by `turn` (n,) degrees, and around it the head and the neck."""
    n, middle, length = len(places), places.mean(dim=1)[:, None], _length(places)[:, None]
    round_y = _round_y(turn)  # (n, 3, 3)
    line = torch.arange(4, size, 8, device=places.device).to(places)  # an eighth of the size does
    pixels = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=2).view(1, -1, 2).expand(n, -1, -1)
    # A thin plate spline of what the landmarks are nearer than the head.
    missing = (face @ round_y.mT)[..., 2] - _head((places - middle) / length[..., None], round_y)
    at = torch.cat([places, pixels], dim=1).double() / size
    apart = torch.cdist(at, at[:, :92]).square()
    plate = torch.where(apart > 0, apart * apart.clamp_min(1e-12).log(), 0.0)
    plane = torch.cat([torch.ones_like(at[..., :1]), at], dim=2)
    known, corner = plane[:, :92], at.new_zeros(n, 3, 3)
    stiff = 0.01 * torch.eye(92, device=at.device, dtype=at.dtype)
    system = torch.cat([torch.cat([plate[:, :92] + stiff, known], dim=2), torch.cat([known.mT, corner], dim=2)], dim=1)
    weight = torch.linalg.solve(system, F.pad(missing.double(), (0, 3))[..., None])
    nearer = (torch.cat([plate, plane], dim=2)[:, 92:] @ weight)[..., 0].to(places)
    # It ends a quarter of the length outside of the landmarks.
    outside = torch.cdist(pixels, places).amin(dim=2) / length
    depth = _head((pixels - middle) / length[..., None], round_y) + nearer * torch.exp(
        -4 * (outside - 0.15).clamp_min(0)
    )
    depth = (depth * length).view(n, 1, len(line), len(line))
    return F.interpolate(depth, size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def stand_off(worn: Tensor, ahead: Tensor, far: Tensor) -> Tensor:
    """Masked photos and their masks (n, 4, S, S) in 0-255 with masks that stand off what they lie on by `far` (n,) of
    AHEAD, to the right where `ahead` (n,) is 1 and to the left where it is -1: worn ones lead from the nose's tip down
    to the chin, whatever a profile does in between."""
    size, reached = worn.shape[3], worn
    for step in range(5):  # each time as far again: its edge is drawn out to AHEAD without a gap
        right = (AHEAD * size / 31 * 2**step * far * ahead).round().long()  # whole px, or seams would show
        moved = shifted(reached, torch.zeros_like(right), right)
        fabric = moved[:, 3:] / 255 * (1 - reached[:, 3:] / 255)  # the nearest copy lies on top
        rgb = fabric * moved[:, :3] + (1 - fabric) * reached[:, :3]
        reached = torch.cat([rgb, reached[:, 3:] + 255 * fabric], dim=1)
    return reached


def out_of_focus(photo: Tensor, head: Tensor) -> Tensor:
    """What is behind heads (N, 1, H, W) of 0 to 1 in photos N3HW, without them and very soft."""
    height, width = photo.shape[2:]
    wall = 1 - head + 1e-3
    few, weight = (F.interpolate(each, size=(8, 8), mode="area") for each in (photo * wall, wall))
    for _ in range(3):
        few, weight = (F.avg_pool2d(each, 3, 1, 1, count_include_pad=False) for each in (few, weight))
    return F.interpolate(few / weight, size=(height, width), mode="bicubic", align_corners=False).clamp(0, 255)


def _length(places: Tensor) -> Tensor:
    """From the eyes to the mouth of landmarks (N, 92, 2): (N,)."""
    eyes = (places[:, LEFT_EYE].mean(dim=1) + places[:, RIGHT_EYE].mean(dim=1)) / 2
    length: Tensor = (places[:, MOUTH].mean(dim=1) - eyes).norm(dim=1)
    return length


def _round_y(turn: Tensor) -> Tensor:
    """(N, 3, 3) matrices that turn heads by (N,) degrees."""
    cos, sin, nothing = torch.deg2rad(turn).cos(), torch.deg2rad(turn).sin(), torch.zeros_like(turn)
    rows = [cos, nothing, sin, nothing, nothing + 1, nothing, -sin, nothing, cos]
    return torch.stack(rows, dim=1).view(-1, 3, 3)


def _head(at: Tensor, round_y: Tensor) -> Tensor:
    """How near the front of the head, or the neck, is at places (n, K, 2) of a solid face: (n, K)."""
    shape = round_y @ torch.diag(at.new_tensor(HEAD_RADII) ** -2) @ round_y.mT  # of an ellipsoid: p' shape p = 1
    centre = round_y @ at.new_tensor(HEAD_CENTRE)  # (n, 3)
    off = at - centre[:, None, :2]
    square = shape[:, 2, 2, None]
    linear = (off @ shape[:, :2, 2:])[..., 0]
    rest = ((off @ shape[:, :2, :2]) * off).sum(dim=2) - 1
    inside = linear**2 - square * rest
    front = centre[:, 2:] + (inside.clamp_min(0).sqrt() - linear) / square
    return torch.where(inside > 0, front, front.new_tensor(NECK)).clamp_min(NECK)


def _sample(pictures: Tensor, at: Tensor) -> Tensor:
    """Pictures (n, C, H, W) at places (n, h, w, 2) px."""
    grid = 2 * at / at.new_tensor([pictures.shape[3], pictures.shape[2]]) - 1
    return F.grid_sample(pictures, grid, mode="bicubic", padding_mode="border", align_corners=False)
