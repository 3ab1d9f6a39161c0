"""Random numbers for batches."""

import torch
from torch import Tensor


class Draws:
    """Random numbers for a whole batch, of which only some `rows` are wanted: a process's own get the same numbers
    however many processes share the batch."""

    def __init__(self, seed: int, batch: int, rows: slice, device: torch.device):
        self.rng = torch.Generator().manual_seed(seed)
        self.batch, self.rows, self.device = batch, rows, device

    def _own(self, drawn: Tensor) -> Tensor:
        return drawn[self.rows].to(self.device)

    def uniform(self, *shape: int) -> Tensor:
        """(rows, *shape) in [0, 1)."""
        return self._own(torch.rand(self.batch, *shape, generator=self.rng))

    def normal(self, *shape: int) -> Tensor:
        """(rows, *shape), mean 0, standard deviation 1."""
        return self._own(torch.randn(self.batch, *shape, generator=self.rng))

    def below(self, count: int) -> Tensor:
        """(rows,) int64 from 0 to count - 1."""
        return self._own(torch.randint(count, (self.batch,), generator=self.rng))

    def pick(self, probabilities: Tensor) -> Tensor:
        """(rows,) int64, each as probable as `probabilities` (N,) says."""
        return self._own(torch.multinomial(probabilities, self.batch, replacement=True, generator=self.rng))
