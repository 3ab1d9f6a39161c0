"""The fill's power spectrum beside the photo's: networks that enlarge leave waves that no photo has.

After Durall, Keuper and Keuper 2020, Watch your Up-Convolution, whose spectral regularisation compares azimuthal means.
Here it is the other way round: what is compared is how each wave of the plane stands out among those of its length. How
much detail there is at a length is the other losses' business; what these leave are single waves, along the pixels'
grid or aslant: a mesh on the skin.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from unmask.metrics import luma

WINDOW = 32  # px of the squares whose spectra are averaged
LONGEST = 16  # px: longer waves are a face's features
LEAST = 4  # windows of a picture whose mean says something


def spectral_distance(fake: Tensor, real: Tensor, hole: Tensor) -> Tensor:
    """Mean square over waves and pictures of how much further a wave stands out in the fill than in the photo.

    fake, real: N3HW in [-1, 1]; hole: (N, 1, H, W) of {0, 1}. A picture's spectrum is the mean over all windows that
    lie in its hole as a whole (Welch 1967), of the luma; a wave stands out by the logarithm of its power less the mean
    logarithm at its length. A scalar, 0 where too few windows fit into any hole.
    """
    inside = F.unfold(hole.float(), WINDOW, stride=WINDOW // 2).amin(dim=1) > 0  # (N, L)
    counts = inside.sum(dim=1) >= LEAST
    if not counts.any():
        return fake.new_zeros(())
    ours, theirs = (_spectrum(each[counts], inside[counts]) for each in (fake, real))
    down, across = torch.fft.fftfreq(WINDOW), torch.fft.rfftfreq(WINDOW)
    cycles = torch.hypot(down[:, None], across).to(fake.device)  # a pixel
    short = cycles > 1 / LONGEST
    ratios = ours[:, short].log() - theirs[:, short].log()  # (N, waves)
    ring = (WINDOW * cycles[short]).round().long()
    sums = ratios.new_zeros(len(ratios), int(ring.max()) + 1).index_add(1, ring, ratios)
    means = sums / torch.bincount(ring).clamp_min(1)
    return (ratios - means[:, ring]).square().mean()


def _spectrum(pictures: Tensor, inside: Tensor) -> Tensor:
    """(N, WINDOW, WINDOW / 2 + 1), mean power of each picture's windows that are inside, (N, L) bool."""
    windows = F.unfold(luma(pictures), WINDOW, stride=WINDOW // 2).transpose(1, 2).unflatten(2, (WINDOW, WINDOW))
    taper = torch.hann_window(WINDOW, periodic=True, device=windows.device)
    windows = (windows - windows.mean(dim=(2, 3), keepdim=True)) * taper * taper[:, None]
    weights = (inside / inside.sum(dim=1, keepdim=True))[..., None, None]
    power: Tensor = (torch.fft.rfft2(windows).abs().square() * weights).sum(dim=1)
    return power + 1e-4
