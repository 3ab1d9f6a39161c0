"""The benchmark's figures, its table, and the bars that hold on any machine: memory, and a page that comes soon."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from unmask import Unmasker, bench
from unmask.cli.main import main


class Convolution(nn.Module):
    """One 3x3 convolution from 3 to 8 channels: 216 multiplications a pixel."""

    size = 64

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, crop, mask):
        return self.layer(crop)


def test_gmacs_are_the_multiplications_of_a_network():
    unmasker = Unmasker("cpu")
    unmasker._models["glcic"] = Convolution()
    row = bench.bench_network(unmasker, "glcic", 64, 96, repeats=2)
    assert row["gmacs"] == 216 * 64 * 96 / 1e9 and row["ms"] > 0 and row["size"] == "96 x 64"


def test_time_is_the_median_after_warming_up():
    pauses = iter([0.2, 0.1, 0.03, 0.1, 0.01])
    assert 28 < bench.milliseconds(lambda: time.sleep(next(pauses)), 3) < 90


def test_peak_is_what_a_matrix_product_reaches(monkeypatch):
    """Of a product of N x N matrices, which is 2 N^3 operations; the best time counts, the others were disturbed."""
    monkeypatch.setattr(bench, "GEMM", 256)
    products = []

    def times(function, repeats):
        products.append((function().shape, repeats))
        return [4.0, 2.0, 5.0]  # ms

    monkeypatch.setattr(bench, "times", times)
    assert bench.peak(torch.device("cpu"), 20) == pytest.approx(2 * 256**3 / 0.002 / 1e9)
    assert products == [((256, 256), 20)]


REPORT = {
    "machine": "x86_64", "threads": 2, "device": "cpu", "torch": "2.13", "peak_gflops": 200.0,
    "networks": [
        {"name": "glcic", "title": "GLCIC", "parameters": 860_000, "ms": 50.0, "gmacs": 4.0, "size": "256 x 256",
         "peak_share": 0.8, "times_as_fast": 3.0},
        {"name": "telea", "title": "Telea", "parameters": 0, "ms": 20.0, "gmacs": 0.0, "size": "256 x 256",
         "peak_share": 0.0},
    ],
    "visits": {"mask and the default inpainting models": 139.6},
    "demo": {"page_s": 3.25, "page_cpu_s": 3.0, "loaded_s": 4.0, "memory_mb": 865.2},
}  # fmt: skip


def test_table_says_it_all():
    lines = bench.table(REPORT).splitlines()
    assert "200 GFLOP/s" in lines[0] and "2 threads" in lines[0]
    assert lines[4] == "| GLCIC | 0.86 | 50.0 | 256 x 256 | 4.00 | 80% | 3.0 |"
    assert lines[5] == "| Telea | 0.00 | 20.0 | 256 x 256 | - | - | - |"
    assert {line.count("|") for line in lines[2:6]} == {8}
    assert "* mask and the default inpainting models: 140 ms" in lines
    assert "page after 3.2 s" in lines[-1] and "865 MB" in lines[-1]


def test_table_has_no_column_for_a_reference_that_was_not_given():
    row = {key: value for key, value in REPORT["networks"][0].items() if key != "times_as_fast"}
    assert "reference" not in bench.table(REPORT | {"networks": [row]})


@pytest.fixture
def only_telea(monkeypatch):
    """Nothing that takes long: one model, no web server."""
    monkeypatch.setattr(bench, "list_models", lambda: ["telea"])
    monkeypatch.setattr(bench, "GEMM", 64)
    monkeypatch.setattr(bench, "bench_demo", lambda device: REPORT["demo"])


def test_command_prints_json_with_the_ratio_to_a_reference(only_telea, capsys):
    assert main(["bench", "--device", "cpu", "--json", "--reference", "telea=1000"]) == 0
    report = json.loads(capsys.readouterr().out)
    (row,) = report["networks"]
    assert row["times_as_fast"] == pytest.approx(1000 / row["ms"]) and report["demo"]["memory_mb"] == 865.2


@pytest.mark.parametrize("wrong", ["telea", "telea=", "telea=fast", "telea=-1", "telea=nan", "=5", "nonesuch=5"])
def test_command_refuses_a_reference_that_is_none(only_telea, capsys, wrong):
    with pytest.raises(SystemExit) as error:
        main(["bench", "--reference", wrong])
    assert error.value.code == 2 and wrong.split("=")[0] in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells it apart")
def test_peak_memory_is_that_of_the_program_not_of_what_started_it():
    code = "from unmask.bench import peak_memory; print(peak_memory())"
    empty = int(subprocess.check_output([sys.executable, "-c", code]))
    held = np.ones(200_000_000)  # 1.6 GB, which a program started from here inherits in `getrusage`
    after = int(subprocess.check_output([sys.executable, "-c", code]))
    assert bench.peak_memory() > held.nbytes and abs(after - empty) < 100e6


@pytest.mark.slow
def test_demo_answers_soon_and_takes_little_memory():
    """The bars are 5 s and 2 GB. The page's is held in CPU time, with room for busy cores: tests may run beside it."""
    found = bench.bench_demo("cpu")
    assert 0.5 < found["page_cpu_s"] < 15 and 0 < found["page_s"] < found["loaded_s"]
    assert 200 < found["memory_mb"] < 2000


def test_demo_that_cannot_start_is_an_error(monkeypatch):
    monkeypatch.setattr(bench, "DEMO", "raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="ended with status 3"):
        bench.bench_demo("cpu")
