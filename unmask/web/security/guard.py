"""What stands between strangers and the demo: requests that go no further, and the headers of every answer."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unmask.web.i18n import in_language, language_of, tr
from unmask.web.security.rate_limit import COSTLY, RateLimit, cost_of, rate_limit_from_environment, visitor_of

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

# What this page never asks for: films to cut, other people's components, the page's own code, who has run what, and
# an old way to reach tools.
UNUSED = re.compile(
    r"^(?:/gradio_api)?/(?:process_recording|(?:undo-)?vibe-|dev/reload|custom_component/|profiling/|runs?(?:-history)?(?:/"
    r"(?:connect|buckets|records).*)?/?$|monitoring|deep_link|mcp/(?:sse|messages))"
)
# Calls whose arguments come as JSON, which is read as a whole: two pictures of the largest size in base64 fit.
CALL = re.compile(r"^(?:/gradio_api)?/(?:queue/join|call/|run/|api/|mcp)")
LARGEST_CALL = 84_000_000  # bytes


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
        try:
            await (answer or self.app)(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass  # who breaks off an upload hears no answer: no fault of the server's, and nothing for its log

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if FETCHES_ELSEWHERE.match(path):
            return JSONResponse({"detail": "This server fetches nothing from elsewhere."}, 403)
        if UNUSED.match(path):
            return JSONResponse({"detail": "There is nothing here."}, 404)
        if scope["method"] == "POST" and CALL.match(path):
            length = Headers(scope=scope).get("content-length", "")
            if not length.isdecimal() or int(length) > LARGEST_CALL:
                sentence = f"A call says how long it is, and has at most {LARGEST_CALL // 1_000_000} MB."
                return JSONResponse({"detail": sentence}, 413)
        if self.limit is not None and scope["method"] == "POST" and COSTLY.match(path):
            cost = cost_of(path, Headers(scope=scope).get("content-length", ""))
            seconds = self.limit.wait(visitor_of(scope), cost)
            if seconds > 0:
                whole = int(seconds) + 1
                with in_language(language_of(Headers(scope=scope).get("accept-language", ""))):
                    sentence = tr(
                        "You are asking for more than this server can give: please wait {seconds} s and try again.",
                        seconds=whole,
                    )
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
