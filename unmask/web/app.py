"""The page: header, tabs, footer and the named API; and the switches that keep it private."""

import gc
import shutil
import signal
import threading

import gradio as gr
import numpy as np
import torch

from unmask import Unmasker, WeightsError
from unmask.imaging.reader import limit_pillow
from unmask.registry import DEFAULT_MODELS, LANDMARKS
from unmask.sam import Sam, is_wanted
from unmask.web import api, board_page, mcp_tools, study_page
from unmask.web.events import FORGET_AFTER
from unmask.web.i18n import i18n, on_page, static
from unmask.web.memory import Memory
from unmask.web.quick_blocks import QuickBlocks
from unmask.web.security import calls, guard, temporary_files
from unmask.web.sessions import MOST
from unmask.web.tabs import live_tab, remove_tab, researcher_tab, truth_tab
from unmask.web.theme import CSS, HEAD, build_theme, draw_footer, draw_header

CLEAN_UP_EVERY = 60  # seconds between two looks for temporary files that are too old


def build_demo(unmasker: Unmasker | None = None, studies: study_page.Studies | None = None) -> gr.Blocks:
    """The whole page. Every callback shares one Unmasker, which keeps models and never a photo."""
    unmasker = unmasker or Unmasker(device="auto")
    limit_pillow()
    torch.set_num_threads(1)  # see events.COMPUTE; the inpainting models' own pool has as many threads as there were
    studies = studies or study_page.Studies(unmasker)
    with QuickBlocks(
        title="Unmask",
        analytics_enabled=False,
        # A file lives until the first clean-up after its age is up.
        delete_cache=(CLEAN_UP_EVERY, FORGET_AFTER - CLEAN_UP_EVERY),
    ) as demo:
        gr.HTML(on_page(draw_header))
        with gr.Tabs():
            with gr.Tab(static("Take the mask off")):
                sam = Sam(getattr(unmasker, "device", "cpu")) if is_wanted() else None
                remove_tab.build(unmasker, Memory(demo), sam)
            with gr.Tab(static("On a bare face")):
                truth_tab.build(unmasker)
            with gr.Tab(static("Live"), elem_id="live-tab"):
                live_tab.build()
            if researcher_tab.wanted():
                with gr.Tab(static("Rating studies"), elem_id="studies-tab") as tab:
                    researcher_tab.build(unmasker, studies, tab)
        gr.HTML(on_page(draw_footer))
        api.build(unmasker)
        study_page.build_api(studies)
        calls.check_calls(demo, api.TAKES)

        def forget(request: gr.Request) -> None:
            """Drop a visitor's photos when the tab is closed."""
            demo.state_holder.forget(request.session_hash)

        demo.unload(forget)
    # One computation at a time, in the group that every heavy event names; the others wait their turn.
    demo.queue(max_size=64, default_concurrency_limit=1)
    return demo


def launch(
    host: str | None = None, port: int | None = None, wait: bool = True, unmasker: Unmasker | None = None
) -> gr.Blocks:
    """Serve the demo. host, port: None takes Gradio's, which a Space sets by environment variables.

    wait: keep serving until interrupted; False returns at once, with the server in the background.
    """
    if with_tools := mcp_tools.wanted():
        mcp_tools.use_own_server()
    unmasker = unmasker or Unmasker(device="auto")
    studies = study_page.Studies(unmasker)
    routes = [*study_page.routes(studies), *board_page.routes(), *live_tab.routes(live_tab.Line(unmasker))]
    middleware = guard.middleware()
    folder = temporary_files.private_folder()
    demo = build_demo(unmasker, studies)
    demo.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        theme=build_theme(),
        css=CSS,
        head=HEAD,
        i18n=i18n(),
        footer_links=["api"],
        run_history=False,
        enable_monitoring=False,
        state_session_capacity=MOST,
        show_error=False,
        strict_cors=True,
        max_file_size="30mb",
        ssr_mode=False,
        mcp_server=with_tools,
        app_kwargs={"routes": routes, "middleware": middleware},
    )
    temporary_files.keep_sweeping(demo, folder, FORGET_AFTER - CLEAN_UP_EVERY, CLEAN_UP_EVERY)
    threading.Thread(target=_warm_up, args=(unmasker,), daemon=True).start()
    if wait:
        # Hosts stop a server by SIGTERM, which would end it at once and leave what visitors gave on the disk.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        demo.block_thread()
        shutil.rmtree(folder, ignore_errors=True)
    return demo


def _warm_up(unmasker: Unmasker) -> None:
    """Load the models that run by themselves, so that the first visitor does not wait for them; then settle down."""
    photo = np.full((256, 256, 3), 127, np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[128:192, 64:192] = 255
    try:
        unmasker.segment(photo)
        unmasker.model(LANDMARKS)  # a grey photo has no face to look for
        unmasker.remove(photo, mask, DEFAULT_MODELS)
    except WeightsError:
        pass  # the page says so, in the place where the result is missing
    # What is here now stays. Looking through all of it whenever Python collects garbage takes a quarter of a second, in
    # which nobody is answered; statistics collect at every turn.
    gc.collect()
    gc.freeze()
