"""How much one visitor may ask for: buckets that fill again, what an upload costs, and whose word counts."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from unmask.web.security import guard, rate_limit


def test_rate_limit_is_off_unless_a_host_asks(monkeypatch):
    monkeypatch.delenv("UNMASK_RATE_LIMIT", raising=False)
    assert rate_limit.rate_limit_from_environment() is None
    monkeypatch.setenv("UNMASK_RATE_LIMIT", " 12 ")
    assert rate_limit.rate_limit_from_environment().per_minute == 12
    for wrong in ("0", "-3", "many", "1.5"):
        monkeypatch.setenv("UNMASK_RATE_LIMIT", wrong)
        with pytest.raises(ValueError, match="whole number"):
            rate_limit.rate_limit_from_environment()


def test_each_visitor_has_an_own_bucket_that_fills_again(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: now[0])
    limit = rate_limit.RateLimit(6)
    assert [limit.wait("a") for _ in range(6)] == [0] * 6
    assert limit.wait("a") == pytest.approx(10)
    assert limit.wait("b") == 0
    now[0] += 9.9
    assert limit.wait("a") > 0
    now[0] += 0.2
    assert limit.wait("a") == 0 and limit.wait("a") > 0
    now[0] += 1e6
    assert [limit.wait("a") for _ in range(7)].count(0) == 6, "a bucket holds no more than a minute's worth"


def test_the_memory_of_visitors_is_bounded(monkeypatch):
    monkeypatch.setattr(rate_limit, "MOST_VISITORS", 10)
    limit = rate_limit.RateLimit(1)
    for visitor in range(100):
        limit.wait(str(visitor))
    assert len(limit._buckets) == 10
    assert limit.wait("99") > 0 and limit.wait("0") == 0


def guarded(per_minute: int) -> TestClient:
    """A small server behind the guard and behind uvicorn's own reading of X-Forwarded-For, trusting 10.0.0.0/8."""
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    routes = [Route("/{path:path}", lambda request: PlainTextResponse("fine"), methods=["GET", "POST"])]
    app = guard.Guard(Starlette(routes=routes), rate_limit.RateLimit(per_minute))
    return lambda client: TestClient(ProxyHeadersMiddleware(app, trusted_hosts="10.0.0.0/8"), client=(client, 1))


# What the page asks for, as counted in a browser: after a stroke, and after "Grow". Uploads in bytes.
STROKE = [*[("/gradio_api/upload", 450_000)] * 6, *[("/gradio_api/upload", 9_000)] * 3]
STROKE += [("/gradio_api/run/predict", 90), ("/gradio_api/queue/join", 1300)]
GROW = [*[("/gradio_api/upload", 450_000)] * 54, *[("/gradio_api/upload", 9_000)] * 27]
GROW += [("/gradio_api/queue/join", 1300)] * 2


@pytest.mark.parametrize(("asked", "every"), [(STROKE, 1.5), (GROW, 3.0)], ids=["strokes", "grow"])
@pytest.mark.parametrize("limit", [None, "120"], ids=["default", "recommended"])
def test_who_edits_for_ten_minutes_is_never_refused(monkeypatch, limit, asked, every):
    """The next event is sent a second after the last stroke, and not before the one before is over."""
    now = [0.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: now[0])
    monkeypatch.delenv("UNMASK_RATE_LIMIT", raising=False)
    if limit:
        monkeypatch.setenv("UNMASK_RATE_LIMIT", limit)
    (entry,) = guard.middleware()
    app = entry.cls(None, *entry.args, **entry.kwargs)
    refused = 0
    while now[0] < 600:
        for path, length in asked:
            headers = [(b"content-length", str(length).encode())]
            scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": ("198.51.100.7", 1)}
            refused += app.refusal(scope) is not None
        now[0] += every
    assert refused == 0


def test_an_upload_counts_by_its_size():
    assert rate_limit.cost_of("/gradio_api/upload", "30000000") == 1 == rate_limit.cost_of("/upload", "8000000")
    assert rate_limit.cost_of("/upload", "400000") == pytest.approx(0.05)
    assert rate_limit.cost_of("/upload", "10") == rate_limit.LEAST
    # What says no length, or something else, counts whole; so does all that computes.
    assert {rate_limit.cost_of("/upload", text) for text in ("", "-5", "x")} == {1}
    assert rate_limit.cost_of("/gradio_api/queue/join", "10") == 1


def test_too_many_requests_get_a_sentence():
    client = guarded(2)("198.51.100.7")
    assert [client.post("/gradio_api/queue/join").status_code for _ in range(2)] == [200, 200]
    assert client.post("/gradio_api/upload").text.endswith("s and try again.")
    answer = client.post("/gradio_api/queue/join")
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 31
    assert "please wait" in answer.json()["detail"] and answer.headers["x-content-type-options"] == "nosniff"
    german = client.post("/gradio_api/queue/join", headers={"Accept-Language": "de-DE,de;q=0.9"})
    assert "Bitte warten Sie" in german.json()["detail"], "an English error on a translated page"
    assert client.get("/").status_code == 200, "the page itself is no computation"


def test_only_a_trusted_proxys_word_counts():
    def asks(make, client, forwarded):
        return make(client).post("/gradio_api/queue/join", headers={"X-Forwarded-For": forwarded}).status_code

    make = guarded(1)
    assert asks(make, "10.1.2.3", "198.51.100.7") == 200
    assert asks(make, "10.1.2.3", "198.51.100.8") == 200, "another visitor behind the same proxy"
    assert asks(make, "10.1.2.3", "198.51.100.7") == 429
    # What a visitor puts in front of the proxy's own entry changes nothing.
    assert asks(make, "10.1.2.3", "203.0.113.9, 198.51.100.7") == 429
    # Somebody who is no proxy cannot borrow an address.
    assert asks(make, "198.51.100.50", "203.0.113.1") == 200
    assert asks(make, "198.51.100.50", "203.0.113.2") == 429


def test_an_ipv6_network_is_one_visitor():
    make = guarded(1)
    assert make("2001:db8::1").post("/queue/join").status_code == 200
    assert make("2001:db8::2").post("/queue/join").status_code == 429
    assert make("2001:db8:0:1::1").post("/queue/join").status_code == 200
