"""What compares a result with the truth pixel by pixel."""

from torch import Tensor


def dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """1 - Dice of each picture, averaged (GANMasker, equation 3). Both N1HW in [0, 1].

    The added one makes an empty truth worth predicting as empty instead of undefined.
    """
    overlap = (probability * truth).sum(dim=(1, 2, 3))
    total = probability.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def hole_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of N3HW values over the hole (N1HW, 1 = hole), all pictures together."""
    return (values * mask).sum() / (mask.sum() * values.shape[1]).clamp_min(1)
