"""Every network in the registry: shapes, finite values, gradients, and known pixels left alone."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import unmask
from train.losses.discriminators import GlobalLocalDiscriminator, PatchDiscriminator, SNPatchDiscriminator
from unmask import weights
from unmask.catalog import list_inpainting_models, list_models
from unmask.nets.face_detector import STRIDES, FaceDetector, grid
from unmask.nets.landmarks import LandmarkNet
from unmask.nets.layers import ContextualAttention, dilate
from unmask.nets.two_autoencoders import TwoAutoencoders
from unmask.registry import DEFAULT_MODELS, DEFAULT_SEGMENTATION_MODEL, MODELS
from unmask.synth import MEAN_LANDMARKS
from unmask.web.ideas import IDEAS


def of_kind(*kinds: str) -> list[str]:
    """Names in the registry, released or not: what is tested here needs no weights. What needs a package of its own has
    tests of its own."""
    return [name for name, info in MODELS.items() if info.kind in kinds and not info.package]


def build(name: str):
    torch.manual_seed(0)
    info = MODELS[name]
    sees_mask = {"sees_mask": True} if name == "pix2pix" else {}  # as released; the paper's is blind
    return info.build() if info.kind == "classical" else info.build(width=8, **sees_mask)  # narrow, for speed


def picture(size: int = 256, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    crop = torch.rand(count, 3, size, size) * 2 - 1
    mask = torch.zeros(count, 1, size, size)
    mask[:, :, size // 2 : -size // 8, size // 4 : -size // 4] = 1
    return crop, mask


PIXELS = of_kind("segmentation", "inpainting", "classical")  # networks that give a picture of the crop's size


def output(name: str, model, crop, mask):
    return model(crop) if MODELS[name].kind == "segmentation" else model(crop, mask)


@pytest.mark.parametrize("name", PIXELS)
def test_output_has_the_crops_size_and_is_finite_and_in_range(name):
    crop, mask = picture()
    out = output(name, build(name).eval(), crop, mask)
    channels, low = (1, 0) if MODELS[name].kind == "segmentation" else (3, -1)
    assert out.shape == (2, channels, 256, 256) and out.dtype == torch.float32
    assert out.isfinite().all() and out.min() >= low and out.max() <= 1


@pytest.mark.parametrize("name", of_kind("segmentation", "inpainting"))
def test_a_folded_network_answers_for_every_pixel(name):
    torch.manual_seed(0)
    levels = {"levels": 6} if name == "pix2pix" else {}
    model, (crop, mask) = MODELS[name].build(8, downscale=2, **levels).eval(), picture(128)
    out = output(name, model, crop, mask)
    assert out.shape == (2, 1 if name == "mseg" else 3, 128, 128)
    inside = out[:, :, 64:112, 32:96]  # what is painted; the rest of an inpainting model's crop is the visitor's
    corners = [inside[:, :, y::2, x::2] for y in (0, 1) for x in (0, 1)]  # of 2x2 pixels, which are one place within
    assert not any(torch.allclose(a, b) for i, a in enumerate(corners) for b in corners[:i])


@pytest.mark.parametrize("pixels", [1, 3, 5, 32])
def test_dilate_is_the_maximum_over_a_square(pixels):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 70, 90)
    assert torch.equal(dilate(x, pixels), F.max_pool2d(x, 2 * pixels + 1, stride=1, padding=pixels))


@pytest.mark.slow
@pytest.mark.parametrize("name", of_kind("segmentation", "inpainting"))
def test_every_parameter_of_a_pixel_network_gets_a_gradient(name):
    model, (crop, mask) = build(name).train(), picture()
    if name == "landmark-guided":  # its attention is let in as training goes on
        torch.nn.init.ones_(model.attention.gamma)
        torch.nn.init.ones_(model.attention.alpha)
    out = [output(name, model, crop, mask)]
    if name == "gumf":  # given a mask, it does not look for one
        out.append(model.find(crop))
    sum((x * torch.randn(1, 1, 256, 256)).sum() for x in out).backward()
    assert_all_move(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["face-detector", "landmarks"])
def test_every_parameter_of_a_point_network_gets_a_gradient(name):
    model, (crop, _) = MODELS[name].build().train(), picture(128)
    out = model(crop)
    (out * torch.randn_like(out)).sum().backward()
    assert_all_move(model)


def assert_all_move(model):
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("name", [name for name in of_kind("inpainting", "classical") if MODELS[name].needs_mask])
def test_known_pixels_come_back_unchanged(name):
    crop, mask = picture()
    crop = ((crop + 1) * 127.5).round() / 127.5 - 1  # values that a uint8 picture can have
    out = output(name, build(name).eval(), crop, mask)
    known = (mask == 0).expand_as(crop)
    assert torch.allclose(out[known], crop[known], atol=1e-6)
    assert not torch.allclose(out[~known], crop[~known], atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "ganmasker", "pix2pix", "glcic", "two-autoencoders", "gated-conv", "parsing-guided", "telea", "navier-stokes",
])
def test_nothing_of_the_covered_pixels_reaches_the_result(name):
    crop, mask = picture()
    model = build(name).eval()
    other = torch.where(mask > 0, torch.rand_like(crop), crop)
    assert torch.equal(model(crop, mask), model(other, mask))


@pytest.mark.parametrize("name", ["pix2pix", "ganmasker-one-stage"])
def test_a_network_without_a_mask_is_deterministic_and_ignores_it(name):
    crop, mask = picture()
    torch.manual_seed(0)
    model = MODELS[name].build(width=8).eval()
    assert torch.equal(model(crop, mask), model(crop, 1 - mask))
    assert torch.equal(model(crop), model(crop, mask))
    other = torch.where(mask > 0, torch.rand_like(crop), crop)
    assert not torch.allclose(model(crop), model(other)), "what covers the face is all it can find it by"


def test_a_pix2pix_that_sees_the_mask_asks_for_it():
    with pytest.raises(ValueError, match="needs the mask"):
        build("pix2pix")(picture()[0])


@pytest.mark.parametrize("sees_fabric", [True, False], ids=["as in its paper", "as trained"])
def test_gumf_is_shown_what_covers_the_face_only_as_in_its_paper(sees_fabric):
    torch.manual_seed(0)
    model, (crop, mask) = MODELS["gumf"].build(width=8, sees_fabric=sees_fabric).eval(), picture()
    with torch.inference_mode():
        one, two = model(crop, mask), model(crop * (1 - mask) + mask, mask)  # as it is, and with a white mask
    assert (((one - two).abs() * mask).max() > 1e-4) == sees_fabric


def test_gumf_finds_the_mask_where_none_is_given():
    crop, mask = picture(64)
    model = build("gumf").eval()
    found = model.clean(model.find(crop))
    assert torch.equal(model(crop), model(crop, found)) and not torch.equal(model(crop, mask), model(crop, found))
    logits = 20 * mask - 10
    noisy = logits.clone()
    noisy[:, :, 5, 5] = noisy[:, :, 40, 32] = 0  # a speck outside, a pinhole inside
    noisy[:, :, 5, 5] += 1
    assert torch.equal(model.clean(logits), mask) and torch.equal(model.clean(noisy), mask)


def test_contextual_attention_copies_what_fits():
    """A picture that repeats itself: the hole is filled from its other periods, and never from the hole."""
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    wave = lambda phase: torch.sin(phase * torch.pi / 4)
    texture = torch.stack([wave(x), wave(y + 2), wave(x + y)])[None].float()
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 20:40, 10:30] = 1
    attention = ContextualAttention()
    filled = attention(texture, mask)
    assert torch.allclose(filled[..., 8:-8, 8:-8], texture[..., 8:-8, 8:-8], atol=1e-3)
    # A hole that holds something else is filled with the rest all the same.
    assert attention(torch.where(mask > 0, 5.0, texture), mask).abs().max() < 1.5
    assert attention(texture, torch.ones_like(mask)).isfinite().all(), "nothing is known"


@pytest.mark.parametrize("name", of_kind("segmentation", "inpainting"))
def test_pictures_of_a_batch_do_not_mix(name):
    crop, mask = picture()
    model = build(name).eval()
    assert torch.allclose(output(name, model, crop, mask)[:1], output(name, model, crop[:1], mask[:1]), atol=1e-5)


def test_papers_widths_have_the_papers_parameter_counts():
    count = lambda model: sum(p.numel() for p in model.parameters())
    assert count(MODELS["pix2pix"].build()) == pytest.approx(54.414e6, rel=0.001)
    assert count(MODELS["glcic"].build()) == pytest.approx(6.072e6, rel=0.005)
    assert count(MODELS["gated-conv"].build(width=24)) == pytest.approx(4.052e6, rel=0.001)
    assert count(PatchDiscriminator(6)) == pytest.approx(2.769e6, rel=0.001)
    assert count(SNPatchDiscriminator()) == pytest.approx(5.947e6, rel=0.001)


def test_two_autoencoders_are_twice_one():
    count = lambda model: sum(p.numel() for p in model.parameters())
    assert count(TwoAutoencoders(8)) == 2 * count(TwoAutoencoders(8, stages=1))
    kinds = torch.nn.Conv2d | torch.nn.ConvTranspose2d
    assert sum(isinstance(module, kinds) for module in TwoAutoencoders(8).modules()) == 36  # table 1


def test_patch_discriminator_sees_70_pixels():
    """And one more around them by the fine detail, a 3x3 mean."""
    torch.manual_seed(0)
    net = PatchDiscriminator(4, width=8).eval()
    x = torch.zeros(1, 4, 256, 256, requires_grad=True)
    logits, features = net(x)
    assert logits.shape == (1, 1, 30, 30) and len(features) == 4
    logits[0, 0, 15, 15].backward()
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [72, 72]


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
    net = FaceDetector(8).eval()
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
    assert size("face-detector") <= 3e6
    assert all(size(name) <= 4e6 for name in ("landmarks", "two-autoencoders", "gated-conv", "gumf"))


def test_defaults_are_in_the_registry():
    assert MODELS[DEFAULT_SEGMENTATION_MODEL].kind == "segmentation"
    assert all(name in list_inpainting_models() for name in DEFAULT_MODELS)
    assert all(info.name == name and IDEAS[name].endswith(".") for name, info in MODELS.items())


def test_only_what_has_weights_is_offered(tmp_path, monkeypatch):
    """A network in training is in the registry, and nowhere in front of a visitor."""
    monkeypatch.setattr(weights, "checkpoints", lambda: tmp_path)
    monkeypatch.delenv("UNMASK_WEIGHTS", raising=False)
    (tmp_path / "sha256.json").write_text(json.dumps({"glcic.safetensors": "0", "mseg.safetensors": "0"}))
    classical = ["telea", "navier-stokes"]
    assert list_models() == ["mseg", "glcic", *classical] and list_models("segmentation") == ["mseg"]
    assert list_inpainting_models() == ["glcic", *classical]
    assert list_inpainting_models({"gumf": "a file"}) == ["glcic", "gumf", *classical]
    own = tmp_path / "own"
    own.mkdir()
    (own / "pix2pix.safetensors").touch()
    monkeypatch.setenv("UNMASK_WEIGHTS", str(own))
    assert list_inpainting_models() == ["pix2pix", "glcic", *classical]
    (tmp_path / "sha256.json").write_text("{")
    with pytest.raises(weights.WeightsError, match="The list of weights"):
        list_models()


def test_every_idea_is_translated():
    """Released or not: no page is to be half English on the day of a release."""
    locales = sorted((Path(unmask.__file__).parent / "web" / "locales").glob("*.json"))
    assert len(locales) >= 7
    ideas = {IDEAS[name] for name in of_kind("inpainting", "classical")}
    for path in locales:
        assert ideas <= set(json.loads(path.read_text(encoding="utf-8"))), path.stem
