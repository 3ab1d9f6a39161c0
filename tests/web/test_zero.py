"""ZeroGPU: with a stand-in for the `spaces` package, which does what the real one does around a call."""

import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from unmask import PhotoError, Unmasker, WeightsError, read_photo
from unmask.web import zero

ROOT = Path(__file__).resolve().parents[2]
PHOTO = read_photo(ROOT / "examples/hopper-kn95.png")
MASK = np.zeros(PHOTO.shape[:2], np.uint8)
MASK[180:300, 90:250] = 255


class Spaces(types.ModuleType):
    """`spaces` as far as it is used: a call's arguments and result go through pickle, and faults are gr.Error."""

    def __init__(self):
        super().__init__("spaces")
        self.durations, self.calls, self.refuse = [], 0, None

    def GPU(self, *, duration):  # noqa: N802
        self.durations.append(duration)

        def decorate(task):
            def call(*args):
                if self.refuse:
                    raise gr.Error(self.refuse, title="ZeroGPU quota exceeded")
                self.calls += 1
                try:
                    return pickle.loads(pickle.dumps(task(*pickle.loads(pickle.dumps(args)))))
                except Exception as error:
                    raise gr.Error(type(error).__name__, title="ZeroGPU worker error") from error

            return call

        return decorate


@pytest.fixture
def spaces(monkeypatch):
    spaces = Spaces()
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return spaces


def test_anywhere_else_it_is_a_plain_unmasker(spaces, monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU")
    assert type(zero.make_unmasker()) is Unmasker
    assert not spaces.durations


def test_remove_borrows_a_gpu_and_finds_masks_without(spaces):
    unmasker = zero.make_unmasker()
    assert spaces.durations == [zero.SECONDS] and zero.SECONDS <= 15
    assert unmasker.device.type == "cpu"
    unmasker.segment(PHOTO, aligned=True)
    assert spaces.calls == 0
    result = unmasker.remove(PHOTO, mask=MASK, models=["telea"], aligned=True)["telea"]
    assert spaces.calls == 1
    assert np.array_equal(result, Unmasker("cpu").remove(PHOTO, MASK, ["telea"], aligned=True)["telea"])


def test_what_is_wrong_with_a_photo_keeps_its_sentence(spaces, monkeypatch):
    unmasker = zero.make_unmasker()
    with pytest.raises(PhotoError, match="no inpainting model named 'nobody'"):
        unmasker.remove(PHOTO, MASK, ["nobody"])

    def broken(*args, **options):
        raise WeightsError("The weights are missing.", "the place")

    monkeypatch.setattr(Unmasker, "remove", broken)
    with pytest.raises(WeightsError, match="^The weights are missing.$") as error:
        unmasker.remove(PHOTO, MASK)
    assert error.value.detail == "the place"


def test_without_a_gpu_the_cpu_works(spaces, caplog):
    unmasker = zero.make_unmasker()
    spaces.refuse = "You have exceeded your quota"
    result = unmasker.remove(PHOTO, MASK, ["telea"], aligned=True)["telea"]
    assert spaces.calls == 0 and not np.array_equal(result, PHOTO)
    assert "exceeded your quota" in caplog.text


FORK = """
import multiprocessing, sys, types
import numpy as np

def GPU(*, duration):
    def decorate(task):
        def call(*args):
            context = multiprocessing.get_context("fork")
            ours, theirs = context.Pipe()
            process = context.Process(target=lambda: theirs.send(task(*theirs.recv())), daemon=True)
            process.start()
            ours.send(args)
            assert ours.poll(240), "the forked process hangs"
            result = ours.recv()
            process.join(10)
            return result
        return call
    return decorate

sys.modules["spaces"] = types.ModuleType("spaces")
sys.modules["spaces"].GPU = GPU
from unmask import Unmasker, read_photo
from unmask.web.zero import make_unmasker

unmasker = make_unmasker()
photo = read_photo(sys.argv[1])
mask = unmasker.segment(photo, aligned=True)
for _ in range(2):
    result = unmasker.remove(photo, mask, ["glcic"], aligned=True)["glcic"]
    assert np.array_equal(result, Unmasker("cpu").remove(photo, mask, ["glcic"], aligned=True)["glcic"])
print("same")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU forks, as Linux does")
def test_works_in_a_forked_process():
    """OpenCV and torch have threads, which a fork leaves behind: the borrowed process must not wait for them."""
    environment = os.environ | {"SPACES_ZERO_GPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", FORK, ROOT / "examples/hopper-kn95.png"],
        capture_output=True, text=True, env=environment, timeout=600,
    )  # fmt: skip
    assert done.stdout == "same\n", done.stderr
