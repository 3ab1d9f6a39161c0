"""Many photos: in parallel, in order, broken ones among them, stopped half-way, and the same on Ray."""

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
from unmask import weights
from unmask.batch import local as batch
from unmask.batch.local import PhotoOutcome, run_local
from unmask.cli.main import main
from unmask.imaging.reader import read_photo
from unmask.registry import MODELS

ROOT = Path(unmask.__file__).parent.parent


@pytest.fixture
def collection(tmp_path: Path, monkeypatch) -> Path:
    """Nine photos of several sizes and a broken one, their masks, and small networks with random weights."""
    rng = np.random.default_rng(0)
    for folder in ("photos", "masks", "weights"):
        (tmp_path / folder).mkdir()
    for i in range(9):
        height, width = 64 + 7 * i, 90 - 3 * i
        photo = np.clip(rng.normal(128, 40, (height, width, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(photo).save(tmp_path / "photos" / f"{i}.png")
        mask = np.zeros((height, width), np.uint8)
        mask[height // 2 : -4, 10:-10] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i}.mask.png")
    (tmp_path / "photos" / "4b.jpg").write_bytes(b"no picture")
    torch.manual_seed(0)
    for name in ("pix2pix", "glcic"):
        config = {"width": 8}
        weights.save(tmp_path / "weights" / f"{name}.safetensors", name, MODELS[name].build(**config), config, 256, {})
    monkeypatch.setenv("UNMASK_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path


def remove(collection: Path, out: str, *more: str) -> int:
    """The exit status of `remove` on the collection."""
    given = ["--mask", collection / "masks", "--model", "pix2pix", "glcic", "--aligned", "--device", "cpu"]
    return main(["remove", *map(str, [collection / "photos", "--out", collection / out, *given, *more])])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


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
from unmask.batch import local as batch
from unmask.cli.main import main
def find_mask(unmasker, path, out, **options):
    if path.stem >= "2":
        time.sleep(600)
    batch.write(out / f"{path.stem}.mask.png", np.zeros((40, 50), np.uint8))
batch.find_mask = find_mask
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
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


# Ray: only where the extra `ray` is installed


@pytest.fixture
def ray_here(monkeypatch):
    pytest.importorskip("ray.data")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.slow
def test_ray_writes_the_same_bytes_and_says_the_same(collection, ray_here, capsys, monkeypatch):
    monkeypatch.chdir(collection)  # paths may be relative
    given = ["photos", "--mask", "masks", "--model", "pix2pix", "glcic", "--aligned", "--device", "cpu"]
    assert main(["remove", *given, "--out", "local"]) == 1
    local = capsys.readouterr()
    assert main(["remove", *given, "--out", "ray", "--ray", "--jobs", "2"]) == 1
    on_ray = capsys.readouterr()
    assert contents(collection / "ray") == contents(collection / "local")
    assert f"{Path('photos/4b.jpg')}: The file is not a readable" in on_ray.err and "10/10" in on_ray.err
    for printed in (local, on_ray):
        assert printed.out == "" and "4b.jpg: " in printed.err and "Traceback" not in printed.err


class Counting:
    """Work that says which process did it and how many models that process has loaded; one photo ends its process."""

    def __init__(self, deadly: str = ""):
        self.deadly = deadly

    def __call__(self, unmasker, path):
        if path.name == self.deadly:
            os._exit(1)
        time.sleep(0.2)
        return json.loads(json.dumps({"name": path.name, "process": os.getpid(), "unmasker": id(unmasker)}))


@pytest.mark.slow
def test_ray_has_one_unmasker_a_worker_and_survives_a_lost_one(ray_here):
    import ray

    from unmask.batch.ray import LOST, run_ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers cannot import this file
    names = [f"{i}.png" for i in range(16)]
    outcomes = list(run_ray([Path(name) for name in names], Counting("15.png"), "cpu", jobs=2))
    values = [outcome.value for outcome in outcomes if not outcome.error]
    lost = [name for name, outcome in zip(names, outcomes) if outcome.error == LOST]
    assert "15.png" in lost and len(lost) <= 2 and len(values) + len(lost) == 16
    assert [value["name"] for value in values] == names[: len(values)]
    first = [value for value in values if value["name"] in names[:12]]
    assert len({value["process"] for value in first}) >= 2
    assert len({(value["process"], value["unmasker"]) for value in first}) == len({value["process"] for value in first})


class DyingOnce:
    """Work that says on which node it was done; at one photo its process ends, the first time that it is tried."""

    def __init__(self, deadly: str, tried: Path):
        self.deadly, self.tried = deadly, tried

    def __call__(self, unmasker, path):
        import ray

        if path.name == self.deadly and not self.tried.exists():
            self.tried.touch()
            os._exit(1)
        time.sleep(0.2)
        return {"name": path.name, "node": ray.get_runtime_context().get_node_id()}


@pytest.mark.slow
def test_on_two_nodes_a_killed_workers_photos_are_done_again(ray_here, tmp_path):
    import ray
    from ray.cluster_utils import Cluster

    from unmask.batch.ray import run_ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers cannot import this file
    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
        names, tried = [f"{i}.png" for i in range(24)], tmp_path / "tried"
        photos = [Path(name) for name in names]
        outcomes = list(run_ray(photos, DyingOnce("7.png", tried), "cpu", address=cluster.address))
    finally:
        cluster.shutdown()
    assert tried.exists(), "no worker was lost"
    assert [outcome.error for outcome in outcomes] == [""] * 24
    assert [outcome.value["name"] for outcome in outcomes] == names
    assert len({outcome.value["node"] for outcome in outcomes}) == 2
