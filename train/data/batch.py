"""What a batch holds."""

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict, total=False):
    """N pictures of S px with what is known of them, and what a recipe finds out on the way.

    Pictures are (N, 3, S, S) float32 in [-1, 1], masks (N, 1, S, S) of {0, 1}. Which keys are there depends on the
    source, see its `get`, and on the recipe, see its `generate`.
    """

    # From every source.
    photo: Tensor  # without a mask
    # From `Batches`; tests and benchmarks may leave out `valid` and `side`.
    masked: Tensor  # the photo with a mask put on
    mask: Tensor
    free: Tensor  # free-form holes
    valid: Tensor  # where the photo is photograph and not its reflection
    side: Tensor  # (N,), px of the whole picture's side, also where S is a window's
    points: Tensor  # (N, 92, 2) landmarks of the bare face, x and y in units of S; from `Scenes` (N, M, 5, 2) px
    turn: Tensor  # (N,) degrees of yaw, positive where the nose points to the picture's right
    gender: Tensor  # (N,) of {-1 male, 1 female, 0 unknown}
    other: Tensor  # pictures without a face
    real: Tensor  # photographs of real masks
    real_mask: Tensor
    certain: Tensor  # which pixels of a true mask count
    # From `Scenes`, M faces a picture.
    boxes: Tensor  # (N, M, 4) px, NaN where there is no face
    wears: Tensor  # (N, M), whether a face wears a mask, see `train.data.scenes.Boxes.masked`
    # From `SharpFaces`: `photo`, `hole`, `valid`, `side`, `coarse`, and
    paired: Tensor  # (N, 1, 1, 1) of {0, 1}, whether the fill is the photo's own at half its size
    # From `ParsedBatches`.
    labels: Tensor  # (N, S, S) int64 classes
    # From the inpainting models' recipes.
    crop: Tensor  # what the network sees
    hole: Tensor  # what it has to fill
    worn: Tensor  # (N, 1, 1, 1) bool, which pictures are of a masked face
    scored: Tensor  # the hole where the truth is photograph
    coarse: Tensor  # the first stage's picture, where a network has two
    completed: Tensor  # the same of parsing-guided completion
    map: Tensor  # (N, 1, S, S) logits of the mask that the network saw
    dots: Tensor  # (N, 1, S, S), the landmarks drawn
    # From `TrunkLosses.look`.
    fill: Tensor
    fused: Tensor  # the fill in the hole, the photo elsewhere
    fused_taps: list[Tensor]  # the trunk's features of both
    photo_taps: list[Tensor]
    # From the segmentation models' recipes.
    truth: Tensor
    cells: Tensor  # (), how many faces side by side a picture has
