"""What a study is made of: masked photos, bare ones, and what other systems made of them, matched by files' names."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unmask.imaging.reader import PhotoError, read_photo
from unmask.study.plan import StudyError

RESERVED = ("reference", "anchor", "attention")  # what the plan calls items that are no condition
LONGEST_NAME = 40  # characters of a condition's: it stands in tables and charts


@dataclass(frozen=True)
class Picture:
    """One photo of which stimuli are made: our models take its mask off, or other systems have done so."""

    name: str
    masked: np.ndarray | None = None  # RGB uint8 (H, W, 3); None: there are only others' results
    mask: np.ndarray | None = None  # uint8 (H, W), 255 = covered; None: it is found
    truth: np.ndarray | None = None  # RGB uint8, without the mask, of the same shape or larger or smaller
    made: Mapping[str, Path] = field(default_factory=dict)  # condition -> its file, of the same size


@dataclass(frozen=True)
class Folder:
    """Pictures by the stems of their files' names. name: of the condition that made them, or what they are."""

    name: str
    files: Mapping[str, Path]


def gather(name: str, paths: Iterable[Path]) -> Folder:
    """Raises StudyError where there is nothing, or two files have one stem."""
    files: dict[str, Path] = {}
    for path in map(Path, paths):
        if path.stem in files:
            both = f"{files[path.stem].name} and {path.name}"
            raise StudyError(f"{name} has {both}: pictures are matched by name, and each name may be there once.")
        files[path.stem] = path
    if not files:
        raise StudyError(f"{name} has no pictures.")
    return Folder(name, files)


def pair(
    conditions: Sequence[Folder],
    masked: Folder | None = None,
    truth: Folder | None = None,
    find_mask: Callable[[Path, tuple[int, int]], np.ndarray] | None = None,
) -> list[Picture]:
    """Put together what belongs to one photo, in the order of names.

    conditions and masked must have the same stems; truth may have more. find_mask: (masked photo's file, its (H, W))
    -> mask. Raises StudyError for names that no condition can have and for files without their like, PhotoError for
    those that cannot be read.
    """
    _check_names([condition.name for condition in conditions])
    folders = [*([masked] if masked else []), *conditions]
    if not folders:
        raise StudyError("A study needs one picture or more.")
    stems = sorted(folders[0].files)
    for one in folders:
        for other in folders:
            _check_same(one, other)
    if truth and (missing := [stem for stem in stems if stem not in truth.files]):
        raise StudyError(f"There is no bare photo of {_some(missing)} in {truth.name}.")
    pictures = []
    for stem in stems:
        photo = mask = None
        if masked:
            photo = read_named(masked.files[stem])
            mask = find_mask(masked.files[stem], photo.shape[:2]) if find_mask else None
        bare = read_named(truth.files[stem]) if truth else None
        made = {condition.name: condition.files[stem] for condition in conditions}
        pictures.append(Picture(stem, photo, mask, bare, made))
    return pictures


def read_named(path: Path) -> np.ndarray:
    """`read_photo`, which says whose fault it was. Raises StudyError: one sentence with the file's name."""
    try:
        return read_photo(path)
    except PhotoError as error:
        raise StudyError(f"{path.name}: {error}") from error


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.strip() or len(name) > LONGEST_NAME or any(unicodedata.category(sign)[0] == "C" for sign in name):
            raise StudyError(f"A condition's name has 1 to {LONGEST_NAME} characters, unlike {name[:50]!r}.")
        if name in RESERVED:
            raise StudyError(f"No condition can be called {name}: the plan has another use for this word.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise StudyError(f"There are two conditions called {twice[0]}.")


def _check_same(one: Folder, other: Folder) -> None:
    if alone := sorted(set(one.files) - set(other.files)):
        verb = "are" if len(alone) > 1 else "is"
        raise StudyError(
            f"{_some(alone)} {verb} in {one.name} and not in {other.name}: every picture is needed from each, "
            "by the same file name."
        )


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
