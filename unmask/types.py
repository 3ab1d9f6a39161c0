"""Types that stand in many signatures, once."""

from typing import Any

# An object of a JSON or safetensors file; what its keys hold is known, and said, where it is read.
Json = dict[str, Any]
