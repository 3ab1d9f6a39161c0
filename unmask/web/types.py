"""Types that stand in many signatures of the page, once."""

from typing import Any

# What a callback gives back: of each component that it changes, the new value, or what `gr.update` gives.
Updates = dict[Any, Any]
# The mask editor's: background, layers and composite, (H, W, 4) uint8 each, the last two None where there are none.
EditorValue = dict[str, Any]
# What belongs to an event beside function, inputs and outputs.
EventOptions = dict[str, Any]
