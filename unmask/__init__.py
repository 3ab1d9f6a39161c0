"""Unmask: takes the face mask off a photograph.

    from unmask import Unmasker, read_photo
    result = Unmasker().remove(read_photo("visitor.jpg"))["ganmasker"]
"""

from unmask.image import PhotoError, read_photo
from unmask.models import MODELS, list_models, list_removers
from unmask.pipeline import Unmasker
from unmask.weights import WeightsError

__all__ = ["MODELS", "PhotoError", "Unmasker", "WeightsError", "list_models", "list_removers", "read_photo"]
__version__ = "0.1.0"
