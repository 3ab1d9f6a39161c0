"""What the cards say of their models, where these disagree, and what landmark-guided inpainting is told."""

import json

import gradio as gr
import numpy as np
import pytest
import torch

from tests.paths import EXAMPLES
from tests.web.web_page import (
    MODEL,
    PHONE,
    bring_up,
    card,
    download_result,
    free_port,
    give_photo,
    needs_browser,
    run_again,
    visit,
    wait_until_done,
)
from unmask import Guide, PhotoError, Unmasker, read_photo
from unmask.catalog import describe
from unmask.nets.landmark_guided import LandmarkGuided
from unmask.web import launch
from unmask.web.components import facts, guide_panel
from unmask.weights import save

TITLE = "Landmark-guided"
PHOTO = EXAMPLES / "hopper-kn95.png"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The app, with a guided network that has learned nothing."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save(folder / "landmark-guided.safetensors", "landmark-guided", LandmarkGuided(8), {"width": 8}, 64, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_WEIGHTS", str(folder))
        demo = launch("127.0.0.1", free_port(), wait=False)
        yield demo
        demo.close()


@needs_browser
def test_the_guide_is_followed_and_the_map_shown(browser, demo):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        page.wait_for_selector("#examples img")
        assert not page.locator(".disagreement").is_visible() and not page.locator(".guide").is_visible()
        give_photo(page, PHOTO)
        wait_until_done(page)
        # The map, with a text and a picture of its own.
        differences = bring_up(page, "Where the models disagree")
        assert "the further the 4 networks are apart" in differences.inner_text()
        assert differences.locator(".after .scene img").evaluate("image => image.naturalWidth") > 100
        # The card's facts: the network in this folder has no report, GANMasker has.
        for title, measured in ((MODEL, True), (TITLE, False)):
            bring_up(page, title).get_by_text("About this model").click()
            assert "million parameters." in card(page, title).inner_text()
            assert ("held-back faces" in card(page, title).inner_text()) == measured

        plain = download_result(page, TITLE)
        page.get_by_text("Move the mouth").click()
        smile, mouth = page.get_by_label("Smile"), page.get_by_label("Open mouth")
        for slider in (smile, mouth):
            page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
            slider.focus()
            page.keyboard.press("End")
            page.wait_for_selector("#run-status .done:not(.old)")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert float(smile.input_value()) == 1
        unmasker, photo = Unmasker("cpu"), read_photo(PHOTO)
        faces = unmasker.find(photo)
        mask = unmasker.segment(photo, faces=faces)
        told = Guide(smile=1.0, mouth=1.0)
        expected = unmasker.remove(photo, mask, ["landmark-guided"], faces=faces, guide=told)["landmark-guided"]
        guided = download_result(page, TITLE)
        assert np.array_equal(guided, expected) and not np.array_equal(guided, plain)
        # Four faces to choose from; a click moves the sliders, and the large one follows.
        choices = card(page, TITLE).locator(".expressions button")
        assert choices.all_inner_texts() == ["As found", "Smiling", "Lips apart", "Serious"]
        assert len({image.get_attribute("src") for image in choices.locator("img").all()}) == 4
        page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
        choices.nth(3).click()
        page.wait_for_selector("#run-status .done:not(.old)")
        assert float(smile.input_value()) == -0.8
        told = Guide(smile=-0.8)
        expected = unmasker.remove(photo, mask, ["landmark-guided"], faces=faces, guide=told)["landmark-guided"]
        guided = download_result(page, TITLE)
        assert np.array_equal(guided, expected)
        # A wish of the visitor's is no doubt of the network's.
        run_again(page)
        bring_up(page, "Where the models disagree")
        assert "the further the 3 networks are apart" in differences.inner_text()
        assert np.array_equal(download_result(page, TITLE), guided)


