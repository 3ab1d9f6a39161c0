"""The live view in a browser whose camera shows a masked face: results, pace, how it ends, and who waits."""

import io
import os
import re
import time
from base64 import b64decode
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.unmask.test_live import picture
from tests.web.web_page import (
    CHROMIUM,
    CHROMIUM_ARGS,
    DESKTOP,
    PHONE,
    free_port,
    needs_browser,
    open_browser,
    open_live_tab,
    visit,
)
from unmask.imaging.metadata import DIGITAL_SOURCE_TYPE, NOTICE
from unmask.web import launch
from unmask.web.tabs import live_tab

pytestmark = needs_browser
BLUE = (90, 150, 200)  # RGB of the mask, about


@pytest.fixture(scope="module")
def browser(playwright, tmp_path_factory):
    """Its camera shows the astronaut, masked and moving a little, over and over."""
    path = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    with path.open("wb") as file:
        for i, t in enumerate(np.linspace(0, 2 * np.pi, 30, endpoint=False)):
            shot = picture(240 + 20 * np.sin(t), 170 + 8 * np.sin(2 * t), 4 * np.cos(t), 1.6, seed=i)
            file.write(cv2.imencode(".jpg", shot[..., ::-1])[1].tobytes())
    with open_browser(playwright, f"--use-file-for-fake-video-capture={path}") as browser:
        yield browser


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def demo(lines):
    patch = pytest.MonkeyPatch()
    whole = live_tab.Line
    patch.setattr(live_tab, "Line", lambda *args: lines.append(whole(*args)) or lines[-1])
    demo = launch("127.0.0.1", free_port(), wait=False)
    patch.undo()
    yield demo
    demo.close()


@pytest.fixture
def line(demo, lines):
    """The server's line, empty at the start and, within seconds, at the end of every test."""
    assert not lines[0].views
    yield lines[0]
    wait_until(lambda: not lines[0].views, 8)


def wait_until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert true()


def open_live(page):
    open_live_tab(page)
    # What the page asks the camera for, to see that it lets go of it.
    page.evaluate("""() => {
      window.cameras = [];
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (what) => {
        const camera = await ask(what);
        window.cameras.push(camera);
        return camera;
      };
    }""")


def start(page):
    page.click("#live [data-act=start]")


def wait_for_result(page):
    page.wait_for_selector("#live .status.done")


def state(page) -> str:
    return page.inner_text("#live .status")


def cameras_on(page) -> int:
    return page.evaluate("cameras.flatMap(each => each.getTracks()).filter(each => each.readyState === 'live').length")


def canvas(page) -> np.ndarray:
    """What the page shows as the result, (H, W, 3), not mirrored."""
    # As a picture: a million numbers take Playwright five seconds.
    url = page.evaluate("document.querySelector('#live canvas').toDataURL()")
    return np.array(Image.open(io.BytesIO(b64decode(url.split(",")[1]))).convert("RGB"))


def blue(image: np.ndarray) -> int:
    """How many pixels have the colour of the mask, in the middle of the picture."""
    middle = image[100:300, 150:330].astype(int)
    return int((abs(middle - BLUE).max(axis=2) < 45).sum())


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_mask_is_off_live_and_one_picture_is_on_its_way_at_a_time(browser, demo, line, size):
    touch = {"has_touch": True, "is_mobile": True} if size == PHONE else {}
    with visit(browser, demo, size, **touch) as page:
        open_live(page)
        flying, most, answers = set(), [0], []

        def leaves(request):
            if "/live/" in request.url and not request.url.endswith(("start", "stop")):
                flying.add(request)
                most[0] = max(most[0], len(flying))

        page.on("request", leaves)
        page.on("requestfinished", lambda request: flying.discard(request))
        page.on("response", lambda answer: answers.append(answer.headers) if "/live/" in answer.url else None)
        start(page)
        wait_for_result(page)
        page.wait_for_function("/second/.test(document.querySelector('.live-figures').innerText)")
        assert most == [1] and len([each for each in answers if each.get("x-seen") == "masked"]) >= 2
        camera = picture(240, 170, 4, 1.6)
        assert blue(camera) > 5000, "the test's camera shows no mask"
        assert blue(canvas(page)) < 0.1 * blue(camera)
        for element in ("video", "canvas"):
            turned = page.evaluate(f"getComputedStyle(document.querySelector('#live {element}')).transform")
            assert turned.startswith("matrix(-1"), f"{element} is not like a mirror"
        assert "This is an invention, not the person's face." in page.inner_text("#live")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        stop = page.locator("#live [data-act=stop]").bounding_box()
        assert stop["y"] + stop["height"] < size[1], "the button that stops it is out of sight"
        page.click("#live [data-act=stop]")


