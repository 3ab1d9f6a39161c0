"""What a visitor waits for in a browser: from dropping a photo on the page to every default result before one's eyes.

Upload, decoding, finding, painting, encoding and the browser's own work are all in it. It takes Chromium and
Playwright, which the demo itself does not need.
"""

import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from unmask.bench import LARGE, PORTRAIT
from unmask.imaging.reader import read_photo
from unmask.imaging.tensors import resize
from unmask.registry import DEFAULT_MODELS
from unmask.settings import examples

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SMALL = (256, 256)  # px: a small example
SMALL_PHOTO = "astronaut-photo.png"  # of the examples
BARS = {"photo of 12 megapixels": 1.5, "example of 256 px": 0.8}  # s, on two cores with nothing else to do
LONGEST_WAIT = 120_000  # ms
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
NEEDS = "The page is timed in a browser: python -m pip install playwright, and install Chromium."

# The demo with all models loaded, in a process of its own, so that it has its own cores and its own interpreter.
DEMO = """
import sys
from unmask import Unmasker
from unmask.bench import load_all
from unmask.web import launch
unmasker = Unmasker(sys.argv[1])
launch("127.0.0.1", int(sys.argv[2]), wait=False, unmasker=unmasker)
load_all(unmasker)
print("loaded", flush=True)
sys.stdin.read()
"""

# Resolves, once the photo was given, with the ms from then to the first frame that shows all results.
WATCH = """(count) => {
  window.shown = new Promise((resolve) => document.addEventListener("change", () => {
    const began = performance.now();
    const look = () => {
      const tiles = [...document.querySelectorAll("#results .tile")];
      const images = tiles.flatMap((tile) => [...tile.querySelectorAll("img")]);
      const there = document.querySelector("#run-status .done") && tiles.length >= count
        && !tiles.some((tile) => tile.matches(".waits")) && images.length
        && images.every((image) => image.complete && image.naturalWidth);
      there ? requestAnimationFrame(() => resolve(performance.now() - began)) : requestAnimationFrame(look);
    };
    look();
  }, { capture: true, once: true }));
}"""


def make_photos() -> dict[str, tuple[str, bytes]]:
    """The pictures that are given, by what they are: a file name and the file."""
    return {
        "photo of 12 megapixels": ("large.jpg", _file(PORTRAIT, LARGE, "JPEG")),
        "example of 256 px": ("small.png", _file(SMALL_PHOTO, SMALL, "PNG")),
    }


def _file(example: str, size: tuple[int, int], form: str) -> bytes:
    """An example in another size (height, width), as a file."""
    file, picture = io.BytesIO(), resize(read_photo(examples() / example), size)
    Image.fromarray(np.ascontiguousarray(picture)).save(file, form, quality=92)
    return file.getvalue()


@contextmanager
def serve(device: str) -> Iterator[str]:
    """The demo in a process of its own, every model loaded: its address. Raises RuntimeError when it ends by itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", DEMO, device, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdin and demo.stdout
        try:
            if not any(line.strip() == "loaded" for line in demo.stdout):
                raise RuntimeError(f"The demo ended with status {demo.wait()}.")
            yield f"http://127.0.0.1:{port}/"
        finally:
            demo.stdin.close()
            demo.terminate()


def measure_page(device: str = "auto", repeats: int = 5) -> dict[str, Any]:
    """Seconds from giving each photo to all default results, one after the other on a new page, after one to warm up.

    Raises ImportError without Playwright, RuntimeError without Chromium or when the demo ends by itself.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise ImportError(NEEDS) from error

    report: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "photos": {}}
    own = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=own, args=["--no-sandbox", "--disable-gpu"])
        except Error as error:
            raise RuntimeError(NEEDS) from error
        with serve(device) as address:
            for name, (filename, data) in make_photos().items():
                took = [wait_for_results(browser, address, filename, data) for _ in range(1 + repeats)][1:]
                report["photos"][name] = {"median_s": statistics.median(took), "s": took, "bar_s": BARS[name]}
        browser.close()
    return report


def wait_for_results(browser: "Browser", address: str, filename: str, data: bytes) -> float:
    """Seconds from giving a photo on a new page to all default results."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        page.set_default_timeout(LONGEST_WAIT)
        page.goto(address)
        page.wait_for_selector("#photo input[type=file]", state="attached")
        page.evaluate(WATCH, len(DEFAULT_MODELS))
        page.set_input_files("#photo input[type=file]", {"name": filename, "mimeType": "", "buffer": data})
        page.wait_for_selector("#run-status .done")
        seconds: float = page.evaluate("shown") / 1000
        return seconds
    finally:
        page.close()


def table(report: Mapping[str, Any]) -> str:
    """What `measure_page` gave, as Markdown."""
    lines = [f"{report['cores']} cores, load {report['load']:.1f} before", ""]
    lines += ["| from dropping it to all default results | s, median | from - to | bar |", "|---|---|---|---|"]
    for name, row in report["photos"].items():
        cells = f"{row['median_s']:.2f} | {min(row['s']):.2f} - {max(row['s']):.2f} | {row['bar_s']}"
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def bench_page(device: str = "auto", repeats: int = 5, as_json: bool = False) -> str:
    """`measure_page` as a table or as JSON: what the command line prints."""
    report = measure_page(device, repeats)
    return json.dumps(report, indent=2) if as_json else table(report)
