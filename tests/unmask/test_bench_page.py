"""The page's benchmark: what it says, what it needs, and that it measures in a real browser."""

import io
import json
import sys

import pytest
from PIL import Image

from tests.threads import in_thread
from tests.web.web_page import needs_browser
from unmask import bench_page
from unmask.cli.main import main

REPORT = {
    "cores": 2, "load": 0.31,
    "photos": {"example of 256 px": {"median_s": 0.714, "s": [0.9, 0.714, 0.65], "bar_s": 0.8}},
}  # fmt: skip


def test_table_says_it_all():
    lines = bench_page.table(REPORT).splitlines()
    assert lines[0] == "2 cores, load 0.3 before"
    assert lines[-1] == "| example of 256 px | 0.71 | 0.65 - 0.90 | 0.8 |"
    assert {line.count("|") for line in lines[2:]} == {5}


def test_command_prints_json(monkeypatch, capsys):
    monkeypatch.setattr(bench_page, "measure_page", lambda device, repeats: REPORT)
    assert main(["bench", "--page", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == REPORT


def test_command_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(SystemExit) as error:
        main(["bench", "--page"])
    assert error.value.code == 2 and "pip install playwright" in capsys.readouterr().err


def test_command_refuses_what_it_would_ignore(capsys):
    with pytest.raises(SystemExit) as error:
        main(["bench", "--page", "--reference", "glcic=5"])
    assert error.value.code == 2 and "--reference" in capsys.readouterr().err


def test_photos_are_as_large_as_they_say():
    large, small = bench_page.make_photos().values()
    assert Image.open(io.BytesIO(large[1])).size == (3200, 3750)  # 12 megapixels
    assert Image.open(io.BytesIO(small[1])).size == (256, 256)


def test_demo_that_cannot_start_is_an_error(monkeypatch):
    monkeypatch.setattr(bench_page, "DEMO", "raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="ended with status 3"), bench_page.serve("cpu"):
        pass


@pytest.mark.slow
@pytest.mark.browser
@needs_browser
def test_measures_in_a_browser():
    report = in_thread(bench_page.measure_page, "cpu", repeats=1)
    assert set(report["photos"]) == set(bench_page.BARS)
    for row in report["photos"].values():
        assert 0.1 < row["median_s"] < 120 and len(row["s"]) == 1
