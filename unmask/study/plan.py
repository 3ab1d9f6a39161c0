"""The plan of a rating study: all that is decided before the first rating.

A study is a folder:

    plan.json       what was decided, to read and to publish with the results; no secret in it
    secret.key      signs what raters are handed; it never leaves the server
    stimuli/        <item_id>.png: one size, no metadata, and names that say nothing
    ratings.db      the answers, unless UNMASK_DATABASE_URL names another database
"""

import json
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path

from unmask.registry import MODELS
from unmask.settings import STUDIES, STUDY_SECRET
from unmask.study.questions import RANKED, SCALES, SHORT, Question, check_further, score_key

ROLES = ("test", "reference", "anchor", "repeat", "attention")
PRESENTATIONS = ("single", "side-by-side", "none")  # how results are scored; none: they are compared alone
CHOOSE = ("balanced", "active")  # every pair as often, or the one whose answer is expected to say most


class StudyError(ValueError):
    """Something cannot be done; the message is one sentence for whoever asked for it. status: as in HTTP."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Stimulus:
    """One picture to rate."""

    item_id: str  # opaque: its file's name, and all that a browser learns of it
    model: str  # a name in the registry, a condition's, or "reference", "anchor", "attention"
    picture: str  # the photo that it was made of
    role: str  # one of ROLES
    repeat_of: str | None = None  # the item_id that a repeat shows again
    expected_low: int | None = None  # what an attention item asks for lies from here ...
    expected_high: int | None = None  # ... to here


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first rating."""

    study_id: str
    title: str
    created: str  # ISO 8601, UTC
    ends: str | None  # ISO 8601: no answer is taken from then on; None: open until closed
    raters: int  # when so many have finished, nobody new is let in
    presentation: str  # one of PRESENTATIONS
    question: str
    scale_max: int  # scores are whole numbers from 1 to this
    scale_labels: dict[str, str]  # score -> what stands beside it
    pairs: bool  # whether pairs of results are compared after the ratings
    pair_question: str
    consent: str  # paragraphs with an empty line between them
    seed: int  # of every rater's order
    size: int  # px: side of every stimulus
    models: dict[str, str | None]  # name -> sha256 of the weights
    training: list[str]  # item ids of the practice, not counted
    stimuli: list[Stimulus]
    by_invitation: bool = False  # whether only those come in who were sent a link, and each but once
    conditions: dict[str, str] = field(default_factory=dict)  # what other systems made: name -> sha256 of all its files
    draft: bool = False  # to be looked at: nobody is let in
    completion: str = ""  # who has finished gets this code, or is sent back to this https address
    further: list[Question] = field(default_factory=list)  # asked of each picture beside `question`
    rank: int = 0  # how many results of a photo are put in order at once, after the ratings; 0: none
    rank_question: str = ""
    trials: int | None = None  # the most screens, of all kinds, that one rater is asked; None: all
    choose: str = "balanced"  # one of CHOOSE: which of a picture's pairs a rater is asked

    @property
    def questions(self) -> list[Question]:
        """All that is asked of a picture; the like index is of the first."""
        return [Question(self.question, self.scale_max, self.scale_labels), *self.further]

    def keys(self, item_id: str) -> list[str]:
        """What is asked of an item, as the keys of its answers: of a check, the first question alone."""
        count = 1 if item_id in self._checks else 1 + len(self.further)
        return [score_key(item_id, number) for number in range(count)]

    @cached_property
    def _checks(self) -> frozenset[str]:
        return frozenset(item.item_id for item in self.stimuli if item.role == "attention")

    @property
    def ended(self) -> bool:
        return self.ends is not None and datetime.now(UTC) >= _as_time(self.ends)

    def check(self) -> None:
        """Raises StudyError for a plan that could not be run, or that would give its models away."""
        ids = [*self.training, *(item.item_id for item in self.stimuli)]
        if len(set(ids)) < len(ids) or not all(re.fullmatch("[0-9a-f]{16}", item_id) for item_id in ids):
            raise StudyError("Every item of a plan needs an id of its own, of 16 hexadecimal digits.")
        if not any(item.role == "test" for item in self.stimuli):
            raise StudyError("The plan has nothing to rate.")
        if unknown := {item.role for item in self.stimuli} - set(ROLES):
            raise StudyError(f"There is no role {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}.")
        if self.presentation not in PRESENTATIONS:
            raise StudyError(
                f"The presentation is one of {', '.join(PRESENTATIONS)}, not {self.presentation}."
            )
        if self.scale_max not in SCALES:
            raise StudyError(
                f"The scale may end at 2 to 10, the keys that there are, not at {self.scale_max}."
            )
        try:
            check_further(self.further, self.question)
        except ValueError as error:
            raise StudyError(str(error)) from error
        if self.choose not in CHOOSE:
            raise StudyError(f"Pairs are chosen by one of {', '.join(CHOOSE)}, not by {self.choose}.")
        if self.choose == "active" and not self.pairs:
            raise StudyError("There are no pairs to choose from: have raters judge pairs, too.")
        if self.presentation == "none":
            self._check_unscored()
        self._check_rankings()
        self._check_cap()
        if len(self.completion) > 300 or ("://" in self.completion and not self.completion.startswith("https://")):
            raise StudyError("What raters get at the end is a code, or an address that begins with https://.")
        if self.raters < 1:
            raise StudyError("A study needs one rater or more.")
        if self.ends is not None:
            _as_time(self.ends)
        shown = " ".join([self.title, self.pair_question, self.rank_question, self.consent])
        shown = " ".join([shown, *(" ".join([each.text, *each.scale_labels.values()]) for each in self.questions)])
        for name in MODELS:
            if any(re.search(rf"\b{re.escape(word)}\b", shown, re.IGNORECASE) for word in _names(name)):
                raise StudyError(f"A text that raters read names the model {name}: they must not know.")
        for name in self.conditions:
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", shown, re.IGNORECASE):
                raise StudyError(f"A text that raters read has the condition's name in it, {name}: they must not know.")

    def _check_unscored(self) -> None:
        if not (self.pairs or self.rank):
            raise StudyError("Without scores there must be something to compare: have raters judge pairs, or rank.")
        if self.further:
            raise StudyError("Further questions are answered by scores, of which this study has none.")
        if self.training or any(item.role not in ("test", "reference") for item in self.stimuli):
            raise StudyError("Without scores there is no practice, and no item is an anchor, a repeat or a check.")

    def _check_rankings(self) -> None:
        if not self.rank:
            return
        if self.rank not in RANKED:
            raise StudyError(f"From {RANKED[0]} to {RANKED[-1]} pictures can be ranked at once, not {self.rank}.")
        fewest = min(map(len, self.contenders()), default=0)
        if self.rank > fewest:
            raise StudyError(f"There are {fewest} results of a photo to rank, and not {self.rank}.")
        if len({item.item_id[:SHORT] for item in self.stimuli}) < len(self.stimuli):
            raise StudyError("Two items have ids that begin alike, which rankings cannot tell apart: make it again.")

    def _check_cap(self) -> None:
        if self.trials is None:
            return
        kinds = (self.presentation != "none") + bool(self.pairs) + bool(self.rank)
        least = sum(item.role == "attention" for item in self.stimuli) + kinds
        if self.trials < least:
            raise StudyError(f"A rater needs {least} trials or more here, checks included, not {self.trials}.")
        on_screen = Counter(item.picture for item in self.stimuli if item.role in ("test", "reference", "anchor"))
        if self.presentation == "side-by-side" and len(set(on_screen.values())) > 1:
            raise StudyError("A cap needs as many results of every photo, when they are shown side by side.")

    def contenders(self) -> list[list[str]]:
        """Per picture the items to compare: the models' results, and the reference where there is one model."""
        pictures: dict[str, list[Stimulus]] = {}
        for item in self.stimuli:
            if item.role in ("test", "reference"):
                pictures.setdefault(item.picture, []).append(item)
        found = []
        for items in pictures.values():
            tests = [item.item_id for item in items if item.role == "test"]
            found.append(tests if len(tests) > 1 else [item.item_id for item in items])
        return found

    def write(self, path: Path) -> None:
        """As JSON, replacing what is there in one step."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Raises StudyError for a file that is missing, or no plan."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if unknown := set(values) - {each.name for each in fields(cls)}:
                raise StudyError(f"{path} has an entry that no plan has: {', '.join(sorted(unknown))}.")
            values["stimuli"] = [Stimulus(**item) for item in values["stimuli"]]
            values["further"] = [Question(**each) for each in values.get("further", [])]
            plan = cls(**values)
        except FileNotFoundError as error:
            raise StudyError(f"There is no study in {path.parent}: it has no plan.json.", 404) from error
        except (OSError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise StudyError(f"{path} is no plan of a study, or it is damaged: {error}.") from error
        plan.check()
        return plan


@dataclass(frozen=True)
class Study:
    """A study's folder, opened."""

    folder: Path
    plan: Plan
    secret: bytes

    def image(self, item_id: str) -> Path:
        return self.folder / "stimuli" / f"{item_id}.png"

    def close(self) -> "Study":
        """End the study now: no answer is taken any more."""
        return self._write(replace(self.plan, ends=now()))

    def publish(self) -> "Study":
        """A draft no more: raters are let in from now on."""
        return self._write(replace(self.plan, draft=False))

    def _write(self, plan: Plan) -> "Study":
        plan.write(self.folder / "plan.json")
        return replace(self, plan=plan)


