"""What the server keeps of each page that was opened, and of how many."""

import pickle
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio.state_holder import SessionState

from tests.threads import run_in_thread
from tests.web.face_crowd import StandIn, write_pictures
from tests.web.web_page import serve
from unmask.web.quick_blocks import QuickBlocks
from unmask.web.session import Visit
from unmask.web.sessions import MOST, Session, Sessions

PATH = Path(__file__).resolve().parents[2] / "scripts" / "load.py"


def test_the_parts_of_gradio_are_as_they_were_seen():
    assert gr.__version__.startswith("6.31"), "look at gradio.state_holder anew"


@pytest.mark.slow
def test_a_session_that_has_seen_results_holds_no_description_of_the_page(script, tmp_path):
    photo = write_pictures(tmp_path)["one"].read_bytes()

    async def visit(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=300) as web:
            visitor = script.Visitor(web, await script.named_functions(web), script.Figures())
            given = await visitor.upload("photo.png", photo)
            outputs = await visitor.outputs("take_photo", [given, None, ["ganmasker"], None, 1.0])
            assert any("Done" in str(output) for output in outputs), "no result"

    with serve(StandIn()) as demo:
        assert isinstance(demo.state_holder, Sessions) and demo.state_holder is demo.app.state_holder
        assert demo.state_holder.capacity == MOST
        run_in_thread(visit(demo.local_url))
        (session,) = demo.state_holder.session_data.values()
        assert any(isinstance(value, Visit) for value in session.state_data.values()), "the visit is not there"
        assert not list(session.components)
        assert len(pickle.dumps([each for each in SessionState(demo).components])) > 50_000, "Gradio's own is as small"


@pytest.fixture
def small() -> QuickBlocks:
    with QuickBlocks(analytics_enabled=False) as demo:
        gr.Textbox("first"), gr.State(1)
    return demo


def place_of(demo: QuickBlocks, kind: type) -> int:
    return next(place for place, block in demo.blocks.items() if isinstance(block, kind))


def test_values_are_each_sessions_own(small):
    text, kept = (place_of(small, kind) for kind in (gr.Textbox, gr.State))
    one, other = Session(small), Session(small)
    one[kept], one[text] = 5, gr.Textbox("new", render=False)
    one._update_config(text), one._update_value_in_config(text, "newer")
    assert (one[kept], one[text].value, list(one.components)) == (5, "new", [])
    assert (other[kept], other[text].value) == (1, "first")


def test_the_sessions_used_longest_ago_go_first(small):
    holder = Sessions()
    small.state_session_capacity = 3
    holder.set_blocks(small)
    kept = place_of(small, gr.State)
    for number in range(3):
        holder[str(number)][kept] = number
    assert holder["0"][kept] == 0
    holder["3"]
    assert list(holder.session_data) == ["2", "0", "3"]
    assert holder["1"][kept] == 1, "not the value that the page begins with"


def test_what_a_run_leaves_after_the_page_was_closed_is_not_kept(small):
    holder = Sessions()
    holder.set_blocks(small)
    kept = place_of(small, gr.State)
    photo = np.zeros((64, 64, 3), np.uint8)
    begun = Visit.begin(photo, photo[..., 0], [], [], None)
    holder["closed"][kept] = begun
    number = begun.turns.take()
    holder.forget("closed")
    assert not begun.turns.holds(number), "the run goes on"
    holder["closed"][kept] = begun.renewed()
    assert holder["closed"][kept] is None
    holder["closed"][kept] = another = Visit.begin(photo, photo[..., 0], [], [], None)  # the page was there again
    assert holder["closed"][kept] is another
    holder.forget("never opened")
