"""A projected discriminator on a frozen trunk, and how much the generator listens to it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from train.losses.trunk import CHANNELS


class ProjectedDiscriminator(nn.Module):
    """Heads on the trunk's taps at strides 4 to 32 (Sauer et al. 2021, Projected GANs Converge Faster, section 3.2).

    What the trunk sees, standardised by channel, is mixed by random 1x1 and 3x3 convolutions that never learn, from the
    coarsest level down; one small head a level learns, with spectral norm, and is shown the hole. Good from the first
    image on, for it need not learn to see. Other than in the paper a head is shown its own tap as well: of 112 and 320
    channels a random mixture of 64 keeps too little, see train/README.md.
    """

    def __init__(self, variant: str = "lite0", channels: int = 64):
        super().__init__()
        widths = CHANNELS[variant][1:]
        for level, width in enumerate(widths):  # each channel's mean and standard deviation on photos
            self.register_buffer(f"m{level}", torch.zeros(1, width, 1, 1))
            self.register_buffer(f"s{level}", torch.ones(1, width, 1, 1))

        def conv(cin: int, size: int) -> nn.Conv2d:
            return nn.Conv2d(cin, channels, size, padding=size // 2, bias=False)

        self.proj = nn.ModuleList(conv(width, 1) for width in widths)
        self.mix = nn.ModuleList(conv(channels, 3) for _ in widths)
        for fixed in (*self.proj, *self.mix):
            nn.init.kaiming_normal_(fixed.weight, nonlinearity="linear")  # keeps the energy from level to level
            fixed.requires_grad_(False)
        self.heads = nn.ModuleList(self._head(channels + width, channels) for width in widths)
        self.register_load_state_dict_pre_hook(_show_taps)  # type: ignore[no-untyped-call]
        self.ratio = GradientRatio()

    @staticmethod
    def _head(shown: int, channels: int) -> nn.Sequential:
        return nn.Sequential(
            spectral_norm(nn.Conv2d(shown + 1, channels, 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(channels, channels, 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(channels, 1, 1)),
        )

    @torch.no_grad()
    def standardise(self, taps: list[Tensor]) -> None:
        """Take each channel's mean and deviation from the taps of photos."""
        for level, tap in enumerate(taps[1:]):
            deviation, mean = torch.std_mean(tap.float(), dim=(0, 2, 3), keepdim=True)
            self.get_buffer(f"m{level}").copy_(mean)
            self.get_buffer(f"s{level}").copy_(deviation.clamp_min(1e-4))

    @property
    def standardised(self) -> bool:
        """Whether `standardise` has been called, in this run or before."""
        return bool((self.get_buffer("s0") != 1).any())

    def project(self, taps: list[Tensor]) -> list[Tensor]:
        """The trunk's five taps: what the heads see of the last four, the mixture and the standardised tap itself,
        (N, channels + the tap's, H, W) each."""
        mixed: list[Tensor] = []
        plain = [
            (tap - self.get_buffer(f"m{level}")) / self.get_buffer(f"s{level}") for level, tap in enumerate(taps[1:])
        ]
        for level in reversed(range(len(self.heads))):
            z = self.proj[level](plain[level])
            if mixed:
                coarser = F.interpolate(mixed[0], size=z.shape[2:], mode="bilinear", align_corners=False)
                z = 0.71 * (z + coarser)
            mixed.insert(0, z + 0.5 * self.mix[level](z))
        return [torch.cat([z, tap.to(z.dtype)], dim=1) for z, tap in zip(mixed, plain)]

    def forward(self, seen: list[Tensor], hole: Tensor) -> list[tuple[Tensor, Tensor]]:
        """seen: as `project` gives it; hole: N1HW, 1 = hole. Returns (logits, counts) of each level, (N, 1, h, w).

        counts is 1 where a place sees the hole: on all others the discriminator is asked to tell equals apart.
        """
        judged = []
        for z, head in zip(seen, self.heads):
            near = F.adaptive_max_pool2d(hole, z.shape[2:])
            judged.append((head(torch.cat([z, near.to(z.dtype)], dim=1)).float(), near))
        return judged


def _show_taps(discriminator: nn.Module, stored: dict[str, Tensor], *_: object) -> None:
    """Give stored heads that were not shown their taps weights of zero for these: they judge as before."""
    assert isinstance(discriminator, ProjectedDiscriminator)
    own = discriminator.state_dict()
    for level in range(len(discriminator.heads)):
        first, width = f"heads.{level}.0.parametrizations.weight.", own[f"m{level}"].shape[1]
        weight = stored.get(first + "original")
        if weight is None or weight.shape[1] != own[first + "original"].shape[1] - width:
            continue
        mixture, hole = weight.split([weight.shape[1] - 1, 1], dim=1)
        stored[first + "original"] = torch.cat([mixture, weight.new_zeros(len(weight), width, 3, 3), hole], dim=1)
        # Spectral norm's right vector, an entry a channel and place of the kernel.
        mixture, hole = stored[first + "0._v"].view(-1, 9).split([weight.shape[1] - 1, 1])
        stored[first + "0._v"] = torch.cat([mixture, weight.new_zeros(width, 9), hole]).flatten()


class GradientRatio(nn.Module):
    """How much harder the reconstruction pulls at the fill than the discriminator: the weight that balances them.

    The ratio falls from 0.5 to 0.04 within 5 thousand images, so that no fixed weight fits both ends (VQGAN's rule,
    Esser et al. 2021, equation 7, at the fill instead of the last layer). Measured every `every` calls, a running mean;
    buffers, so that a resumed run goes on with it.
    """

    mean: Tensor
    calls: Tensor

    def __init__(self, every: int = 8, memory: float = 0.9, ramp: int = 100):
        super().__init__()
        self.every, self.memory, self.ramp = every, memory, ramp
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, reconstruction: Tensor, adversarial: Tensor, fill: Tensor) -> Tensor:
        """Two scalar losses and the picture that both come from; returns the weight, ramped up over the first calls."""
        calls = int(self.calls)
        if calls % self.every == 0:
            norms = [
                torch.autograd.grad(loss, fill, retain_graph=True)[0].float().norm()
                for loss in (reconstruction, adversarial)
            ]
            ratio = (norms[0] / norms[1].clamp_min(1e-8)).detach()
            if ratio.isfinite():
                self.mean.copy_(ratio if calls == 0 else self.memory * self.mean + (1 - self.memory) * ratio)
        self.calls += 1
        return self.mean * min(1.0, (calls + 1) / self.ramp)
