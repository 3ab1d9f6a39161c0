"""Heads before a wall: nothing is left of what was behind them, and nothing of them is lost."""

import torch
from torch import nn

from tests.paths import EXAMPLES
from train.data import backdrop
from train.data.draws import Draws
from unmask import weights
from unmask.faces.alignment import align
from unmask.imaging.reader import read_photo
from unmask.pipeline import Unmasker

DRAWS = Draws(0, 3, slice(None), torch.device("cpu"))


class GreenIsBehind(nn.Module):
    """A parser for drawn pictures: what is green is background, all else skin."""

    def forward(self, x):
        logits = torch.zeros(len(x), 19, *x.shape[2:])
        green = (x[:, 1] > 0) & (x[:, 0] < 0)
        logits[:, 0], logits[:, 1] = 20.0 * green, 20.0 * ~green
        return logits


def picture(mask=255.0):
    """A red head before green, a blue mask that stands off it, and one more channel."""
    photo = torch.zeros(3, 3, 96, 96)
    photo[:, 1] = 255
    photo[:, :, 20:80, 30:66] = torch.tensor([200.0, 60, 60]).view(3, 1, 1)
    worn = torch.zeros(3, 1, 96, 96)
    worn[:, :, 60:90, 20:76] = mask
    masked = torch.where(worn > 0, torch.tensor([20.0, 20, 220]).view(3, 1, 1), photo)
    return torch.cat([photo, masked, worn, 7 * torch.ones(3, 1, 96, 96)], dim=1)


def test_the_wall_takes_the_place_of_what_is_behind():
    before = picture()
    after = backdrop.stand_before_wall(before.clone(), GreenIsBehind(), DRAWS, share=1.0)
    head, wall = (..., slice(23, 77), slice(33, 63)), (..., slice(0, 16), slice(None))
    assert torch.equal(after[:, :3][head], before[:, :3][head])
    assert torch.equal(after[:, 6:], before[:, 6:]), "masks were changed"
    for place in ((0, 96, 0, 26), (0, 96, 70, 96), (0, 16, 0, 96), (84, 96, 0, 96)):
        y0, y1, x0, x1 = place
        green = after[:, 1, y0:y1, x0:x1] - after[:, [0, 2], y0:y1, x0:x1].amax(dim=1)
        assert green.max() < 60, "green is left"
    assert (after[:, :3][wall].std(dim=(2, 3)) < 12).all(), "not a plain wall"
    worn = (..., slice(62, 88), slice(22, 74))
    assert torch.equal(after[:, 3:6][worn], before[:, 3:6][worn]), "the mask is gone where it stands off the head"
    # No green shines through at the rim of the head, where pixels are mixed.
    rim = after[:, :3, 20:58, 30:66]
    assert (rim[:, 1] - rim[:, 0]).max() < 60


def test_a_share_of_the_pictures_is_changed_by_the_draws_alone():
    draws = [Draws(4, 64, slice(None), torch.device("cpu")) for _ in range(2)]
    before = picture()[:1].expand(64, -1, -1, -1)
    one, again = (backdrop.stand_before_wall(before.clone(), GreenIsBehind(), each) for each in draws)
    assert torch.equal(one, again)
    changed = (one != before).flatten(1).any(dim=1).float().mean()
    assert 0.05 < changed < 0.4
    some = Draws(4, 64, slice(10, 20), torch.device("cpu"))
    assert torch.equal(one[10:20], backdrop.stand_before_wall(before[10:20].clone(), GreenIsBehind(), some))


def test_the_released_network_cuts_a_face_out():
    photo = read_photo(EXAMPLES / "astronaut-photo.png")
    face = max(Unmasker("cpu").find(photo), key=lambda each: each.side)
    crop = torch.from_numpy(align(photo, face, 256)).permute(2, 0, 1)[None].float()
    shown = backdrop.cut_out(crop, backdrop.parsing_if_available())[0, 0]
    assert shown[90:220, 90:166].min() > 0.9, "a hole in the face"
    assert 0.05 < (shown < 0.1).float().mean() < 0.6


def test_without_weights_there_are_no_walls(monkeypatch):
    def missing(name):
        raise weights.WeightsError("missing")

    monkeypatch.setattr(backdrop.weights, "load", missing)
    assert backdrop.parsing_if_available() is None
