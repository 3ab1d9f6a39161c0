"""What the inpainting networks see in training: holes beyond the jaw, light and softness, which faces and which parts
of them; and that a broken batch moves nothing."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.train.drawn_faces import draw_folder
from train.data import batches as batches_module
from train.data import faces as faces_module
from train.data.augment import compress, jpeg, relight, soften
from train.data.draws import Draws
from train.distributed import Processes
from train.loop import update
from train.recipes import holes


def mask_of(count: int, side: int = 96) -> torch.Tensor:
    mask = torch.zeros(count, 1, side, side)
    mask[..., 40:60, 30:62] = 1
    return mask


def draws_of(count: int, seed: int = 1) -> Draws:
    return Draws(seed, count, slice(None), torch.device("cpu"))


# Holes


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_holes_beyond_the_jaw_are_grown_and_joined_with_a_shifted_copy(scale):
    torch.manual_seed(0)
    mask = mask_of(8)
    sizes, downs, rights = set(), set(), set()
    for before, hole in zip(mask, holes.reach_beyond(mask, scale)):
        assert set(hole.unique().tolist()) == {0, 1} and (hole >= before).all()
        found = []
        for size in (2, 4, 6, 8, 10):
            pixels = round(size * scale)
            grown = F.max_pool2d(before, 2 * pixels + 1, 1, pixels)
            if (hole < grown).any() or (hole - grown).sum() > grown.sum():
                continue
            for down in range(round(-2 * scale), round(16 * scale) + 1):
                for right in range(round(-14 * scale), round(14 * scale) + 1):
                    if torch.equal(hole, torch.maximum(grown, grown.roll((down, right), (1, 2)))):
                        found.append((size, down, right))
        assert found, "nothing in the stated ranges gives this hole"
        size, down, right = found[0]
        sizes.add(size), downs.add(down), rights.add(right)
    assert len(sizes) > 2 and len(downs) > 3 and min(rights) < 0 < max(rights)


def test_nothing_comes_round_from_the_other_border():
    torch.manual_seed(0)
    low = torch.zeros(16, 1, 64, 64)
    low[:, :, -12:, -12:] = 1
    assert holes.reach_beyond(low)[:, :, :20].sum() == 0


def test_holes_reach_ahead_of_turned_heads_towards_the_nose():
    torch.manual_seed(0)
    mask = torch.zeros(300, 1, 128, 128)
    mask[:, :, 50:80, 50:80] = 1
    turn = torch.tensor([0.0, 25.0, 35.0, -40.0, 60.0]).repeat(60)
    hole = holes.reach_ahead(mask, turn)
    assert (hole >= mask).all() and torch.equal(hole[turn.abs() <= 25], mask[turn.abs() <= 25])
    columns, rows = hole.amax(dim=2)[:, 0], hole.amax(dim=3)[:, 0]  # (N, 128)
    first, last = columns.argmax(dim=1), 127 - columns.flip(1).argmax(dim=1)
    right, left = last - 79, 50 - first
    assert (left[turn > 0] == 0).all() and (right[turn < 0] == 0).all()
    for degrees, most in ((35, 20), (-40, 30), (60, 44)):
        reached = (left if degrees < 0 else right)[turn == degrees]
        assert 0.8 * most < reached.max() <= most and reached.min() < 0.3 * most
    far = turn == 60
    assert 26 <= rows.argmax(dim=1)[far].min() < 34 and 86 < (127 - rows.flip(1).argmax(dim=1))[far].max() <= 91
    assert torch.equal(rows.sum(dim=1), 128 - rows.argmax(dim=1) - rows.flip(1).argmax(dim=1)), "there is a gap"


def crops_of(count: int, side: int = 32) -> dict[str, torch.Tensor]:
    photo, mask = torch.rand(count, 3, side, side), torch.zeros(count, 1, side, side)
    mask[..., 16:26, 8:24] = 1
    painted = torch.zeros_like(mask)
    painted[..., 2:9, 4:20] = 1
    valid = torch.ones_like(mask)
    valid[..., :12] = 0
    masked = torch.where(mask > 0, 9.0, photo)
    known = {"valid": valid, "side": torch.tensor([256])}
    return {"photo": photo, "masked": masked, "mask": mask, "free": painted} | known


def test_only_photograph_is_scored():
    batch = crops_of(200)
    crop, hole = holes.masked_crop(batch, free=0.5)
    worn = batch["worn"]
    assert 70 < worn.sum() < 130
    assert torch.equal(batch["scored"], hole * batch["valid"]) and (hole - batch["scored"]).sum() > 0
    assert torch.equal(crop, torch.where(worn, batch["masked"], batch["photo"]))
    bare = ~worn[:, 0, 0, 0]
    assert torch.equal(hole[bare], batch["free"][bare])
    assert (hole >= batch["mask"])[~bare].all(), "the fabric is always in the hole"
    del batch["valid"]
    _, hole = holes.masked_crop(batch, free=0.5)
    assert torch.equal(batch["scored"], hole)
    _, hole = holes.masked_crop(batch, free=0.0, exact=True)
    assert torch.equal(hole, batch["mask"])


def test_two_thirds_of_the_holes_reach_beyond(monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(holes, "reach_beyond", lambda hole, scale: torch.ones_like(hole))
    _, hole = holes.masked_crop(crops_of(600), free=0.0)
    beyond = hole.amin(dim=(1, 2, 3)) == 1
    assert float(beyond.float().mean()) == pytest.approx(0.65, abs=0.06)
    within = F.max_pool2d(crops_of(1)["mask"], 11, 1, 5)  # the others are the mask grown by 5 px at most
    assert (hole[~beyond] <= within).all()
    _, hole = holes.masked_crop(crops_of(20), free=0.0, beyond=0.0)
    assert (hole <= within).all()


# Light and softness


def pictures_of(count: int, side: int = 48) -> torch.Tensor:
    """(count, 9, side, side): a photo, the same darkened, and masks."""
    torch.manual_seed(3)
    photo = 255 * F.interpolate(torch.rand(count, 3, side // 2, side // 2), size=(side, side), mode="bilinear")
    masks = 255 * (torch.rand(count, 3, side, side) > 0.5).float()
    return torch.cat([photo, photo / 2, masks], dim=1)


def changed(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """(N,) bool: which pictures are not as they were."""
    return ((before - after).abs() > 1e-3).flatten(1).any(dim=1)


def test_a_third_is_softened_truth_and_input_alike():
    before = pictures_of(300)
    after = soften(before.clone(), draws_of(300))
    assert torch.equal(before[:, 6:], after[:, 6:]), "masks stay as they are"
    assert torch.allclose(after[:, :3], 2 * after[:, 3:6], atol=1e-3)
    soft = changed(before, after)
    assert float(soft.float().mean()) == pytest.approx(1 / 3, abs=0.07)
    detail = lambda x: (x[..., 1:] - x[..., :-1]).square().mean(dim=(1, 2, 3))
    kept = detail(after[soft, :3]) / detail(before[soft, :3])
    assert 0.15 < kept.min() < 0.4 and 0.6 < kept.max() < 1, "by different factors"
    assert (after[soft, :3].mean(dim=(2, 3)) - before[soft, :3].mean(dim=(2, 3))).abs().max() < 4
    assert not changed(before, soften(before.clone(), draws_of(300), share=0)).any()


def test_a_sixth_is_compressed_truth_and_input_alike():
    before = pictures_of(300)
    after = compress(before.clone(), draws_of(300))
    assert torch.equal(before[:, 6:], after[:, 6:]), "masks stay as they are"
    assert float(changed(before, after).float().mean()) == pytest.approx(1 / 6, abs=0.06)
    assert (after[:, :6] - before[:, :6]).abs().mean() < 3, "the picture is still there"
    assert not changed(before, compress(before.clone(), draws_of(300), share=0)).any()


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_compression_is_what_a_jpeg_file_does(quality):
    before = pictures_of(4, side=52)[:, :3].round()
    after = jpeg(before, torch.full((4,), float(quality)))
    for picture, mine in zip(before, after):
        bgr = picture.permute(1, 2, 0).numpy()[..., ::-1].astype(np.uint8)
        file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        read = torch.from_numpy(cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].copy()).permute(2, 0, 1).float()
        lost = (read - picture).square().mean().sqrt()
        assert (mine - read).square().mean().sqrt() < 0.3 * lost, "nearer to the file than the file to the picture"


def test_a_third_is_relit_truth_and_input_alike():
    before = pictures_of(300).clamp_min(1)
    after = relight(before.clone(), draws_of(300), grey=0)
    assert torch.equal(before[:, 6:], after[:, 6:]), "masks stay as they are"
    assert float(changed(before, after).float().mean()) == pytest.approx(1 / 3, abs=0.07)
    gain = after[:, :6] / before[:, :6]
    assert torch.allclose(gain[:, :3], gain[:, 3:], atol=1e-3), "one light for both pictures"
    lit = changed(before, after)
    assert (gain[lit].amax(dim=(2, 3)) > gain[lit].amin(dim=(2, 3))).all(), "it comes from one side"
    assert gain[lit, :3].std(dim=1).amax(dim=(1, 2)).median() > 0.01, "and has a colour"
    assert not changed(before, relight(before.clone(), draws_of(300), share=0, grey=0)).any()


def test_a_few_pictures_are_black_and_white():
    before = pictures_of(400)
    after = relight(before.clone(), draws_of(400), share=0)
    plain = changed(before, after)
    assert float(plain.float().mean()) == pytest.approx(0.05, abs=0.03)
    grey = 0.299 * before[plain, 0] + 0.587 * before[plain, 1] + 0.114 * before[plain, 2]
    for channel in range(3):
        assert torch.allclose(after[plain, channel], grey, atol=1e-2)
        assert torch.allclose(after[plain, 3 + channel], grey / 2, atol=1e-2)
    assert torch.equal(before[:, 6:], after[:, 6:])


# Which faces, and which parts of them


def faces_of(rows: list[dict]) -> faces_module.Faces:
    rows = [{"source": "a", "group": "", "gender": "f", "side": "300"} | row for row in rows]
    names = [str(i) for i in range(len(rows))]
    return faces_module.Faces(names, np.zeros((len(rows), 256, 256, 3), np.uint8), np.zeros((len(rows), 92, 2)), rows)


def test_sampling_prefers_the_rare_the_sharp_and_the_turned():
    weight = lambda *rows: batches_module.sampling_weights(faces_of(list(rows)))
    assert weight({}, {"side": "150"}) == pytest.approx(np.array([1, 0.3]) / 1.3)
    turned = weight({"yaw": "-50"}, {"yaw": "38"}, {"yaw": "26"}, {"yaw": "20"}, {"yaw": ""})
    assert turned / turned[-1] == pytest.approx(np.array([8, 8, 2, 1, 1]))
    genders = weight(*[{}] * 4, {"gender": "m"})
    assert genders.sum() == pytest.approx(1) and genders[4] / genders[0] == pytest.approx(2)
    groups = weight(*[{}] * 9, {"group": "x"})
    assert groups[9] / groups[0] == pytest.approx(3)
    sources = weight(*[{"group": str(i)} for i in range(16)], {"group": "16", "source": "b"})
    assert sources[16] / sources[0] == pytest.approx(2)


def test_reflections_are_no_photograph(tmp_path):
    assert batches_module.photographed(faces_of([{}, {"crop": ""}, {"crop": "64 0 256 128"}])).tolist() == [
        [0, 0, 1, 1], [0, 0, 1, 1], [0.25, 0, 1, 0.5]
    ]  # fmt: skip
    draw_folder(tmp_path)
    faces = faces_module.load_faces(tmp_path, "val", tmp_path)
    faces.rows[0]["crop"] = "64 0 256 128"
    pairs = np.zeros((len(faces.names), 256, 256, 4), np.uint8)
    batches = batches_module.Batches(faces, pairs, size=64, seed=0, device=torch.device("cpu"))
    valid = batches.first(2)["valid"]
    expected = torch.zeros(64, 64)
    expected[:32, 16:] = 1
    assert torch.equal(valid[0, 0], expected) and (valid[1] == 1).all()
    seen = {tuple(map(tuple, part.tolist())) for step in range(12) for part in batches.get(step, 2)["valid"][:, 0]}
    flipped = {tuple(map(tuple, expected.flip(1).tolist())), tuple(map(tuple, expected.tolist()))}
    assert flipped <= seen, "mirrored with its picture"


# A broken batch


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
@pytest.mark.parametrize("every", [True, False])
def test_a_gradient_that_is_not_finite_moves_nothing(broken, every):
    torch.manual_seed(0)
    net, processes = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1)), Processes("cpu")
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    x = torch.randn(8, 4)
    for _ in range(3):  # the momentum of healthy batches
        update(optimizer, net(x).square().mean(), processes)
    copy = lambda tree: {key: value.clone() for key, value in tree.items()}
    before = copy(net.state_dict())
    states = [copy(state) for state in optimizer.state.values()]
    loss = net(x).square().mean() * broken if every else net(x).square().mean() + broken * net[1].bias.sum()
    update(optimizer, loss, processes)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    for state, old in zip(optimizer.state.values(), states, strict=True):
        assert all(torch.equal(state[key], old[key]) for key in old)
    update(optimizer, net(x).square().mean(), processes)
    assert any(not torch.equal(value, before[key]) for key, value in net.state_dict().items()), "the next one does"
