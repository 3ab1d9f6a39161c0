"""What M-Seg sees in training: masks in other colours, with tapes and cords, and close up."""

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from train.recipes.mseg import closer, recolour
from train.recipes.ties import add_ties


def test_recolouring_stays_within_the_mask_and_keeps_its_folds():
    torch.manual_seed(0)
    crop = torch.rand(8, 3, 64, 64) - 0.5
    mask = torch.zeros(8, 1, 64, 64)
    mask[:, :, 40:60, 20:50] = 1
    painted = recolour(crop, mask, 1.0)
    assert torch.equal(painted[mask.expand_as(crop) == 0], crop[mask.expand_as(crop) == 0])
    before, after = (x[:, :, 40:60, 20:50].flatten(1) for x in (crop, painted))
    assert (before - after).abs().mean() > 0.1
    alike = [torch.corrcoef(torch.stack([b[:600], a[:600]]))[0, 1] for b, a in zip(before, after)]
    assert min(alike) > 0.8
    assert torch.equal(recolour(crop, torch.zeros_like(mask), 1.0), crop)


def masked(count: int, side: int = 128) -> tuple[torch.Tensor, torch.Tensor]:
    """Red masks on blue noise."""
    mask = torch.zeros(count, 1, side, side)
    mask[:, :, side // 2 : side * 27 // 32, side * 5 // 16 : side * 11 // 16] = 1
    background = 0.1 * torch.rand(count, 3, side, side) - torch.tensor([1.0, 1.0, -0.8]).view(1, 3, 1, 1)
    return torch.where(mask > 0, torch.tensor([0.9, -0.9, -0.9]).view(1, 3, 1, 1), background), mask


def test_tapes_and_cords_are_fabric_that_hangs_on_the_mask():
    torch.manual_seed(0)
    crop, mask = masked(60)
    tied, truth = add_ties(crop, mask, 1.0)
    assert set(truth.unique().tolist()) == {0, 1} and (truth >= mask).all()
    added = truth - mask
    assert (added.sum(dim=(1, 2, 3)) > 20).float().mean() > 0.8  # both sides are out of sight on a few
    unlike = (tied - crop).abs().amax(dim=1, keepdim=True)
    assert (unlike[added > 0] > 0.2).float().mean() > 0.97, "labelled as fabric, and nothing is there"
    soft_edge = F.max_pool2d(truth, 3, 1, 1)
    assert unlike[soft_edge == 0].max() == 0 and unlike[mask > 0].max() == 0
    above, below = added[:, :, :60].sum(dim=(1, 2, 3)), added[:, :, 64:].sum(dim=(1, 2, 3))
    assert (above > 40).sum() > 20 and (below > 0).sum() > 40  # to the crown; to the nape, and hanging
    for each in truth:
        pieces, _ = cv2.connectedComponents(cv2.dilate(each[0].numpy().astype(np.uint8), np.ones((9, 9), np.uint8)))
        assert pieces == 2, "a band that begins away from the mask"


def test_masks_of_two_pieces_are_tied_as_well():
    torch.manual_seed(0)
    mask = torch.zeros(20, 1, 128, 128)
    mask[:, :, 20:24, 40:88] = mask[:, :, 120:124, 40:88] = 1
    _, truth = add_ties(torch.zeros(20, 3, 128, 128), mask, 1.0)
    assert (truth >= mask).all() and (truth - mask).sum() > 200


def test_only_a_share_of_masks_is_tied_and_a_bare_face_never():
    torch.manual_seed(0)
    crop, mask = masked(200, 64)
    mask[100:] = 0
    tied, truth = add_ties(crop, mask, 0.25)
    changed = (tied != crop).flatten(1).any(dim=1)
    assert 12 < changed[:100].sum() < 38 and not changed[100:].any() and truth[100:].sum() == 0


def test_a_closer_look_shows_the_same_part_of_picture_and_mask():
    torch.manual_seed(0)
    place = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 64)] * 2, indexing="ij"))[None]
    crop = torch.cat([place, place[:, :1]], dim=1)
    truth = (crop[:, :1] > 0.2).float()
    spans = []
    for _ in range(30):
        near, mask, certain = closer(crop, truth, 1 - truth)
        assert near.shape == crop.shape and torch.equal(mask, 1 - certain)
        assert ((near[:, :1] > 0.2).float() != mask).float().mean() < 0.03
        spans.append(float(near[0, 0].max() - near[0, 0].min()) / 2)
    assert 1.2 < min(1 / s for s in spans) and 1.6 < max(1 / s for s in spans) < 1.9
