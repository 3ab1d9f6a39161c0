"""Every network in the registry: shapes, finite values, gradients, and known pixels left alone."""

import pytest
import torch

from train.discriminators import GlobalLocalDiscriminator, PatchDiscriminator
from unmask.models import DEFAULT_MODELS, DEFAULT_SEGMENTER, MODELS, list_models, list_removers
from unmask.nets.face_finder import STRIDES, FaceFinder, grid
from unmask.nets.landmarks import LandmarkNet
from unmask.synth import MEAN_LANDMARKS

SMALL = {"mseg": 8, "ganmasker": 8, "pix2pix": 8, "glcic": 8}  # widths, for speed


def build(name: str):
    torch.manual_seed(0)
    info = MODELS[name]
    return info.build() if info.kind == "classical" else info.build(width=SMALL[name])


def picture(size: int = 256, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    crop = torch.rand(count, 3, size, size) * 2 - 1
    mask = torch.zeros(count, 1, size, size)
    mask[:, :, size // 2 : -size // 8, size // 4 : -size // 4] = 1
    return crop, mask


PIXELS = list_models("segmenter") + list_removers()  # networks that give a picture of the crop's size


def output(name: str, model, crop, mask):
    return model(crop) if MODELS[name].kind == "segmenter" else model(crop, mask)


@pytest.mark.parametrize("name", PIXELS)
def test_output_has_the_crops_size_and_is_finite_and_in_range(name):
    crop, mask = picture()
    out = output(name, build(name).eval(), crop, mask)
    channels, low = (1, 0) if MODELS[name].kind == "segmenter" else (3, -1)
    assert out.shape == (2, channels, 256, 256) and out.dtype == torch.float32
    assert out.isfinite().all() and out.min() >= low and out.max() <= 1


@pytest.mark.parametrize("name", list_models("segmenter") + list_models("remover"))
def test_every_parameter_of_a_pixel_network_gets_a_gradient(name):
    model, (crop, mask) = build(name).train(), picture()
    (output(name, model, crop, mask) * torch.randn(1, 1, 256, 256)).sum().backward()
    assert_all_move(model)


@pytest.mark.parametrize("name", ["face-finder", "landmarks"])
def test_every_parameter_of_a_point_network_gets_a_gradient(name):
    model, (crop, _) = MODELS[name].build().train(), picture(128)
    out = model(crop)
    (out * torch.randn_like(out)).sum().backward()
    assert_all_move(model)


def assert_all_move(model):
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("name", [name for name in list_removers() if MODELS[name].needs_mask])
def test_known_pixels_come_back_unchanged(name):
    crop, mask = picture()
    crop = ((crop + 1) * 127.5).round() / 127.5 - 1  # values that a uint8 picture can have
    out = build(name).eval()(crop, mask)
    known = (mask == 0).expand_as(crop)
    assert torch.allclose(out[known], crop[known], atol=1e-6)
    assert not torch.allclose(out[~known], crop[~known], atol=0.05)


@pytest.mark.parametrize("name", ["ganmasker", "glcic"])
def test_nothing_of_the_covered_pixels_reaches_the_result(name):
    crop, mask = picture()
    model = build(name).eval()
    other = torch.where(mask > 0, torch.rand_like(crop), crop)
    assert torch.equal(model(crop, mask), model(other, mask))


def test_pix2pix_is_deterministic_and_ignores_the_mask():
    crop, mask = picture()
    model = build("pix2pix").eval()
    assert torch.equal(model(crop, mask), model(crop, 1 - mask))


@pytest.mark.parametrize("name", list_models("remover") + list_models("segmenter"))
def test_pictures_of_a_batch_do_not_mix(name):
    crop, mask = picture()
    model = build(name).eval()
    assert torch.allclose(output(name, model, crop, mask)[:1], output(name, model, crop[:1], mask[:1]), atol=1e-5)


def test_papers_widths_have_the_papers_parameter_counts():
    count = lambda model: sum(p.numel() for p in model.parameters())
    assert count(MODELS["pix2pix"].build()) == pytest.approx(54.414e6, rel=0.001)
    assert count(MODELS["glcic"].build()) == pytest.approx(6.072e6, rel=0.005)
    assert count(PatchDiscriminator(6)) == pytest.approx(2.769e6, rel=0.001)


def test_patch_discriminator_sees_70_pixels():
    torch.manual_seed(0)
    net = PatchDiscriminator(4, width=8, norm="spectral").eval()
    x = torch.zeros(1, 4, 256, 256, requires_grad=True)
    logits, features = net(x)
    assert logits.shape == (1, 1, 30, 30) and len(features) == 4
    logits[0, 0, 15, 15].backward()
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [70, 70]


def test_local_discriminator_looks_around_the_hole():
    torch.manual_seed(0)
    net = GlobalLocalDiscriminator(128, width=8)
    x, mask = torch.rand(2, 3, 128, 128), torch.zeros(2, 1, 128, 128)
    mask[0, :, 80:120, 40:90] = 1  # its window would end below the picture: shifted inwards
    mask[1, :, 40:60, 60:80] = 1
    patches = net._cut(x, mask)
    # The hole's pixel centres average 99.5 (rows) and 64.5 (columns); the window is 64 px wide.
    assert torch.equal(patches[0], x[0, :, 64:128, 32:96])
    assert torch.equal(patches[1], x[1, :, 18:82, 38:102])
    assert net(x, mask).shape == (2, 1)


@pytest.mark.parametrize("shape", [(32, 64), (96, 160)])
def test_the_face_finder_answers_for_every_cell_in_pixels(shape):
    torch.manual_seed(0)
    net = FaceFinder(8).eval()
    out = net(torch.rand(2, 3, *shape) * 2 - 1)
    centers, strides = grid(*shape)
    assert out.shape == (2, len(centers), 16) and out.dtype == torch.float32 and out.isfinite().all()
    assert len(centers) == sum(shape[0] * shape[1] // stride**2 for stride in STRIDES)
    assert centers[0].tolist() == [4, 4] and centers[-1].tolist() == [shape[1] - 16, shape[0] - 16]
    # Untrained, a box lies around its own cell, a few strides wide, and nothing is called a face.
    assert (out[..., 2:4] < centers).all() and (out[..., 4:6] > centers).all()
    wide = (out[..., 4] - out[..., 2]) / strides
    assert 2 < wide.min() and wide.max() < 8 and out[..., 0].sigmoid().max() < 0.1


def test_untrained_landmarks_are_the_mean_face():
    torch.manual_seed(0)
    net = LandmarkNet().eval()
    points = net(torch.zeros(2, 3, 128, 128))
    assert points.shape == (2, 92, 2) and points.dtype == torch.float32
    assert torch.allclose(points, torch.tensor(MEAN_LANDMARKS / 256).expand(2, -1, -1), atol=0.06)


def test_a_peak_in_its_map_moves_a_landmark_there():
    net = LandmarkNet().eval()
    torch.nn.init.zeros_(net.correction.bias)
    peak = torch.full((1, 92, 16, 16), -50.0)
    peak[0, 5, 3, 12] = 50.0
    net.maps = torch.nn.Module()
    net.maps.forward = lambda x: peak
    x, y = net(torch.zeros(1, 3, 128, 128))[0, 5].tolist()
    assert (x, y) == pytest.approx((12.5 / 16, 3.5 / 16))


def test_small_networks_are_small():
    size = lambda name: 2 * sum(p.numel() for p in MODELS[name].build().parameters())  # bytes in fp16
    assert size("face-finder") <= 3e6 and size("landmarks") <= 4e6


def test_defaults_are_in_the_registry():
    assert MODELS[DEFAULT_SEGMENTER].kind == "segmenter"
    assert all(name in list_removers() for name in DEFAULT_MODELS)
    assert all(info.name == name and info.idea.endswith(".") for name, info in MODELS.items())
