"""Imports Gradio, before anything else of the page does, in two thirds of its time.

For every class of components Gradio parses that class's own source as it is imported, to write an interface file for
editors beside it: 1.1 of 2.9 s of a processor, at every start. It does without where it cannot tell the class's file
(`component_meta.create_or_modify_pyi`, a private part, as seen in 6.31).
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_interface_files() -> Iterator[None]:
    """Meanwhile nobody can tell in which file a component's class is defined."""
    tell: Callable[[Any], str] = inspect.getfile

    def getfile(thing: Any) -> str:
        if type(thing).__name__ == "ComponentMeta":
            raise OSError("No interface file is wanted.")
        return tell(thing)

    setattr(inspect, "getfile", getfile)  # noqa: B010  # an assignment to a function is none to mypy
    try:
        yield
    finally:
        setattr(inspect, "getfile", tell)  # noqa: B010


with without_interface_files():
    import gradio  # noqa: F401
