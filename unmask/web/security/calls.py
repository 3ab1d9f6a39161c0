"""What a call may name as its files: what was uploaded or made here. No address is fetched for anybody.

Gradio fetches public addresses for its callers, and its own check of paths leaves out what lacks the mark "meta": a
picture anywhere on this machine could be named so. So every event's arguments come through here first.
`preprocess_data` is Gradio's own, as seen in 6.31.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.utils import get_upload_folder

NOT_FETCHED = "No address is fetched here: send the picture itself, as a file."
NOT_HERE = "There is no such file here, or not any more: upload the picture first, and name the path that you get."

ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # a drive of Windows has one letter
OWN_FILE = re.compile(r"https?://[^/]+(?:/[^?#]*)?/gradio_api/file=([^?#]+)")
MARK = {"_type": "gradio.FileData"}


def own_files(value: Any) -> Any:
    """The arguments, as JSON, with every file by its path here. Raises gr.Error, in one sentence, for any other.

    The address at which this server hands out a file stands for that file: it is read as a path, and not called.
    """
    if isinstance(value, list):
        return [own_files(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = value.get("path")
    if named is None and ("path" in value or "meta" in value):
        named = value.get("url")
    if named is None:
        return {key: own_files(each) for key, each in value.items()}
    return value | {"path": path_here(named), "meta": MARK}


def path_here(named: Any) -> str:
    """The path of a file in the folder of uploads and results. Raises gr.Error."""
    own = OWN_FILE.fullmatch(named) if isinstance(named, str) else None
    path = unquote(own[1]) if own else named
    if isinstance(path, str) and ADDRESS.match(path):
        raise gr.Error(NOT_FETCHED, print_exception=False)
    try:
        file = Path(path).resolve()
        here = file.is_relative_to(Path(get_upload_folder()).resolve()) and file.is_file()
    except (TypeError, ValueError, OSError):  # no text, a NUL in it, or too long for a name
        here = False
    if not here:
        raise gr.Error(NOT_HERE, print_exception=False)
    return path


def check_calls(demo: gr.Blocks, takes: Mapping[str, str]) -> None:
    """Check what every event of the page is called with, before Gradio looks at it.

    takes: named endpoint -> its arguments, in words, for who calls it with others.
    """
    preprocess = demo.preprocess_data

    async def checked(function: Any, inputs: list[Any], *args: Any, **options: Any) -> list[Any]:
        arguments = own_files(inputs)
        try:
            values: list[Any] = await preprocess(function, arguments, *args, **options)
            return values
        except gr.Error:
            raise
        except Exception as error:
            if function.api_name not in takes:
                raise
            sentence = f"/{function.api_name} takes {takes[function.api_name]}: these arguments are others."
            raise gr.Error(sentence, print_exception=False) from error

    demo.preprocess_data = checked
