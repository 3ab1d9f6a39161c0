"""The page's texts in eight languages: none is missing, and none is there that nobody says."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tests.paths import EXAMPLES
from unmask import PhotoError, read_photo
from unmask.catalog import list_inpainting_models
from unmask.imaging.metadata import write_png
from unmask.masks import check_mask, read_mask
from unmask.study import answer
from unmask.study.create import CONSENT, HIGH_LABEL, LOW_LABEL, QUESTION
from unmask.study.questions import STATEMENTS
from unmask.study.statistics import planning, planning_comparisons
from unmask.web import app as web_app
from unmask.web import board_page, drawn_mask, i18n, pictures, theme
from unmask.web.components import (
    beside,
    canvas,
    cards,
    disagreement_card,
    edit_switch,
    examples,
    faces_panel,
    first_result,
    guide_panel,
    inputs,
    outline_tool,
    scores,
    status,
    still,
    viewer_bar,
    vote_card,
)
from unmask.web.errors import DISK_FULL
from unmask.web.ideas import IDEAS
from unmask.web.security import guard, researcher
from unmask.web.tabs import (
    live_tab,
    remove_callbacks,
    remove_page,
    remove_runs,
    remove_texts,
    researcher_tab,
    study_wizard,
    truth_tab,
)
from unmask.weights import WeightsError

LANGUAGES = {"de", "fr", "es", "zh", "ja", "ko", "hi"}


def texts_in_code() -> set[str]:
    """Every English text that the page's modules hand to `tr`, `static` or a function that translates."""
    found = set()
    tabs = (remove_page, remove_callbacks, remove_runs, remove_texts, truth_tab, live_tab, *STUDIES)
    panels = (beside, canvas, edit_switch, faces_panel, first_result, guide_panel)
    panels += (disagreement_card, outline_tool, scores, still, viewer_bar)
    pages = (web_app, board_page, cards, drawn_mask, examples, guard, inputs, status, pictures, theme, vote_card)
    for module in (*pages, *panels, *tabs):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in TRANSLATING:
                continue
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
                elif isinstance(argument, ast.Name) and argument.id.isupper():
                    value = getattr(module, argument.id)
                    found |= {value} if isinstance(value, str) else set()
    found |= {IDEAS[name] for name in list_inpainting_models()} | set(drawn_mask.LABELS.values())
    found |= {*live_tab.STATES.values(), vote_card.DONE_HINT}
    found |= {label for label, _ in guide_panel.SLIDERS.values()}
    found |= {*study_wizard.PAIRS.values(), *study_wizard.PRESENTED, DISK_FULL}
    found |= {QUESTION, LOW_LABEL, HIGH_LABEL, CONSENT, "Model", *researcher_tab.COLUMNS}
    for statement in STATEMENTS.values():
        found |= {statement.text, *statement.scale_labels.values()}
    found |= {*drawn_mask.KINDS.values(), *drawn_mask.PATTERNS.values(), *drawn_mask.WEARS.values()}
    found |= {*scores.NOTES, *(label for _, label, _ in scores.COLUMNS), *(each for each, *_ in scores.VERDICTS)}
    return found


TRANSLATING = {"tr", "static", "on_page", "build_cards", "say"}
STUDIES = (researcher_tab, study_wizard, researcher, planning, planning_comparisons, answer)


def test_every_language_has_every_text():
    assert set(i18n.TABLES) == LANGUAGES
    wanted = texts_in_code()
    assert len(wanted) > 100
    keys = set(i18n.TABLES["de"])
    assert wanted <= keys, f"not translated: {wanted - keys}"
    for language, table in i18n.TABLES.items():
        assert set(table) == keys, language
        for english, translated in table.items():
            assert translated.strip() == translated != "", (language, english)
            placeholders = re.findall(r"{\w+}", english)
            assert sorted(re.findall(r"{\w+}", translated)) == sorted(placeholders), (language, english)


def error_templates() -> set[str]:
    """Every sentence with which reading, masks, weights, "Outline by click" and the page refuse something."""
    found = set()
    root = Path(cards.__file__).parents[2]
    for path in (*root.glob("imaging/*.py"), *root.glob("web/**/*.py"), *(root / f"{n}.py" for n in ERROR_MODULES)):
        if path.stem in RESEARCHERS:
            continue
        tree = ast.parse(path.read_text())
        texts = {
            node.targets[0].id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ERRORS:
                continue
            template = node.args[0]
            assert not isinstance(template, ast.JoinedStr), f"{path.name}:{node.lineno}: values are part of the key"
            if isinstance(template, ast.Constant):
                found.add(template.value)
            elif isinstance(template, ast.Name) and template.id in texts:
                found.add(texts[template.id])
    return found


ERRORS = {"PhotoError", "WeightsError", "ContainerError"}
ERROR_MODULES = ("masks", "weights", "sam")
RESEARCHERS = {"researcher_tab", "study_wizard", "study_page"}  # what they refuse, in English alone


def test_every_language_has_every_error():
    templates = error_templates()
    assert sum("{" in each for each in templates) >= 9 and len(templates) > 25
    missing = templates - set(i18n.TABLES["de"])
    assert not missing


def test_no_text_is_kept_that_nobody_says():
    source = "".join(path.read_text() for path in (Path(cards.__file__).parents[2]).rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?["\']', "", source.replace("\\", ""))
    words = set(i18n.TABLES["de"]) - texts_in_code()
    assert not [key for key in words if key not in joined and key.replace('"', '\\"') not in joined]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_errors_of_other_modules_are_translated(language, tmp_path, monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: language)
    photo = np.zeros((100, 200, 3), np.uint8)

    def refused(work, *args):
        with pytest.raises((PhotoError, WeightsError)) as error:
            work(*args)
        return str(error.value), i18n.tr_error(error.value)

    bad, small, long, mask = (tmp_path / name for name in ("bad.png", "small.png", "long.png", "mask.png"))
    bad.write_text("no picture")
    write_png(small, photo[:20])
    write_png(long, np.zeros((40, 900, 3), np.uint8))
    write_png(mask, np.zeros((50, 60), np.uint8))
    cut = tmp_path / "cut.png"
    cut.write_bytes((EXAMPLES / "hopper.png").read_bytes()[:5000])
    for work, *args in (
        (read_photo, bad),
        (read_photo, small),
        (read_photo, long),
        (read_photo, cut),
        (read_mask, mask, (100, 200)),
        (check_mask, np.zeros((100, 200), np.uint8), photo.shape),
        (check_mask, np.full((100, 200), 255, np.uint8), photo.shape),
    ):
        english, translated = refused(work, *args)
        assert translated != english and "{" not in translated
        assert re.findall(r"\d+", translated) == re.findall(r"\d+", english)
    # What is not in the table is left as it is.
    assert i18n.tr_error(PhotoError("Something new.")) == "Something new."


def test_the_language_is_the_browsers_first():
    for header, language in (
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("zh-TW", "zh"),
        ("zh-HK,zh;q=0.9", "en"),
        ("en-GB,de;q=0.5", "en"),
        ("pt-BR,de", "en"),
        ("*", "en"),
        ("", "en"),
    ):
        assert i18n.language_of(header) == language