def test_no_picture_is_written_to_the_disk(browser, demo, line):
    folder = Path(os.environ["GRADIO_TEMP_DIR"])

    def pictures():
        return {path for path in folder.rglob("*") if path.is_file()}

    with visit(browser, demo) as page:
        open_live(page)
        before = pictures()
        start(page)
        wait_for_result(page)
        page.wait_for_timeout(1500)
        assert pictures() == before


def test_the_button_ends_it_at_once(browser, demo, line):
    with visit(browser, demo) as page:
        open_live(page)
        sent = []
        page.on("request", lambda request: sent.append(request.url) if "/live/" in request.url else None)
        start(page)
        wait_for_result(page)
        assert cameras_on(page) == 1
        page.click("#live [data-act=stop]")
        assert cameras_on(page) == 0 and state(page) == "The camera is off."
        wait_until(lambda: not line.views, 3)
        count = len(sent)
        assert sent[-1].endswith("/stop")
        page.wait_for_timeout(1500)
        assert len(sent) == count
        assert not canvas(page).any(), "the last picture is still there"
        start(page)
        wait_for_result(page)


def test_another_tab_ends_it(browser, demo, line):
    with visit(browser, demo) as page:
        open_live(page)
        start(page)
        wait_for_result(page)
        page.get_by_role("tab", name="Take the mask off").click()
        page.wait_for_function("cameras.every(each => each.getTracks().every(track => track.readyState === 'ended'))")
        wait_until(lambda: not line.views, 3)
        open_live_tab(page)
        assert state(page) == "The camera is off."


def test_a_browser_that_is_gone_is_not_worked_for(browser, demo, line):
    with visit(browser, demo) as page:
        open_live(page)
        start(page)
        wait_for_result(page)
        page.context.set_offline(True)  # not even its last word comes through
        page.wait_for_selector("#live .status.warn")
        assert "The connection was lost" in state(page) and cameras_on(page) == 0
        wait_until(lambda: not line.views, 2 * live_tab.GONE_AFTER)
        page.context.set_offline(False)


def test_the_second_waits_and_then_has_a_turn(browser, demo, line):
    with visit(browser, demo) as first, visit(browser, demo) as second:
        for page in (first, second):
            open_live(page)
        start(first)
        wait_for_result(first)
        start(second)
        second.get_by_text("You are number 2 in line: at most").wait_for()
        assert cameras_on(second) == 1, "one may see oneself while waiting"
        first.close()
        second.bring_to_front()
        wait_for_result(second)


def test_the_end_of_a_turn_and_a_full_line_are_said(browser, demo, line):
    with visit(browser, demo, locale="de-DE") as page:
        open_live(page)
        start(page)
        wait_for_result(page)
        next(iter(line.views.values())).ends = time.monotonic()
        page.get_by_text("Ihre 60 s sind um.").wait_for()
        assert cameras_on(page) == 0
        page.route("**/live/start", lambda route: route.fulfill(status=503, json={}))
        start(page)
        page.get_by_text("Dieser Server hat gerade zu viel zu tun").wait_for()
        assert cameras_on(page) == 0
        page.unroute("**/live/start")
        page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('denied')); }")
        start(page)
        page.get_by_text("Die Kamera ließ sich nicht öffnen").wait_for()


def stop(page):
    """Where it has not ended by itself."""
    page.evaluate("document.querySelector('#live [data-act=stop]').click()")


def save(page, act):
    with page.expect_download(timeout=60_000) as download:
        page.click(f"#live [data-act={act}]")
    return download.value


