"""What a call of the API gets for files that are not its own, for addresses, and for arguments of the wrong kind."""

import json
import shutil
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio import processing_utils
from gradio_client import Client, handle_file

from tests.paths import EXAMPLES
from tests.web.inverting import StandIn
from tests.web.test_safety import API
from tests.web.web_page import serve
from unmask.web.security.calls import NOT_FETCHED, NOT_HERE, own_files
from unmask.web.security.temporary_files import private_folder

PHOTO = EXAMPLES / "hopper-kn95.png"
MARK = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def demo():
    with serve(StandIn()) as demo:
        yield demo


@pytest.fixture
def fetched(monkeypatch):
    """The addresses that Gradio was about to fetch; whatever they are, it would have got a picture."""
    asked = []

    async def get(url):
        asked.append(url)
        return httpx.Response(200, content=PHOTO.read_bytes(), request=httpx.Request("GET", url))

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", get)
    return asked


def answer(web, endpoint: str, data: list) -> tuple[str, object]:
    """How a plain HTTP call ended, "complete" or "error", and with what."""
    event = web.post(API + f"call/{endpoint}", json={"data": data}).json()["event_id"]
    lines = web.get(API + f"call/{endpoint}/{event}").text.splitlines()
    last = [line for line in lines if line][-2:]
    return last[0].removeprefix("event: "), json.loads(last[1].removeprefix("data: "))


def upload(web, data: bytes = PHOTO.read_bytes()) -> str:
    return web.post(API + "upload", files={"files": ("a.png", data)}).json()[0]


ADDRESSES = (
    "http://93.184.216.34/a.png", "https://x.example/a", "ftp://x/a", "data:image/png;base64,AA", "http://[::1",
    "htp:/x",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("where", ["path", "url"])
def test_no_address_is_fetched_and_the_caller_is_told_so(web, fetched, address, where):
    for mark in ({"meta": MARK}, {}):
        file = {"path": None} | {where: address} | mark
        for endpoint, data in (("segment", [file]), ("remove", [file, None, ["glcic"], 1])):
            ended, said = answer(web, endpoint, data)
            assert ended == "error" and said["error"] == NOT_FETCHED
    mine = {"path": upload(web), "meta": MARK}
    ended, said = answer(web, "remove", [mine, {"path": None} | {where: address}, ["glcic"], 1])
    assert ended == "error" and said["error"] == NOT_FETCHED
    assert fetched == []


def test_gradios_client_gets_the_same_sentence(demo, fetched):
    client = Client(demo.local_url, verbose=False)
    with pytest.raises(Exception, match=NOT_FETCHED):
        client.predict(handle_file("http://93.184.216.34/a.png"), api_name="/segment")
    assert fetched == []


@pytest.mark.parametrize("mark", [{"meta": MARK}, {"meta": {}}, {"meta": None}, {}])
def test_no_picture_of_this_machine_is_taken_for_an_upload(web, tmp_path, mark):
    """A picture that could be read; without Gradio's mark its own check is left out."""
    own = tmp_path / "own.png"
    shutil.copy(PHOTO, own)
    folder = private_folder()
    for path in (own, PHOTO, folder / ".." / own.relative_to("/"), folder / "gone.png", folder, Path("/etc/passwd")):
        for endpoint, data in (
            ("segment", [{"path": str(path)} | mark]),
            ("remove", [{"path": upload(web), "meta": MARK}, {"path": str(path)} | mark, ["glcic"], 1]),
        ):
            ended, said = answer(web, endpoint, data)
            assert ended == "error" and said["error"] == NOT_HERE, path


def test_a_link_out_of_the_folder_leads_nowhere(web):
    link = private_folder() / "link.png"
    link.symlink_to(PHOTO)
    try:
        assert answer(web, "segment", [{"path": str(link), "meta": MARK}])[1]["error"] == NOT_HERE
    finally:
        link.unlink()


def test_what_was_uploaded_or_made_here_is_taken_by_path_and_by_address(web, fetched):
    photo = upload(web)
    ended, (mask,) = answer(web, "segment", [{"path": photo}])
    assert ended == "complete"
    address, path = mask["url"], mask["path"]
    for file in ({"path": address}, {"path": address, "url": address, "meta": MARK}, {"path": path}):
        ended, said = answer(web, "remove", [{"path": photo}, file, "glcic", 1])
        assert ended == "complete" and said[0][0]["orig_name"] == "glcic.png"
    assert fetched == []


@pytest.mark.parametrize("data", [[], ["photo.png"], [3], [[1]], [True]])
def test_wrong_arguments_get_a_sentence_that_says_what_is_taken(web, data):
    ended, said = answer(web, "segment", data)
    assert ended == "error" and said["error"].startswith("/segment takes one argument, a picture's file")


def test_each_argument_of_remove_is_refused_in_a_sentence(web):
    photo = {"path": upload(web)}
    for wrong, word in (
        ([photo, None, None, 1], "takes"), ([photo, None, [3], 1], "choices"), ([photo, None, [], 1], "no model"),
        ([photo, None, ["nobody"], 1], "choices"), ([photo, None, ["glcic"], "x"], "takes"), ([photo, None], "takes"),
        ([photo, None, ["glcic"], None], "takes"), ([photo, None, ["glcic"], 2], "greater"),
        ([photo, None, ["glcic"], 1, 4], "greater"), ([photo, None, ["glcic"], 1, 0.5], "whole number"),
        ([None, None, ["glcic"], 1], "no photo"),
        ([{"path": upload(web, b"no picture")}, None, ["glcic"], 1], "not a readable"),
        ([photo | {"size": "large"}, None, ["glcic"], 1], "takes"),
    ):  # fmt: skip
        ended, said = answer(web, "remove", wrong)
        assert ended == "error" and said["error"] and word in said["error"], (wrong, said)


def test_files_are_found_wherever_they_stand():
    file = private_folder() / "x.png"
    file.write_bytes(b"")
    assert own_files([{"layers": [{"path": str(file)}], "background": None}, "http://x.example", 3]) == [
        {"layers": [{"path": str(file), "meta": MARK}], "background": None}, "http://x.example", 3,
    ]  # fmt: skip
    for bad in ("", "\0", "x" * 5000, 3, ["x"], {"a": 1}):
        with pytest.raises(gr.Error, match="no such file"):
            own_files({"layers": [{"path": bad}]})


def test_use_via_api_gives_files_and_no_addresses(web):
    info = web.get(API + "info").json()["named_endpoints"]
    assert {*info} == {"/segment", "/remove", "/rate"}
    for endpoint in ("/segment", "/remove"):
        assert "raw.githubusercontent" not in json.dumps(info[endpoint])
        assert "handle_file('photo.jpg')" in info[endpoint]["code_snippets"]["python"]
        assert info[endpoint]["description"].endswith(".")
        assert all(each["label"] for each in info[endpoint]["parameters"])
    assert [each["label"] for each in info["/segment"]["returns"]] == ["Mask"]


def test_a_call_without_end_is_not_read(web):
    for route in ("call/segment", "queue/join", "mcp"):
        told = web.post(API + route, content=iter([b"x"]))
        assert told.status_code == 413 and "at most 84 MB" in told.json()["detail"]
    assert web.post(API + "call/segment", json={"data": ["x" * 85_000_000]}).status_code == 413
