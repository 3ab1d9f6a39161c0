"""Live: the face is followed, nothing flickers, and nobody holds the machine; without a browser."""

import asyncio
import time

import cv2
import httpx
import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.paths import EXAMPLES
from tests.threads import run_in_thread
from unmask import Unmasker, live, read_photo
from unmask.faces.face import Face
from unmask.imaging.metadata import NOTICE
from unmask.live import LOST, LiveResult, LiveUnmasker, OneEuroFilter, _moved
from unmask.web.tabs import live_tab
from unmask.web.tabs.live_tab import GONE_AFTER, LONGEST_SIDE, MOST_EACH, MOST_WAITING, Line, routes

pytestmark = pytest.mark.slow

RATE = 8  # pictures a second
MASKED = read_photo(EXAMPLES / "astronaut-photo.png")
FACE_AT = (226, 107)  # x, y of the middle of its face's crop


def picture(x=240.0, y=170.0, turn=0.0, scale=1.3, noise=3.0, seed=0) -> np.ndarray:
    """A camera's picture, (360, 480, 3): the astronaut with her face's middle at x, y, and a sensor's noise."""
    matrix = cv2.getRotationMatrix2D(FACE_AT, turn, scale)
    matrix[:, 2] += np.array([x, y]) - FACE_AT
    moved = cv2.warpAffine(MASKED, matrix, (480, 360), borderValue=(120, 130, 140), flags=cv2.INTER_CUBIC)
    return np.clip(moved + np.random.default_rng(seed).normal(0, noise, moved.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def unmasker():
    return Unmasker(device="cpu")


# ---------------------------------------------------------------- smoothing and following


def test_one_euro_calms_what_rests_and_follows_what_moves():
    rng, smooth = np.random.default_rng(0), OneEuroFilter(cutoff=0.5, slope=8.0)
    noisy = rng.normal(5, 0.01, (80, 2))
    out = np.array([smooth(value, i / RATE) for i, value in enumerate(noisy)])
    assert out[20:].std() < 0.6 * noisy[20:].std() and abs(out[20:].mean() - 5) < 0.01
    moving = [smooth(np.full(2, 5 + 0.5 * i / RATE), (80 + i) / RATE)[0] for i in range(17)]  # 0.5 a second
    assert 6 - moving[-1] < 0.5 / RATE, "more than a picture behind"
    smooth.reset()
    assert (smooth(np.zeros(2), 20.0) == 0).all()


def test_a_moving_face_is_followed_and_the_finder_rarely_looks(unmasker, monkeypatch):
    looks = []
    detect = live.detect
    monkeypatch.setattr(live, "detect", lambda *args: looks.append(args[1].shape) or detect(*args))
    view = LiveUnmasker(unmasker)
    for i in range(2 * RATE):
        now = i / RATE
        x, y, turn = 240 + 40 * np.sin(2 * now), 170 + 15 * np.sin(3 * now), 8 * np.sin(1.5 * now)
        shot = picture(x, y, turn, seed=i)
        result = view(shot, now)
        assert result.masked and result.image.shape == shot.shape
        lag = np.hypot(result.face.center[0] - x, result.face.center[1] - y) / result.face.side
        assert lag < 0.12, f"the crop is beside the face: {lag:.2f} sides"
        changed = np.argwhere((result.image != shot).any(axis=2))[:, ::-1]
        corners = result.face.corners().astype(np.float32)
        inside = [cv2.pointPolygonTest(corners, point.astype(float).tolist(), True) >= -2 for point in changed[::50]]
        assert all(inside) and 0.005 < len(changed) / (360 * 480) < 0.25
    assert looks == [(360, 480, 3)] + [(live.LOOK, live.LOOK, 3)] * (2 * RATE - 1)


def test_a_face_at_rest_neither_trembles_nor_flickers(unmasker):
    def watch(smooth):
        view = LiveUnmasker(unmasker, smooth=smooth)
        results = [view(picture(noise=6.0, seed=i), i / RATE) for i in range(16)][6:]
        assert all(result.masked for result in results)
        places = np.array([[*each.face.center, each.face.side] for each in results])
        images = np.array([cv2.GaussianBlur(each.image[170:230, 200:280], (0, 0), 2) for each in results], float)
        return places.std(axis=0).max(), images.std(axis=0).mean()

    (place, flicker), (raw_place, raw_flicker) = watch(True), watch(False)
    assert place < 0.7 * raw_place
    assert flicker < 0.85 * raw_flicker


class Blinking(Unmasker):
    """Its segmentation model sees the mask in every second picture only."""

    count = 0

    def model(self, name, output=None):
        model = super().model(name)
        if name != "mseg":
            return model

        def half_blind(x):
            self.count += 1
            return model(x) * (self.count % 2)

        half_blind.size = model.size
        return half_blind


def test_a_mask_that_is_missed_once_stays_off():
    shots = [picture(seed=i) for i in range(6)]

    def masked(smooth):
        view = LiveUnmasker(Blinking("cpu"), smooth=smooth)
        return [view(shot, i / RATE).masked for i, shot in enumerate(shots)]

    assert masked(False) == [True, False] * 3
    assert masked(True) == [True] * 6


def test_after_a_jump_nothing_of_before_is_left(unmasker):
    view = LiveUnmasker(unmasker)
    for i in range(4):
        view(picture(130, 150, scale=1.0, seed=i), i / RATE)
    there = picture(350, 200, scale=1.5, seed=9)
    result, fresh = view(there, 4 / RATE), LiveUnmasker(unmasker)(there, 0.0)
    assert result.masked and np.hypot(result.face.center[0] - 350, result.face.center[1] - 200) < 20
    assert np.allclose(result.face.center, fresh.face.center, atol=6)
    # The landmarks may come from another start; the mask and the fill are those of this picture alone.
    assert np.abs(result.image.astype(float) - fresh.image).mean() < 1.0


def test_nobody_and_a_bare_face_are_shown_as_they_are(unmasker):
    view = LiveUnmasker(unmasker)
    assert view(picture(), 0.0).masked
    grey = np.full((360, 480, 3), 127, np.uint8)
    for now in (0.1, 1.5):
        result = view(grey, now)
    assert result.face is None and not result.masked and np.array_equal(result.image, grey)
    bare = cv2.resize(read_photo(EXAMPLES / "hopper.png"), (360, 360))
    result = view(bare, 1.6)
    assert result.face is not None and not result.masked and np.array_equal(result.image, bare)
    assert view(picture(), 1.7).masked


# ---------------------------------------------------------------- the line, and what the page calls


class Stand:
    """In the place of LiveUnmasker: inverts, in its own time."""

    pause = 0.0

    def __init__(self, unmasker):
        pass

    def __call__(self, image, now):
        time.sleep(self.pause)
        return LiveResult(255 - image, None, True)


def jpeg(width=LONGEST_SIDE, height=360) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 200, np.uint8))[1].tobytes()


