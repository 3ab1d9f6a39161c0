"""A narrow network's weights in a wider one: the same function, copies that part, and what is refused."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.widen import widen_weights
from unmask.nets.ganmasker import GANMasker


class Plain(nn.Module):
    """Convolutions, batch norms, a skip that is put behind, and one that is added."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.again = nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False)
        self.norm_again = nn.BatchNorm2d(2 * width)
        self.last = nn.Conv2d(3 * width, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = F.relu(self.norm(self.first(image)))
        coarse = F.relu(self.down(fine))
        coarse = coarse + F.relu(self.norm_again(self.again(coarse)))
        return torch.tanh(self.last(torch.cat([fine, F.interpolate(coarse, scale_factor=2)], 1)))


class Deciding(nn.Module):
    """Its forward pass depends on what it is given, so that it cannot be followed."""

    def __init__(self, width: int):
        super().__init__()
        self.layer = nn.Conv2d(3, width, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.layer(image) if image.mean() > 0 else image


def trained(network: nn.Module) -> nn.Module:
    """With statistics of batch norm that are not those of a new one."""
    generator = torch.Generator().manual_seed(1)
    for name, value in network.state_dict().items():
        if "running" in name or ("norm" in name and value.ndim):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return network.eval()


@pytest.fixture
def plain() -> Plain:
    torch.manual_seed(0)
    return trained(Plain(6))


@pytest.mark.parametrize("width", [6, 9, 12, 20])
def test_a_wider_network_paints_the_same(plain, width):
    wide, image = Plain(width).eval(), torch.rand(2, 3, 16, 16) * 2 - 1
    wide.load_state_dict(widen_weights(plain.state_dict(), wide, [image]))
    with torch.no_grad():
        torch.testing.assert_close(wide(image), plain(image), atol=1e-4, rtol=0)


def test_copies_do_not_stay_copies(plain):
    wide, image = Plain(12), torch.rand(2, 3, 16, 16) * 2 - 1
    wide.load_state_dict(widen_weights(plain.state_dict(), wide, [image]))
    first = wide.first.weight
    assert torch.equal(first[0], first[6]), "channel 6 is no copy of channel 0"
    (wide(image) ** 2).mean().backward()
    apart = (first.grad[:6] - first.grad[6:]).abs().amax((1, 2, 3))
    assert (apart > 0.01 * first.grad.abs().max()).all()


def test_ganmasker_paints_nearly_the_same():
    """Its spatial gate takes a mean over channels, of which it now sees some twice: that is all that differs."""
    torch.manual_seed(0)
    narrow, wide = trained(GANMasker(width=8)), GANMasker(width=12).eval()
    image, mask = torch.rand(1, 3, 64, 64) * 2 - 1, torch.zeros(1, 1, 64, 64)
    mask[..., 32:, 16:48] = 1
    wide.load_state_dict(widen_weights(narrow.state_dict(), wide, [image, mask]))
    with torch.no_grad():
        difference = (wide(image, mask) - narrow(image, mask)).abs()
        fresh = (GANMasker(width=12).eval()(image, mask) - narrow(image, mask)).abs()
    # Measured: at most 0.0007, and 0.00003 in the mean, where another network is 0.016 off.
    assert difference.max() < 0.005 and difference.mean() < fresh.mean() / 100


def test_it_stays_in_the_mode_that_it_was_in(plain):
    for training in (True, False):
        wide = Plain(9).train(training)
        widen_weights(plain.state_dict(), wide, [torch.zeros(1, 3, 8, 8)])
        assert wide.training is training


def test_a_narrower_network_is_refused(plain):
    with pytest.raises(ValueError, match="narrower, with 4 channels in place of 6"):
        widen_weights(plain.state_dict(), Plain(4), [torch.zeros(1, 3, 8, 8)])


def test_a_network_that_cannot_be_traced_is_refused():
    with pytest.raises(ValueError, match="control flow"):
        widen_weights(Deciding(4).state_dict(), Deciding(8), [torch.zeros(1, 3, 8, 8)])
