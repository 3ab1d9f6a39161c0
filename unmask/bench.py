"""What one face costs on this machine: every network, what a visitor waits for, memory, and the start of the demo."""

import json
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from unmask.catalog import describe, list_models
from unmask.faces.alignment import CROP
from unmask.imaging.reader import read_photo
from unmask.imaging.tensors import resize
from unmask.pipeline import Unmasker
from unmask.refining import REFINED
from unmask.registry import DEFAULT_MODELS, MODELS
from unmask.settings import examples

PORTRAIT = "hopper-photo.png"  # of the examples
LARGE = (3750, 3200)  # px, height and width: 12 megapixels
GEMM = 2048  # rows and columns of the matrices whose product is taken as the machine's peak

# The demo in a process of its own. Prints the CPU time (s) until it serves, "loaded", and the peak memory (MB) after a
# first large photo.
DEMO = """
import sys, time
from unmask import Unmasker
from unmask.bench import LARGE, PORTRAIT, load_all, peak_memory
from unmask.imaging.reader import read_photo
from unmask.imaging.tensors import resize
from unmask.registry import DEFAULT_MODELS
from unmask.settings import examples
from unmask.web import launch
unmasker = Unmasker(sys.argv[1])
launch("127.0.0.1", int(sys.argv[2]), wait=False, unmasker=unmasker)
print("page_cpu_s", time.process_time(), flush=True)
load_all(unmasker)
print("loaded", flush=True)
photo = resize(read_photo(examples() / PORTRAIT), LARGE)
faces = unmasker.find(photo)
unmasker.remove(photo, unmasker.segment(photo, faces=faces), DEFAULT_MODELS, faces=faces)
print("memory_mb", peak_memory() / 1e6, flush=True)
sys.stdin.read()
"""


def times(function: Callable[[], Any], repeats: int) -> list[float]:
    """Milliseconds of `repeats` calls, after two to warm up."""
    took = []
    for _ in range(2 + repeats):
        start = time.perf_counter()
        function()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()
        took.append(1000 * (time.perf_counter() - start))
    return took[2:]


def milliseconds(function: Callable[[], Any], repeats: int) -> float:
    """Median time of a call."""
    return statistics.median(times(function, repeats))


def peak_memory() -> int:
    """Bytes that this process held at most.

    On Linux `getrusage` would say what the process that started this one held, where that was more: a new program
    inherits the figure. `VmHWM` starts anew with the program.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
    except (OSError, StopIteration):
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def load_all(unmasker: Unmasker) -> list[str]:
    """Names of the models that can be used here, which are loaded now."""
    names = list_models()
    for name in names:
        unmasker.model(name)
    return names


def peak(device: torch.device, repeats: int) -> float:
    """The machine's fp32 peak in GFLOP/s: what the best of some large matrix products reaches."""
    a, b = torch.rand(2, GEMM, GEMM, device=device)
    return 2 * GEMM**3 / min(times(lambda: a @ b, repeats)) / 1e6