@pytest.fixture
def line(monkeypatch):
    monkeypatch.setattr(live_tab, "LiveUnmasker", Stand)
    return Line(None, seconds=60)


@pytest.fixture
def client(line):
    with TestClient(Starlette(routes=routes(line))) as client:
        yield client


def join(client, **options):
    return client.post("/live/start", **options).json()


def test_a_picture_comes_back_and_nothing_of_it_stays(client, line):
    ticket = join(client)["ticket"]
    answer = client.post(f"/live/{ticket}", content=jpeg())
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-seen"] == "masked"
    assert 50 < int(answer.headers["x-left"]) <= 60
    assert NOTICE.encode() in answer.content
    assert abs(read_photo(answer.content).astype(int) - 55).max() < 5
    client.post(f"/live/{ticket}/stop")
    assert not line.views
    assert client.post(f"/live/{ticket}", content=jpeg()).status_code == 410


def test_bad_pictures_get_a_sentence(client):
    ticket = join(client)["ticket"]
    for content, code in (
        (b"no picture", 400),
        (jpeg()[:400], 400),
        (jpeg(LONGEST_SIDE + 1), 400),
        (jpeg() + bytes(live_tab.MOST_BYTES), 413),
    ):
        assert client.post(f"/live/{ticket}", content=content).status_code == code
    assert "px" in client.post(f"/live/{ticket}", content=jpeg(600)).json()["error"]
    assert client.post(f"/live/{ticket}", content=jpeg()).status_code == 200, "it has cost the view"


