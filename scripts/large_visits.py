"""Visits with the largest picture that is taken: what they cost the server, and what each visitor is answered.

    python scripts/large_visits.py --visits 200 --at-once 20 --megapixels 49

starts a server and gives it the picture as the page does: `--visits` visits one after another and then `--at-once`
together, each in a session of its own that is never closed, as of somebody who forgets the tab. Every picture has a
colour of its own in a corner, by which its result must be known again. It prints as JSON how many got their own result
and which sentence the others got, the median and longest time, and the server's memory: its peak, and the highest of
each quarter of the visits, over all that came one after another. --minutes ends it early, and says so. Exit status 1
when someone got neither result nor sentence, or another's picture, or when the peak is above --limit.

The long run: `--visits 2000 --at-once 0 --megapixels 2 --pause 1 --go 5 --flat 3`, an hour on two idle cores, in which
of five visitors one breaks off the upload and one closes the tab while the models paint. It fails, too, when the
memory's last quarter is above the second by more than 3 %. `--visits 150 --minutes 3` is its short form.
"""

import argparse
import asyncio
import io
import json
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts import load  # noqa: E402
from unmask.imaging.reader import read_photo  # noqa: E402
from unmask.registry import DEFAULT_MODELS  # noqa: E402
from unmask.web.components.guide_panel import GUIDED  # noqa: E402

# Whose results end a visit: landmark-guided goes on with other expressions when all is done.
MODELS = [name for name in DEFAULT_MODELS if name != GUIDED]
FACE = ROOT / "examples" / "astronaut-cloth.png"
MARK = 16  # of the side: an edge of the square that says whose picture it is
FAR = 24  # how far a JPEG may move that square's colour; two visitors' differ by more in a channel
BUSY = re.compile(r"busy|full|too many|try again|once more", re.IGNORECASE)


@dataclass
class Seen:
    """What the visits gave."""

    results: int = 0
    sentences: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # resident MB after each visit that came alone
    done: int = 0
    left: int = 0  # visitors who broke off an upload, or closed the tab while the models painted


