"""Unmask: takes the face mask off a photograph.

    from unmask import Unmasker, read_photo
    result = Unmasker().remove(read_photo("visitor.jpg"))["ganmasker"]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.catalog import list_inpainting_models, list_models
    from unmask.faces.editing import Guide
    from unmask.imaging.reader import PhotoError, read_photo
    from unmask.pipeline import Unmasker
    from unmask.registry import MODELS
    from unmask.weights import WeightsError

__all__ = [
    "Guide", "MODELS", "PhotoError", "Unmasker", "WeightsError", "list_inpainting_models", "list_models", "read_photo",
]  # fmt: skip
__version__ = "0.1.0"

# Each name's module is imported when the name is first asked for: torch takes a second, which `--help` need not wait.
_HOMES = {
    "Guide": "faces.editing",
    "MODELS": "registry",
    "PhotoError": "imaging.reader",
    "Unmasker": "pipeline",
    "WeightsError": "weights",
    "list_models": "catalog",
    "list_inpainting_models": "catalog",
    "list_removers": "catalog",  # the old name of list_inpainting_models, for one version
    "read_photo": "imaging.reader",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
