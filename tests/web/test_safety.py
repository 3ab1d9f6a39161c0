"""What strangers must not get from the server, and what must not stay behind: the started app, over its own network."""

import base64
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.paths import EXAMPLES
from tests.web.inverting import StandIn
from tests.web.web_page import (
    card,
    give_photo,
    needs_browser,
    read_download,
    serve,
    visit,
    wait_until_done,
)
from unmask.web import app
from unmask.web.events import FORGET_AFTER
from unmask.web.security import temporary_files

ROOT = Path(__file__).resolve().parents[2]
API = "gradio_api/"


@pytest.fixture(scope="module")
def demo():
    with serve(StandIn()) as demo:
        yield demo


@pytest.fixture(scope="module")
def client(demo):
    return Client(demo.local_url, verbose=False)


@pytest.fixture(scope="module")
def gps_photo(tmp_path_factory) -> Path:
    """A phone's photo that tells where it was taken, by whom, and with what; and a thumbnail's worth of comment."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013B], exif[0x0112] = "CameraMaker", "Jane Roe", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    path = tmp_path_factory.mktemp("photos") / "IMG_at_home.jpg"
    picture = Image.open(EXAMPLES / "hopper-kn95.png").convert("RGB")
    picture.save(path, exif=exif, comment=b"a private remark", quality=95)
    return path


def has_metadata(data: bytes) -> list[str]:
    """What a picture file tells about the photo it was made from."""
    told = [word for word in ("CameraMaker", "Jane Roe", "private remark", "at_home") if word.encode() in data]
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except OSError as error:
        return [*told, f"{error}: {data[:100]!r}"]
    exif = image.getexif()
    return told + [f"EXIF {dict(exif)}"] * bool(exif) + ["GPS"] * bool(exif.get_ifd(0x8825))


# ---------------------------------------------------------------- files


def forbidden_files(folder: Path) -> list[Path]:
    """Files that exist on the server and are nobody's business."""
    secret = folder / "study.sqlite"
    secret.write_text("answers")
    return [
        ROOT / "unmask" / "web" / "app.py",
        ROOT / "app.py",
        ROOT / "README.md",
        ROOT / ".git" / "config",
        ROOT / "checkpoints" / "README.md",
        next(iter(sorted((ROOT / "checkpoints").glob("*.safetensors"))), ROOT / "ruff.toml"),
        secret,
        Path("/etc/passwd"),
        Path("/proc/self/environ"),
        Path(sys.executable),
    ]


@pytest.mark.parametrize("route", ["gradio_api/file=", "file=", "gradio_api/file/", "static/", "assets/", "study/"])
def test_no_other_file_is_served(web, tmp_path, route):
    for path in forbidden_files(tmp_path):
        relative = os.path.relpath(path, ROOT)
        climbing = "../" * 12 + str(path)[1:]
        for name in (str(path), relative, climbing, quote(climbing, safe=""), "//" + str(path), f"./{relative}"):
            # httpx would tidy dots away before sending, so the raw path is given.
            url = httpx.URL(str(web.base_url)).copy_with(raw_path=b"/" + route.encode() + name.encode())
            answer = web.get(url)
            if route == "study/":  # its page, whatever the study is called
                assert answer.status_code >= 300 or answer.text.startswith("<!doctype html>"), (url, answer.text[:100])
            else:
                assert answer.status_code >= 300, (url, answer.text[:100])


def test_no_other_file_is_taken_for_an_upload(web, tmp_path):
    """A call that names a file of the server's as its photo gets an error and not the file."""
    own = EXAMPLES.parent / "docs" / "screenshot.png"
    fake = {"path": str(own), "meta": {"_type": "gradio.FileData"}, "orig_name": "a.png"}
    event = web.post(API + "call/segment", json={"data": [fake]}).json()
    stream = web.get(API + f"call/segment/{event.get('event_id', 'none')}").text
    assert "event: complete" not in stream and "mask.png" not in stream


def test_the_server_fetches_nothing_for_others(web):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        there = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for route in ("file=" + there, "file=HTTP://x/", "proxy=" + there):
            for prefix in ("", API):
                answer = web.get(prefix + route)
                assert answer.status_code == 403 and "fetches nothing" in answer.json()["detail"], route
        fake = {"path": there + "a.png", "url": there + "a.png", "meta": {"_type": "gradio.FileData"}}
        web.post(API + "call/segment", json={"data": [fake]})
        with pytest.raises(TimeoutError):
            listener.accept()


# ---------------------------------------------------------------- metadata


