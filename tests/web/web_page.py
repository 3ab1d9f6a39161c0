"""What the browser tests share: the page as a visitor opens it, what one does there, and what one sees."""

import io
import re
import shutil
import socket
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from PIL import Image

from unmask.faces.face import Face
from unmask.web import events, launch
from unmask.web.mask_layers import MASK_COLOR
from unmask.web.session import EDITOR_SIZE

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUMS)), None)
# The camera is Chromium's own test picture, and nobody is asked for leave to use it.
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
DESKTOP, PHONE = (1280, 900), (390, 844)
MODEL = "GANMasker"
# Six frames in a row, and a tenth of a second: a busy machine draws few frames, an idle one many.
SETTLED = """async selectors => {
  const look = () => selectors.flatMap(each => [...document.querySelectorAll(each)]).map(each => {
    const { x, y, width, height } = each.getBoundingClientRect();
    return { x, y, width, height, scrolled: scrollY };
  });
  let seen, same = 0, since = performance.now();
  while (same < 6 || performance.now() - since < 100) {
    await new Promise(requestAnimationFrame);
    const now = look();
    if (JSON.stringify(now) === JSON.stringify(seen)) same += 1;
    else [seen, same, since] = [now, 0, performance.now()];
  }
  return seen;
}"""
# WebGL by software takes cores for what a graphics card does in passing, so the editor's library, Pixi, is told of a
# card that mixes one texture at a time instead of 16, of which its shader would try each for every pixel; it draws ten
# times a second, which is enough, and leaves out the blurred shadow below the picture.
SPARING = """{
  for (const { prototype } of [WebGLRenderingContext, WebGL2RenderingContext]) {
    const { getParameter, MAX_TEXTURE_IMAGE_UNITS } = prototype;
    prototype.getParameter = function (name) {
      return name === MAX_TEXTURE_IMAGE_UNITS ? 1 : getParameter.call(this, name);
    };
  }
  let drawn;
  Object.defineProperty(globalThis, "__PIXI_APP__", { get: () => drawn, set: app => {
    const { init } = drawn = app;
    app.init = async options => {
      await init.call(app, options);
      app.ticker.maxFPS = 10;
      setTimeout(() => app.stage.children.flatMap(each => each.children).forEach(each => each.filters = []));
    };
  } });
}"""
_ports = {}  # in the order in which they were given
_left = weakref.WeakKeyDictionary()  # browser -> kind of visitor -> contexts whose visitors have left
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def free_port() -> int:
    """A port of this machine that nobody listens on; one that was given before, if its server is gone.

    A browser keeps what it has compiled of a page by the page's address.
    """
    for port in [*_ports, 0]:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # also just after the last server has gone
            probe.bind(("127.0.0.1", port))
            _ports[probe.getsockname()[1]] = None
            return probe.getsockname()[1]
    raise OSError("no port is free")


def middle_face(photo: np.ndarray) -> Face:
    """What a stand-in finds in a photo (H, W, 3): a face in its middle, which is not the whole of it."""
    height, width = photo.shape[:2]
    return Face(box=(0, 0, width, height), center=(width / 2, height / 2), side=0.9 * min(height, width))


@contextmanager
def serve(unmasker=None):
    """The demo as `python app.py` starts it, with this Unmasker."""
    demo = launch("127.0.0.1", free_port(), wait=False, unmasker=unmasker)
    yield demo
    demo.close()


@contextmanager
def one_at_work(unmasker):
    """The demo with this Unmasker and, on any number of cores, one visitor at work while the others wait."""
    with pytest.MonkeyPatch.context() as patch:
        for group in (events.COMPUTE, events.HEAVY):
            patch.setitem(group, "concurrency_limit", 1)
        demo = launch("127.0.0.1", free_port(), wait=False, unmasker=unmasker)
    yield demo
    demo.close()


@contextmanager
def open_browser(playwright, *more_args):
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, *more_args])
    yield browser
    browser.close()


