"""Answers as append-only rows in a private dataset repository: a Space loses its disk when it restarts."""

import json
import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from unmask.settings import RATINGS_REPO
from unmask.types import Json

PUSH_EVERY = 5  # minutes, the least that the Hub's scheduler takes
FOLDER = "data"  # in the repository

log = logging.getLogger(__name__)


class Backup:
    """A file of rows, pushed every few minutes. Rows are never changed: a withdrawal is a row too."""

    def __init__(self, repo: str, token: str, make_scheduler: Callable[..., Any] | None = None):
        """repo: "owner/name" of the dataset repository, made private if it is not there yet."""
        if make_scheduler is None:
            from huggingface_hub import CommitScheduler

            make_scheduler = CommitScheduler
        folder = Path(tempfile.mkdtemp(prefix="unmask-ratings-"))
        self.repo, self.token = repo, token
        self.file = folder / f"{uuid.uuid4().hex}.jsonl"  # one per process: two servers never write the same
        self.scheduler = make_scheduler(
            repo_id=repo,
            repo_type="dataset",
            folder_path=folder,
            path_in_repo=FOLDER,
            every=PUSH_EVERY,
            private=True,
            token=token,
        )

    def append(self, row: Json) -> None:
        """Add a row to be pushed. The database has it already, so a fault here is only logged."""
        try:
            with self.scheduler.lock, open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            log.error("A row was not backed up: %s", error)

    def fetch(self) -> Iterator[Json]:
        """All rows that were ever pushed."""
        from huggingface_hub import snapshot_download

        folder = snapshot_download(
            self.repo, repo_type="dataset", token=self.token, allow_patterns=f"{FOLDER}/*.jsonl"
        )
        yield from read_rows(Path(folder).glob(f"{FOLDER}/*.jsonl"))


def read_rows(files: Iterable[Path]) -> Iterator[Json]:
    """The rows in backup files. A last line that was cut off is passed over."""
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                log.warning("%s has a line that is not whole.", file)


@lru_cache(maxsize=1)
def backup_from_environment() -> Backup | None:
    """The backup, on a Space (SPACE_ID) with HF_TOKEN and UNMASK_RATINGS_REPO; else None."""
    repo, token = RATINGS_REPO.read(), os.environ.get("HF_TOKEN")
    return Backup(repo, token) if os.environ.get("SPACE_ID") and repo and token else None
