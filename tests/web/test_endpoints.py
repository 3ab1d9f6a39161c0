"""Every route and endpoint of the server: listed in docs/safety.md, and whatever they are asked does no harm."""

import json
import re
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.paths import EXAMPLES, ROOT
from tests.web.inverting import serve_with_votes
from tests.web.test_safety import API

PHOTO = EXAMPLES / "hopper-kn95.png"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with serve_with_votes(tmp_path_factory.mktemp("votes")) as demo:
        yield demo


@pytest.fixture(scope="module")
def web(demo):
    with httpx.Client(base_url=demo.local_url, timeout=20) as web:
        yield web


@pytest.fixture(scope="module")
def photo(web) -> dict:
    path = web.post(API + "upload", files={"files": ("a.png", PHOTO.read_bytes())}).json()[0]
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def answer(web, endpoint: str, data: list) -> str:
    """The stream that a plain HTTP call gets, or the refusal of the call."""
    body = json.dumps({"data": data})  # NaN and Infinity as they are
    called = web.post(API + f"call/{endpoint}", content=body, headers={"Content-Type": "application/json"})
    assert called.status_code < 500, called.text
    if called.status_code != 200:
        return called.text
    return web.get(API + f"call/{endpoint}/{called.json()['event_id']}").text


# ---------------------------------------------------------------- the table


def routes(app) -> set[str]:
    """The paths of all routes, Gradio's own included, without parameters and trailing slashes."""
    paths = set()
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            paths |= {each.path for each in inner.routes if hasattr(each, "path")}
        elif getattr(route, "routes", None):
            paths |= {route.path + each.path for each in route.routes}
        else:
            paths.add(route.path)
    return {re.sub(r"\{.*", "", path).rstrip("/") or "/" for path in paths}


def listed() -> list[str]:
    """The routes in the table of docs/safety.md, and what they begin with."""
    table = (ROOT / "docs" / "safety.md").read_text().split("## Routes")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return [name for cell in cells for name in re.findall(r"`(/[^` ]*)`", cell)]


def test_every_route_stands_in_the_table(demo):
    known, found = listed(), routes(demo.app)
    assert len(found) > 40
    starts = tuple(each for each in known if each != "/")
    missing = {path for path in found - {"/"} if not path.startswith(starts)}
    assert not missing, "docs/safety.md says nothing of these"
    assert not [each for each in known if not any(path.startswith(each) for path in found)], "there is no such route"


def test_every_test_that_the_table_names_is_there():
    text = (ROOT / "docs" / "safety.md").read_text().split("## Routes")[1].split("\n## ")[0]
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 8 and {name for name in named if f"def {name}(" not in tests} == set()


def test_what_the_page_never_asks_for_is_not_there(web):
    for route in (
        "process_recording", "vibe-edit/", "undo-vibe-edit", "vibe-code", "vibe-starter-queries", "dev/reload",
        "custom_component/x/client/component/index.js", "profiling/traces", "runs", "run-history/connect",
        "run-history/records/x/1/assets/2", "monitoring", "monitoring/summary", "deep_link?session_hash=x",
    ):  # fmt: skip
        for prefix in ("", API):
            for method in ("GET", "POST"):
                told = web.request(method, prefix + route)
                assert told.status_code == 404 and told.json()["detail"] == "There is nothing here.", (method, route)
    assert web.get(API + "info").status_code == 200


# ---------------------------------------------------------------- arguments


def test_remove_takes_three_arguments_as_before_realism_and_sample(web, photo, demo):
    for more in ([], [0.5], [0.5, 1]):
        assert "event: complete" in answer(web, "remove", [photo, None, ["glcic"], *more])
    assert "event: complete" not in answer(web, "remove", [photo, None])
    client = Client(demo.local_url, verbose=False)
    (path,) = client.predict(handle_file(PHOTO), None, ["glcic"], api_name="/remove")
    assert Path(path).name == "glcic.png"


NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=True, allow_infinity=True), st.just(10**400))
OTHERS_FILES = st.sampled_from(
    ["/etc/passwd", str(ROOT / "app.py"), "../../../etc/passwd", "http://127.0.0.1:1/a.png", "file:///etc/passwd",
     "data:image/png;base64,AAAA", "\0", ""]
)  # fmt: skip
FILES = st.fixed_dictionaries(
    {"path": OTHERS_FILES, "meta": st.just({"_type": "gradio.FileData"})},
    optional={"url": OTHERS_FILES, "orig_name": st.text(max_size=300), "size": NUMBERS, "is_stream": st.booleans()},
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=200), OTHERS_FILES, FILES),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(st.text(max_size=20), inner, max_size=4)),
    max_leaves=12,
)
NAMES = st.lists(st.sampled_from(["glcic", "nobody", "ganmasker"]), max_size=4)
MODELS = st.one_of(JUNK, NAMES, st.just(["glcic"] * 10**5))
OPTIONS = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,  # the same calls everywhere
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check_refused(said: str) -> None:
    """That a call got no file, and a reason which says nothing of the server."""
    assert "event: complete" not in said, said[:500]
    assert "Traceback" not in said and str(ROOT) not in said and "root:" not in said, said[:500]


@pytest.mark.slow
@OPTIONS
@given(data=st.lists(JUNK, max_size=6))
def test_no_arguments_of_segment_do_harm(web, data):
    check_refused(answer(web, "segment", data))


@pytest.mark.slow
@OPTIONS
@given(mask=JUNK.filter(lambda mask: mask is not None), models=MODELS, realism=st.one_of(NUMBERS, JUNK))
def test_no_mask_of_a_stranger_is_taken(web, photo, mask, models, realism):
    check_refused(answer(web, "remove", [photo, mask, models, realism]))


@pytest.mark.slow
@OPTIONS
@given(models=MODELS, realism=st.one_of(NUMBERS, JUNK))
def test_models_and_realism_are_checked(web, photo, models, realism):
    said = answer(web, "remove", [photo, None, models, realism])
    if "event: complete" in said:
        assert isinstance(models, list) and models and set(models) <= {"glcic", "ganmasker"}
        assert isinstance(realism, (int, float)) and 0 <= realism <= 1
    else:
        check_refused(said)
