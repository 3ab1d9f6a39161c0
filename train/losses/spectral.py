"""The fill's power spectrum beside the photo's: networks that enlarge leave waves that no photo has.

After Durall, Keuper and Keuper 2020, Watch your Up-Convolution, whose spectral regularisation compares azimuthal means:
here every wave of the plane counts by itself, for what is left are single waves, along the pixels' grid or aslant.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from unmask.metrics import luma

WINDOW = 32  # px of the squares whose spectra are averaged
LONGEST = 16  # px: longer waves are a face's features


def spectral_distance(fake: Tensor, real: Tensor, hole: Tensor) -> Tensor:
    """Mean absolute difference of the logarithms of both spectra, a scalar; 0 where no window fits into a hole.

    fake, real: N3HW in [-1, 1]; hole: (N, 1, H, W) of {0, 1}. Spectra are means over all windows of the batch that lie
    in a hole as a whole (Welch 1967), of the luma.
    """
    inside = F.unfold(hole.float(), WINDOW, stride=WINDOW // 2).amin(dim=1) > 0  # (N, L)
    if not inside.any():
        return fake.new_zeros(())
    ours, theirs = (_spectrum(each, inside) for each in (fake, real))
    down, across = torch.fft.fftfreq(WINDOW), torch.fft.rfftfreq(WINDOW)
    short = (torch.hypot(down[:, None], across) > 1 / LONGEST).to(fake.device)
    return (ours[short].log() - theirs[short].log()).abs().mean()


def _spectrum(pictures: Tensor, inside: Tensor) -> Tensor:
    """(WINDOW, WINDOW / 2 + 1), mean power of the windows that count."""
    windows = F.unfold(luma(pictures), WINDOW, stride=WINDOW // 2).transpose(1, 2)[inside].view(-1, WINDOW, WINDOW)
    taper = torch.hann_window(WINDOW, periodic=True, device=windows.device)
    windows = (windows - windows.mean(dim=(1, 2), keepdim=True)) * taper * taper[:, None]
    power: Tensor = torch.fft.rfft2(windows).abs().square().mean(dim=0)
    return power + 1e-4
