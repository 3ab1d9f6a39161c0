"""Many photos on Ray, where the extra `ray` is installed: the same as without it, and lost workers cost little."""

import os
import sys
import time
import warnings
from pathlib import Path

import pytest

from tests.unmask.photo_collection import contents
from unmask.batch.local import PhotoOutcome
from unmask.cli.main import main

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_ray_writes_the_same_bytes_and_says_the_same(collection, capsys, monkeypatch):
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


class Dying:
    """Work that says where it was done; one photo ends its process the first time, another one always."""

    def __init__(self, once: str, always: str, tried: Path):
        self.once, self.always, self.tried = once, always, tried

    def __call__(self, unmasker, path):
        if path.name == self.always:
            os._exit(1)
        if path.name == self.once and not self.tried.exists():
            self.tried.touch()
            os._exit(1)
        time.sleep(0.2)
        node = ray.get_runtime_context().get_node_id()
        return {"name": path.name, "process": os.getpid(), "unmasker": id(unmasker), "node": node}


def test_on_two_nodes_a_lost_workers_photos_are_done_again_but_the_one_that_ends_it(tmp_path):
    from ray.cluster_utils import Cluster

    from unmask.batch.ray import LOST, run_ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers cannot import this file
    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
        names, tried = [f"{i}.png" for i in range(24)], tmp_path / "tried"
        photos = [Path(name) for name in names]
        with warnings.catch_warnings():
            warnings.simplefilter("error", ray.util.annotations.RayDeprecationWarning)
            outcomes = list(run_ray(photos, Dying("7.png", "13.png", tried), "cpu", address=cluster.address))
    finally:
        cluster.shutdown()
    assert tried.exists(), "no worker was lost"
    assert outcomes.pop(13) == PhotoOutcome(error=LOST)
    assert [outcome.error for outcome in outcomes] == [""] * 23
    done = [outcome.value for outcome in outcomes]
    assert [each["name"] for each in done] == names[:13] + names[14:]
    assert len({each["node"] for each in done}) == 2
    processes = {(each["node"], each["process"]) for each in done}
    assert 2 <= len(processes) <= 5  # two, and one more after each loss
    assert len({(*at, each["unmasker"]) for each in done for at in [(each["node"], each["process"])]}) == len(processes)
