"""The words of the raters' page in each language: its own, and what a study asks in words of ours."""

import json
from collections.abc import Iterator

from unmask.study.create import CONSENT, HIGH_LABEL, LOW_LABEL, QUESTION
from unmask.study.questions import STATEMENTS
from unmask.web.i18n import LOCALES, TABLES


def asked() -> Iterator[str]:
    """What the form for a study begins with, which a researcher may have left as it is."""
    yield from (QUESTION, LOW_LABEL, HIGH_LABEL)
    for statement in STATEMENTS.values():
        yield from (statement.text, *statement.scale_labels.values())


def rater_words() -> dict[str, dict[str, str]]:
    """Language -> English -> translation, of every text of the page; the text to agree to is there by paragraphs."""
    tables = {}
    for path in sorted((LOCALES / "raters").glob("*.json")):
        theirs = TABLES[path.stem]
        words = {text: theirs[text] for text in asked()}
        words |= dict(zip(CONSENT.split("\n\n"), theirs[CONSENT].split("\n\n"), strict=True))
        tables[path.stem] = json.loads(path.read_text(encoding="utf-8")) | words
    return tables
