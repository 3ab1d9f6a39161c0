"""Blocks that spend nothing on outputs which a callback left alone."""

from typing import Any

import gradio as gr
import pytest
from gradio.routes import App
from gradio.state_holder import SessionState

from tests.threads import run_in_thread
from tests.web.web_page import free_port
from unmask.web.quick_blocks import QuickBlocks


@pytest.fixture(scope="module")
def demo() -> QuickBlocks:
    with QuickBlocks(analytics_enabled=False) as demo:
        outputs = [gr.Textbox(), gr.HTML(), gr.State(1), gr.Button(), gr.HTML()]
        gr.Button().click(lambda: None, None, outputs)
        gr.Button().click(lambda: None, None, outputs[:1])
    return demo


def sent(demo: QuickBlocks, predictions: Any, event: int = 0, state: SessionState | None = None) -> list[Any]:
    return run_in_thread(demo.postprocess_data(demo.fns[event], predictions, state or SessionState(demo)))


def test_news_are_what_gradio_makes_of_them(demo: QuickBlocks) -> None:
    text, html, kept, button, _ = demo.fns[0].outputs
    state = SessionState(demo)
    news = {html: "<b>new</b>", button: gr.update(visible=False), kept: 7}
    assert sent(demo, news, state=state) == [
        gr.skip(), "<b>new</b>", None, {"visible": False, "__type__": "update"}, gr.skip()
    ]  # fmt: skip
    assert state[kept._id] == 7 and state[button._id].visible is False
    assert sent(demo, {text: "one"}, state=state)[0] == "one"
    assert state[kept._id] == 7


def test_values_in_order_work_as_ever(demo: QuickBlocks) -> None:
    assert sent(demo, ["a", "b", 3, gr.skip(), "c"])[:3] == ["a", "b", None]
    assert sent(demo, gr.skip())[2] is None
    assert sent(demo, "alone", event=1) == ["alone"]
    text = demo.fns[1].outputs[0]
    assert sent(demo, {text: "named"}, event=1) == ["named"]


def test_what_is_left_alone_is_not_built_anew(demo: QuickBlocks, monkeypatch: pytest.MonkeyPatch) -> None:
    text, html, *_ = demo.fns[0].outputs
    built: list[object] = []
    begin = gr.HTML.__init__

    def count(self: gr.HTML, *args: Any, **options: Any) -> None:
        built.append(self)
        begin(self, *args, **options)

    monkeypatch.setattr(gr.HTML, "__init__", count)
    sent(demo, {text: "one"})
    assert built == []
    sent(demo, {html: gr.update(visible=False)})
    assert len(built) == 1


def test_one_server_is_made_and_that_by_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    create = App.create_app

    def count(*args: Any, **options: Any) -> App:
        made.append(args)
        return create(*args, **options)

    monkeypatch.setattr(App, "create_app", staticmethod(count))
    with QuickBlocks(analytics_enabled=False) as demo:
        gr.Button().click(lambda: None)
    demo.queue(max_size=3)
    assert made == []
    demo.launch(server_port=free_port(), prevent_thread_lock=True)
    assert len(made) == 1 and demo._queue.max_size == 3
    demo.close()