def assert_says_it_is_a_composite(picture):
    """The notice's strip across the lower edge: dark, with white letters."""
    strip = picture[-picture.shape[0] // 12 : -3].mean(axis=2)
    assert np.median(strip) < 90 and (strip > 180).mean() > 0.03
    letters = (strip > 180).any(axis=0).nonzero()[0]
    assert np.ptp(letters) > 0.6 * picture.shape[1], "the notice is too short to be one"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_snapshot_says_that_it_is_a_composite_and_is_sent_nowhere(browser, demo, line, size):
    touch = {"has_touch": True, "is_mobile": True} if size == PHONE else {}
    with visit(browser, demo, size, **touch) as page:
        open_live(page)
        assert not page.is_visible("#live [data-act=snapshot]"), "there is nothing to save yet"
        start(page)
        wait_for_result(page)
        for act in ("stop", "snapshot", "clip"):
            box = page.locator(f"#live [data-act={act}]").bounding_box()
            assert box["height"] >= 44 and box["y"] + box["height"] < size[1], f"{act} is small or out of sight"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        download = save(page, "snapshot")
        assert all("/live/" in url or url.startswith("blob:") for url in sent)
        assert re.fullmatch(r"unmask-live-\d{4}-\d\d-\d\d-\d{6}-ai-composite\.png", download.suggested_filename)
        file = Image.open(download.path())
        assert file.text["Description"] == NOTICE and file.text["DigitalSourceType"] == DIGITAL_SOURCE_TYPE
        assert file.size == (canvas(page).shape[1], canvas(page).shape[0])
        saved, camera = np.array(file.convert("RGB")), picture(240, 170, 4, 1.6)
        assert blue(saved) < 0.1 * blue(camera), "the mask is still on"
        assert_says_it_is_a_composite(saved)
        # As in the mirror that the page is: the astronaut's flag is on the other side.
        upper = np.s_[: saved.shape[0] // 2]
        turned, straight = (np.abs(saved[upper].astype(int) - each[upper]).mean() for each in (camera[:, ::-1], camera))
        assert turned < straight
        stop(page)
        assert not page.is_visible("#live [data-act=snapshot]") and not page.is_visible("#live [data-act=clip]")


def read_clip(path) -> tuple[list[np.ndarray], float]:
    """Its pictures, RGB, and when the last one is shown, s."""
    video, pictures, end = cv2.VideoCapture(str(path)), [], 0.0
    while (read := video.read())[0]:
        pictures.append(read[1][..., ::-1])
        end = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
    return pictures, end


def test_a_clip_lasts_five_seconds_and_says_what_it_is_throughout(browser, demo, line):
    with visit(browser, demo) as page:
        open_live(page)
        start(page)
        wait_for_result(page)
        label = page.inner_text("#live [data-act=clip]")
        assert label == "Save a clip of 5 s"
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        with page.expect_download(timeout=60_000) as download:
            page.click("#live [data-act=clip]")
            page.get_by_text("Recording, 4 s left").wait_for()
        assert all("/live/" in url or url.startswith("blob:") for url in sent)
        assert re.fullmatch(r"unmask-live-[\d-]+-ai-composite\.(webm|mp4)", download.value.suggested_filename)
        pictures, end = read_clip(download.value.path())
        assert 3.5 < end < 15 and len(pictures) >= 5
        for each in pictures[:: max(len(pictures) // 5, 1)]:
            assert_says_it_is_a_composite(each)
        stop(page)
        assert page.text_content("#live [data-act=clip]") == label


def test_a_clip_that_is_cut_short_is_saved_all_the_same(browser, demo, line):
    with visit(browser, demo) as page:
        open_live(page)
        start(page)
        wait_for_result(page)
        with page.expect_download(timeout=60_000) as download:
            page.click("#live [data-act=clip]")
            page.get_by_text("Recording, 4 s left").wait_for()
            stop(page)
        assert read_clip(download.value.path())[0] and cameras_on(page) == 0


def test_a_browser_that_records_nothing_has_no_button_for_it(browser, demo, line):
    with visit(browser, demo) as page:
        open_live(page)
        page.evaluate("() => { delete window.MediaRecorder; }")
        start(page)
        wait_for_result(page)
        page.wait_for_selector("#live [data-act=snapshot]")
        assert not page.is_visible("#live [data-act=clip]")


def test_a_start_counts_as_a_request_but_pictures_do_not():
    from unmask.web.security.rate_limit import COSTLY

    assert COSTLY.match("/live/start") and not COSTLY.match("/live/3Vx9") and not COSTLY.match("/live/3Vx9/stop")


def test_pictures_a_second(browser, demo, line):
    """The figure, to read with -s. The browser, its camera and the server share the machine's cores."""
    with visit(browser, demo) as page:
        open_live(page)
        arrived = []
        page.on("response", lambda answer: arrived.append(time.monotonic()) if answer.headers.get("x-seen") else None)
        start(page)
        wait_for_result(page)
        give_up = time.monotonic() + 30
        while len(arrived) < 9 and time.monotonic() < give_up:
            page.wait_for_timeout(100)
        print("\n", page.inner_text(".live-figures"))
        rate = (len(arrived) - 1) / (arrived[-1] - arrived[0])
        print(f" {rate:.1f} pictures a second over {arrived[-1] - arrived[0]:.1f} s")
        assert rate > 0.3


def test_a_picture_of_nobody_is_shown_as_it_is(browser, demo, line, tmp_path):
    path = tmp_path / "grey.mjpeg"
    grey = cv2.imencode(".jpg", np.full((360, 480, 3), 127, np.uint8))[1].tobytes()
    path.write_bytes(grey * 4)
    args = [*CHROMIUM_ARGS, f"--use-file-for-fake-video-capture={path}"]
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=args)
    with visit(other, demo) as page:
        open_live(page)
        start(page)
        page.get_by_text("No face is in sight.").wait_for()
        assert abs(canvas(page).astype(int) - 127).max() < 6
    other.close()
