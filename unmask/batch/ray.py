"""The work of `batch.py` as a Ray Data pipeline, for collections that outgrow one machine.

Only paths and outcomes travel. Every machine of the cluster needs Unmask, its weights, the photos and the output
folder at the same place as the one that starts the run.
"""

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.data
import ray.exceptions

import unmask
from unmask.batch.local import PhotoOutcome, Work, attempt, one_thread
from unmask.settings import environment
from unmask.types import Json

LOST = "Its worker was lost: out of memory, or the machine is gone."
TRIES = 2  # of a photo whose worker is lost


class Tries:
    """How often each photo was begun and not ended, for all workers.

    Ray works on a lost worker's photos again without end, which a photo that ends its worker would need.
    """

    def __init__(self) -> None:
        self.begun: Counter[int] = Counter()

    def begin(self, index: int) -> bool:
        """Whether the photo may be tried once more."""
        self.begun[index] += 1
        return self.begun[index] <= TRIES

    def end(self, index: int) -> None:
        del self.begun[index]


class Worker:
    """One process of the pool, with its own Unmasker: every model is loaded once. tries: a Ray actor of Tries."""

    def __init__(self, work: Work, device: str, tries: Any):
        one_thread()
        logging.getLogger("unmask").addHandler(logging.NullHandler())  # the outcome says it
        self.work = work
        self.tries = tries
        self.unmasker = unmask.Unmasker(device=device)

    def __call__(self, batch: Json) -> Json:
        """{"index", "path"} -> {"index", "value" (JSON), "error"}, each a column."""
        outcomes = [self._try(int(index), Path(path)) for index, path in zip(batch["index"], batch["path"])]
        return {
            "index": batch["index"],
            "value": [json.dumps(outcome.value) for outcome in outcomes],
            "error": [outcome.error for outcome in outcomes],
        }

    def _try(self, index: int, path: Path) -> PhotoOutcome:
        if not ray.get(self.tries.begin.remote(index)):
            return PhotoOutcome(error=LOST)
        outcome = attempt(self.work, self.unmasker, path)
        ray.get(self.tries.end.remote(index))
        return outcome


def run_ray(
    photos: Sequence[Path], work: Work, device: str, jobs: int | None = None, address: str | None = None
) -> Generator[PhotoOutcome, None, None]:
    """Work on `jobs` photos at a time, by default one for each GPU or else core; outcomes in the photos' order.

    work: with absolute paths in it. address: of a running cluster, by default that in RAY_ADDRESS; without one, Ray
    runs on this machine for the length of the call. Raises ConnectionError when the cluster does not answer.
    """
    if not photos:
        return
    address = address or os.environ.get("RAY_ADDRESS")
    cores = max(jobs or 0, os.cpu_count() or 1)
    local: Json = {} if address else {"num_cpus": cores, "object_store_memory": 100_000_000}
    imported_from = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what fails is in the outcomes
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": imported_from, **environment()}},
            **local,
        )
    except Exception as error:  # Ray raises a plain Exception for a node that does not start in time
        where = f"no Ray cluster answers at {address}" if address else "Ray could not be started on this machine"
        raise ConnectionError(f"{where}: {str(error).splitlines()[0]}") from error
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        context.max_errored_blocks = -1  # a lost worker costs its block of photos, not the run
        gpus = int(ray.cluster_resources().get("GPU", 0)) if device in ("auto", "cuda") else 0
        cores = int(ray.cluster_resources().get("CPU", 1))
        jobs = jobs or gpus or cores
        block = max(1, min(16, len(photos) // (4 * jobs)))  # photos; small enough that all workers end together
        tries = ray.remote(num_cpus=0)(Tries).remote()
        rows = [{"index": i, "path": str(photo.absolute())} for i, photo in enumerate(photos)]
        outcomes = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // block)).map_batches(
            Worker,
            fn_constructor_args=(work, device, tries),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=jobs, initial_size=min(jobs, gpus or cores)),
            num_cpus=1,
            num_gpus=1 if gpus else 0,
        )
        done, reason = 0, LOST
        try:
            for row in outcomes.iter_rows():
                yield from [PhotoOutcome(error=LOST)] * (row["index"] - done)
                yield PhotoOutcome(json.loads(row["value"]), row["error"])
                done = row["index"] + 1
        except ray.exceptions.RayError as error:  # no worker could be started, or none is left
            reason = f"Ray gave up: {str(error).strip().splitlines()[-1]}"
        yield from [PhotoOutcome(error=reason)] * (len(photos) - done)
    finally:
        ray.shutdown()
