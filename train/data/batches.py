"""Batches by step number: which faces, masks and holes, warped and lit, depend on the seed and the step alone."""

from collections import Counter
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.data import backdrop, profiles
from train.data.augment import compress, relight, soften
from train.data.batch import Batch
from train.data.draws import Draws
from train.data.faces import GENDERS, SIDE, Faces, free_form_holes
from unmask import synth
from unmask.nets.parsing import ParsingNet

# Index of each landmark's partner on the other half of the face.
_MIRRORED = synth.MEAN_LANDMARKS * [-1, 1] + [SIDE - 1, 0]
MIRROR = np.linalg.norm(_MIRRORED[:, None] - synth.MEAN_LANDMARKS, axis=2).argmin(axis=1)  # (92,)


def sampling_weights(faces: Faces) -> np.ndarray:
    """(N,) float64, sum 1: rarer groups, genders (by the square root) and sources more often, blurred faces less often.

    Turned heads are the fewer the further they are turned: from 20 degrees of yaw on, 6 more double the weight, up to
    8 times; more would teach the few by heart. A face whose square was under 200 px in its source picture was enlarged:
    good for structure, bad for sharpness.
    """
    kinds = Counter((row["group"], row["gender"]) for row in faces.rows)
    sources = Counter(row.get("source") for row in faces.rows)
    weights = np.array(
        [kinds[row["group"], row["gender"]] ** -0.5 * sources[row.get("source")] ** -0.25 for row in faces.rows]
    )
    weights *= np.array([1.0 if float(row["side"]) >= 200 else 0.3 for row in faces.rows])
    weights *= 2 ** ((np.abs(turns(faces)) - 20) / 6).clip(0, 3)
    probabilities: np.ndarray = weights / weights.sum()
    return probabilities


def turns(faces: Faces) -> np.ndarray:
    """(N,) float64: degrees of yaw, positive where the nose points to the picture's right; 0 where faces.csv does not
    say (`yaw`)."""
    return np.array([float(row.get("yaw") or 0) for row in faces.rows])


def photographed(faces: Faces) -> np.ndarray:
    """(N, 4) float32: the part of each picture that is photograph, x0 y0 x1 y1 in units of its side; what lies outside
    is reflection, from which nothing is to be learned. The whole picture where faces.csv does not say (`crop`)."""
    whole = f"0 0 {SIDE} {SIDE}"
    return np.array([(row.get("crop") or whole).split() for row in faces.rows], np.float32) / SIDE


def shrink(images: np.ndarray, size: int) -> np.ndarray:
    """(N, 256, 256, C) uint8 -> (N, size, size, C) uint8 by averaging; at 256 px the array itself."""
    if size == SIDE:
        return np.asarray(images)
    small = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for target, image in zip(small, images):
        target[:] = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).reshape(target.shape)
    return small


