"""Many visitors at once: each gives an own picture, gets the mask and three models, edits, and runs again.

    python scripts/load.py --visitors 20 --rounds 9                       # starts a server of its own
    python scripts/load.py --visitors 20 --url http://127.0.0.1:7860      # one that is running; --pid for its memory

They speak to the server as the page does, through the queue. Everyone's results are checked by content: outside the
mask they are that visitor's own picture, byte for byte, and the same question gets the same answer every round. At the
end some visitors leave while they wait: what they asked for must not be worked on. Exit status 1 when something of
this fails; the figures are printed as JSON. Start it on an idle machine: it measures what else goes on as well.
"""

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import secrets
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from unmask.imaging.metadata import write_png  # noqa: E402
from unmask.imaging.reader import read_photo  # noqa: E402
from unmask.masks import grow, read_mask  # noqa: E402
from unmask.registry import DEFAULT_MODELS  # noqa: E402

EXAMPLES = ROOT / "examples"
API = "gradio_api/"
PATIENCE = 900  # s until a visitor gives up
GROWTH = 8  # px by which a visitor grows the mask


class LoadError(Exception):
    """A visitor got an error, or somebody else's picture; the message is one sentence."""


@dataclass
class Figures:
    """What was measured, over all visitors."""

    seconds: dict[str, list[float]] = field(default_factory=dict)  # by step, of every request
    memory: list[tuple[int, float]] = field(default_factory=list)  # requests so far, resident MB of the server
    errors: list[str] = field(default_factory=list)
    longest_queue: int = 0
    told: int = 0  # requests whose visitor was told a place in the queue
    told_time: int = 0  # and how long it will take

    @property
    def requests(self) -> int:
        return sum(map(len, self.seconds.values()))