@contextmanager
def visit(browser, demo, size=DESKTOP, **options):
    """One visitor's page. Fails on a script error, and on any request that leaves this machine.

    Who has left leaves the browser's context to the next visitor of the same kind, without what their page has stored:
    the scripts that the browser has compiled are there again, which saves 0.3 of 1.6 seconds of a core.
    """
    width, height = size
    preferred = {name: options.pop(name) for name in ("color_scheme", "reduced_motion") if name in options}
    left = _left.setdefault(browser, {}).setdefault(repr(sorted(options.items())), [])
    if left:
        context = left.pop()
    else:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.grant_permissions(["camera"])
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(**preferred)
    page.add_init_script(SPARING)
    forget = {"origin": demo.local_url.rstrip("/"), "storageTypes": "cookies,local_storage,indexeddb,cache_storage"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)
    page.set_default_timeout(60_000)  # the machine may have other work
    faults = []
    local = (demo.local_url, "data:", "blob:")

    def check(response):
        # Gradio asks for the progress of a picture from the camera under an empty name: no fault of ours. The live
        # view's turn is over, or its line is full: no fault at all.
        expected = "/live/" in response.url and response.status in (410, 503)
        if response.status >= 400 and not expected and not response.url.endswith("upload_id="):
            faults.append(f"{response.status} {response.url}")

    page.on("request", lambda request: request.url.startswith(local) or faults.append(request.url))
    page.on("response", check)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(demo.local_url)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    yield page
    for each in context.pages:
        each.close()
    left.append(context)
    assert not faults, faults


def in_both_schemes(page):
    """Once in a browser that prefers light colours, once in one that prefers dark ones. Yields which."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        yield scheme


def give_photo(page, path):
    page.set_input_files("#photo input[type=file]", path)


def wait_until_done(page):
    page.wait_for_selector("#run-status .done")


def mask_status(page) -> str:
    """What the page says about the mask; for a moment, while the text is exchanged, it says nothing."""
    page.wait_for_function("document.querySelector('#mask-status')?.innerText.trim()")
    return page.inner_text("#mask-status")


@contextmanager
def mask_change(page):
    """Wait until the page has said something new: on the mask, or on the results that it outdates."""
    for line in page.locator("#mask-status .status, #run-status .status").all():
        line.evaluate("line => line.classList.add('old')")
    yield
    page.wait_for_selector(":is(#mask-status, #run-status) .status:not(.old)")


def toast(page) -> str:
    """The text of the message that has just popped up; it is closed."""
    text = page.locator(".toast-body").last.inner_text()
    page.locator(".toast-close").first.click()
    return text


def read_download(page, button) -> Image.Image:
    with page.expect_download() as download:
        button.click()
    return Image.open(download.value.path())


def download_mask(page) -> np.ndarray:
    return np.array(read_download(page, page.get_by_role("button", name="Download the mask")))


def card(page, title: str = MODEL):
    return page.locator("#results .card").filter(has=page.get_by_role("heading", name=title, exact=True))


def tiles(page, title: str = ""):
    """The small pictures of all results, or that of one model."""
    found = page.locator("#results .tile")
    return found.filter(has=page.get_by_text(title, exact=True)) if title else found


def bring_up(page, title: str = MODEL):
    """A model's card, made the large one."""
    tiles(page, title).click()
    card(page, title).locator("h3").wait_for()
    return card(page, title)


def download_result(page, title: str = MODEL) -> np.ndarray:
    return np.array(read_download(page, bring_up(page, title).get_by_text("Download at full size")))


def run_again(page):
    """Press the button and wait for new results."""
    page.evaluate("document.querySelector('#run-status .status').classList.add('old')")
    page.click("#run")
    page.wait_for_selector("#run-status .done:not(.old)")


