"""What a host sets by environment variables: every one that Unmask has, by name, with its type and what it is for.

Each is read when it is asked for, so that a fault in one stops only what needs it. No pydantic: it comes with Gradio,
which the library and the command line do without, and takes longer to import than `unmask --help` may.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One environment variable. parse raises ValueError with what the value must be, as in "a whole number"."""

    name: str
    purpose: str
    parse: Callable[[str], T]
    default: T
    secret: bool = False  # its value is never shown

    @property
    def text(self) -> str:
        """The variable as it stands; empty where it is not set."""
        return os.environ.get(self.name, "")

    def read(self) -> T:
        """Its value, or the default. Raises ValueError, in one sentence that shows no secret."""
        if not self.text.strip():
            return self.default
        try:
            return self.parse(self.text)
        except ValueError as error:
            raise ValueError(f"{self.name} must be {error}, not {self.text!r}.") from error


def _whole(text: str) -> int:
    if not (text.strip().isdecimal() and int(text) > 0):
        raise ValueError("a whole number from 1")
    return int(text)


def _path(text: str) -> Path | None:
    return Path(text)


def _number(text: str) -> int | None:
    return _whole(text)


def _on(text: str) -> bool:
    return text == "1"


def _not_off(text: str) -> bool:
    return text != "0"


HOME = Setting(
    "UNMASK_HOME", "folder with checkpoints/ and examples/; by default the one it is started in", Path, Path(".")
)
WEIGHTS = Setting("UNMASK_WEIGHTS", "folder with own weights, which go before the released ones", _path, None)
HUB_REPO = Setting("UNMASK_HUB_REPO", "OWNER/NAME on the Hub that has the weights", str.strip, "")
HUB_REVISION = Setting("UNMASK_HUB_REVISION", "the commit of that repository to take them from", str.strip, "")
OUTLINE = Setting("UNMASK_OUTLINE", "0: no outlines by click, which fetch 375 MB and take 1.5 GB", _not_off, True)
SAM = Setting("UNMASK_SAM", "Segment Anything's checkpoint on this machine", _path, None)
SAM_SHA256 = Setting("UNMASK_SAM_SHA256", "its hash, where it is not the published ViT-B", str.strip, "")
RATE_LIMIT = Setting("UNMASK_RATE_LIMIT", "computations and large uploads a minute for one visitor", _number, None)
VISITS_MB = Setting("UNMASK_VISITS_MB", "memory for all visitors' photos and masks, MB; 600 by default", _whole, 600)
STUDIES = Setting("UNMASK_STUDIES", "folder of the rating studies; by default the user's data folder", _path, None)
STUDY_SECRET = Setting("UNMASK_STUDY_SECRET", "what makes the studies' links hard to guess", str, "", secret=True)
DATABASE_URL = Setting("UNMASK_DATABASE_URL", "PostgreSQL for the answers; by default SQLite", str, "", secret=True)
RATINGS_REPO = Setting("UNMASK_RATINGS_REPO", "OWNER/NAME of a data set that keeps a Space's answers", str.strip, "")
RESEARCHER_TOKEN = Setting("UNMASK_RESEARCHER_TOKEN", "opens the page's tab for researchers", str, "", secret=True)
MCP = Setting("UNMASK_MCP", "1: /segment and /remove as MCP tools; needs the extra mcp", _on, False)
VOTES = Setting("UNMASK_VOTES", "SQLite file for visitors' blind votes; it turns them and /board on", _path, None)

ALL: tuple[Setting[Any], ...] = (
    HOME, WEIGHTS, HUB_REPO, HUB_REVISION, OUTLINE, SAM, SAM_SHA256, RATE_LIMIT, VISITS_MB,
    STUDIES, STUDY_SECRET, DATABASE_URL, RATINGS_REPO, RESEARCHER_TOKEN, MCP, VOTES,
)  # fmt: skip


def home() -> Path:
    """The folder of the weights and the examples, absolute."""
    return HOME.read().absolute()


def examples() -> Path:
    """The folder of the example pictures: at home, or in the installed package. It may not be there."""
    return here if (here := home() / "examples").is_dir() else Path(__file__).with_name("examples")


def environment() -> dict[str, str]:
    """The variables that are set, for a process elsewhere that is to work as this one."""
    return {each.name: each.text for each in ALL if each.text} | {HOME.name: str(home())}
