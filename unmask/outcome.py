"""What comes of one model of several, each shown as soon as it is there; see `Unmasker.remove_each`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from unmask.imaging.reader import PhotoError
from unmask.weights import WeightsError

T = TypeVar("T")
Keep = Callable[[str, np.ndarray], T]  # of a model's name and its image (H, W, 3) uint8


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of one model: what was kept of its image, or the error that kept it away."""

    model: str
    kept: T | None
    error: PhotoError | WeightsError | None
    seconds: float  # that the image took

    @classmethod
    def of(cls, model: str, paint: Callable[[], np.ndarray], keep: Keep[T]) -> "Outcome[T]":
        """What comes of `paint`, whose PhotoError or WeightsError is kept, not raised, and then of `keep`."""
        start = time.perf_counter()
        try:
            image = paint()
        except (PhotoError, WeightsError) as refusal:
            return cls(model, None, refusal, time.perf_counter() - start)
        seconds = time.perf_counter() - start
        return cls(model, keep(model, image), None, seconds)
