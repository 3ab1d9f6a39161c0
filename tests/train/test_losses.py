"""What the losses count, and what the discriminator and the perceptual loss look at."""

import pytest
import torch

from train.losses import reconstruction
from train.losses.adversarial import lsgan, patch_validity_mask
from train.losses.discriminators import PatchDiscriminator, with_detail
from train.losses.perceptual import FacePerceptual
from train.losses.spectral import spectral_distance


def test_only_logits_that_see_the_hole_count():
    """By the gradient: a logit counts if and only if it moves with a pixel of the hole (or misses it by a stride)."""
    torch.manual_seed(0)
    critic = PatchDiscriminator(3, width=8).eval()
    picture = torch.rand(1, 3, 256, 256, requires_grad=True)
    logits, _ = critic(picture)
    hole = torch.zeros(1, 1, 256, 256)
    hole[..., 120:136, 60:80] = 1
    counts = patch_validity_mask(hole, logits)
    assert counts.shape == logits.shape and 0 < counts.sum() < counts.numel()
    missed = wrongly = 0
    for row in range(0, logits.shape[2], 3):
        for column in range(0, logits.shape[3], 3):
            (gradient,) = torch.autograd.grad(logits[0, 0, row, column], picture, retain_graph=True)
            sees = bool((gradient.abs().sum(dim=1, keepdim=True) * hole).sum() > 0)
            missed += sees and not counts[0, 0, row, column]
            wrongly += not sees and bool(counts[0, 0, row, column])
    assert missed + wrongly <= 6, (missed, wrongly)  # of 100, at the edge of the hole's reach


def test_least_squares_over_the_counted_logits_alone():
    logits, counts = torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert lsgan(logits, 0.0, counts) == 1 and lsgan(logits, 0.0) == 13


def test_the_critic_gets_fine_detail_amplified():
    torch.manual_seed(0)
    picture = torch.sign(torch.rand(1, 3, 64, 64) - 0.5) * 0.02
    seen = with_detail(torch.cat([picture, torch.ones(1, 1, 64, 64)], dim=1))
    assert seen.shape == (1, 7, 64, 64) and torch.equal(seen[:, :3], picture)
    assert 6 * picture.std() < seen[:, 4:].std() < 9 * picture.std()
    smooth = torch.linspace(-1, 1, 64).expand(1, 4, 64, 64)
    assert with_detail(smooth)[..., 1:-1, 1:-1][:, 4:].abs().max() < 1e-4, "what is smooth has none"


@pytest.mark.skipif(not FacePerceptual.available(), reason="no released landmark network")
def test_the_face_perceptual_loss_sees_the_hole_and_passes_a_gradient():
    torch.manual_seed(0)
    loss = FacePerceptual()
    photo, hole = torch.rand(1, 3, 64, 64) * 2 - 1, torch.zeros(1, 1, 64, 64)
    hole[..., 24:40, 24:40] = 1
    assert loss(photo, photo, hole) == 0
    fake = torch.where(hole > 0, -photo, photo).requires_grad_(True)
    distance = loss(fake, photo, hole)
    distance.backward()
    assert distance > 0.05 and fake.grad[..., 24:40, 24:40].abs().sum() > 0
    assert not any(p.requires_grad for p in loss.parameters())


def test_dice_loss_of_a_perfect_and_of_an_empty_mask():
    truth = torch.zeros(2, 1, 16, 16)
    truth[0, :, 4:8] = 1
    assert reconstruction.dice_loss(truth, truth) == pytest.approx(0, abs=1e-6)
    assert reconstruction.dice_loss(1 - truth, truth) > 0.98


def test_hole_mean_counts_the_hole_alone():
    values, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    values[:, :, 0], values[:, :, 1] = 2.0, 100.0
    mask[:, :, 0] = 1
    assert reconstruction.hole_mean(values, mask) == 2.0
    assert reconstruction.hole_mean(values, 0 * mask) == 0.0


def test_spectral_distance_finds_a_wave_and_not_how_much_detail_there_is():
    torch.manual_seed(0)
    photo, hole = 0.2 * torch.rand(3, 3, 96, 96), torch.zeros(3, 1, 96, 96)
    hole[..., 16:80, 16:80] = 1
    wave = 0.05 * torch.cos(torch.pi / 2 * torch.arange(96)).expand_as(photo)  # four pixels long
    assert spectral_distance(photo, photo, hole) == 0
    assert spectral_distance(0.5 * photo, photo, hole) < 0.01, "no wave stands out here"
    fake = (photo + wave).requires_grad_(True)
    distance = spectral_distance(fake, photo, hole)
    distance.backward()
    assert distance > 0.1
    with torch.no_grad():
        along = (fake.grad * wave).sum()
        assert along > 0 and spectral_distance(fake - 0.5 * wave, photo, hole) < distance
        others = torch.cat([photo[:1] + wave[:1], photo[1:]])  # a mesh on one picture counts a third
        assert spectral_distance(others, photo, hole) == pytest.approx(float(distance) / 3, rel=0.5)
    assert not fake.grad[..., :16, :].any(), "what is outside the hole counts"
    assert spectral_distance(photo + wave, photo, 0 * hole) == 0
