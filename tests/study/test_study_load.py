"""Fifty people rate and rank at once by gradio_client, and the server is killed under them: nothing saved is lost.

A short run by default, some answers each, on a busy machine, too. All 30, at a person's pace and on the whole demo,
with the figures:

    UNMASK_LOAD_TEST=1 python -m pytest -q -s tests/study/test_study_load.py
"""

import multiprocessing
import os
import random
import socket
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

import httpx
import numpy as np
import pytest
from gradio_client import Client

from tests.study.study_maker import make_study
from unmask.study.plan import Study
from unmask.study.questions import ranking_key
from unmask.study.store import Store

WHOLE = os.environ.get("UNMASK_LOAD_TEST") == "1"
RATERS, PROCESSES = 50, 2  # one process of 50 clients would wait for its own interpreter, not for the server
ITEMS = 30 if WHOLE else 6  # that each rater answers
RANKED = 6 if WHOLE else 2  # of them, orders of three pictures
KILLS = 10 if WHOLE else 4  # each costs all fifty their clients
SLOWEST = 10  # s, in 95 of 100 cases, until an answer is saved; asked of the whole run alone
PATIENCE = 600  # s until a test gives up
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the server is forked, ready, from one process"),
]


# ---------------------------------------------------------------- server


def serve(port: int, settings: dict[str, str]) -> None:
    """The server, in a process of its own: the whole demo, or the study's own routes and endpoint."""
    os.environ.update(settings)
    if WHOLE:
        from unmask.web import launch

        launch("127.0.0.1", port)
    import gradio as gr

    from unmask.web import study_page

    studies = study_page.Studies(None)  # no study is made here, so nothing is ever unmasked
    with gr.Blocks(analytics_enabled=False) as demo:
        study_page.build_api(studies)
    demo.queue(max_size=64, default_concurrency_limit=1)  # as the demo's
    routes = study_page.routes(studies)
    demo.launch(server_name="127.0.0.1", server_port=port, quiet=True, ssr_mode=False, app_kwargs={"routes": routes})


