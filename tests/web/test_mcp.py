"""The demo's tools as an assistant's client finds and calls them."""

import base64
import io
import re

import httpx
import numpy as np
import pytest
from gradio import processing_utils
from PIL import Image

from tests.paths import EXAMPLES, ROOT
from tests.threads import run_in_thread
from tests.web.inverting import StandIn
from tests.web.test_endpoints import routes
from tests.web.test_safety import API, visitors_files
from tests.web.web_page import serve
from unmask import read_photo
from unmask.cli.main import main
from unmask.imaging.metadata import NOTICE, write_png
from unmask.imaging.reader import MAX_BYTES
from unmask.web import mcp_tools
from unmask.web.security import guard, temporary_files
from unmask.web.security.calls import NOT_FETCHED, NOT_HERE

PHOTO = EXAMPLES / "hopper-kn95.png"


def data_url(data: bytes = PHOTO.read_bytes()) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def demo():
    pytest.importorskip("mcp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_MCP", "1")
        patch.setattr("gradio.mcp.GradioMCPServer", mcp_tools.ToolServer)  # and back again afterwards
        with serve(StandIn()) as demo:
            yield demo


def with_session(demo, work, headers=None):
    """What `await work(session)` gives, in a client's session with the demo."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def run():
        address = demo.local_url + "gradio_api/mcp/"
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as web,
            streamable_http_client(address, http_client=web) as (reads, writes, _),
            ClientSession(reads, writes) as session,
        ):
            await session.initialize()
            return await work(session)

    return run_in_thread(run())


def call(demo, name: str, headers=None, **arguments):
    return with_session(demo, lambda session: session.call_tool(name, arguments), headers)


def said(result) -> str:
    """The sentence with which a call was refused."""
    assert result.isError
    return result.content[0].text


def pictures(result) -> list[Image.Image]:
    assert not result.isError, result.content
    return [Image.open(io.BytesIO(base64.b64decode(each.data))) for each in result.content if each.type == "image"]


def test_segment_and_remove_are_the_only_tools(demo):
    tools = {each.name: each for each in with_session(demo, lambda session: session.list_tools()).tools}
    assert {*tools} == {"segment", "remove"}
    for tool in tools.values():
        assert tool.description and "http" not in str(tool.inputSchema)
        assert all(field["description"] for field in tool.inputSchema["properties"].values())
    assert tools["remove"].inputSchema["required"] == ["image"]
    assert "Unknown tool" in said(call(demo, "rate", token="x", score=1))


def test_a_picture_in_the_call_comes_back_without_its_mask(demo):
    photo, stand_in = read_photo(PHOTO), StandIn()
    (mask,) = pictures(call(demo, "segment", image=data_url()))
    assert np.array_equal(np.array(mask), stand_in.segment(photo)) and "Description" not in mask.info
    result = call(demo, "remove", image=data_url(), models=["glcic", "telea"])
    names = [each.text.split(":")[0] for each in result.content if each.type == "text"]
    assert names == ["glcic.png", "telea.png"]
    for image in pictures(result):
        assert np.array_equal(np.array(image), stand_in.remove(photo)["ganmasker"])
        assert image.info["Description"] == NOTICE, "an invention that does not say so"
    # The address beside it has the result in full.
    (address,) = re.findall(r"http\S+", next(each.text for each in result.content if each.type == "text"))
    assert Image.open(io.BytesIO(httpx.get(address).content)).size == image.size


def test_large_results_are_shown_small(demo, tmp_path):
    large = io.BytesIO()
    write_png(large, np.zeros((1500, 2000, 3), np.uint8))
    (mask,) = pictures(call(demo, "segment", image=data_url(large.getvalue())))
    assert mask.size == (1024, 768)


def test_an_upload_is_taken_by_its_path_and_by_its_address(demo):
    path = httpx.post(demo.local_url + API + "upload", files={"files": ("a.png", PHOTO.read_bytes())}).json()[0]
    for named in (path, f"{demo.local_url}{API}file={path}"):
        assert len(pictures(call(demo, "segment", image=named))) == 1


def test_no_address_is_fetched_for_a_caller(demo, monkeypatch):
    asked = []

    async def get(url):
        asked.append(url)
        return httpx.Response(200, content=PHOTO.read_bytes(), request=httpx.Request("GET", url))

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", get)
    for address in ("http://93.184.216.34/a.png", "https://x.example/a", "http://127.0.0.1:1/", "file:///etc/passwd"):
        assert said(call(demo, "segment", image=address)) == NOT_FETCHED
        assert said(call(demo, "remove", image=data_url(), mask=address)) == NOT_FETCHED
    for path in (str(PHOTO), "/etc/passwd", "photo.png", "", "\0"):
        assert said(call(demo, "segment", image=path)) == NOT_HERE
    assert asked == []


def test_other_wrong_arguments_get_a_sentence(demo, monkeypatch):
    assert "not in base64" in said(call(demo, "segment", image="data:image/png;base64,@@"))
    assert "not in base64" in said(call(demo, "segment", image="data:image/png,AAAA"))
    assert "not a readable" in said(call(demo, "segment", image=data_url(b"no picture")))
    monkeypatch.setattr(mcp_tools, "MAX_BYTES", 1000)
    assert "larger than 30 MB" in said(call(demo, "segment", image=data_url(bytes(1100))))
    assert MAX_BYTES == 30_000_000
    assert "'nobody' is not one of" in said(call(demo, "remove", image=data_url(), models=["nobody"]))
    assert "required" in said(call(demo, "remove"))


def test_a_callers_language_is_kept(demo):
    german = call(demo, "segment", {"Accept-Language": "de-DE"}, image=data_url(b"no picture"))
    assert "lesbar" in said(german)


def test_pictures_in_calls_lie_where_uploads_do_and_go_with_them(demo):
    folder = temporary_files.private_folder()
    before = {*visitors_files(demo, folder)}
    call(demo, "segment", image=data_url(b"no picture, and nobody's"))
    (left,) = {*visitors_files(demo, folder)} - before
    assert left.read_bytes() == b"no picture, and nobody's"
    temporary_files.sweep(folder, age=0, keep=set())
    assert not left.exists()


def test_calls_count_for_their_caller(monkeypatch):
    """Not all of them for this machine, through which they go; and nobody passes for somebody else."""
    pytest.importorskip("mcp")
    monkeypatch.setenv("UNMASK_MCP", "1")
    monkeypatch.setenv("UNMASK_RATE_LIMIT", "4")
    monkeypatch.setattr("gradio.mcp.GradioMCPServer", mcp_tools.ToolServer)
    counted = []
    true = guard.visitor_of
    monkeypatch.setattr(guard, "visitor_of", lambda scope: counted.append((scope["path"], true(scope))) or true(scope))
    with serve(StandIn()) as demo:
        # As a proxy on this machine hands it on.
        call_from = {"X-Forwarded-For": "198.51.100.7"}
        try:
            call(demo, "segment", call_from, image=data_url())
        except BaseException:  # the limit may end the session; what was counted is what matters
            pass
    assert {who for path, who in counted} == {"198.51.100.7"}, counted
    assert "/gradio_api/queue/join" in {path for path, _ in counted}


def test_its_routes_stand_in_the_documents(demo):
    text = (ROOT / "docs" / "safety.md").read_text()
    assert "## Tools for assistants" in text
    extra = {path for path in routes(demo.app) if "/mcp" in path}
    assert extra == {"/gradio_api/mcp/schema", "/gradio_api/mcp/sse", "/gradio_api/mcp/messages", "/gradio_api/mcp"}
    with httpx.Client(base_url=demo.local_url) as web:
        assert web.get(API + "mcp/schema").status_code == 200
        for gone in ("mcp/sse", "mcp/messages/?session_id=1"):
            assert web.get(API + gone).status_code == web.post(API + gone).status_code == 404


def test_without_its_package_a_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(mcp_tools, "find_spec", lambda name: None)
    monkeypatch.delenv("UNMASK_MCP", raising=False)
    assert mcp_tools.wanted() is False
    monkeypatch.setenv("UNMASK_MCP", "1")
    with pytest.raises(SystemExit) as stopped:
        main(["serve", "--port", "1"])
    assert stopped.value.code == 2 and "python -m pip install 'mcp" in capsys.readouterr().err


def test_it_is_off_unless_a_host_asks(monkeypatch):
    monkeypatch.delenv("UNMASK_MCP", raising=False)
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    with serve(StandIn()) as demo:
        assert not any("mcp" in path for path in routes(demo.app))
