"""The short form of scripts/large_visits.py: some visits in turn and together, on stand-in networks."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.threads import run_in_thread
from tests.web.inverting import StandIn
from tests.web.web_page import serve

PATH = Path(__file__).resolve().parents[2] / "scripts" / "large_visits.py"


@pytest.mark.slow
def test_everyone_gets_an_own_result_and_the_memory_is_told(script):
    with serve(StandIn()) as demo:
        seen = run_in_thread(script.run(demo.local_url, os.getpid(), 3, 3, 0.5, minutes=30))
    assert (seen.done, seen.results, seen.errors) == (6, 6, [])
    table = script.report(seen, script.peak(os.getpid()), 6)
    assert table["visits"] == "6 of 6" and table["peak MB"] >= max(table["resident MB, highest of each quarter"]) > 0


@pytest.mark.slow
def test_those_who_break_off_or_close_the_tab_are_counted_and_keep_nobody_else_from_a_result(script):
    with serve(StandIn()) as demo:
        seen = run_in_thread(script.run(demo.local_url, os.getpid(), 8, 0, 0.5, minutes=30, go=4))
    assert (seen.done, seen.left, seen.results, seen.errors) == (4, 4, 4, [])
    assert len(seen.memory) == 8


def test_growth_is_told_from_what_fills_caches(script):
    assert script.growth([100, 200, 200, 200, 200, 200, 200, 206]) == pytest.approx(3)
    assert script.growth([100, 200, 190, 180]) < 0
    assert script.growth([100, 200]) == 0


def test_anothers_picture_is_noticed(script):
    def jpeg(number: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(np.full((64, 64, 3), script.colour_of(number), np.uint8)).save(file, "JPEG")
        return file.getvalue()

    script.check_own([jpeg(5)], 5)
    script.check_own([jpeg(6), jpeg(5)], 5)  # a cut's corner is like another's by chance
    with pytest.raises(Exception, match="visit 5: somebody else's picture"):
        script.check_own([jpeg(6)], 5)
    colours = np.array([script.colour_of(number) for number in range(27)])
    apart = np.abs(colours[:, None] - colours).max(-1)
    assert apart[~np.eye(27, dtype=bool)].min() > 2 * script.FAR