def screenshot(page, selector: str) -> np.ndarray:
    """What is on the screen there, RGB."""
    return np.array(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB"))


def settled(page, *selectors: str) -> list[dict[str, float]]:
    """Where all that is selected is on the screen (x, y, width, height; px), and how far the page is scrolled (px).

    Once it lies still: pictures that come in and the page's own scrolling move things for a moment, and two calls would
    see two moments.
    """
    return page.evaluate(SETTLED, list(selectors))


@dataclass
class Canvas:
    """Where the editor has drawn its working copy: the top-left corner and the side, px of the screen.

    `scrolled` is how far the page was scrolled then.
    """

    x: float
    y: float
    side: int
    scrolled: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A point of the working copy, given as shares of its side, on the page."""
        return self.x + x * self.side, self.y + y * self.side


def open_editor(page):
    """Put the mask's editor in the place of the still, if it is not there."""
    if not page.locator(".workbench.open").count():
        page.get_by_role("button", name="Edit the mask", exact=True).click()
        page.wait_for_selector(".workbench.open #editor canvas")


def look_at_editor(page, copy: np.ndarray) -> tuple[Canvas, np.ndarray]:
    """Find the working copy in a screenshot of the editor: where it is, and which pixels are tinted."""
    open_editor(page)
    page.locator("#editor").scroll_into_view_if_needed()
    page.mouse.move(5, 5)  # the brush draws its outline under the pointer
    page.wait_for_timeout(400)
    settled(page, "#editor")
    shot = screenshot(page, "#editor")
    zoom = int(re.search(r"(\d+)%", page.inner_text("#editor .zoom-number")).group(1)) / 100
    matches = []
    for side in range(round(EDITOR_SIZE * zoom) - 3, round(EDITOR_SIZE * zoom) + 4):  # the page rounds the zoom
        plain = cv2.resize(copy, (side, side), interpolation=cv2.INTER_AREA)
        error, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(shot, plain, cv2.TM_SQDIFF_NORMED))
        matches.append((error, x, y, plain))
    _, x, y, plain = min(matches, key=lambda match: match[0])
    side = len(plain)
    (box,) = settled(page, "#editor")
    return Canvas(box["x"] + x, box["y"] + y, side, box["scrolled"]), tinted(shot[y : y + side, x : x + side], plain)


def look_at_still(page, copy: np.ndarray) -> tuple[Canvas, np.ndarray]:
    """Where the still shows the working copy, and which of its pixels are tinted."""
    page.wait_for_function("[...document.querySelectorAll('#still img')].every(each => each.complete)")
    page.locator("#still .still > div").scroll_into_view_if_needed()
    (box,) = settled(page, "#still .still > div")
    shot = screenshot(page, "#still .still > div")
    side = round(box["width"])  # of the screenshot's pixels some are cut by its edge
    shot = cv2.resize(shot, (side, side))
    return Canvas(box["x"], box["y"], side, box["scrolled"]), tinted(shot, cv2.resize(copy, (side, side)))


def tinted(shot: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Where a picture on the screen is pinker than it is by itself: uint8 (H, W)."""
    toward_pink = np.array(MASK_COLOR) - plain.astype(float)
    change = shot - plain.astype(float)
    tint = (change * toward_pink).sum(axis=2) / np.maximum((toward_pink**2).sum(axis=2), 1)
    return np.where(tint > 0.3, 255, 0).astype(np.uint8)


def stroke(page, canvas: Canvas, tool: str, points: list[tuple[float, float]]):
    """Draw through `points` of the working copy (shares of its side) with the tool of that name."""
    page.get_by_label(tool, exact=True).click()
    page.mouse.move(*canvas.point(*points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*canvas.point(*point), steps=3)  # a browser without a graphics card takes long over each
    page.mouse.up()


def wait_for_edits(page):
    """Wait until the server knows of every stroke, and what they have set off is over."""
    page.wait_for_selector("#edits:not(:has(.unheard)):not(:has(.at-work))", state="attached")


def drag(page, canvas: Canvas, tool: str, points: list[tuple[float, float]]):
    """A stroke, and what follows by itself."""
    stroke(page, canvas, tool, points)
    wait_for_edits(page)


def begin_editing(page):
    """With a finger: until then a swipe there turns the page."""
    page.get_by_role("button", name="Edit the mask", exact=True).tap()
    page.wait_for_selector(".workbench.editing #editor canvas")


def open_live_tab(page):
    """The third tab."""
    page.locator("button[role=tab]:visible").nth(2).click()
    page.wait_for_selector("#live [data-act=start]")