def test_no_metadata_in_what_the_api_gives(client, gps_photo):
    assert has_metadata(gps_photo.read_bytes()), "the photo tells nothing, so the test would show nothing"
    paths = client.predict(image=handle_file(gps_photo), models=["ganmasker", "telea"], api_name="/remove")
    paths.append(client.predict(handle_file(gps_photo), api_name="/segment"))
    for path in paths:
        assert has_metadata(Path(path).read_bytes()) == []
        assert "at_home" not in str(path)


@needs_browser
def test_no_metadata_in_what_the_page_shows_and_no_break_of_its_policy(browser, demo, gps_photo):
    """Every picture that reaches the browser, the visitor's own upload excepted; and the page works under its CSP."""
    urls, broken = set(), []

    def keep(response):
        kind = response.headers.get("content-type", "")
        # What the visitor gave comes back to that visitor, unchanged, in the box it was given into.
        picture = response.status == 200 and kind.startswith("image/") and "svg" not in kind
        if picture and "IMG_at_home" not in response.url:
            urls.add(response.url)

    with visit(browser, demo) as page:
        page.on("response", keep)
        page.on("console", lambda message: broken.append(message.text) if "Content Security" in message.text else None)
        give_photo(page, gps_photo)
        wait_until_done(page)
        download = read_download(page, card(page).get_by_text("Download at full size"))
        page.wait_for_timeout(500)
        pictures = {url: page.request.get(url).body() for url in urls}
        inline = re.findall(r'src="data:image/[a-z]+;base64,([^"]+)"', page.content())
    assert not broken
    assert len(pictures) >= 2
    assert not download.getexif() and "Description" in download.info
    pictures |= {text: base64.b64decode(text) for text in inline}
    assert {url[:200]: told for url, data in pictures.items() if (told := has_metadata(data))} == {}


# ---------------------------------------------------------------- nothing stays


def test_uploads_lie_in_a_folder_that_nobody_else_may_open(demo, web):
    folder = temporary_files.private_folder()
    assert folder.stat().st_mode & 0o077 == 0
    (path,) = web.post(API + "upload", files={"files": ("a.png", b"bytes")}).json()
    assert Path(path).is_relative_to(folder)


def test_no_photo_is_on_disk_after_ten_minutes(demo, client, web, gps_photo, monkeypatch):
    """Uploads, results, and what a cut connection left half-way."""
    folder = temporary_files.private_folder()
    result = client.predict(handle_file(gps_photo), api_name="/segment")
    assert Path(result).exists()
    broken_off(demo, b"a private remark")
    temporary_files.sweep(folder, age=0, keep=own_files(demo))  # nobody has been here before
    assert visitors_files(demo, folder) == []

    client.predict(handle_file(gps_photo), api_name="/segment")
    broken_off(demo, b"a private remark")
    left = visitors_files(demo, folder)
    assert len(left) >= 3, "the upload, the mask, and the half upload"
    assert any(b"a private remark" in path.read_bytes() for path in left)
    now = time.time()
    age = FORGET_AFTER - app.CLEAN_UP_EVERY
    for later, gone in ((age - 30, False), (age + 30, True)):
        monkeypatch.setattr(temporary_files.time, "time", lambda: now + later)  # noqa: B023
        temporary_files.sweep(folder, age, own_files(demo))
        assert (visitors_files(demo, folder) == []) is gone
    monkeypatch.undo()
    assert all(Path(path).exists() for path in own_files(demo)), "an example of the page is gone"


def own_files(demo) -> set[str]:
    return {str(path) for block in demo.blocks.values() for path in getattr(block, "keep_in_cache", ())}


def visitors_files(demo, folder: Path) -> list[Path]:
    kept = {str(Path(path)) for path in own_files(demo)}
    return [path for path in folder.rglob("*") if path.is_file() and str(path) not in kept]


def broken_off(demo, data: bytes) -> None:
    """An upload whose connection is cut after some of it was sent."""
    host, port = demo.local_url.split("//")[1].strip("/").split(":")
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="b.jpg"\r\n\r\n' + data
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 100000\r\n\r\n" + head
        )
        time.sleep(0.5)
    time.sleep(0.5)


def test_an_upload_that_is_broken_off_is_no_error_in_the_log(demo, monkeypatch):
    said = []
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "handle", said.append)
    broken_off(demo, b"a private remark")
    assert [record.getMessage() for record in said] == []