def similarity(angle: Tensor, zoom: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N, 2, 3) matrices for F.affine_grid, from (N,) angles in rad, scales, and shifts in half sides."""
    c, s = zoom * angle.cos(), zoom * angle.sin()
    return torch.stack([c, -s, x, s, c, y], dim=1).view(-1, 2, 3)


class Batches:
    """Random batches by step number: the same seed and step give the same batch, which is what lets a run resume."""

    def __init__(
        self, faces: Faces, pairs: np.ndarray, others: np.ndarray | None = None, *,
        size: int, seed: int, device: torch.device, real: np.ndarray | None = None, window: int | None = None,
        turning: bool = True,
    ):  # fmt: skip
        """others: pictures without a face, (M, 256, 256, 3) uint8. real: photographs of real masks, (R, 256, 256, 5)
        uint8: RGB, the mask, and where it is certain (0 or 255), see pseudo_labels. window: px of the square around
        the mask that `get` cuts out of each picture; the whole picture unless given. turning: whether heads are turned
        on into profile, their masks like paint on the skin: for networks that do not learn from masks."""
        self.size, self.seed, self.device, self.window = size, seed, device, window
        self.count = len(faces.names)
        self.variants = len(pairs) // self.count
        self.probabilities = torch.from_numpy(sampling_weights(faces))
        # On a GPU the whole set lives there (3 GB plus 4 GB a variant at 256 px); on a CPU, at 256 px, the files'
        # own pages serve.
        arrays = (faces.photos, pairs, free_form_holes(1024, seed)[..., None])
        self.photos, self.pairs, self.holes = (torch.from_numpy(shrink(array, size)).to(device) for array in arrays)
        self.others = None if others is None else torch.from_numpy(shrink(others, size)).to(device)
        self.real = None if real is None else torch.from_numpy(shrink(real, size)).to(device)
        self.points = torch.from_numpy(faces.landmarks / SIDE).to(device)  # (N, 92, 2) in crop sides
        self.photographed = torch.from_numpy(photographed(faces)).to(device)  # (N, 4)
        self.turn = torch.from_numpy(turns(faces)).float().to(device)  # (N,) degrees
        self.solid = profiles.solid_face(self.points, self.turn) if turning else None
        genders = [GENDERS.get(row["gender"], 0) for row in faces.rows]
        self.gender = torch.tensor(genders, dtype=torch.float32, device=device)  # (N,)

    @cached_property
    def parsing(self) -> ParsingNet | None:
        """What cuts heads out for the walls, unless its weights are missing or the pictures too small for it."""
        net = backdrop.parsing_if_available() if self.size >= backdrop.LEAST else None
        return net.to(self.device) if net else None

    def get(self, step: int, batch: int, warp: float = 0.0, rows: slice = slice(None)) -> Batch:
        """Batch number `step`, or these rows of it.

        Returns photo, masked: (B, 3, size, size) float32 in [-1, 1], channels_last; mask: (B, 1, size, size) of
        {0, 1}, the synthetic mask; free: (B, 1, size, size) of {0, 1}, free-form holes; size is the window's, where
        there is one. valid: (B, 1, size, size) of {0, 1}, where the photo is photograph and not its reflection.
        side: (B,), px of the whole picture's side, also where there is a window.
        points: (B, 92, 2), the landmarks of the bare face, x and y in units of the crop's side.
        turn: (B,) degrees of yaw, positive where the nose points to the picture's right; 0 where it is not known.
        gender: (B,) of {-1 male, 1 female, 0 unknown}, as the face's source labels it.
        other, where there are any: (B, 3, size, size), pictures without a face.
        real, real_mask, certain, where there are any: (B, 3, size, size), (B, 1, size, size) of {0, 1}: photographs
        of real masks, and which pixels of their mask are certain.
        warp: strength in [0, 1] of random rotation, scale and shift, as an imperfect alignment gives.
        """
        draws = Draws(self.seed * 1_000_003 + step, batch, rows, self.device)
        face = draws.pick(self.probabilities)
        row = face + self.count * draws.below(self.variants)
        x, points = self._collect(face, row, draws.below(len(self.holes))), self.points[face]
        mirror = draws.uniform() < 0.5
        x = torch.where(mirror[:, None, None, None], x.flip(3), x)
        points = torch.where(mirror[:, None, None], self._mirrored(points), points)
        turn = torch.where(mirror, -self.turn[face], self.turn[face])
        if self.parsing and self.solid is not None:
            x, points, turn = profiles.turn_heads(x, points, turn, self.solid, self.parsing, draws)
        if warp:
            x, points = self._warp(x, points, warp, draws)
        if self.parsing:
            x = backdrop.stand_before_wall(x, self.parsing, draws)
        if self.window:
            x, points = self._cut(x, points, self.window, draws)
        data = self._split(self._jitter(x, draws))
        data["points"], data["gender"] = points, self.gender[face]
        data["turn"] = turn
        data["side"] = torch.full_like(face, self.size)
        if self.others is not None:
            data["other"] = self.others[draws.below(len(self.others))].permute(0, 3, 1, 2).float() / 127.5 - 1
        if self.real is not None:
            real = self.real[draws.below(len(self.real))].permute(0, 3, 1, 2).float()
            x = torch.cat([real[:, :3], real], dim=1)  # as `_collect` gives it
            x = torch.where(mirror[:, None, None, None], x.flip(3), x)
            x = self._warp(x, points, warp, draws)[0] if warp else x
            parts = self._split(self._jitter(x, draws))
            data["real"], data["real_mask"], data["certain"] = parts["masked"], parts["mask"], parts["free"]
        return data

    def first(self, count: int) -> Batch:
        """The first `count` faces, if there are so many, as they are and with their first masks, for sample grids: the
        same keys as `get`."""
        each = torch.arange(min(count, self.count), device=self.device)
        data = self._split(self._collect(each, each, each))
        data["points"], data["gender"] = self.points[: len(each)], self.gender[: len(each)]
        data["turn"] = self.turn[: len(each)]
        data["side"] = torch.full_like(each, self.size)
        return data

    def _collect(self, face: Tensor, row: Tensor, hole: Tensor) -> Tensor:
        """(B, 9, size, size) float32 in 0-255, channels_last: photo, masked, mask, free-form hole, valid."""
        line = (torch.arange(self.size, device=self.device) + 0.5) / self.size
        x0, y0, x1, y1 = self.photographed[face][:, :, None].unbind(1)  # (B, 1) each
        across, down = (line > x0) & (line < x1), (line > y0) & (line < y1)  # (B, size)
        valid = 255 * (down[:, :, None] & across[:, None])[..., None].to(torch.uint8)
        x = torch.cat([self.photos[face], self.pairs[row], self.holes[hole], valid], dim=3)  # (B, size, size, 9) uint8
        return x.permute(0, 3, 1, 2).float()  # (B, 9, size, size), channels_last

    @staticmethod
    def _split(x: Tensor) -> Batch:
        """The channels by name; `valid` where there are nine."""
        images, holes = (x[:, :6] / 127.5 - 1).split(3, dim=1), (x[:, 6:] > 127).float().split(1, dim=1)
        photo, masked, mask, free, *valid = (
            part.contiguous(memory_format=torch.channels_last) for part in (*images, *holes)
        )
        parts: Batch = {"photo": photo, "masked": masked, "mask": mask, "free": free}
        if valid:
            parts["valid"] = valid[0]
        return parts

    @staticmethod
    def _mirrored(points: Tensor) -> Tensor:
        return points[:, MIRROR] * points.new_tensor([-1, 1]) + points.new_tensor([1, 0])

    def _warp(self, x: Tensor, points: Tensor, warp: float, draws: Draws) -> tuple[Tensor, Tensor]:
        """Rotate up to 30 degrees, scale by 0.6 to 1.5, shift by up to a fifth, all times `warp`, at random."""

        def draw() -> Tensor:
            return 2 * draws.uniform() - 1

        angle, zoom = warp * 0.52 * draw() * draw().abs(), torch.exp(warp * 0.45 * draw())
        x_shift, y_shift = (warp * 0.4 * draw() * draw().abs() for _ in range(2))
        theta = similarity(angle, zoom, x_shift, y_shift)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        # theta leads from the warped picture, in [-1, 1], to the plain one; points go the other way.
        plain = 2 * points - 1 - theta[:, None, :, 2]  # (N, 92, 2)
        points = torch.linalg.solve(theta[:, :, :2], plain.transpose(1, 2)).transpose(1, 2)
        return x, (points + 1) / 2

    def _cut(self, x: Tensor, points: Tensor, window: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """The window at each mask's middle, up to a tenth of its side off it; x and points as `_warp` gives them."""
        mask, line = x[:, 6], torch.arange(self.size, dtype=torch.float32, device=x.device)
        total = mask.sum(dim=(1, 2)).clamp_min(1)
        middle = torch.stack([(mask.sum(dim=axis) * line).sum(dim=1) / total for axis in (1, 2)], dim=1)  # x, y
        shift = 0.1 * window * (2 * draws.uniform(2) - 1)
        corner = (middle + shift - window / 2).round().clamp(0, self.size - window)  # (B, 2)
        columns, rows = (corner[:, :, None].long() + torch.arange(window, device=x.device)).unbind(1)
        each = torch.arange(len(x), device=x.device)[:, None, None]
        x = x[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        return x, (points * self.size - corner[:, None]) / window

    def _jitter(self, x: Tensor, draws: Draws) -> Tensor:
        """Softness, compression, light, brightness, contrast and white balance, photo and masked photo alike."""
        x = relight(compress(soften(x, draws), draws), draws)
        gain = torch.exp(0.15 * draws.normal(1, 1, 1))
        balance = torch.exp(0.05 * draws.normal(3, 1, 1)).repeat(1, 2, 1, 1)
        shift = 10 * draws.normal(1, 1, 1)
        x[:, :6] = (x[:, :6] * gain * balance + shift).clamp(0, 255)
        return x
