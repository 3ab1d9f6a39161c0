"""Who may run studies: whoever sits at the machine that serves the page, and elsewhere whoever knows the token."""

import hmac
import ipaddress
import os
import time
from urllib.parse import urlsplit

import gradio as gr

from unmask.settings import RESEARCHER_TOKEN
from unmask.web.i18n import tr

AFTER_A_WRONG_TOKEN = 1  # s: with one guess at a time, guessing takes longer than anybody lives
# What a proxy adds. Behind one, and in a Space, everybody's requests come from this machine.
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def is_at_the_machine(request: gr.Request) -> bool:
    """Whether the page is open on the machine that serves it, with nothing in between.

    Host and Origin must be this machine's, too: else a page from elsewhere, open in a browser here, could ask. HTTP/1.0
    is what proxies speak that add no header.
    """
    asked = request.request  # the server's own, under Gradio's
    if asked is None or asked.client is None:
        return False
    headers = asked.headers
    origin = headers.get("origin")
    return (
        not os.environ.get("SPACE_ID")
        and not any(name in headers for name in FORWARDED)
        and asked.scope.get("http_version") != "1.0"
        and _is_loopback(asked.client.host)
        and _is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname)
        and (origin is None or _is_loopback(urlsplit(origin).hostname))
    )


def check(token: str, request: gr.Request) -> None:
    """Raises gr.Error unless it is the researcher's token, or the researcher is at the machine."""
    if is_at_the_machine(request):
        return
    right = RESEARCHER_TOKEN.read()
    if not right or not hmac.compare_digest((token or "").encode(), right.encode()):
        time.sleep(AFTER_A_WRONG_TOKEN)
        raise gr.Error(tr("This is not the researcher's token."), print_exception=False)


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
