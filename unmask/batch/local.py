"""The work on many photos: what is done with one, and several at a time on this machine.

A piece of work takes (unmasker, path), reads and writes its own files, and returns None or plain JSON types, so that
it can run in a thread here or, in `ray_batch.py`, on another machine. Only paths wait in line: there are never more
photos in memory than jobs.
"""

import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

import unmask
from unmask.faces.editing import AS_FOUND, Guide
from unmask.imaging.metadata import NOTICE, write_png
from unmask.imaging.reader import PhotoError, read_photo
from unmask.masks import is_empty, read_mask
from unmask.pipeline import Unmasker
from unmask.registry import DEFAULT_SEGMENTATION_MODEL
from unmask.types import Json

Work = Callable[[Unmasker, Path], Any]

PART = ".part"  # ends the name of a file that is being written
_writing = threading.Lock()


class PhotoOutcome(NamedTuple):
    """What became of one photo."""

    value: Any = None  # what the work returned
    error: str = ""  # one sentence, or nothing when all went well


def remove_from_photo(
    unmasker: Unmasker, path: Path, out: Path, models: Sequence[str], mask: Path | None, aligned: bool,
    segmentation_model: str = DEFAULT_SEGMENTATION_MODEL, guide: Guide = AS_FOUND, realism: float = 1.0,
    sample: int = 0, roots: Sequence[Path] = (),
) -> Json:  # fmt: skip
    """Write <stem>.<model>.png for each model, and <stem>.mask.png, and return where they are: {"mask", "results"}.

    mask: a file, or a folder of them. guide, realism, sample: see `Unmasker.remove`. roots: see `folder_for`.
    """
    photo = read_photo(path)
    given = None
    if mask is not None:
        masks = folder_for(path, mask, roots) if mask.is_dir() else mask
        given = read_mask(mask_path(masks, path), photo.shape[:2])
    faces = unmasker.find(photo, aligned=aligned)
    found = unmasker.segment(photo, faces=faces, model=segmentation_model) if given is None else given
    if given is None and is_empty(found):
        raise PhotoError("No face mask was found in the picture: give one with --mask.")
    results = unmasker.remove(
        photo, mask=found, models=models, faces=faces, guide=guide, realism=realism, sample=sample
    )
    out = folder_for(path, out, roots)
    written = {name: out / f"{path.stem}.{name}.png" for name in results}
    write(out / f"{path.stem}.mask.png", found)
    for name, result in results.items():
        write(written[name], result, NOTICE)
    where = {name: str(target) for name, target in written.items()}
    return {"mask": str(out / f"{path.stem}.mask.png"), "results": where}


def find_mask(
    unmasker: Unmasker,
    path: Path,
    out: Path,
    aligned: bool,
    segmentation_model: str = DEFAULT_SEGMENTATION_MODEL,
    roots: Sequence[Path] = (),
) -> Json:
    """Write <stem>.mask.png, all black when no mask was found, and return where it is: {"mask"}. roots: see
    `folder_for`."""
    found = unmasker.segment(read_photo(path), aligned=aligned, model=segmentation_model)
    target = folder_for(path, out, roots) / f"{path.stem}.mask.png"
    write(target, found)
    return {"mask": str(target)}


def folder_for(photo: Path, folder: Path, roots: Sequence[Path]) -> Path:
    """Where a photo's files lie within `folder`: right in it, or where the photo lies below one of the absolute
    `roots`."""
    below = (photo.absolute().parent.relative_to(root) for root in roots if photo.absolute().is_relative_to(root))
    return folder / next(below, Path())


def find_faces(unmasker: Unmasker, path: Path) -> list[Json]:
    """The faces of a photo, largest first, in pixels of the upright photo; none is an empty list."""
    photo = read_photo(path)
    return [
        {
            "box": [float(x) for x in face.box],
            "points": None if face.points is None else [[float(x), float(y)] for x, y in face.points],
            "score": float(face.score),
            "masked": None if face.masked is None else float(face.masked),
        }
        for face in unmasker.find(photo)
    ]


def mask_path(masks: Path, photo: Path) -> Path:
    """A photo's mask: the file itself, or <stem>.mask.png or <stem>.png in a folder. Raises PhotoError."""
    if not masks.is_dir():
        return masks
    for name in (f"{photo.stem}.mask.png", f"{photo.stem}.png"):
        if (masks / name).is_file():
            return masks / name
    raise PhotoError(f"There is no {photo.stem}.mask.png or {photo.stem}.png in {masks}.")


def write(target: Path, image: np.ndarray, notice: str | None = None) -> None:
    """`write_png`, so that the file is there as a whole or not at all. Raises OSError with a sentence."""
    data = io.BytesIO()
    write_png(data, image, notice)
    part = target.with_name(f".{target.name}{PART}")
    try:
        with _writing:  # milliseconds, beside the encoding; `stop` waits for it
            try:
                part.write_bytes(data.getbuffer())
                part.replace(target)
            except OSError:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OSError(f"{target} could not be written: {error.strerror or error}.") from error


def attempt(work: Work, unmasker: Unmasker, path: Path) -> PhotoOutcome:
    """Do the work on one photo. Whatever goes wrong with it must not cost the other photos theirs."""
    try:
        return PhotoOutcome(work(unmasker, path))
    except (PhotoError, OSError) as error:
        return PhotoOutcome(error=str(error))
    except unmask.WeightsError as error:
        return PhotoOutcome(error=f"{error} {getattr(error, 'detail', '')}".strip())
    except MemoryError:
        return PhotoOutcome(error="The memory is too small for this photo: try fewer --jobs.")
    except Exception as error:  # RuntimeError: a device out of memory; cv2.error
        return PhotoOutcome(error=f"{type(error).__name__}: {error}")


def one_thread() -> None:
    """One thread a job: photos side by side use the cores better than threads inside a network do, and what is
    computed does not depend on the number of cores."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def run_local(
    photos: Sequence[Path], work: Work, device: str, jobs: int | None = None
) -> Generator[PhotoOutcome, None, None]:
    """Work on `jobs` photos at a time, by default as many as there are cores; outcomes come in the photos' order.

    The jobs are threads that share one Unmasker: decoding, networks and encoding all run outside Python's lock.
    A single photo may use every core.
    """
    unmasker = unmask.Unmasker(device=device)
    if len(photos) == 1:
        yield attempt(work, unmasker, photos[0])
        return
    jobs = jobs or torch.get_num_threads()
    executor = ThreadPoolExecutor(jobs, "photo", initializer=one_thread)
    waiting: deque[Future[PhotoOutcome]] = deque()
    try:
        for photo in photos:
            waiting.append(executor.submit(attempt, work, unmasker, photo))
            if len(waiting) > 16 * jobs:  # so many may overtake a slow one
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def stop(out: Path | None) -> None:
    """End the process at once after Ctrl-C, with no file half written. Photos in work are given up."""
    with _writing:  # threads of this process: none is writing now, and none begins
        for part in out.rglob(f".*.png{PART}") if out else ():  # processes that were ended on the way
            part.unlink(missing_ok=True)
        sys.stdout.flush()
        sys.stderr.write("\nStopped.\n")
        sys.stderr.flush()
        os._exit(130)  # a usual exit would wait for the threads to finish their photos
