"""ZeroGPU: a Space that has no GPU of its own borrows one for a call. Anywhere else this is a plain Unmasker."""

import logging
import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from unmask import PhotoError, Unmasker, WeightsError, list_models
from unmask.faces.editing import AS_FOUND, Guide
from unmask.faces.face import Face
from unmask.outcome import Keep, Outcome, T
from unmask.types import Json

SECONDS = 15  # asked for a call, which takes one or two: a short request is served sooner and costs less quota

log = logging.getLogger(__name__)


def make_unmasker() -> Unmasker:
    """What the demo runs on: this machine's best device, or on ZeroGPU one borrowed for each call of `remove`."""
    return ZeroUnmasker() if os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true") else Unmasker()


class OneByOne(Unmasker):
    """Gives each result by its own call of `remove`, one model after the other."""

    def remove_each(
        self, photo: np.ndarray, mask: np.ndarray, models: Iterable[str], faces: list[Face], keep: Keep[T],
        guide: Guide = AS_FOUND, realism: float = 1.0, sample: int = 0,
    ) -> Iterator[Outcome[T]]:  # fmt: skip
        """As in Unmasker."""
        options = {"faces": faces, "guide": guide, "realism": realism, "sample": sample}
        for name in self.check_models(models, realism, sample):
            yield Outcome.of(name, partial(self._remove_one, name, photo, mask, options), keep)

    def _remove_one(self, name: str, photo: np.ndarray, mask: np.ndarray, options: Json) -> np.ndarray:
        return self.remove(photo, mask, [name], **options)[name]


class ZeroUnmasker(OneByOne):
    """Finds masks on the CPU, which takes less time than borrowing; takes them off on a GPU borrowed for that call.

    Where no GPU is to be had, because the visitor's quota is used up or all are taken, the CPU does that too. It
    must be made before the demo is launched: what is on "cuda" by then is there in every borrowed GPU.
    """

    def __init__(self) -> None:
        import spaces  # ZeroGPU's own; lets torch speak of "cuda" before there is one

        super().__init__(device="cpu")
        on_gpu = Unmasker()
        for name in list_models():
            try:
                on_gpu.model(name)
            except WeightsError:
                pass  # logged; the page says so when the model is asked for

        # Runs in a forked process: arguments and results are pickled, and an exception would lose its type.
        def remove_on_gpu(args: tuple[Any, ...], options: Json) -> dict[str, np.ndarray] | Exception:
            try:
                return on_gpu.remove(*args, **options)
            except (PhotoError, WeightsError) as error:
                return error

        self._remove_on_gpu = spaces.GPU(duration=SECONDS)(remove_on_gpu)

    def remove(self, *args: Any, **options: Any) -> dict[str, np.ndarray]:
        """As in Unmasker."""
        try:
            result: dict[str, np.ndarray] | Exception = self._remove_on_gpu(args, options)
        except Exception as error:  # `spaces` has no GPU for us, cannot be reached, or its process died
            log.warning("No GPU for this call, so the CPU works on it: %s: %s", type(error).__name__, error)
            return super().remove(*args, **options)
        if isinstance(result, Exception):
            raise result
        return result
