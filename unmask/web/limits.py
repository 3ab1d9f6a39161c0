"""What stands between strangers and the demo: response headers, limits for each visitor, and a folder that empties.

A host sets by environment variables, all off or sensible by default:

    UNMASK_RATE_LIMIT      uploads and computations that one visitor may ask for in a minute; none is no limit
    FORWARDED_ALLOW_IPS    addresses or networks of the proxies in front, whose X-Forwarded-For is believed (uvicorn's
                           own; 127.0.0.1 by default): without it all visitors behind a proxy count as one
"""

import ipaddress
import os
import re
import shutil
import stat
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Set
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio's page starts from inline scripts and compiles the `js` of events, so those two stay allowed; where a script
# may connect to, and what it may load, is this server alone. A Space shows the page in a frame: no word on framing.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "microphone=(), geolocation=(), payment=(), usb=()",
}
# Gradio fetches an address for anybody who asks, and forwards to other Spaces; this page needs neither.
FETCHES_ELSEWHERE = re.compile(r"^(?:/gradio_api)?/(?:file[=/]\s*[a-z][a-z0-9+.-]*:/|proxy=)", re.IGNORECASE)
# What costs something: a file to take in, an event that computes, or a live view, of which the pictures are free.
COSTLY = re.compile(r"^(?:/gradio_api)?/(?:upload|queue/join|call/|run/|api/|component_server|live/start)")
MINUTE = 60.0
MOST_VISITORS = 10_000  # whose counts are remembered; the one not seen for longest is forgotten first

PREFIX = "unmask-"


class RateLimit:
    """A bucket of `per_minute` tokens for each visitor, refilled evenly."""

    def __init__(self, per_minute: int):
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # visitor -> tokens, when

    def wait(self, visitor: str) -> float:
        """Take a token: 0, or when there is none the seconds until the next."""
        now = time.monotonic()
        tokens, then = self._buckets.pop(visitor, (float(self.per_minute), now))
        tokens = min(tokens + (now - then) * self.per_minute / MINUTE, self.per_minute)
        allowed = tokens >= 1
        self._buckets[visitor] = (tokens - allowed, now)
        if len(self._buckets) > MOST_VISITORS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) * MINUTE / self.per_minute


def rate_limit_from_environment() -> RateLimit | None:
    """What UNMASK_RATE_LIMIT asks for. Raises ValueError, in one sentence, unless it is a whole number from 1."""
    text = os.environ.get("UNMASK_RATE_LIMIT", "").strip()
    if not text:
        return None
    if not (text.isdecimal() and int(text) > 0):
        raise ValueError(f"UNMASK_RATE_LIMIT must be a whole number from 1 (requests a minute), not {text!r}.")
    return RateLimit(int(text))


def visitor_of(scope: Scope) -> str:
    """Whose request it is: the address, of an IPv6 one the /64 network, which is what one customer gets."""
    # A trusted proxy's X-Forwarded-For is in here already; any other is ignored by uvicorn.
    host = (scope.get("client") or ("unknown",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


class Guard:
    """Before Gradio's routes: refuses what goes elsewhere or too often, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp, limit: RateLimit | None = None):
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # the rating page has a stricter policy of its own
            await send(message)

        answer = self.refusal(scope)
        await (answer or self.app)(scope, receive, send_with_headers)

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if FETCHES_ELSEWHERE.match(path):
            return JSONResponse({"detail": "This server fetches nothing from elsewhere."}, 403)
        if self.limit is not None and scope["method"] == "POST" and COSTLY.match(path):
            seconds = self.limit.wait(visitor_of(scope))
            if seconds > 0:
                whole = int(seconds) + 1
                sentence = f"You are asking for more than this server can give: please wait {whole} s and try again."
                # The page shows an upload's answer as it is, and of any other the detail.
                plain = path.endswith("/upload")
                headers = {"Retry-After": str(whole)}
                return (
                    PlainTextResponse(sentence, 429, headers)
                    if plain
                    else JSONResponse({"detail": sentence, "error": sentence}, 429, headers)
                )
        return None


def middleware() -> list[Middleware]:
    """For the server's `app_kwargs`."""
    return [Middleware(Guard, limit=rate_limit_from_environment())]


# ---------------------------------------------------------------- files


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
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs, as somebody else
    return True


def sweep(folder: Path, age: float, keep: Set[str] = frozenset()) -> None:
    """Delete every file in the folder that is older than `age` seconds, and folders as old that are empty then.

    Gradio's own clean-up knows finished uploads and results; one that broke off half-way it leaves for good.
    """
    now = time.time()
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files + folders:
            path = Path(parent, name)
            try:
                if str(path) in keep or now - path.lstat().st_ctime <= age:
                    continue
                path.rmdir() if name in folders else path.unlink()
            except OSError:
                pass  # not empty, in use, or gone meanwhile


def keep_sweeping(blocks, folder: Path, age: float, every: float) -> threading.Event:
    """Sweep the folder every so many seconds, but for the page's own files, until the returned event is set."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every):
            keep = {path for block in list(blocks.blocks.values()) for path in getattr(block, "keep_in_cache", ())}
            sweep(folder, age, {str(path) for path in keep})

    threading.Thread(target=run, name="sweeper", daemon=True).start()
    return stop
