"""Takes the pictures of docs/: the real page in Chromium, as it opens or after a click on an example.

    python scripts/screenshot.py                                    docs/screenshot.png, the first screen
    python scripts/screenshot.py --example p001-photo --out docs/results.png
    python scripts/screenshot.py --example both-photo --out docs/crowd.jpg
    python scripts/screenshot.py --example p005-photo --phone --out docs/phone.jpg
    python scripts/screenshot.py --example p009-photo --dark --out docs/dark.jpg
    python scripts/screenshot.py [--out FILE] [--example NAME] [--dark] [--phone]

Needs the released weights, the extra `dev` of pyproject.toml, and Chromium on the PATH.
"""

import argparse
import shutil
import socket
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshot.png")
    parser.add_argument("--example", help="a file of examples/, without its suffix; by default none is clicked")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--phone", action="store_true")
    args = parser.parse_args()

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no Chromium on the PATH.", file=sys.stderr)
        return 1

    sys.path.insert(0, str(ROOT))
    from unmask.web import launch

    demo = launch("127.0.0.1", free_port(), wait=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            viewport=PHONE if args.phone else DESKTOP, color_scheme="dark" if args.dark else "light"
        )
        page.goto(demo.local_url)
        if args.example:
            show_results(page, args.example)
        else:
            show_first_screen(page)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=args.out, full_page=bool(args.example))
        browser.close()
    demo.close()
    print(args.out)
    return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def show_first_screen(page: Page) -> None:
    """Wait until every picture on it has come."""
    page.wait_for_selector("#photo input[type=file]", state="attached", timeout=60_000)
    page.wait_for_function(
        "[...document.images].every((each) => each.complete) && document.querySelector('.first-result img')"
    )
    page.wait_for_timeout(1000)


def show_results(page: Page, example: str) -> None:
    """Click an example and look at each of its results: what is never on the screen is never drawn."""
    page.locator(f'#examples button:has(img[src*="/{example}."])').click(timeout=60_000)
    page.wait_for_selector("#run-status .done", timeout=120_000)
    for card in page.locator("#results .card:visible").all():
        card.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
    page.mouse.move(0, 0)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    sys.exit(main())
