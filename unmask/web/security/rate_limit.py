"""How much one visitor may ask for. A host sets by environment variables, all off or sensible by default:

    UNMASK_RATE_LIMIT      computations and large uploads that one visitor may ask for in a minute; none is no limit
    FORWARDED_ALLOW_IPS    addresses or networks of the proxies in front, whose X-Forwarded-For is believed (uvicorn's
                           own; 127.0.0.1 by default): without it all visitors behind a proxy count as one
"""

import ipaddress
import re
import time
from collections import OrderedDict

from starlette.types import Scope

from unmask.settings import RATE_LIMIT

# What costs something: a file to take in, an event that computes, a live view, of which the pictures are free, or a
# tool's call, which may bring a file; what it computes counts as well, as an upload and an event do.
COSTLY = re.compile(r"^(?:/gradio_api)?/(?:upload|queue/join|call/|run/|api/|component_server|live/start|mcp)")
# An upload counts by its size: Gradio's editor sends its pictures, some hundred KB, up to thirty times for one change.
UPLOAD = re.compile(r"^(?:/gradio_api)?/upload")
WHOLE_UPLOAD = 8_000_000  # bytes that count as much as a computation; more do not count more
LEAST = 1 / 40  # of a computation
MINUTE = 60.0
MOST_VISITORS = 10_000  # whose counts are remembered; the one not seen for longest is forgotten first


class RateLimit:
    """A bucket of `per_minute` tokens for each visitor, refilled evenly."""

    def __init__(self, per_minute: int):
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # visitor -> tokens, when

    def wait(self, visitor: str, cost: float = 1.0) -> float:
        """Take `cost` tokens: 0, or when there are not as many the seconds until there are."""
        now = time.monotonic()
        tokens, then = self._buckets.pop(visitor, (float(self.per_minute), now))
        tokens = min(tokens + (now - then) * self.per_minute / MINUTE, self.per_minute)
        allowed = tokens >= cost
        self._buckets[visitor] = (tokens - cost * allowed, now)
        if len(self._buckets) > MOST_VISITORS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (cost - tokens) * MINUTE / self.per_minute


def cost_of(path: str, length: str) -> float:
    """How many tokens a request of that path takes. length: its Content-Length, empty where it says none."""
    if not UPLOAD.match(path) or not length.isdecimal():
        return 1.0
    return min(max(int(length) / WHOLE_UPLOAD, LEAST), 1.0)


def rate_limit_from_environment() -> RateLimit | None:
    """What UNMASK_RATE_LIMIT asks for. Raises ValueError, in one sentence, unless it is a whole number from 1."""
    per_minute = RATE_LIMIT.read()
    return RateLimit(per_minute) if per_minute else None


def visitor_of(scope: Scope) -> str:
    """Whose request it is: the address, of an IPv6 one the /64 network, which is what one customer gets."""
    # A trusted proxy's X-Forwarded-For is in here already; any other is ignored by uvicorn.
    host = (scope.get("client") or ("unknown",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host