class Visitor:
    """One session: what the page sends and receives, without the page."""

    def __init__(self, web: httpx.AsyncClient, functions: dict[str, int], figures: Figures):
        self.web, self.functions, self.figures = web, functions, figures
        self.session = secrets.token_hex(6)
        self.told: list[str] = []  # what popped up on the page

    async def upload(self, name: str, data: bytes) -> dict:
        """Put a file on the server; what a call names it by."""
        answer = await self.web.post(API + "upload", files={"files": (name, data)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    async def join(self, name: str, data: list) -> str:
        """Ask for a computation; the event's id."""
        body = {"data": data, "fn_index": self.functions[name], "session_hash": self.session}
        answer = await self.web.post(API + "queue/join", json=body)
        if answer.status_code != 200:
            raise LoadError(f"{name}: {answer.status_code} {answer.text[:200]}")
        return answer.json()["event_id"]

    async def call(self, name: str, data: list):
        """Ask, wait in the queue, and return the first output."""
        return (await self.outputs(name, data))[0]

    async def outputs(self, name: str, data: list) -> list:
        """Ask, wait in the queue, and return every output as it is in the end; what popped up goes into `told`."""
        start, placed, timed = time.perf_counter(), False, False
        event = await self.join(name, data)
        async with self.web.stream("GET", API + "queue/data", params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message.get("event_id") != event:
                    continue
                if message["msg"] == "log":
                    self.told.append(message["log"])
                elif message["msg"] == "estimation":
                    placed, timed = True, timed or message.get("rank_eta") is not None
                    self.figures.longest_queue = max(self.figures.longest_queue, message["queue_size"])
                elif message["msg"] == "process_completed":
                    if not message["success"]:
                        raise LoadError(f"{name}: {message['output'].get('error')}")
                    self.figures.seconds.setdefault(name, []).append(time.perf_counter() - start)
                    self.figures.told += placed
                    self.figures.told_time += timed
                    return message["output"]["data"]
        raise LoadError(f"{name}: the connection ended before the answer")

    async def fetch(self, file: dict) -> bytes:
        answer = await self.web.get(API + "file=" + file["path"])
        answer.raise_for_status()
        return answer.content

    async def leave_while_waiting(self, name: str, data: list) -> None:
        """Ask, begin to wait, and go."""
        await self.join(name, data)
        await self.leave()

    async def leave(self, after: str = "") -> None:
        """Look at the queue until it says this, and close the connection: what is there for this visitor is dropped."""
        async with self.web.stream("GET", API + "queue/data", params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                if after in line:
                    return


def own_picture(number: int) -> np.ndarray:
    """A masked face that is like nobody else's: an example, with faint noise of its own."""
    files = sorted(path for path in EXAMPLES.glob("*-*.png") if not path.stem.endswith("-photo"))
    photo = read_photo(files[number % len(files)])
    noise = np.random.default_rng(number).integers(-3, 4, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    write_png(file, image)
    return file.getvalue()


async def visit(visitor: Visitor, number: int, rounds: int, models: list[str]) -> None:
    """What one visitor does. Raises LoadError when a result is not this visitor's own."""
    photo = own_picture(number)
    earlier = None
    for _ in range(rounds):
        picture = await visitor.upload(f"{number}.png", png(photo))
        found = read_mask(await visitor.fetch(await visitor.call("segment", [picture])), photo.shape[:2])
        answers = [found]
        for mask in (found, grow(found, GROWTH)):
            if not mask.any():
                raise LoadError(f"visitor {number}: no mask was found")
            given = await visitor.upload("mask.png", png(mask))
            files = await visitor.call("remove", [picture, given, models, 1.0])
            results = [read_photo(await visitor.fetch(file)) for file in files]
            for model, result in zip(models, results, strict=True):
                if not np.array_equal(result[mask == 0], photo[mask == 0]):
                    raise LoadError(f"visitor {number}: {model} gave somebody else's picture")
                if np.array_equal(result[mask > 0], photo[mask > 0]):
                    raise LoadError(f"visitor {number}: {model} changed nothing")
            answers += results
        if earlier is not None and not all(map(np.array_equal, answers, earlier)):
            raise LoadError(f"visitor {number}: the same question got another answer")
        earlier = answers


def resident(pid: int, which: str = "VmRSS") -> float:
    """MB of memory that a process has in use, or, as "VmHWM", has had at most; nan where that is not told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(f"{which}:"))


async def watch_memory(pid: int, figures: Figures) -> None:
    while True:
        figures.memory.append((figures.requests, resident(pid)))
        await asyncio.sleep(0.5)


async def run(
    url: str, visitors: int, rounds: int, pid: int | None = None, models: list[str] | None = None
) -> Figures:
    """All the visitors at once."""
    figures = Figures()
    # One client, but a connection for each: a browser has a connection of its own as well.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=4 * visitors)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as web:
        functions = await named_functions(web)
        watch = asyncio.create_task(watch_memory(pid, figures)) if pid else None

        async def one(number: int) -> None:
            try:
                await visit(Visitor(web, functions, figures), number, rounds, models or list(DEFAULT_MODELS))
            except (LoadError, httpx.HTTPError, ValueError) as error:
                figures.errors.append(f"{type(error).__name__}: {error}")

        await asyncio.gather(*map(one, range(visitors)))
        if watch:
            watch.cancel()
            figures.memory.append((figures.requests, resident(pid)))
    return figures


async def named_functions(web: httpx.AsyncClient) -> dict[str, int]:
    """The numbers of the named endpoints, by which the queue knows them."""
    dependencies = (await web.get("config")).json()["dependencies"]
    return {each["api_name"]: each["id"] for each in dependencies if each.get("api_name")}


async def run_leavers(url: str, leavers: int) -> tuple[float, float]:
    """How long a visitor waits alone, and behind so many who have left, in seconds."""
    figures = Figures()
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as web:
        functions = await named_functions(web)
        stays = Visitor(web, functions, figures)
        picture = await stays.upload("photo.png", png(own_picture(0)))
        ask = ("remove", [picture, None, list(DEFAULT_MODELS), 1.0])
        await stays.call(*ask)
        start = time.perf_counter()
        await stays.call(*ask)
        alone = time.perf_counter() - start
        gone = [Visitor(web, functions, figures).leave_while_waiting(*ask) for _ in range(leavers)]
        await asyncio.gather(*gone)
        await asyncio.sleep(0.2)
        start = time.perf_counter()
        await stays.call(*ask)
        return alone, time.perf_counter() - start


def report(figures: Figures) -> dict:
    """The figures that count. Memory is that of the last half of the requests against the first tenth's peak."""
    every = [seconds for step in figures.seconds.values() for seconds in step]
    table = {
        "requests": figures.requests,
        "errors": figures.errors,
        "longest queue": figures.longest_queue,
        "told a place in the queue": figures.told,
        "told a waiting time": figures.told_time,
    }
    for step, seconds in {**figures.seconds, "all": every}.items():
        if seconds:
            middle, most, worst = np.percentile(seconds, (50, 95, 100))
            table[f"{step}, s"] = {"median": round(middle, 2), "p95": round(most, 2), "max": round(worst, 2)}
    if figures.memory:
        quarters = np.array_split(np.array([megabytes for _, megabytes in figures.memory]), 4)
        table["resident MB, highest of each quarter"] = [round(q.max()) for q in quarters if len(q)]
    return table


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(port: int) -> None:
    """The demo, in a process of its own."""
    from unmask.web import launch

    launch("127.0.0.1", port)


def start_server() -> tuple[multiprocessing.Process, str]:
    """A server of our own, ready to answer."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,), daemon=True)
    process.start()
    url, until = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(url + "config", timeout=10).status_code == 200:
                return process, url
        except httpx.HTTPError:
            pass
        if not process.is_alive() or time.monotonic() > until:
            raise SystemExit("The server did not start.")
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20, help="at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="times that each does it all; three requests each")
    parser.add_argument("--leavers", type=int, default=10, help="visitors who leave while they wait")
    parser.add_argument("--url", help="a running server; without it one is started")
    parser.add_argument("--pid", type=int, help="that server's process, for its memory")
    parser.add_argument("--p95", type=float, default=30.0, help="s that 95 of 100 requests may take")
    args = parser.parse_args()
    process = None
    if args.url is None:
        process, args.url = start_server()
        args.pid = process.pid
    url = args.url.rstrip("/") + "/"
    start = time.perf_counter()
    figures = asyncio.run(run(url, args.visitors, args.rounds, args.pid))
    table = {"visitors": args.visitors, "seconds": round(time.perf_counter() - start, 1)} | report(figures)
    alone, behind = asyncio.run(run_leavers(url, args.leavers))
    table["s alone, and behind those who left"] = [round(alone, 2), round(behind, 2)]
    table["processors"] = os.cpu_count()
    print(json.dumps(table, indent=2))
    if process is not None:
        process.terminate()
        process.join()
    expected = 3 * args.visitors * args.rounds
    # One request of those who left may have begun already, and is finished.
    dropped = behind < alone * (1 + args.leavers / 2)
    fine = not figures.errors and figures.requests == expected and dropped and table["all, s"]["p95"] <= args.p95
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