def colour_of(number: int) -> tuple[int, int, int]:
    """A visitor's own, 27 of them by turns."""
    return tuple(40 + 85 * (number // 3**channel % 3) for channel in range(3))  # type: ignore[return-value]


def picture(number: int, megapixels: float) -> bytes:
    """A masked face, so large, with the visitor's square in a corner: a JPEG."""
    side = int((megapixels * 1e6) ** 0.5)
    photo = cv2.resize(read_photo(FACE), (side, side), interpolation=cv2.INTER_CUBIC)
    photo[: side // MARK, : side // MARK] = colour_of(number)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=80)
    return file.getvalue()


def pictures_in(outputs: object) -> list[str]:
    """The server's own paths of all pictures that these outputs show."""
    return sorted(set(re.findall(r'file=([^"\'&\s)\\]+\.(?:jpe?g|png|webp))', json.dumps(outputs))))


async def visit(visitor: load.Visitor, number: int, megapixels: float, seen: Seen) -> None:
    """Give the picture, wait for all results, and look whose they are."""
    began = time.perf_counter()
    try:
        given = await visitor.upload("photo.jpg", await asyncio.to_thread(picture, number, megapixels))
        outputs = await visitor.outputs("take_photo", [given, None, MODELS, None, 1.0])
        if not any("Done" in str(output) for output in outputs):
            seen.sentences[str(visitor.told[-1:] or "no result and no word")] += 1
            if not visitor.told:
                seen.errors.append(f"visit {number}: neither a result nor a sentence")
            return
        check_own([await visitor.fetch({"path": path}) for path in pictures_in(outputs)], number)
        seen.results += 1
    except load.LoadError as error:
        (seen.sentences.update if BUSY.search(str(error)) else seen.errors.extend)([str(error)])
    except (httpx.HTTPError, ValueError) as error:
        seen.errors.append(f"visit {number}: {type(error).__name__}: {error}")
    finally:
        seen.seconds.append(time.perf_counter() - began)
        seen.done += 1


class GoneError(Exception):
    """The visitor's connection broke."""


async def break_off(web: httpx.AsyncClient, data: bytes) -> None:
    """Begin an upload, and end the connection half-way."""
    head = b'--part\r\nContent-Disposition: form-data; name="files"; filename="photo.jpg"\r\n\r\n'

    async def half() -> AsyncIterator[bytes]:
        yield head + data[: len(data) // 2]
        raise GoneError

    headers = {"Content-Type": "multipart/form-data; boundary=part", "Content-Length": str(len(head) + len(data) + 12)}
    try:
        await web.post(load.API + "upload", content=half(), headers=headers)
    except GoneError:
        pass


async def close_tab(visitor: load.Visitor, data: bytes) -> None:
    """Give a photo, and go while the models paint."""
    given = await visitor.upload("photo.jpg", data)
    await visitor.join("take_photo", [given, None, MODELS, None, 1.0])
    await visitor.leave(after="process_generating")


def check_own(files: list[bytes], number: int) -> None:
    """Raises LoadError where a picture has a square of another's colour, and none has one's own; a cut has no square,
    and may by chance have such a colour in its corner."""
    corners = [read_photo(file)[:3, :3].reshape(-1, 3).mean(0) for file in files]

    def shown(other: int) -> bool:
        return any(np.abs(corner - colour_of(other)).max() < FAR for corner in corners)

    if not shown(number) and any(map(shown, range(27))):
        raise load.LoadError(f"visit {number}: somebody else's picture")


async def run(
    url: str, pid: int, visits: int, at_once: int, megapixels: float, minutes: float, pause: float = 0, go: int = 0
) -> Seen:
    """go: of so many visitors in turn one breaks off the upload and one closes the tab; 0 is nobody."""
    seen, until = Seen(), time.monotonic() + 60 * minutes
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=load.PATIENCE, limits=limits) as web:
        functions = await load.named_functions(web)

        def one(number: int):
            return visit(load.Visitor(web, functions, load.Figures()), number, megapixels, seen)

        for number in range(visits):
            if time.monotonic() > until:
                break
            if go and number % go in (go - 2, go - 1):
                data = await asyncio.to_thread(picture, number, megapixels)
                visitor = load.Visitor(web, functions, load.Figures())
                await (break_off(web, data) if number % go == go - 2 else close_tab(visitor, data))
                seen.left += 1
            else:
                await one(number)
            seen.memory.append(load.resident(pid))
            await asyncio.sleep(pause)
        if at_once and time.monotonic() < until:
            await asyncio.gather(*map(one, range(visits, visits + at_once)))
    return seen


def peak(pid: int) -> float:
    """MB that a process has had in use at most; nan where that is not told."""
    return load.resident(pid, "VmHWM")


def quarters(memory: list[float]) -> list[float]:
    """The highest of each quarter of these."""
    return [float(np.max(part)) for part in np.array_split(memory, 4) if len(part)]


def growth(memory: list[float]) -> float:
    """By how many per cent the last quarter's highest is above the second's: what comes first only fills caches."""
    highest = quarters(memory)
    return 100 * (highest[-1] / highest[1] - 1) if len(highest) == 4 else 0.0


def report(seen: Seen, most: float, asked: int) -> dict[str, object]:
    return {
        "visits": f"{seen.done + seen.left} of {asked}",
        "broke off or closed the tab": seen.left,
        "own results": seen.results,
        "sentences": dict(seen.sentences),
        "errors": seen.errors,
        "seconds, median and longest": [round(float(value), 1) for value in np.quantile(seen.seconds, [0.5, 1])],
        "peak MB": round(most),
        "resident MB, highest of each quarter": [round(each) for each in quarters(seen.memory)],
        "growth from the second quarter to the last, %": round(growth(seen.memory), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=200, help="one after another (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=20, help="after them, together (default: %(default)s)")
    parser.add_argument("--megapixels", type=float, default=49, help="of the picture (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="after which nobody new comes")
    parser.add_argument("--pause", type=float, default=0, help="s between two visits")
    parser.add_argument("--go", type=int, default=0, help="of so many visitors one breaks off and one closes the tab")
    parser.add_argument("--flat", type=float, default=None, help="per cent by which the memory may grow")
    parser.add_argument("--limit", type=float, default=3000, help="MB that the server may take (default: %(default)s)")
    args = parser.parse_args()
    process, url = load.start_server()
    try:
        options = (args.visits, args.at_once, args.megapixels, args.minutes, args.pause, args.go)
        seen = asyncio.run(run(url, process.pid or 0, *options))
        most = peak(process.pid or 0)
    finally:
        process.terminate()
        process.join(20)
    print(json.dumps(report(seen, most, args.visits + args.at_once), indent=1, ensure_ascii=False))
    grows = args.flat is not None and growth(seen.memory) > args.flat
    return int(bool(seen.errors) or most > args.limit or grows)


if __name__ == "__main__":
    sys.exit(main())
