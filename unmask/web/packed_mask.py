"""A mask as it is kept between two events of a visitor: some hundred bytes to some kilobytes, not a byte a pixel."""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class PackedMask:
    """A mask (H, W) as compressed bits of the smallest box around what it covers. Equal masks are equal."""

    shape: tuple[int, int]
    box: tuple[int, int, int, int]  # x, y, width, height
    bits: bytes

    @classmethod
    def pack(cls, mask: np.ndarray) -> "PackedMask":
        """mask: uint8 (H, W), covered where it is above 127."""
        covered = (mask > 127).view(np.uint8)
        x, y, width, height = cv2.boundingRect(covered)
        bits = np.packbits(covered[y : y + height, x : x + width])
        return cls(mask.shape[:2], (x, y, width, height), zlib.compress(bits.tobytes(), 1))

    def unpack(self) -> np.ndarray:
        """The mask again: uint8 (H, W), 0 or 255."""
        x, y, width, height = self.box
        mask = np.zeros(self.shape, np.uint8)
        bits = np.frombuffer(zlib.decompress(self.bits), np.uint8)
        part = np.unpackbits(bits, count=width * height).reshape(height, width)
        np.multiply(part, 255, out=mask[y : y + height, x : x + width])
        return mask

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return len(self.bits)
