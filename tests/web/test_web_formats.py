"""Photos that browsers know nothing of, HEIC and TIFF: given to the page as they are, and shown on it."""

import io
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tests.unmask.test_further_formats import HEIC
from tests.web.inverting import StandIn
from tests.web.web_page import DESKTOP, PHONE, give_photo, needs_browser, serve, toast, visit, wait_until_done
from unmask.web.pictures import browsers_show


@pytest.fixture(scope="module")
def demo():
    with serve(StandIn()) as demo:
        yield demo


def encoded(format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)).save(file, format)
    return file.getvalue()


@contextmanager
def open_page(browser, demo, size=DESKTOP):
    with visit(browser, demo, size) as page:
        page.set_default_timeout(180_000)  # a busy machine draws the results for a minute
        yield page


def file_without_type(name: str, data: bytes) -> dict:
    return {"name": name, "mimeType": "", "buffer": data}


def test_which_formats_browsers_show():
    assert all(browsers_show(encoded(format)) for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"))
    assert not browsers_show(encoded("TIFF")) and not browsers_show((HEIC / "drawn.heic").read_bytes())


@needs_browser
@pytest.mark.parametrize("name, size", [("holiday.heic", PHONE), ("holiday.TIF", DESKTOP)])
def test_the_page_takes_and_shows_them(browser, demo, name, size):
    data = (HEIC / "turned.heic").read_bytes() if name.endswith("heic") else encoded("TIFF")
    with open_page(browser, demo, size) as page:
        give_photo(page, file_without_type(name, data))
        wait_until_done(page)
        page.wait_for_function("""(() => {
          const shown = document.querySelector("#photo img");
          return shown?.complete && shown.naturalWidth > 0 && shown.src.endsWith("photo.jpg");
        })()""")
        upright = page.evaluate("(i => i.naturalHeight > i.naturalWidth)(document.querySelector('#photo img'))")
        assert upright == name.endswith("heic")


@needs_browser
def test_the_chooser_offers_them(browser, demo):
    with open_page(browser, demo) as page:
        with page.expect_file_chooser() as chooser:
            page.locator("#photo").get_by_role("button").first.click()
        accepted = chooser.value.element.evaluate("input => input.accept")
        assert "image/*" in accepted and ".heic" in accepted and ".tiff" in accepted


@needs_browser
def test_one_that_cannot_be_read_gets_a_sentence(browser, demo):
    with open_page(browser, demo) as page:
        give_photo(page, file_without_type("holiday.heic", (HEIC / "drawn.heic").read_bytes()[:900]))
        page.wait_for_function("document.querySelector('#mask-status')?.innerText.includes('damaged')")
        give_photo(page, file_without_type("notes.xyz", b"no picture"))
        assert "Invalid file type" in toast(page)
