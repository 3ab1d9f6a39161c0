"""Detail for large faces: the refiner's network, and where the pipeline puts it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unmask.nets.refiner import Refiner


class Blue(nn.Module):
    """A refiner that makes what was painted blue, and keeps what it was shown."""

    size = 512

    def __init__(self):
        super().__init__()
        self.shown: list[tuple[int, ...]] = []

    def forward(self, fill, crop, mask):
        self.shown.append(tuple(crop.shape))
        blue = torch.tensor([-1.0, -1.0, 1.0]).view(1, 3, 1, 1).expand_as(crop)
        return torch.where(mask > 0, blue, crop)


def pictures(size: int = 128) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    fill, crop = torch.rand(2, 1, 3, size, size) * 2 - 1
    mask = torch.zeros(1, 1, size, size)
    mask[:, :, 40:100, 30:90] = 1
    return fill, crop, mask


def test_an_untrained_refiner_leaves_the_fill_as_it_came():
    fill, crop, mask = pictures()
    assert torch.equal(Refiner(8).eval()(fill, crop, mask), torch.where(mask > 0, fill, crop))


def test_what_is_added_is_detail_alone():
    fill, crop, mask = pictures()
    model = Refiner(8).eval()
    nn.init.normal_(model.head.weight, std=0.1)
    added = model.detail(torch.cat([crop, mask], dim=1))
    assert added.abs().mean() > 0.01
    # Of long waves next to nothing is left.
    smooth = F.avg_pool2d(added, 32)
    white = F.avg_pool2d(torch.randn_like(added) * added.std(), 32)
    assert smooth.std() < 0.3 * white.std()
    result = model(fill, crop, mask)
    known = (mask == 0).expand_as(crop)
    assert torch.equal(result[known], crop[known]) and not torch.equal(result[~known], fill[~known])
    assert result.abs().max() <= 1


@pytest.fixture
def photo():
    photo = np.full((1200, 1000, 3), 90, np.uint8)
    photo[600:800, 400:640] = (0, 255, 0)
    return photo


def test_large_faces_are_refined_and_small_ones_not(unmasker, photo):
    unmasker._models["ganmasker-faithful"] = unmasker._models["ganmasker"]  # by which the realistic output is lit
    unmasker._models["refiner"] = refiner = Blue()
    result = unmasker.remove(photo, models=["ganmasker", "telea"])
    assert [shape[1] for shape in refiner.shown] == [3], "classical methods stay as they are"
    assert max(refiner.shown[0][2:]) < 512, "the whole crop was computed"
    assert (result["ganmasker"][650:750, 450:600] == (0, 0, 255)).all()
    small = np.ascontiguousarray(photo[::6, ::6])
    assert (unmasker.remove(small, models=["ganmasker"])["ganmasker"][110:120, 75:100] == (255, 0, 0)).all()
    assert len(refiner.shown) == 1


def test_only_the_mask_changes_and_the_faithful_output_has_no_invented_detail(unmasker, photo):
    unmasker._models["ganmasker-faithful"] = unmasker._models["ganmasker"]
    unmasker._models["refiner"] = Blue()
    faithful, half, whole = (
        unmasker.remove(photo, models=["ganmasker"], realism=realism)["ganmasker"] for realism in (0.0, 0.5, 1.0)
    )
    assert faithful[700, 520].tolist() == [255, 0, 0]
    assert half[700, 520].tolist() == [128, 0, 128] and whole[700, 520].tolist() == [0, 0, 255]
    mask = unmasker.segment(photo)
    assert np.array_equal(whole[mask == 0], photo[mask == 0])
