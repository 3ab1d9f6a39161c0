"""Synthetic face masks: draws a mask on an unmasked face and says exactly which pixels it covers."""

from unmask.synth.mean_face import MEAN_LANDMARKS
from unmask.synth.render import KINDS, PATTERNS, WEARS, MaskedFace, put_mask_on

__all__ = ["KINDS", "MEAN_LANDMARKS", "PATTERNS", "WEARS", "MaskedFace", "put_mask_on"]