@needs_browser
def test_another_face_is_shown_on_request_and_is_what_is_downloaded(browser, demo):
    with visit(browser, demo) as page:
        page.wait_for_selector("#examples img")
        give_photo(page, PHOTO)
        wait_until_done(page)
        ganmasker = bring_up(page, MODEL)
        unmasker, photo = Unmasker("cpu"), read_photo(PHOTO)
        faces = unmasker.find(photo)
        mask = unmasker.segment(photo, faces=faces)
        seen = []
        for sample in (1, 2, 3, 0):
            page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
            ganmasker.get_by_role("button", name="Another face that fits as well").click()
            page.wait_for_selector("#run-status .done:not(.old)")
            note = f"Face {sample + 1} of 4"
            assert (note in ganmasker.inner_text()) == (sample > 0)
            seen.append(ganmasker.locator(".after .scene img").get_attribute("src"))
            if sample in (1, 0):
                expected = unmasker.remove(photo, mask, ["ganmasker"], faces=faces, sample=sample)["ganmasker"]
                assert np.array_equal(download_result(page, MODEL), expected)
        assert len(set(seen)) == 4
        # Another run begins with the first face.
        page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
        ganmasker.get_by_role("button", name="Another face that fits as well").click()
        page.wait_for_selector("#run-status .done:not(.old)")
        run_again(page)
        assert "Face 2 of 4" not in ganmasker.inner_text()


@needs_browser
def test_one_more_model_is_guided_as_the_first_ones_are(browser, demo):
    with visit(browser, demo) as page:
        page.wait_for_selector("#examples img")
        give_photo(page, PHOTO)
        wait_until_done(page)
        page.locator(".models").first.get_by_label(TITLE, exact=True).uncheck()
        run_again(page)
        assert page.locator(".expressions button").count() == 0
        page.locator("#results .more").get_by_role("button", name=TITLE, exact=True).click()
        choices = card(page, TITLE).locator(".expressions button")
        choices.first.wait_for()
        wait_until_done(page)
        assert choices.all_inner_texts() == ["As found", "Smiling", "Lips apart", "Serious"]
        page.get_by_text("Move the mouth").click()
        assert page.get_by_label("Smile").is_visible()


def event(**data):
    return gr.EventData(None, data)


def test_what_a_guide_may_be():
    asked = {"smile": -1, "mouth": 0.5}
    assert guide_panel.guide_of(event(**asked)) == Guide(-1.0, 0.5)
    for wrong in ({"smile": 1.1}, {"mouth": -0.1}, {"mouth": "0"}, {"mouth": None}, {"mouth": True},
                  {"smile": float("nan")}, {"smile": [1]}):  # fmt: skip
        with pytest.raises(PhotoError):
            guide_panel.guide_of(event(**asked | wrong))


def report(faces, psnr, models=("glcic",), sha256=None, holes="ground-truth"):
    measured = {"hole_psnr": {"mean": psnr, "count": faces}, "hole_ssim": {"mean": 0.7, "count": faces}}
    weights = {name: {"sha256": sha256 or describe(name)["sha256"]} for name in models if name != "telea"}
    return {"protocol": "faces", "holes": holes, "weights": weights, "models": dict.fromkeys(models, measured)}


def test_scores_are_those_of_these_weights(tmp_path, monkeypatch):
    monkeypatch.delenv("UNMASK_WEIGHTS", raising=False)
    monkeypatch.setattr(facts, "REPORTS", tmp_path / "none")
    assert facts.score_of("glcic") is None
    monkeypatch.setattr(facts, "REPORTS", tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "old.json").write_text(json.dumps(report(900, 10.0, sha256="of another training")))
    (tmp_path / "boxes.json").write_text(json.dumps(report(900, 11.0, holes="predicted")))
    assert facts.score_of("glcic") is None
    (tmp_path / "few.json").write_text(json.dumps(report(20, 20.0)))
    (tmp_path / "new" / "report.json").write_text(json.dumps(report(500, 21.5, ("glcic", "telea"))))
    assert facts.score_of("glcic") == facts.Score(500, 21.5, 0.7)
    assert facts.score_of("telea") == facts.Score(500, 21.5, 0.7)
    assert facts.score_of("pix2pix") is None
    assert facts.parameters_of("telea") == 0 < facts.parameters_of("glcic")
