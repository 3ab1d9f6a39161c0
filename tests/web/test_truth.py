"""The truth test's words and table, and the page with the real networks: no outline, two verdicts, a sentence."""

import io
import math
import re

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.paths import EXAMPLES
from tests.web.web_page import DESKTOP, PHONE, needs_browser, serve, visit
from unmask.holes import hole_of
from unmask.imaging.metadata import write_jpeg
from unmask.registry import DEFAULT_MODELS
from unmask.synth import KINDS, PATTERNS, WEARS, MaskedFace
from unmask.web import drawn_mask, i18n
from unmask.web.components.scores import Scores, draw_scores, verdicts
from unmask.web.tabs import truth_tab
from unmask.web.tabs.truth_tab import FRAME


def drawn(kind, wear, pattern) -> MaskedFace:
    nothing = np.zeros((1, 1), np.uint8)
    return MaskedFace(nothing, nothing, nothing, kind, wear, pattern)


def test_every_drawn_mask_has_a_sentence_in_every_language(monkeypatch):
    assert set(drawn_mask.KINDS) == set(KINDS) and set(drawn_mask.WEARS) == set(WEARS)
    assert set(drawn_mask.PATTERNS) == set(PATTERNS)
    ends = {"zh": "。", "ja": "。", "hi": "।"}
    for language in ("en", *i18n.TABLES):
        monkeypatch.setattr(i18n, "language", lambda language=language: language)
        said = {drawn_mask.describe(drawn(*each)) for each in zip(KINDS * 3, WEARS * 6, PATTERNS * 2)}
        assert len(said) > 10
        for sentence in said:
            assert sentence.endswith(ends.get(language, ".")) and "{" not in sentence and "  " not in sentence
            if language in ("zh", "ja", "ko", "hi"):
                words = set(re.findall(r"[A-Za-z]+", sentence))
                assert words <= {"KN", "N"}, f"{language}: {sentence}"


def test_what_can_be_chosen_has_a_plain_name():
    for values in (KINDS, WEARS, PATTERNS):
        offered = truth_tab.choices([truth_tab.ANY, *values])
        assert [value for _, value in offered] == ["any", *values]
    names = drawn_mask.LABELS
    assert set(names) == {truth_tab.ANY, *KINDS, *WEARS, *PATTERNS} and len(set(names.values())) == len(names)
    assert all(name[0].isupper() and "-" not in name.removesuffix("-dye") for name in names.values())
    for language, table in i18n.TABLES.items():
        translated = [table[name] for name in names.values()]
        assert all(each == each[0].upper() + each[1:] for each in translated), language


@needs_browser
@pytest.mark.parametrize(("locale", "name"), [("en-US", "Below the nose"), ("de-DE", "Unter der Nase")])
def test_the_lists_are_in_the_visitors_language(browser, demo, locale, name):
    with visit(browser, demo, locale=locale) as page:
        page.get_by_role("tab").nth(1).click()
        worn = page.locator(".bench").get_by_role("combobox").nth(1)
        worn.click()
        page.get_by_role("option", name=name, exact=True).click()
        page.wait_for_function("([input, name]) => input.value === name", arg=[worn.element_handle(), name])


def test_the_sentence_reads_as_one():
    assert drawn_mask.describe(drawn("cloth", "well", "checks")) == (
        "What was drawn is a cloth mask with checks, worn as it should be."
    )


def scores(title, psnr, realism) -> Scores:
    return Scores(title, psnr, 0.5, 30.0, 0.9, realism, 12)


def test_closest_and_most_real_are_two_questions():
    near, real = scores("Near", 22.4, 0.71), scores("Real", 21.0, 0.905)
    assert verdicts([near, real]) == [
        ("Closest to the truth", "Near", "PSNR hole 22.4 dB"), ("Looks most real", "Real", "Realism 0.905")
    ]  # fmt: skip
    said = re.sub(r"<[^>]+>|\s+", " ", draw_scores(near, [near, real]))
    assert re.search("Closest to the truth +Near +PSNR hole 22.4 dB", said)
    assert verdicts([near]) == [], "one model is no contest"
    assert "verdicts" not in draw_scores(near, [near])


def test_what_was_not_measured_wins_nothing():
    rows = [scores("A", 22.4, math.nan), scores("B", 21.0, math.nan)]
    assert [question for question, _, _ in verdicts(rows)] == ["Closest to the truth"]
    table = draw_scores(scores("Masked", 50.0, 0.99), rows)
    assert table.count("–") >= 2 and "nan" not in table
    masked = table[table.index("Masked") :]
    assert "best" not in masked[: masked.index("</tr>")], "the masked face is no model's result"


def test_titles_are_escaped():
    evil = [scores("<b>x</b>", 1.0, 0.5), scores("y", 2.0, 0.4)]
    assert "<b>" not in draw_scores(evil[0], evil)


# ---------------------------------------------------------------- the page, with the real networks


@pytest.fixture(scope="module")
def demo():
    with serve() as demo:
        yield demo


def open_truth(page):
    page.get_by_role("tab", name="On a bare face").click()


def picture(page, image) -> np.ndarray:
    """What an <img> shows, (H, W, 3)."""
    file = page.request.get(image.evaluate("image => image.src")).body()
    return np.array(Image.open(io.BytesIO(file)).convert("RGB"))


def through_jpeg(image: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) as results are shown."""
    file = io.BytesIO()
    write_jpeg(file, image)
    return np.array(Image.open(file))


@needs_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_says_both_verdicts_and_leaves_no_outline(browser, demo, size):
    with visit(browser, demo, size) as page:
        open_truth(page)
        page.set_input_files("#bare-photo input[type=file]", EXAMPLES / "p009.jpg")
        page.wait_for_selector("#truth-status .done", timeout=120_000)
        assert re.search(r"Done\. What was drawn is an? [\w ]+, worn [\w ]+\.", page.inner_text("#truth-status"))
        questions = page.locator("#scores .verdicts dt").all_inner_texts()
        assert questions == ["Closest to the truth", "Looks most real"]
        realism = page.locator('#scores tbody td[data-label="Realism"]').all_inner_texts()
        assert len(realism) == len(DEFAULT_MODELS) + 1 and all(0 < float(each.split()[0]) < 1 for each in realism)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

        truth = picture(page, page.locator(".model-ganmasker .scene img").first)
        result = picture(page, page.locator(".model-ganmasker .after img").first)
        masked = picture(page, page.locator("#masked-preview img"))
        drawn_on = (masked != truth).any(axis=2)
        hole = hole_of(np.where(drawn_on, np.uint8(255), np.uint8(0)), FRAME)
        assert 0.05 < drawn_on.mean() < 0.5
        changed = (result != through_jpeg(truth)).any(axis=2)
        beyond = cv2.dilate(hole, np.ones((15, 15))) == 0  # JPEG's squares of 8 px that have none of the hole
        assert not changed[beyond].any(), "outside of the hole there is the bare face"
        # At its edge the fill is mixed with the bare face, and all around the drawn mask that reaches beyond it.
        assert changed[(hole > 0) & ~drawn_on].mean() > 0.5
