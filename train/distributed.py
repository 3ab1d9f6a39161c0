"""The processes that train together: one, or as many as `accelerate launch` started."""

import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import torch
from torch import Tensor

from unmask.pipeline import pick_device


class Processes:
    """This process among those of a run. For a single one nothing here does anything, and accelerate is not needed.

    rank: this one's number from 0; count: how many there are; main: whether it is the one that writes files.
    Every process must call the methods that exchange something (`average`, `agree`, `wait`, `end`) at the same steps.
    """

    def __init__(self, device: str = "auto"):
        """device: "auto", "cpu", "cuda" or "mps"; several processes take a GPU each. Raises ValueError without
        accelerate."""
        self.rank, self.count, self.device, self._state = 0, 1, pick_device(device), None
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            try:
                from accelerate import PartialState
            except ImportError:
                raise ValueError("Training in several processes needs accelerate: pip install accelerate") from None
            # Long, for the others wait while the first one draws the masks of a large folder; that a process has
            # died is noticed by its closed connections, at once.
            self._state = PartialState(cpu=self.device.type == "cpu", timeout=timedelta(hours=6))
            self.rank, self.count = self._state.process_index, self._state.num_processes
            if self.device.type != "cpu":  # accelerate numbers CPUs too, which torch.load does not understand
                self.device = self._state.device
        self.main = self.rank == 0

    def main_first(self) -> AbstractContextManager[None]:
        """The block runs in each machine's first process before it runs in the others, which find its files made."""
        return self._state.local_main_process_first() if self._state else nullcontext()

    def seed(self, seed: int) -> None:
        """Seed torch: each process draws its own numbers, the first (and a single one) those of `seed` itself."""
        torch.manual_seed(seed + (self.rank << 40))

    def rows(self, batch: int) -> slice:
        """This process's rows of a batch of so many."""
        own = batch // self.count
        return slice(self.rank * own, (self.rank + 1) * own)

    def average(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in one exchange. All float, of one type and device."""
        if self.count == 1 or not tensors:
            return
        from accelerate.utils import reduce

        flat = reduce(torch.cat([tensor.flatten() for tensor in tensors]), "mean")
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
            tensor.copy_(part.view(tensor.shape))

    def agree(self, answer: bool) -> bool:
        """The first process's answer."""
        if self.count == 1:
            return answer
        from accelerate.utils import broadcast

        return bool(broadcast(torch.tensor([answer], dtype=torch.int32, device=self.device)))

    def wait(self) -> None:
        """Wait for each other."""
        if self._state:
            self._state.wait_for_everyone()

    def end(self) -> None:
        """Wait for each other, and part."""
        self.wait()
        if self._state:
            self._state.destroy_process_group()