def test_a_picture_that_is_handed_out_once_more_is_as_good_as_new(tmp_path, monkeypatch):
    """Two visitors with the same photo get the same file: Gradio names it by what is in it, and touches it."""
    photo, steady, seen = tmp_path / "photo.jpg", [0.0], {}
    photo.write_bytes(b"the same photo")
    monkeypatch.setattr(temporary_files.time, "monotonic", lambda: steady[0])
    temporary_files.sweep(tmp_path, 540, first_seen=seen)
    time.sleep(0.05)  # so that the file system tells both times apart
    os.utime(photo)
    for later, there in ((530, True), (560, True), (1060, True), (1080, False)):
        steady[0] = later
        temporary_files.sweep(tmp_path, 540, first_seen=seen)
        assert photo.exists() is there, later


def test_the_sweeper_runs_by_itself(tmp_path):
    class Page:
        blocks = {}

    (tmp_path / "upload").mkdir()
    (tmp_path / "upload" / "photo.jpg").write_bytes(b"photo")
    stop = temporary_files.keep_sweeping(Page, tmp_path, age=0.2, every=0.05)
    deadline = time.monotonic() + 20
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_server_left_is_deleted_at_the_next_start(tmp_path, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old, running, other = (tmp_path / name for name in (f"unmask-{ended.pid}-ab", f"unmask-{os.getppid()}-ab", "other"))
    elsewhere = tmp_path / "elsewhere"
    for folder in (old, running, other, elsewhere):
        folder.mkdir()
        (folder / "photo.jpg").write_bytes(b"photo")
    (tmp_path / f"unmask-{ended.pid}-link").symlink_to(elsewhere)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    mine = temporary_files.private_folder()
    assert mine.parent == tmp_path and not list(mine.iterdir()) and temporary_files.private_folder() == mine
    assert not old.exists()
    assert all((folder / "photo.jpg").exists() for folder in (running, other, elsewhere))


# ---------------------------------------------------------------- the network


def test_nothing_is_asked_of_other_servers_at_the_start():
    """The whole start, warm-up left out, with every connection and every name that is looked up on record."""
    code = """
import json, socket, sys, time
asked = []
def audit(event, args):
    if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        asked.append(str(args[1][0]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        asked.append(str(args[0]))
sys.addaudithook(audit)
from tests.web.inverting import StandIn
from tests.web.web_page import free_port
from unmask.web import launch
demo = launch("127.0.0.1", free_port(), wait=False, unmasker=StandIn())
time.sleep(3)
demo.close()
print(json.dumps(sorted(set(asked))))
"""
    quiet = {key: value for key, value in os.environ.items() if not key.startswith(("GRADIO_", "HF_"))}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    asked = json.loads(done.stdout.splitlines()[-1])
    assert "127.0.0.1" in asked, "Gradio calls itself when it starts; without that nothing was recorded"
    assert set(asked) <= {"127.0.0.1", "localhost", "0.0.0.0", "::1", "None", ""}


def test_headers_of_every_kind_of_answer(web):
    (upload,) = web.post(API + "upload", files={"files": ("a.svg", b"<svg onload='alert(1)'/>")}).json()
    files = (f"{API}file={upload}", f"{API}file=/etc/passwd")
    for route in ("", "config", "theme.css", f"{API}info", *files, "nothing", "study/"):
        answer = web.get(route, follow_redirects=True)
        assert answer.headers["x-content-type-options"] == "nosniff", route
        assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer"), route
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy or "default-src 'none'" in policy, route
        # A Space is shown in a frame of huggingface.co.
        assert "x-frame-options" not in answer.headers and "frame-ancestors" not in policy, route
    assert "default-src 'none'" in web.get("study/").headers["content-security-policy"], "the stricter one is lost"
    # A picture that carries a script is handed over, not shown.
    answer = web.get(f"{API}file={upload}")
    assert "attachment" in answer.headers.get("content-disposition", "") or "html" not in answer.headers["content-type"]


def test_a_strange_site_gets_no_answer_with_the_visitors_rights(web):
    answer = web.post(API + "call/segment", json={"data": [None]}, headers={"Origin": "https://evil.example"})
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed not in ("*", "https://evil.example") or "access-control-allow-credentials" not in answer.headers


def test_the_server_itself_enforces_the_upload_limit(web):
    limit = 30 * 1024**2
    assert web.post(API + "upload", files={"files": ("a.jpg", bytes(limit - 1000))}).status_code == 200
    answer = web.post(API + "upload", files={"files": ("a.jpg", bytes(limit + 1000))})
    assert answer.status_code == 413 and "maximum allowed size" in answer.text
