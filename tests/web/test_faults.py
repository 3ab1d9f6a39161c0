"""What a long run meets: SIGTERM, a full disk, a clock that is set, and weights that are damaged or cannot be written.

Others have their tests beside what they befall: uploads that break off and files that stay (test_safety), tabs that are
closed (test_load, real/test_page), a cut checkpoint (tests/unmask/test_weights), and the database (tests/study).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest

from tests.paths import ROOT
from tests.web.inverting import StandIn
from tests.web.web_page import free_port, serve
from unmask import Unmasker, weights
from unmask.web.errors import DISK_FULL
from unmask.web.security import temporary_files

API = "gradio_api/"
PHOTO = ROOT / "examples" / "hopper-kn95.png"
PATIENCE = 300  # s, on a machine that has other work
SERVER = """
    import sys, time
    from tests.web.inverting import StandIn
    from unmask.web import launch

    class Slow(StandIn):
        def remove(self, *args, **options):
            print("removing", flush=True)
            time.sleep(2)
            return super().remove(*args, **options)

    launch("127.0.0.1", int(sys.argv[1]), unmasker=Slow())
    print("closed", flush=True)
"""


def upload(web: httpx.Client) -> dict:
    (path,) = web.post(API + "upload", files={"files": ("photo.png", PHOTO.read_bytes())}).raise_for_status().json()
    return {"path": path, "orig_name": "photo.png", "meta": {"_type": "gradio.FileData"}}


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A server in a process of its own, that answers, and its address; its files are in the folder.

    Gradio gives up where it does not reach itself within seconds, as on a busy machine: then once more.
    """
    environment = os.environ | {"GRADIO_TEMP_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    for _ in range(5):
        url = f"http://127.0.0.1:{(port := free_port())}/"
        command = [sys.executable, "-c", textwrap.dedent(SERVER), str(port)]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        until = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < until:
            try:
                httpx.get(url + "config", timeout=PATIENCE).raise_for_status()
                time.sleep(1)  # until it has found itself
                if server.poll() is None:
                    return server, url
            except httpx.HTTPError:
                time.sleep(0.5)
        server.kill()
        server.wait()
    pytest.fail("The server did not start.")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is not Windows'")
def test_sigterm_during_a_removal_ends_within_seconds_and_leaves_no_file(tmp_path):
    server, url = start(tmp_path / "files")
    try:
        lines = iter(server.stdout.readline, "")
        with httpx.Client(base_url=url, timeout=PATIENCE) as web:
            body = {"data": [upload(web), None, ["ganmasker"], 1.0]}
            web.post(API + "call/remove", json=body).raise_for_status()
            next(line for line in lines if line.startswith("removing"))
            next(line for line in lines if line.startswith("removing"))  # the first was the warming up
            assert list((tmp_path / "files").glob("unmask-*/*"))
            server.send_signal(signal.SIGTERM)
            began = time.monotonic()
            rest = "".join(lines)
        assert server.wait(PATIENCE) == 0 and "closed" in rest
        assert time.monotonic() - began < 10 or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
        left = list((tmp_path / "files").rglob("*"))
        assert not [path for path in left if path.is_file() or path.name.startswith("unmask-")]
    finally:
        server.kill()


def test_a_full_disk_is_said_to_whoever_uploads_and_the_page_goes_on(monkeypatch):
    with serve(StandIn()) as demo, httpx.Client(base_url=demo.local_url, timeout=PATIENCE) as web:
        ask = {"data": [upload(web)]}

        def run() -> dict:
            event = web.post(API + "call/segment", json=ask).raise_for_status().json()["event_id"]
            said = web.get(f"{API}call/segment/{event}").text
            kind, data = [line.partition(": ")[2] for line in said.strip().splitlines()[-2:]]
            return {"kind": kind, "data": json.loads(data)}

        def full(*args, **options):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("unmask.web.pictures.write_png", full)
            refused = run()
        assert refused["kind"] == "error" and DISK_FULL in str(refused["data"])
        assert run()["kind"] == "complete"


def test_a_clock_that_is_put_back_keeps_no_photo(tmp_path, monkeypatch):
    """Files seem to be of tomorrow then, and would stay until tomorrow."""
    photo, example = tmp_path / "photo.png", tmp_path / "example.png"
    for path in (photo, example):
        path.write_bytes(b"a face")
    steady, seen, yesterday = [1000.0], {}, time.time() - 86_400
    monkeypatch.setattr(temporary_files.time, "time", lambda: yesterday)
    monkeypatch.setattr(temporary_files.time, "monotonic", lambda: steady[0])
    for later, there in ((0, True), (530, True), (550, False)):
        steady[0] = 1000.0 + later
        temporary_files.sweep(tmp_path, 540, {str(example)}, seen)
        assert photo.exists() is there and example.exists()
    assert str(photo) not in seen or not photo.exists()
    temporary_files.sweep(tmp_path, 540, {str(example)}, seen)
    assert seen == {}, "what is gone is forgotten"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have other rights on Windows")
def test_a_checkpoint_folder_that_cannot_be_written_is_enough(tmp_path, monkeypatch):
    """Weights are read and nothing else: also where nobody may write, as in a container."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    shutil.copy(ROOT / "checkpoints" / "pix2pix.safetensors", folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    for path in before:
        path.chmod(0o444)
    folder.chmod(0o555)
    monkeypatch.setenv("UNMASK_WEIGHTS", str(folder))
    try:
        assert weights.find("pix2pix").parent == folder
        Unmasker("cpu").model("pix2pix")
    finally:
        folder.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
