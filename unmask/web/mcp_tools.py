"""/segment and /remove as tools for assistants (Model Context Protocol), where a host sets UNMASK_MCP=1.

Gradio's own server, with these differences: the two endpoints alone; a picture comes as a "data:" URL or by the path
or address that this server gave an upload, and no address is fetched; results come back small enough to look at, marked
as inventions, beside the address of each in full size. Parts of `GradioMCPServer` are private, as seen in 6.31.
"""

import base64
import binascii
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio.mcp
import numpy as np
from gradio.processing_utils import add_root_url, save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from unmask.imaging.metadata import NOTICE, write_png
from unmask.imaging.reader import MAX_BYTES
from unmask.settings import MCP
from unmask.types import Json
from unmask.web.pictures import to_show

TOOLS = ("segment", "remove")
PICTURE = '"data:image/png;base64,..." or the path that POST /gradio_api/upload of this server answers'
MISSING = "UNMASK_MCP=1 needs the package mcp: python -m pip install 'mcp>=1.21,<2', or '.[mcp]' in a checkout."


def wanted() -> bool:
    """Whether the host asks for the tools. Raises ValueError, in one sentence, where their package is missing."""
    if MCP.read() and find_spec("mcp") is None:
        raise ValueError(MISSING)
    return MCP.read()


def use_own_server() -> None:
    """Let Gradio make its MCP server of our class: it takes none as an argument."""
    gradio.mcp.GradioMCPServer = ToolServer


class ToolServer(gradio.mcp.GradioMCPServer):  # type: ignore[misc]  # Gradio is read without its types
    """The demo's tools."""

    _file_data_tool_description = ""  # Gradio's speaks of a helper that this server does not need

    def get_tool_to_endpoint(self) -> dict[str, str]:
        return {self.tool_prefix + name: f"/{name}" for name in TOOLS}

    def simplify_filedata_schema(self, schema: Json) -> tuple[Json, list[Any]]:
        simple, positions = super().simplify_filedata_schema(schema)
        for (name,) in positions:
            field = simple["properties"][name]
            del field["format"]  # which says that an address will do
            field |= {"title": name, "description": f"{field.get('description', name)}. {PICTURE}."}
        return simple, positions

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[Any]) -> Any:
        """The arguments, with each picture as a file here; what is no picture or not here is refused by the event."""
        names = {name for (name,) in filedata_positions}
        return {
            name: {"path": path_of(each)} if name in names and isinstance(each, str) else each
            for name, each in value.items()
        }

    def _prepare_tool_call_args(self, name: str, arguments: Json) -> tuple[Any, ...]:
        """The call that this server makes to itself: in the caller's name, for the rate limit, and in its language.

        Headers that a caller could make up are not handed on.
        """
        endpoint, inputs, headers, function = super()._prepare_tool_call_args(name, arguments)
        client = self.mcp_server.request_context.request.client
        kept = {key: text for key, text in headers.items() if key == "accept-language"}
        return endpoint, inputs, kept | {"x-forwarded-for": client.host if client else "unknown"}, function

    def postprocess_output_data(self, data: list[Any], root_url: str) -> list[Any]:
        """One result's files, each as a small picture and the address of its full size."""
        files = [file for output in data for file in (output if isinstance(output, list) else [output])]
        contents: list[Any] = []
        for file in add_root_url(files, root_url, None):
            contents.append(self.types.ImageContent(type="image", data=small(file["path"]), mimeType="image/png"))
            contents.append(self.types.TextContent(type="text", text=f"{Path(file['path']).name}: {file['url']}"))
        return contents


def path_of(named: str) -> str:
    """A picture that comes with the call as a file; anything else as it is. Raises ValueError, in one sentence."""
    if not named.startswith("data:"):
        return named
    head, _, text = named.partition(",")
    if len(text) > MAX_BYTES * 4 / 3 + 4:
        raise ValueError("The picture is larger than 30 MB.")
    try:
        if not head.endswith(";base64"):
            raise ValueError("no base64")
        picture = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError('The picture after "data:" is not in base64.') from error
    path: str = save_bytes_to_cache(picture, "photo", get_upload_folder())
    return path


def small(path: str) -> str:
    """One of our own results or masks as base64 of a PNG that fits a page, marked as the file itself is."""
    file = io.BytesIO()
    with Image.open(path) as image:
        write_png(file, to_show(np.array(image)), NOTICE if "Description" in image.info else None)
    return base64.b64encode(file.getvalue()).decode()
