"""What the page says and shows while a photo comes, goes or is worked on. A stand-in plays the networks."""

import io
import threading
import zipfile

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.web.face_crowd import CLOTH, StandIn
from tests.web.web_page import (
    card,
    download_mask,
    give_photo,
    mask_change,
    needs_browser,
    serve,
    settled,
    tiles,
    toast,
    visit,
    wait_until_done,
)
from unmask import read_photo
from unmask.faces.face import face_from_box, whole_photo
from unmask.imaging.metadata import NOTICE, write_png
from unmask.masks import is_empty
from unmask.registry import DEFAULT_MODELS

NOBODY = (200, 330, 3)  # the shape of the photo without a face


class Patient(StandIn):
    """Works only while it may, and finds a masked face in every example."""

    def __init__(self):
        super().__init__("cpu")
        self.may_find, self.may_paint = threading.Event(), threading.Event()
        self.may_find.set()
        self.may_paint.set()

    def find(self, photo, aligned=False):
        assert self.may_find.wait(60)
        if photo.shape in self.boxes or photo.shape == NOBODY:
            return super().find(photo)
        height, width = photo.shape[:2]
        return [face_from_box((width / 4, height / 4, width * 3 / 4, height * 3 / 4))]

    def segment(self, photo, aligned=False, faces=None):
        mask = super().segment(photo, aligned, faces)
        if photo.shape not in self.boxes and faces != []:
            height, width = mask.shape
            mask[height // 2 : height * 2 // 3, width * 3 // 8 : width * 5 // 8] = 255
        return mask

    def remove(self, *args, **options):
        assert self.may_paint.wait(60)
        return super().remove(*args, **options)


@pytest.fixture(scope="module")
def stand_in():
    return Patient()


@pytest.fixture(scope="module")
def demo(stand_in):
    with serve(stand_in) as demo:
        yield demo


def clear_photo(page):
    page.locator("#photo").scroll_into_view_if_needed()
    page.locator("#photo [aria-label='Remove Image']").click()


def opacity(page, selector: str) -> float:
    return page.locator(selector).first.evaluate("element => Number(getComputedStyle(element).opacity)")


@needs_browser
def test_clearing_a_photo_leaves_an_empty_page_and_no_blank_one(page, pictures):
    for _ in range(2):
        give_photo(page, pictures["one"])
        wait_until_done(page)
        clear_photo(page)
        page.locator(".first-result").wait_for()
        page.wait_for_timeout(1000)
        assert page.get_by_role("heading", name="Unmask").is_visible(), "the page is blank"
        assert page.locator("#examples button").count() > 5
        assert page.locator(".first-result").is_visible()
        assert page.locator("#results .card:visible").count() == 0


@needs_browser
def test_what_is_at_work_ends_when_the_photo_is_cleared(page, pictures, stand_in):
    stand_in.may_paint.clear()
    give_photo(page, pictures["one"])
    page.wait_for_selector("#run-status .first")
    clear_photo(page)
    page.locator(".first-result").wait_for()
    stand_in.may_paint.set()
    page.wait_for_timeout(2000)
    assert page.locator("#run-status .done").count() == 0
    assert page.locator("#results .card:visible").count() == 0


@needs_browser
def test_an_empty_mask_leaves_no_results(page, pictures):
    give_photo(page, pictures["one"])
    wait_until_done(page)
    with mask_change(page):
        page.get_by_role("button", name="Clear", exact=True).last.click()
    page.wait_for_selector("#run-status .outdated")
    assert opacity(page, "#results .card:visible .before-after") < 0.6, "results of another mask look like its own"
    page.click("#run")
    assert "No mask is marked" in toast(page)
    page.wait_for_function("!document.querySelector('#results .card-note')")
    assert page.locator("#results .card:visible").count() == 0
    assert not page.locator("#download-all").is_visible()


@needs_browser
def test_a_second_photo_never_shows_the_firsts_done(page, pictures, stand_in):
    give_photo(page, pictures["crowd"])
    wait_until_done(page)
    assert opacity(page, "#results .card:visible .before-after") == 1
    stand_in.may_find.clear()
    give_photo(page, pictures["one"])
    page.get_by_text("Looking for the face …").wait_for()
    assert page.locator("#run-status .done").count() == 0
    assert opacity(page, "#results .card:visible .before-after") < 0.6, "old results look like new ones"
    stand_in.may_find.set()
    wait_until_done(page)


@needs_browser
def test_which_model_is_painting_is_said(page, pictures, stand_in):
    stand_in.may_paint.clear()
    give_photo(page, pictures["one"])
    page.get_by_text("Painting with GANMasker (1 of 4) …").wait_for()
    assert page.locator("#run-status .done").count() == 0
    stand_in.may_paint.set()
    wait_until_done(page)


@needs_browser
def test_without_a_face_nothing_is_painted_by_itself(page, demo, tmp_path):
    """A cup of the cloth's colour: the networks would take it for a mask, if they were asked."""
    cup = np.full(NOBODY, 120, np.uint8)
    cup[80:140, 100:200] = CLOTH
    write_png(tmp_path / "cup.png", cup)
    assert not is_empty(StandIn().segment(cup, faces=[whole_photo(cup)]))
    give_photo(page, tmp_path / "cup.png")
    page.get_by_text("No face was found, so nothing is painted by itself.").wait_for()
    page.wait_for_timeout(1000)
    assert tiles(page).count() == 0 and page.locator("#run-status .done").count() == 0
    assert is_empty(download_mask(page))
    # Nor by the API, unless it is told what to remove.
    client = Client(demo.local_url, verbose=False)
    photo = handle_file(tmp_path / "cup.png")
    with pytest.raises(AppError, match="No face was found in this photo"):
        client.predict(image=photo, models=["telea"], api_name="/remove")
    mask = np.zeros(NOBODY[:2], np.uint8)
    mask[20:50, 20:60] = 255
    write_png(tmp_path / "mask.png", mask)
    (path,) = client.predict(
        image=photo, mask=handle_file(tmp_path / "mask.png"), models=["telea"], api_name="/remove"
    )
    assert np.array_equal((read_photo(path) != cup).any(axis=2), mask > 0)


@needs_browser
def test_a_bad_file_brings_the_old_state_back(page, pictures, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("This is no picture.")
    give_photo(page, pictures["one"])
    wait_until_done(page)
    with mask_change(page):
        give_photo(page, bad)
    assert "not a readable JPEG, PNG, WebP" in toast(page)
    wait_until_done(page)
    assert opacity(page, "#results .card:visible .before-after") == 1


@needs_browser
def test_light_and_dark_have_one_font_and_the_masthead_stays(browser, demo):
    fonts = set()
    for scheme in ("light", "dark"):
        with visit(browser, demo, color_scheme=scheme) as page:
            page.wait_for_selector("#examples img")
            fonts.add(page.locator(".masthead p").evaluate("element => getComputedStyle(element).fontFamily"))
            places = set()
            for number in range(3):
                page.locator("button[role=tab]:visible").nth(number).click()
                (box,) = settled(page, ".masthead")
                places.add((box["x"], box["y"], box["width"]))
            assert len(places) == 1, f"the masthead jumps: {places}"
    assert len(fonts) == 1, fonts


@needs_browser
def test_downloads_are_called_after_the_photo(page, pictures):
    give_photo(page, pictures["crowd"])
    wait_until_done(page)

    def download(button):
        with page.expect_download() as download:
            button.click()
        return download.value

    assert download(page.get_by_role("button", name="Download the mask")).suggested_filename == "crowd-mask.png"
    one = download(card(page).get_by_text("Download at full size"))
    assert one.suggested_filename == "crowd-unmasked-ganmasker.png"
    bundle = download(page.get_by_role("button", name="Download all"))
    assert bundle.suggested_filename == "crowd-unmasked.zip"
    with zipfile.ZipFile(bundle.path()) as archive:
        results = {f"crowd-unmasked-{name}.png" for name in DEFAULT_MODELS}
        expected = results | {"crowd-mask.png", "crowd-comparison.png"}
        assert set(archive.namelist()) == expected
        images = {name: Image.open(io.BytesIO(archive.read(name))) for name in expected}
        photo = read_photo(pictures["crowd"])
        assert np.array_equal(np.array(images["crowd-mask.png"]), StandIn().segment(photo))
        files = one.path(), archive.open("crowd-unmasked-ganmasker.png")
        result, single = (np.array(Image.open(file)) for file in files)
        assert np.array_equal(result, single) and result.shape == photo.shape
        sheet = images["crowd-comparison.png"]
        assert sheet.info["Description"] == NOTICE and sheet.width > 3 * sheet.height / 2
    pictures["again"] = pictures["crowd"].with_name("My holiday (2).png")
    pictures["again"].write_bytes(pictures["one"].read_bytes())
    page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
    give_photo(page, pictures["again"])
    page.wait_for_selector("#run-status .done:not(.old)")
    name = download(page.get_by_role("button", name="Download the mask")).suggested_filename
    assert "holiday" in name and name.endswith("-mask.png")


@needs_browser
def test_after_an_example_the_focus_is_on_the_results(page):
    page.locator("#examples button").first.focus()
    page.keyboard.press("Enter")
    wait_until_done(page)
    page.wait_for_function("document.activeElement?.id === 'results'")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#results').contains(document.activeElement)")
