"""Many photos: in parallel, in order, broken ones among them, and stopped half-way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import unmask
from tests.unmask.photo_collection import contents, remove
from unmask.batch import local as batch
from unmask.batch.local import PhotoOutcome, run_local
from unmask.imaging.reader import read_photo

ROOT = Path(unmask.__file__).parent.parent


def test_every_number_of_jobs_writes_the_same_bytes_and_says_the_same(collection, capsys):
    assert remove(collection, "one", "--jobs", "1") == 1
    one, said = contents(collection / "one"), capsys.readouterr().err
    assert sorted(one) == sorted(f"{i}.{kind}.png" for i in range(9) for kind in ("mask", "pix2pix", "glcic"))
    assert "4b.jpg: The file is not a readable JPEG" in said and "10/10" in said
    assert remove(collection, "three", "--jobs", "3") == 1
    assert contents(collection / "three") == one
    assert "4b.jpg: The file is not a readable" in capsys.readouterr().err


def test_a_second_run_resumes_where_the_first_one_ended(collection, capsys):
    assert remove(collection, "whole") == 1
    out = collection / "whole"
    whole, kept = contents(out), (out / "1.glcic.png").stat().st_mtime_ns
    for name in ("3.pix2pix.png", "7.mask.png", "8.glcic.png"):
        (out / name).unlink()
    capsys.readouterr()
    assert remove(collection, "whole", "--resume", "--json") == 1
    said = capsys.readouterr()
    assert {Path(json.loads(line)["path"]).name for line in said.out.splitlines()} == {
        "3.png", "7.png", "8.png", "4b.jpg",
    }  # fmt: skip
    assert said.err.splitlines()[-1] == "3 photos done, 6 there already, 1 failed."
    assert contents(out) == whole and (out / "1.glcic.png").stat().st_mtime_ns == kept
    assert remove(collection, "whole", "--resume", "--model", "telea") == 1  # another model: nothing is there of it
    assert capsys.readouterr().err.splitlines()[-1] == "9 photos done, 1 failed."


def test_photos_are_worked_on_side_by_side_and_never_more_than_the_jobs():
    together = threading.Barrier(3, timeout=30)  # passes only when three photos are in work at once
    at_work, most, lock = 0, 0, threading.Lock()

    def work(unmasker, path):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        together.wait()
        with lock:
            at_work -= 1
        return torch.get_num_threads()

    outcomes = list(run_local([Path(str(i)) for i in range(12)], work, "cpu", jobs=3))
    assert most == 3 and outcomes == [PhotoOutcome(1)] * 12


def test_outcomes_keep_the_order_and_the_line_stays_short():
    first_may_end, handed_out = threading.Event(), []

    def paths():
        for i in range(100):
            handed_out.append(i)
            if i == 30:
                first_may_end.set()
            yield Path(str(i))

    class Photos(list):
        def __iter__(self):
            return paths()

    def work(unmasker, path):
        if path.name == "0":
            assert first_may_end.wait(30)  # the others overtake it
        return int(path.name)

    outcomes = run_local(Photos([Path("0")] * 100), work, "cpu", jobs=2)
    assert next(outcomes) == PhotoOutcome(0)
    assert len(handed_out) < 40  # the rest of the paths has not been looked at
    assert [outcome.value for outcome in outcomes] == list(range(1, 100))


def test_whatever_one_photo_raises_the_others_are_done():
    errors = {
        "a": unmask.PhotoError("The picture is too large."),
        "b": MemoryError(),
        "c": unmask.WeightsError("The weights of GLCIC are missing on this machine."),
        "d": ZeroDivisionError("division by zero"),
    }

    def work(unmasker, path):
        if path.name in errors:
            raise errors[path.name]
        return path.name

    outcomes = dict(zip("abcde", run_local([Path(name) for name in "abcde"], work, "cpu", jobs=2)))
    assert outcomes["a"].error == "The picture is too large."
    assert "--jobs" in outcomes["b"].error and "GLCIC" in outcomes["c"].error
    assert outcomes["d"].error == "ZeroDivisionError: division by zero"
    assert outcomes["e"] == PhotoOutcome("e")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    picture = np.full((40, 50), 7, np.uint8)
    batch.write(tmp_path / "x.png", picture)
    before = contents(tmp_path)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "x.png")), picture)

    def full(path, data):
        with open(path, "wb") as file:
            file.write(bytes(data)[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"x.png could not be written: No space left on device\.$"):
        batch.write(tmp_path / "x.png", picture + 1)
    assert contents(tmp_path) == before


# A program whose third photo takes ten minutes: it must not be waited for.
SLOW = """
import sys, time
import numpy as np
from tests.unmask.photo_collection import contents, remove
from unmask.batch import local as batch
from unmask.cli.main import main
def find_mask(unmasker, path, out, **options):
    if path.stem >= "2":
        time.sleep(600)
    batch.write(out / f"{path.stem}.mask.png", np.zeros((40, 50), np.uint8))
batch.find_mask = find_mask
sys.exit(main(sys.argv[1:]))
"""


def _read(unmasker, path) -> list[int]:
    return list(read_photo(path).shape)


@pytest.mark.slow
def test_ten_thousand_photos_take_no_more_memory_than_a_quarter_of_them(tmp_path):
    psutil = pytest.importorskip("psutil")
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (160, 120, 3), np.uint8)).save(photo)
    process, used = psutil.Process(), []
    for number, outcome in enumerate(run_local([photo] * 10_000, _read, "cpu", jobs=2), 1):
        assert outcome == PhotoOutcome([160, 120, 3])
        if number % 2500 == 0:
            used.append(process.memory_info().rss)
    assert len(used) == 4 and used[-1] - used[0] < 20e6, used


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_stops_at_once_and_leaves_whole_files(collection):
    out = collection / "out"
    command = [sys.executable, "-c", SLOW, "mask", collection / "photos", "--out", out, "--jobs", "2"]
    # What a shell runs in the background ignores the signal, and so would its children.
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=heard, **pipes)
    start = time.monotonic()
    while not (out / "1.mask.png").exists() and program.poll() is None and time.monotonic() < start + 180:
        time.sleep(0.1)
    (out / ".2.mask.png.part").write_bytes(b"half")  # as from a worker that was killed
    program.send_signal(signal.SIGINT)
    try:
        _, errors = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 130 and "Stopped." in errors and "Traceback" not in errors
    assert sorted(contents(out)) == ["0.mask.png", "1.mask.png"]
    assert Image.open(out / "1.mask.png").size == (50, 40)
