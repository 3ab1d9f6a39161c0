"""What raters are asked beside the first question, and the keys under which answers are kept.

An answer's key says what it is of: "<item>" is the first question's score of an item, "<item>:<n>" that of the n-th
further one (1, 2, ...), "<left>-<right>" the choice between two items, and "rank:<items>" the order of several, each
by the first SHORT digits of its id: a key has 64 characters, in databases of before, too. The answer to the last is the
order as digits: "312" puts the third of those shown first, and the second last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SCALES = range(2, 11)  # how far scores may go: there are ten keys
LONGEST = 200  # characters of a question
MOST_FURTHER = 6  # that fit on a screen with the picture
SHORT = 7  # digits of an item's id in the key of a ranking
RANKED = range(2, 9)  # how many pictures may be ranked at once: an answer has eight characters


@dataclass(frozen=True)
class Question:
    """A question that is answered by a score."""

    text: str
    scale_max: int  # scores are whole numbers from 1 to this
    scale_labels: dict[str, str]  # score -> what stands beside it


def scale(text: str, scale_max: int, low: str = "", high: str = "") -> Question:
    """A question whose ends mean `low` and `high`."""
    labels = {"1": low, str(scale_max): high}
    return Question(text, scale_max, {score: label for score, label in labels.items() if label})


AGREEMENT = ("strongly disagree", "strongly agree")
# Statements with five degrees of agreement, as crowd tests after ITU-T P.910 ask them of faces.
STATEMENTS = {
    "realistic": scale("This face looks realistic.", 5, *AGREEMENT),
    "resembles": scale("The mouth and nose fit the visible part of the face.", 5, *AGREEMENT),
    "artefacts": scale("I see flaws that do not belong in a photograph.", 5, *AGREEMENT),
    "eerie": scale("This face looks eerie.", 5, *AGREEMENT),
}


def read_statement(text: str) -> Question:
    """One of STATEMENTS by its name, or "TEXT|HIGHEST|LOW|HIGH". Raises ValueError."""
    if text in STATEMENTS:
        return STATEMENTS[text]
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != 4 or not parts[1].isdecimal():
        names = ", ".join(STATEMENTS)
        raise ValueError(
            f"{text!r} is no statement: give one of {names}, or write it like "
            "'This face looks tired.|5|not at all|very much'."
        )
    return scale(parts[0], int(parts[1]), *parts[2:])


def check_further(questions: Sequence[Question], first: str) -> None:
    """Raises ValueError, in one sentence, for questions that cannot be asked beside `first`."""
    if len(questions) > MOST_FURTHER:
        raise ValueError(f"At most {MOST_FURTHER} further questions fit on a screen, not {len(questions)}.")
    seen = {first.strip().casefold()}
    for question in questions:
        text = question.text.strip()
        if not text or len(text) > LONGEST:
            raise ValueError(f"A further question has 1 to {LONGEST} characters.")
        if question.scale_max not in SCALES:
            raise ValueError(
                f"The scale of {text!r} may end at 2 to 10, the keys that there are, not at {question.scale_max}."
            )
        if text.casefold() in seen:
            raise ValueError(f"{text!r} is asked twice.")
        seen.add(text.casefold())


class Asked(NamedTuple):
    """What an answer is of."""

    kind: str  # "score", "pair" or "ranking", of whose items there are the first SHORT digits
    items: tuple[str, ...]  # as they were shown, from the left
    question: int = 0  # of a score: 0 is the first question


def score_key(item: str, question: int = 0) -> str:
    return f"{item}:{question}" if question else item


def pair_key(left: str, right: str) -> str:
    return f"{left}-{right}"


def ranking_key(items: Sequence[str]) -> str:
    """items: ids in the order in which they are shown."""
    return "rank:" + "".join(item[:SHORT] for item in items)


def read_key(key: str) -> Asked:
    """What the answer with this key is of; a key that we never made gives items or a question that do not exist."""
    if "-" in key:
        return Asked("pair", tuple(key.split("-")))
    if key.startswith("rank:"):
        digits = key.removeprefix("rank:")
        return Asked("ranking", tuple(digits[at : at + SHORT] for at in range(0, len(digits), SHORT)))
    item, _, number = key.partition(":")
    return Asked("score", (item,), int(number) if number.isdecimal() else -1 if ":" in key else 0)