def open_study(folder: Path) -> Study:
    """Raises StudyError when there is none, or it is not whole. Read once, until the plan's file changes."""
    path = Path(folder) / "plan.json"
    try:
        return _open(path, path.stat().st_mtime_ns, STUDY_SECRET.read())
    except FileNotFoundError as error:
        raise StudyError(f"There is no study in {folder}: it has no plan.json.", 404) from error


@lru_cache(maxsize=64)
def _open(path: Path, modified_ns: int, given_secret: str) -> Study:
    secret = given_secret.encode() if given_secret else (path.parent / "secret.key").read_bytes()
    study = Study(path.parent, Plan.read(path), secret)
    plan = study.plan
    for item_id in (*plan.training, *(item.item_id for item in plan.stimuli)):
        if not study.image(item_id).is_file():
            raise StudyError(f"The study in {path.parent} has lost its picture {item_id}.png.")
    return study


def studies_folder() -> Path:
    """Where the web page looks for studies: UNMASK_STUDIES, or the user's data folder."""
    if given := STUDIES.read():
        return given
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "unmask" / "studies"


def find_studies(folder: Path) -> dict[str, Study]:
    """Every whole study right in `folder`, by its id, oldest first."""
    studies = []
    for path in Path(folder).glob("*/plan.json"):
        try:
            studies.append(open_study(path.parent))
        except StudyError:
            continue  # half copied, or edited badly: the commands say what is wrong with it
    return {study.plan.study_id: study for study in sorted(studies, key=lambda study: study.plan.created)}


def _names(model: str) -> set[str]:
    """How a text may name a model; a title's note in brackets is none of its names."""
    return {model, MODELS[model].title.split(" (")[0]}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _as_time(text: str) -> datetime:
    """ISO 8601; a time without a zone is UTC. Raises StudyError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise StudyError(f"{text!r} is no date: write it like 2027-01-31.") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