class Server:
    """Starts, kills and starts again, on one port."""

    def __init__(self, processes, study: Study, database: str | None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.process = f"http://127.0.0.1:{port}/", None
        settings = {"UNMASK_STUDIES": str(study.folder.parent), "UNMASK_DATABASE_URL": database or ""}
        self._make = partial(processes.Process, target=serve, args=(port, settings), daemon=True)

    def start(self) -> None:
        self.process, until = None, time.monotonic() + PATIENCE
        while not (self.process and answers(self.url)):
            assert time.monotonic() < until, "the server did not start"
            # Gradio gives up when it does not reach itself within seconds, as under a rush on a busy machine.
            if self.process is None or not self.process.is_alive():
                self.process = self._make()
                self.process.start()
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()  # SIGKILL: nothing is said or tidied up
        self.process.join()

    def cpu_seconds(self) -> float:
        """That the server has worked so far, which says more than a wall clock on a busy machine; nan off Linux."""
        file = Path(f"/proc/{self.process.pid}/stat")
        if not file.exists():
            return float("nan")
        return sum(map(int, file.read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}study/api/studies", verify=False, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def processes():
    """Makes processes that have the slow imports behind them, by forking one that is ready."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.study.test_study_load", "unmask.web"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        # Each process would first import what runs the tests, and run them again where that has no guard.
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield context


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, monkeypatch):
    """The URL of the database, for our own look at it too; None is SQLite in the study's folder."""
    if request.param == "sqlite":
        monkeypatch.delenv("UNMASK_DATABASE_URL", raising=False)
        return None
    url = request.getfixturevalue("postgres")
    monkeypatch.setenv("UNMASK_DATABASE_URL", url)
    return url


@pytest.fixture
def study(tmp_path) -> Study:
    study = make_study(tmp_path / "studies" / "load", pictures=6, repeats=2, attention=2, rank=3)
    assert len(study.plan.stimuli) == 30
    return study


# ---------------------------------------------------------------- raters


def rate(url: str, study_id: str, items: int, pause: tuple[float, float], insists: bool, seed: int) -> list[dict]:
    """One rater's whole visit: a row for each answer that the server called saved.

    insists: tries again while the server is gone; else any fault whatever fails the test.
    """
    rng = random.Random(seed)
    insist = partial(try_until, time.monotonic() + (PATIENCE if insists else 0))
    slow = {"timeout": PATIENCE / 2}  # a request that is given up, and made anew, is more work for who is too slow
    join = partial(httpx.post, f"{url}study/api/{study_id}/raters", json={"consent": True}, verify=False, **slow)
    rater = insist(lambda: join().raise_for_status().json())
    # Without ssl_verify=False the client reads all root certificates anew for every request, of http too: 32 ms
    # of processor time each, twice an answer. That is not the server's time.
    options = {"verbose": False, "analytics_enabled": False, "ssl_verify": False, "httpx_kwargs": slow}
    client = insist(lambda: Client(url, **options))
    rows = []
    scored = [question for (question,) in rater["screens"][: items - RANKED]]
    for question in [*scored, *rater["rankings"][:RANKED]]:
        time.sleep(rng.uniform(*pause))
        is_order = "images" in question
        score = int("".join(rng.sample("123", 3))) if is_order else rng.randint(1, 10)
        began = time.monotonic()
        call = partial(client.submit, question["token"], score, api_name="/rate")
        said = insist(lambda call=call: call().result(**slow))
        seconds = time.monotonic() - began
        key = question["token"].split(".")[2]
        assert key == ranking_key(question["images"]) if is_order else key == question["image"]
        row = {"rater_id": rater["code"], "question": key, "answer": str(score)}
        rows.append(row | {"seconds": seconds, "version": said["version"]})
    client.close()
    return rows


def try_until(when: float, act):
    """As people do when a page does not answer: once more, and once more."""
    while True:
        try:
            return act()
        except Exception:  # the server is gone or comes back; what is thrown differs from moment to moment
            if time.monotonic() > when:
                raise
            time.sleep(0.2)


def rate_all(seeds: list[int], *visit) -> list[dict]:
    with ThreadPoolExecutor(len(seeds)) as threads:
        return sum(threads.map(partial(rate, *visit), seeds), [])


def start_raters(
    pool: ProcessPoolExecutor, url: str, study: Study, pause: tuple[float, float], insists: bool = False
) -> list:
    call = lambda seeds: pool.submit(rate_all, seeds, url, study.plan.study_id, ITEMS, pause, insists)
    return [call(list(range(first, RATERS, PROCESSES))) for first in range(PROCESSES)]


def check_kept(study: Study, said: list[dict]) -> None:
    """All that was called saved is there, once, and nothing else is."""
    store = Store(study)
    names = ("rater_id", "question", "answer", "version")
    told = sorted(tuple(row[name] for name in names) for row in said)
    assert len(told) == len(set(told)) == RATERS * ITEMS and {row[3] for row in told} == {1}
    for history in (False, True):
        assert sorted(tuple(row[name] for name in names) for row in store.answers(history)) == told


def share_of_processor(seconds: float = 0.5) -> float:
    """How much of a processor this process gets when it wants one: 1 on a machine that has one to spare."""
    began, used = time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        pass
    return (time.process_time() - used) / seconds


# ---------------------------------------------------------------- tests


def test_fifty_raters_at_once(processes, study, database, request):
    server = Server(processes, study, database)
    server.start()
    spare = share_of_processor()
    with ProcessPoolExecutor(PROCESSES, mp_context=processes) as pool:
        before = server.cpu_seconds()
        said = sum((each.result() for each in start_raters(pool, server.url, study, pause=(1, 3))), [])
        work = server.cpu_seconds() - before
    server.kill()
    check_kept(study, said)
    median, slow = np.quantile([row["seconds"] for row in said], [0.5, 0.95])
    print(
        f"\n{RATERS} raters, {len(said)} answers, {request.node.callspec.id}: saved in {1000 * median:.0f} ms "
        f"(median), {1000 * slow:.0f} ms (p95); {1000 * work / len(said):.1f} ms of the server's processor each, "
        f"joining and loading included; {os.cpu_count()} cores, share of one that was free: {spare:.2f}"
    )
    assert slow < SLOWEST or not WHOLE


def test_a_server_killed_under_load_loses_nothing(processes, study, database):
    server, rng = Server(processes, study, database), random.Random(0)
    server.start()
    store = Store(study)
    # After as many answers a kill comes, all early enough for someone to be there, however late we look.
    after = sorted(rng.sample(range(RATERS * ITEMS // 2), KILLS))
    with ProcessPoolExecutor(PROCESSES, mp_context=processes) as pool:
        raters = start_raters(pool, server.url, study, pause=(0, 0.1), insists=True)
        while not all(each.done() for each in raters):
            if not server.process.is_alive():  # killed by us, or given up by itself as `start` says
                server.start()
            if after and store.progress()["answers"] >= after[0]:
                after.pop(0)
                time.sleep(rng.uniform(0, 0.05))
                server.kill()
            time.sleep(0.02)
        assert not after, "nobody was there any more to be disturbed"
        said = sum((each.result() for each in raters), [])
    server.kill()
    check_kept(study, said)
