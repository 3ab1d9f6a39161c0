"""Holes, losses and discriminators of the recipes, and that every inpainting model's recipe learns from every part of
its loss."""

import pytest
import torch

from train.losses import trunk
from train.losses.adversarial import bce_gan, hinge
from train.losses.discriminators import SNPatchDiscriminator
from train.recipes import RECIPES
from train.recipes.holes import boxes, masked_crop
from unmask.nets.ganmasker import GANMasker
from unmask.registry import MODELS

pytestmark = pytest.mark.slow

INPAINTING = [name for name in RECIPES if MODELS[name].kind == "inpainting"]


def some(count: int = 4, size: int = 64) -> dict[str, torch.Tensor]:
    """A batch as `Batches.get` gives it, of noise: a masked face differs from its photo under the mask alone."""
    torch.manual_seed(0)
    photo, fabric = (torch.rand(count, 3, size, size) * 2 - 1 for _ in range(2))
    mask, free = torch.zeros(2, count, 1, size, size)
    mask[:, :, size // 2 : -size // 8, size // 4 : -size // 4] = 1
    free[:, :, size // 8 : size // 2, size // 8 : size // 3] = 1
    masked = torch.where(mask > 0, fabric, photo)
    known = {"points": torch.rand(count, 92, 2), "gender": torch.tensor([-1.0, 1.0]).repeat(count // 2)}
    return {"photo": photo, "masked": masked, "mask": mask, "free": free} | known


@pytest.fixture
def no_trunk(monkeypatch):
    """As on a machine without the ImageNet weights: the papers' own discriminators."""
    monkeypatch.setattr(trunk, "available", lambda variant="lite0": False)


@pytest.fixture(params=["trunk", "papers"])
def with_or_without_trunk(request):
    if request.param == "papers":
        request.getfixturevalue("no_trunk")
    elif not trunk.available():
        pytest.skip("needs timm and EfficientNet-Lite0's weights")


@pytest.mark.parametrize("name", INPAINTING)
def test_every_phase_moves_what_it_should(name, with_or_without_trunk):
    torch.manual_seed(0)
    recipe, batch = RECIPES[name](64, width=8), some()
    if name == "landmark-guided":  # its attention starts at nothing, and is let in as training goes on
        torch.nn.init.ones_(recipe.generator.attention.gamma)
        torch.nn.init.ones_(recipe.generator.attention.alpha)
    moved = set()
    for phase in recipe.phases:
        fake = recipe.generate(batch)
        assert fake.shape == batch["photo"].shape
        if phase.discriminator:
            recipe.discriminator.zero_grad()
            loss, parts = recipe.d_loss(batch, fake.detach())
            loss.backward()
            assert loss.isfinite() and parts
            still = [key for key, p in recipe.discriminator.named_parameters() if p.requires_grad and p.grad is None]
            assert still == []
        if phase.generator:
            recipe.generator.zero_grad()
            loss, parts = recipe.g_loss(batch, fake, phase)
            loss.backward()
            assert loss.isfinite() and all(torch.as_tensor(value).isfinite() for value in parts.values())
            parameters = recipe.generator.named_parameters()
            moved |= {key for key, p in parameters if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved == {key for key, _ in recipe.generator.named_parameters()}
    rows = recipe.show(recipe.generator.eval(), batch)
    assert all(row.shape == batch["photo"].shape for row in rows)


def test_boxes_have_the_papers_sides_and_lie_anywhere():
    torch.manual_seed(0)
    holes = boxes(500, 128)
    height, width = holes.amax(3).sum((1, 2)), holes.amax(2).sum((1, 2))
    assert torch.equal(holes.sum((1, 2, 3)), height * width), "each is one box"
    assert (height.min(), height.max(), width.min(), width.max()) == (24, 48, 24, 48)
    touched = holes.amax(dim=(0, 1))
    assert touched[0].any() and touched[-1].any() and touched[:, 0].any() and touched[:, -1].any()
    assert boxes(20, 64).sum((1, 2, 3)).max() <= 24**2


def test_a_batch_mixes_masks_painted_holes_and_boxes():
    batch = some(400, 32)
    torch.manual_seed(1)
    crop, hole = masked_crop(batch, 0.25, boxed=0.25)
    worn, photo = batch["worn"].flatten(), batch["photo"]
    free = (hole == batch["free"]).all(dim=(1, 2, 3))
    assert 150 < worn.sum() < 250 and 60 < free.sum() < 140 and not (free & worn).any()
    assert torch.equal(crop[worn], batch["masked"][worn]) and torch.equal(crop[~worn], photo[~worn])
    assert (hole[worn] >= batch["mask"][worn]).all(), "no fabric is left"
    assert torch.equal(hole[~worn & ~free].amax(3).sum((1, 2)).unique(), torch.arange(6.0, 13.0))


def test_a_covered_hole_does_not_show_the_answer():
    batch = some(64, 32)
    crop, hole = masked_crop(batch, 1.0, covered=True)
    inside = hole.expand_as(crop) > 0
    assert not batch["worn"].any() and torch.equal(crop[~inside], batch["photo"][~inside])
    assert not (crop == batch["photo"])[inside].any()
    assert torch.equal(crop[1][inside[1]], batch["photo"][0][inside[1]])


def test_one_stage_starts_from_ganmaskers_weights():
    recipe, other = RECIPES["ganmasker-one-stage"](64, width=8), GANMasker(8, downscale=2)
    recipe.generator.load_state_dict(recipe.adapt(other.state_dict()))
    crop = torch.rand(2, 3, 64, 64) * 2 - 1
    blank = torch.zeros(2, 1, 64, 64)
    assert torch.allclose(recipe.generator.eval()(crop), other.eval().fill(crop, blank), atol=1e-6)


def test_only_the_joint_phase_of_two_autoencoders_sees_the_truth(no_trunk):
    recipe, batch = RECIPES["two-autoencoders"](64, width=8), some()
    minimax, joint = recipe.phases
    fake = recipe.generate(batch)
    assert set(recipe.g_loss(batch, fake, minimax)[1]) == {"adv"}
    learnt = {"perceptual"} if recipe.face else set()  # where the landmark network's weights are there
    assert set(recipe.g_loss(batch, fake, joint)[1]) == {"adv", "mse", "ssim"} | learnt
    assert len(RECIPES["two-autoencoders"](64, width=8, stages=1).generator.stages) == 1


def test_the_region_discriminator_of_gumf_is_heard_late(no_trunk):
    recipe, batch = RECIPES["gumf"](64, width=8), some()
    fake = recipe.generate(batch)
    heard = [{"whole", "region"} & set(recipe.g_loss(batch, fake, phase)[1]) for phase in recipe.phases]
    assert heard == [set(), {"whole"}, {"whole", "region"}]
    # It is shown the photo outside the hole: whatever the network paints there is none of its business.
    other = torch.where(batch["hole"] > 0, fake, torch.rand_like(fake))
    (_, (_, _, region)), (_, (_, _, same)) = recipe.pairs(batch, fake), recipe.pairs(batch, other)
    assert torch.equal(region, same)


def test_hinge_and_counted_bce():
    real, fake = torch.tensor([[2.0, 0.0]]), torch.tensor([[-3.0, 1.0]])
    assert [float(x) for x in hinge(real, fake)] == [0.5, 1.0]
    logits, counts = torch.tensor([[[[0.0, 50.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert float(bce_gan(logits, 0.0, counts)) == pytest.approx(0.6931, abs=1e-4)
    assert float(bce_gan(logits, 0.0)) == pytest.approx(25.3466, abs=1e-3)


def test_sn_patchgan_judges_every_number_of_its_last_map():
    torch.manual_seed(0)
    net = SNPatchDiscriminator(4, width=8)
    assert net(torch.rand(2, 4, 256, 256)).shape == (2, 32, 4, 4)
    assert net(torch.rand(2, 4, 64, 64)).shape == (2, 32, 1, 1)


def test_some_of_m_segs_pictures_are_black_and_white():
    recipe, batch = RECIPES["mseg"](64, width=8), some(64)
    recipe.grey = 0.25
    seen = recipe.pictures(batch)
    # A camera's noise comes after, in colour.
    grey = (seen - seen.mean(dim=1, keepdim=True)).abs().mean(dim=(1, 2, 3)) < 0.05
    assert 5 < grey.sum() < 30
