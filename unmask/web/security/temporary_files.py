"""A folder of uploads and results that nobody else may look into, and that empties itself."""

import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import gradio as gr

PREFIX = "unmask-"


def private_folder() -> Path:
    """A folder of this process's own, in which Gradio keeps uploads and results from now on.

    It lies in GRADIO_TEMP_DIR or where temporary files go. What an earlier process left there, because it was
    killed, is deleted first. Call it before the page is built.
    """
    root = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    if root.name.startswith(PREFIX):
        return root  # of an earlier call
    root.mkdir(parents=True, exist_ok=True)
    for folder in root.glob(PREFIX + "*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and _is_ours(folder) and (int(pid) == os.getpid() or not _is_running(int(pid))):
            shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))  # nobody else may look into it
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder that this user has made: anybody may put a link of that name where /tmp is shared."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == (os.getuid() if hasattr(os, "getuid") else 0)


def _is_running(pid: int) -> bool:
    """Whether a process is there; on Windows, where asking so would be a signal to it, it is taken to be."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs, as somebody else
    return True


class Seen(NamedTuple):
    """A file as a sweep has seen it first."""

    changed: float  # when it was made or touched, s by the machine's clock
    since: float  # s by a clock that nobody sets


def sweep(
    folder: Path, age: float, keep: Set[str] = frozenset(), first_seen: dict[str, Seen] | None = None
) -> None:
    """Delete every file in the folder that is older than `age` seconds, and folders as old that are empty then.

    Gradio's own clean-up knows finished uploads and results; one that broke off half-way it leaves for good.
    first_seen: path -> when an earlier sweep with this dict has seen it first: what has been there for `age` goes, too,
    should the machine's clock be put back. A file that Gradio hands out once more, because somebody has the same
    picture, is touched, and as good as new.
    """
    now, steady = time.time(), time.monotonic()
    seen = {} if first_seen is None else first_seen
    before = dict(seen)
    seen.clear()
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files + folders:
            path = Path(parent, name)
            try:
                if str(path) in keep:
                    continue
                changed = path.lstat().st_ctime
                known = before.get(str(path))
                seen[str(path)] = known if known and known.changed == changed else Seen(changed, steady)
                if now - changed <= age and steady - seen[str(path)].since <= age:
                    continue
                path.rmdir() if name in folders else path.unlink()
            except OSError:
                pass  # not empty, in use, or gone meanwhile


def keep_sweeping(blocks: gr.Blocks, folder: Path, age: float, every: float) -> threading.Event:
    """Sweep the folder every so many seconds, but for the page's own files, until the returned event is set."""
    stop = threading.Event()
    first_seen: dict[str, Seen] = {}

    def run() -> None:
        while not stop.wait(every):
            keep = {path for block in list(blocks.blocks.values()) for path in getattr(block, "keep_in_cache", ())}
            sweep(folder, age, {str(path) for path in keep}, first_seen)

    threading.Thread(target=run, name="sweeper", daemon=True).start()
    return stop