@torch.inference_mode()
def bench_network(unmasker: Unmasker, name: str, height: int, width: int, repeats: int) -> dict[str, Any]:
    """Milliseconds and GMACs of the network alone, on one picture of height x width px."""
    model = unmasker.model(name)
    crop = torch.rand(1, 3, height, width, device=unmasker.device) * 2 - 1
    mask = torch.zeros(1, 1, height, width, device=unmasker.device)
    mask[:, :, height // 2 : -height // 8, width // 4 : -width // 4] = 1
    kind = MODELS[name].kind
    inputs = {"inpainting": (crop, mask), "classical": (crop, mask), "refiner": (crop, crop, mask)}.get(kind, (crop,))
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    took = milliseconds(lambda: model(*inputs), repeats)
    return {"ms": took, "gmacs": counter.get_total_flops() / 2e9, "size": f"{width} x {height}"}


def bench_demo(device: str) -> dict[str, float]:
    """The demo in a process of its own: s from its start to the page (also as CPU time, which other programs hardly
    change) and to all models loaded, and peak memory in MB. Raises RuntimeError when it ends by itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.perf_counter()
    command = [sys.executable, "-c", DEMO, device, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdin and demo.stdout
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).read()
                    break
                except (urllib.error.URLError, ConnectionError):
                    if demo.poll() is not None:
                        raise RuntimeError(f"The demo ended with status {demo.returncode}.") from None
                    time.sleep(0.02)
            found = {"page_s": time.perf_counter() - start}
            for line in demo.stdout:  # Gradio's own lines among them
                match line.split():
                    case ["loaded"]:
                        found["loaded_s"] = time.perf_counter() - start
                    case ["page_cpu_s" | "memory_mb" as key, value]:
                        found[key] = float(value)
                if "memory_mb" in found:
                    return found
            raise RuntimeError("The demo ended before it had removed a mask.")
        finally:
            demo.stdin.close()
            demo.terminate()


def measure(
    device: str = "auto", repeats: int = 30, reference: Mapping[str, float] | None = None, demo: bool = False
) -> dict[str, Any]:
    """Time every network that has weights, and what a visitor waits for; with `demo`, start the web demo as well.

    Networks alone, on one picture: segmentation models and inpainting models at their own size and at 256 px, the face
    detector on 640 x 480 px. Visits from array to array: mask and the default inpainting models on a face's crop of 256
    px, with the networks at their own size and all at 256 px; and a portrait of 12 megapixels, from finding the face to
    pasting the results back. reference: model -> ms that other code takes at the last size in the table.
    """
    unmasker = Unmasker(device)
    names = load_all(unmasker)
    report: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "device": str(unmasker.device),
        "torch": torch.__version__,
        "peak_gflops": peak(unmasker.device, repeats),
        "networks": [],
        "visits": {},
    }
    for name in names:
        kind, own = MODELS[name].kind, vars(unmasker.model(name))["size"]
        fixed = {"detector": [(480, 640)], "landmarks": [(own, own)], "refiner": [(own, own)]}
        sizes = fixed.get(kind, sorted({(own, own), (CROP, CROP)}))
        for height, width in sizes:
            row = {"name": name, "title": MODELS[name].title, "parameters": describe(name)["parameters"]}
            row |= bench_network(unmasker, name, height, width, repeats)
            row["peak_share"] = 2000 * row["gmacs"] / row["ms"] / report["peak_gflops"]
            report["networks"].append(row)
    for name, took in (reference or {}).items():
        for row in [row for row in report["networks"] if row["name"] == name][-1:]:
            row["times_as_fast"] = took / row["ms"]
    if {"mseg", "face-detector", "landmarks", *DEFAULT_MODELS} <= set(names) and (examples() / PORTRAIT).exists():
        portrait = read_photo(examples() / PORTRAIT)
        crop = resize(portrait[:512], (CROP, CROP))
        mask = np.zeros((CROP, CROP), np.uint8)
        mask[130:230, 60:196] = 255
        close, wide = (resize(each, (REFINED, REFINED)) for each in (crop, mask))
        large = resize(portrait, LARGE)

        def visit(crop: np.ndarray = crop, mask: np.ndarray = mask) -> None:
            unmasker.segment(crop, aligned=True)
            unmasker.remove(crop, mask, DEFAULT_MODELS, aligned=True)

        def visit_with_portrait() -> None:
            faces = unmasker.find(large)
            unmasker.remove(large, unmasker.segment(large, faces=faces), DEFAULT_MODELS, faces=faces)

        visits = report["visits"]
        visits["mask and the default inpainting models"] = milliseconds(visit, repeats)
        if unmasker.refines:
            title = f"the same on a face of {REFINED} px, with the refiner's detail"
            visits[title] = milliseconds(lambda: visit(close, wide), repeats)
        few = max(repeats // 5, 1)
        visits["portrait of 12 megapixels, everything included"] = milliseconds(visit_with_portrait, few)
        for name in ("mseg", *DEFAULT_MODELS):
            vars(unmasker.model(name))["size"] = CROP
        visits["mask and the default inpainting models, networks at 256 px"] = milliseconds(visit, repeats)
    if demo:
        report["demo"] = bench_demo(device)
    return report


def table(report: Mapping[str, Any]) -> str:
    """What `measure` gave, as Markdown."""
    columns = ["model", "parameters (M)", "ms", "px", "GMACs", "share of peak"]
    compared = any("times_as_fast" in row for row in report["networks"])
    columns += ["times as fast as the reference"] if compared else []
    lines = [
        f"{report['machine']}, {report['threads']} threads, {report['device']}, torch {report['torch']}; fp32 peak "
        f"{report['peak_gflops']:.0f} GFLOP/s, a product of {GEMM} x {GEMM} matrices",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for row in report["networks"]:
        cells = [row["title"], f"{row['parameters'] / 1e6:.2f}", f"{row['ms']:.1f}", row["size"]]
        cells += [f"{row['gmacs']:.2f}", f"{row['peak_share']:.0%}"] if row["gmacs"] else ["-", "-"]
        if compared:
            cells.append(f"{row['times_as_fast']:.1f}" if "times_as_fast" in row else "-")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"* {visit}: {took:.0f} ms" for visit, took in report["visits"].items())]
    if demo := report.get("demo"):
        lines.append(
            f"* the demo: page after {demo['page_s']:.1f} s ({demo['page_cpu_s']:.1f} s of CPU time), all models "
            f"loaded after {demo['loaded_s']:.1f} s; {demo['memory_mb']:.0f} MB at most, with them and the portrait"
        )
    return "\n".join(lines)


def bench(*args: Any, as_json: bool = False, **options: Any) -> str:
    """`measure` as a table or as JSON: what the command line prints."""
    report = measure(*args, **options)
    return json.dumps(report, indent=2) if as_json else table(report)
