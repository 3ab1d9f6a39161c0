"""A visitor's photo between two events: the file it came in is kept, and its pixels as long as there is room for them.

A flat PNG of 60 kB may unfold to 150 MB. What is kept of a visitor costs no more than what the visitor has sent.
"""

import itertools
import threading
import weakref
from collections import OrderedDict

import numpy as np

from unmask.imaging.reader import read_photo, read_transparent


class DecodedPhotos:
    """The pixels of the photos that were used last, at most so many bytes of them; older ones are decoded anew."""

    def __init__(self, budget: int):
        self.budget = budget
        self._pixels: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.RLock()  # a photo may be collected, and `drop` called, while it is held

    def put(self, key: int, pixels: np.ndarray) -> None:
        with self._lock:
            self._pixels[key] = pixels
            self._pixels.move_to_end(key)
            while self.nbytes > self.budget:
                self._pixels.popitem(last=False)

    def get(self, key: int) -> np.ndarray | None:
        with self._lock:
            if key in self._pixels:
                self._pixels.move_to_end(key)
            return self._pixels.get(key)

    def drop(self, key: int) -> None:
        with self._lock:
            self._pixels.pop(key, None)

    @property
    def nbytes(self) -> int:
        """Bytes that they take together."""
        with self._lock:
            return sum(each.nbytes for each in self._pixels.values())


class KeptPhoto:
    """A photo (H, W, 3) uint8, kept as the file that it was read from."""

    _keys = itertools.count()

    def __init__(self, file: bytes, pixels: np.ndarray, decoded: DecodedPhotos):
        """pixels: what `read_photo` made of the file."""
        self.shape = pixels.shape
        self.file, self._decoded, self._key = file, decoded, next(self._keys)
        decoded.put(self._key, pixels)
        weakref.finalize(self, decoded.drop, self._key)

    @property
    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8, from the file where they are not at hand. Not to be written into: others see the same."""
        pixels = self._decoded.get(self._key)
        if pixels is None:
            pixels = read_photo(self.file)
            self._decoded.put(self._key, pixels)
        return pixels

    def transparent(self) -> np.ndarray | None:
        """(H, W, 4) uint8, where the photo has an alpha channel; see `read_transparent`."""
        return read_transparent(self.file)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept in any case."""
        return len(self.file)