def test_one_at_a_time_the_others_are_told_their_place(client, line):
    first, second, third = (join(client) for _ in range(3))
    assert [each["place"] for each in (first, second, third)] == [0, 1, 2]
    assert 55 <= second["seconds"] <= 60 and 115 <= third["seconds"] <= 120
    waiting = client.post(f"/live/{second['ticket']}", content=jpeg())
    assert waiting.status_code == 202 and waiting.json()["place"] == 1
    client.post(f"/live/{first['ticket']}/stop")
    assert client.post(f"/live/{second['ticket']}").status_code == 204
    assert client.post(f"/live/{second['ticket']}", content=jpeg()).status_code == 200
    assert client.post(f"/live/{third['ticket']}").json()["place"] == 1


def test_a_turn_ends_and_the_next_begins(client, line):
    line.seconds = 0.3
    first, second = join(client), join(client)
    assert client.post(f"/live/{first['ticket']}", content=jpeg()).status_code == 200
    time.sleep(0.35)
    assert client.post(f"/live/{first['ticket']}", content=jpeg()).status_code == 410
    assert client.post(f"/live/{second['ticket']}", content=jpeg()).status_code == 200


def test_the_line_is_not_endless(line):
    assert [line.join("a") is None for _ in range(MOST_EACH + 1)] == [False] * MOST_EACH + [True]
    others = [line.join(str(i)) for i in range(MOST_WAITING + 5)]
    assert len(line.views) == MOST_WAITING + 1 and others[-1] is None


def test_who_is_gone_is_forgotten_without_another_request(client, line, monkeypatch):
    monkeypatch.setattr(live_tab, "GONE_AFTER", 0.2)
    ticket = join(client)["ticket"]
    client.post(f"/live/{ticket}", content=jpeg())
    assert line.views
    time.sleep(0.5)
    assert not line.views
    assert GONE_AFTER <= 5


def test_a_second_picture_is_dropped_while_the_first_is_worked_on_and_none_come_too_fast(line, monkeypatch):
    async def rush():
        transport = httpx.ASGITransport(Starlette(routes=routes(line)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as web:
            ticket = (await web.post("/live/start")).json()["ticket"]
            monkeypatch.setattr(Stand, "pause", 0.3)
            codes = await asyncio.gather(*(web.post(f"/live/{ticket}", content=jpeg()) for _ in range(4)))
            monkeypatch.setattr(Stand, "pause", 0.0)
            began = time.monotonic()
            for _ in range(5):
                assert (await web.post(f"/live/{ticket}", content=jpeg())).status_code == 200
            return sorted(answer.status_code for answer in codes), time.monotonic() - began

    codes, seconds = run_in_thread(rush())
    assert codes == [200, 409, 409, 409]
    assert seconds > 4 * live_tab.FASTEST


def test_broken_weights_are_said_in_the_visitors_language(monkeypatch):
    from unmask import WeightsError

    class Broken(Stand):
        def __call__(self, image, now):
            raise WeightsError("The weights of {model} are missing on this machine.", model="GANMasker")

    monkeypatch.setattr(live_tab, "LiveUnmasker", Broken)
    with TestClient(Starlette(routes=routes(Line(None)))) as client:
        ticket = join(client)["ticket"]
        answer = client.post(f"/live/{ticket}", content=jpeg(), headers={"accept-language": "de-DE"})
    assert answer.status_code == 500 and answer.json()["error"].startswith("Die Gewichte von GANMasker fehlen")


def test_speed(unmasker):
    """Not only a figure to read (`-s`): a stream that has become ten times slower would be none."""
    view, times = LiveUnmasker(unmasker), []
    for i in range(12):
        shot = picture(240 + 3 * i, seed=i)
        began = time.perf_counter()
        view(shot, i / RATE)
        times.append(time.perf_counter() - began)
    middle = float(np.median(times[2:]))
    print(f"\n{1 / middle:.1f} pictures a second, {1000 * middle:.0f} ms each, {torch.get_num_threads()} threads")
    assert middle < 2.0


def test_an_upside_down_face_does_not_spin_from_pi_to_minus_pi():
    """Half a turn may be read as pi or as -pi: to the follower that is no movement, and no way to be smoothed over."""
    faces = [Face(box=(0, 0, 9, 9), center=(50, 50), side=40, angle=angle) for angle in (3.13, -3.13, 3.14)]
    assert _moved(faces[0], faces[1]) < 0.03 < LOST
    live = LiveUnmasker(Unmasker("cpu"))
    placed = [live._smooth_place(face, now).angle for now, face in enumerate(faces)]
    assert all(abs(abs(angle) - np.pi) < 0.03 for angle in placed)
