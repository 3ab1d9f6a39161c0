"""Feed the decoder damaged and crafted pictures: nothing but PhotoError may come out, in bounded time and memory.

    python scripts/fuzz.py --count 10000

Real files of every format, drawn here or made from examples/, are mutated; known bombs follow, up to the upload
limit. All of it goes through `read_photo` and `read_mask`, in child processes whose memory is limited. Exit status 1
when anything else than a picture or a PhotoError comes out, or a limit is passed.
"""

import argparse
import faulthandler
import json
import multiprocessing
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from bombs import bombs  # noqa: E402
from damaged_files import mutation, real_files  # noqa: E402

from unmask.imaging.reader import MAX_BYTES, PhotoError, read_photo  # noqa: E402
from unmask.masks import read_mask  # noqa: E402

BATCH = 500  # mutations a child process takes
SECONDS = 2.0  # of processor time that one file may take; more counts as a hang
PATIENCE = 300.0  # s of the clock, on however busy a machine, until a child is killed
MEGABYTES = 1500  # that decoding may need beyond what the process has: RLIMIT_AS


def memory(field: str) -> float:
    """VmHWM, VmRSS or VmSize of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def examine(data: bytes) -> dict:
    """One file through both readers: what came out, processor time in ms, and the peak of memory in MB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, outcome, start = memory("VmRSS"), {}, time.process_time()
    for name, read in (("photo", read_photo), ("mask", read_mask)):
        try:
            picture = read(data)
            fits = picture.dtype == np.uint8 and picture.ndim == (3 if name == "photo" else 2) and picture.size
            outcome[name] = "accepted" if fits else f"a picture of {picture.dtype} {picture.shape}"
        except PhotoError as error:
            outcome[name] = "refused"
            outcome["reason"] = str(error)
        except BaseException:
            outcome[name] = traceback.format_exc(limit=-3)
        outcome[name + " ms"] = round(1000 * (time.process_time() - start), 1)
        start = time.process_time()
    return outcome | {"MB": round(memory("VmHWM") - before)}


def work(pipe, make: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    """In the child process: examine what `make` yields, telling the parent before and after each."""
    faulthandler.enable()
    warnings.filterwarnings("ignore", category=UserWarning)  # Pillow's on corrupt EXIF
    limit = int((memory("VmSize") + MEGABYTES) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, data in make():
        pipe.send((name, None))
        pipe.send((name, examine(data)))
    pipe.close()


def run_child(make: Callable[[], Iterator[tuple[str, bytes]]]) -> Iterator[tuple[str, dict]]:
    """The outcome of each file, from a child process; that of a crash or a hang for the one that did it."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=work, args=(theirs, make), daemon=True)
    child.start()
    theirs.close()
    name = "the first file"
    try:
        while True:
            if not ours.poll(PATIENCE):
                yield name, {"photo": f"no answer in {PATIENCE:.0f} s", "mask": "", "MB": 0}
                return
            name, outcome = ours.recv()
            if outcome is not None:
                yield name, outcome
    except EOFError:
        child.join()
        if child.exitcode:
            yield name, {"photo": f"the process ended with status {child.exitcode}", "mask": "", "MB": 0}
    finally:
        child.kill()
        child.join()


def fault(outcome: dict, seconds: float) -> str | None:
    """What is wrong with an outcome, if anything is."""
    for name in ("photo", "mask"):
        if outcome[name] not in ("accepted", "refused"):
            return outcome[name] or outcome["photo"]
        if outcome[name + " ms"] > 1000 * seconds:
            return f"{name}: {outcome[name + ' ms']:.0f} ms"
    return None


def fuzz(count: int, seed: int = 0, seconds: float = SECONDS) -> dict:
    """`count` mutations: how many were accepted and refused, the slowest, the largest, and what went wrong."""
    files = real_files()

    def batch(first: int, last: int) -> Iterator[tuple[str, bytes]]:
        for index in range(first, last):
            yield str(index), mutation(seed, index, files)

    outcomes, done = [], 0
    while done < count:
        # A batch that was cut short by a crash goes on behind it.
        for name, outcome in run_child(lambda: batch(done, min(done + BATCH, count))):  # noqa: B023
            outcomes.append((name, outcome))
        done = int(outcomes[-1][0]) + 1
    return summary(outcomes, seconds)


def explode(size: int = MAX_BYTES, megapixels: float = 49.0, only: str = "") -> Iterator[tuple[str, dict]]:
    """The outcome of every bomb with `only` in its name, each from a child process of its own."""
    for name, make in bombs(size, megapixels).items():
        if only in name:
            yield from run_child(lambda: iter([(name, make())]))  # noqa: B023


def summary(outcomes: list[tuple[str, dict]], seconds: float) -> dict:
    ways = Counter(outcome[kind] for _, outcome in outcomes for kind in ("photo", "mask"))
    slowest = max((outcome.get(f"{kind} ms", 0), name) for name, outcome in outcomes for kind in ("photo", "mask"))
    largest = max((outcome["MB"], name) for name, outcome in outcomes)
    return {
        "files": len(outcomes),
        "accepted": sum(outcome["photo"] == "accepted" for _, outcome in outcomes),
        "refused": sum(outcome["photo"] == "refused" for _, outcome in outcomes),
        "accepted as a mask": sum(outcome["mask"] == "accepted" for _, outcome in outcomes),
        "slowest": {"ms": slowest[0], "file": slowest[1]},
        "peak": {"MB": largest[0], "file": largest[1]},
        "outcomes": len(ways),
        "faults": {name: why for name, outcome in outcomes if (why := fault(outcome, seconds))},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="mutations (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same number gives the same files")
    parser.add_argument("--save", type=int, metavar="INDEX", help="only write that mutation to standard output")
    parser.add_argument("--no-bombs", action="store_true", help="mutations alone")
    parser.add_argument("--bomb", default="", help="only the bombs with this in their name")
    args = parser.parse_args()
    if args.save is not None:
        sys.stdout.buffer.write(mutation(args.seed, args.save, real_files()))
        return 0
    faults = {}
    if not args.no_bombs:
        print("| bomb | photo | ms | mask | ms | peak MB |\n|---|---|---|---|---|---|", flush=True)
        for name, outcome in explode(only=args.bomb):
            row = (str(outcome.get(key, "")) for key in ("photo", "photo ms", "mask", "mask ms", "MB"))
            print("|", name, "|", " | ".join(each.strip().rpartition("\n")[2] for each in row), "|", flush=True)
            if why := fault(outcome, SECONDS):
                faults[name] = why
    if args.count:
        report = fuzz(args.count, args.seed)
        faults |= report.pop("faults")
        print(json.dumps(report, indent=2))
    for name, why in faults.items():
        print(f"FAULT {name}: {why}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
