"""The page's words in the visitor's language.

English is the key, and stands in the code; `locales/<language>.json` has the rest. What is on the page from the
start is translated in the browser, by Gradio (`static`, `on_page`); what callbacks return is translated here (`tr`).
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from gradio.i18n import I18nData

from unmask.imaging.reader import PhotoError
from unmask.weights import WeightsError

LOCALES = Path(__file__).resolve().parent / "locales"
GRADIOS_CHINESE = ("zh-cn", "zh-tw")  # Gradio shows its page in English for zh, zh-hans or zh-hk
# Language -> English -> translation.
TABLES: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(LOCALES.glob("*.json"))
}
# The same for what the page begins with: whole values of components, which may be HTML.
_on_page: dict[str, dict[str, str]] = {language: {} for language in TABLES}
_drawing_in: ContextVar[str | None] = ContextVar("drawing_in", default=None)


def language_of(accept_language: str) -> str:
    """The language for a browser that sends this header: its first, as Gradio goes by; "en" where we lack it."""
    first = re.split("[,;]", accept_language.strip().lower())[0]
    if first.startswith("zh") and first not in GRADIOS_CHINESE:
        return "en"  # as the page itself then is
    language = first.split("-")[0]
    return language if language in TABLES else "en"


def language() -> str:
    """The language of the visitor whose event is being answered; "en" outside of one."""
    request = LocalContext.request.get(None)
    return _drawing_in.get() or language_of(request.headers.get("accept-language", "") if request else "")


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Texts are in this language, whoever the visitor is."""
    token = _drawing_in.set(language)
    try:
        yield
    finally:
        _drawing_in.reset(token)


def tr(text: str, **values: object) -> str:
    """An English text in the visitor's language, with what belongs into its {placeholders}."""
    translated = TABLES.get(language(), {}).get(text, text)
    return translated.format(**values) if values else translated


def tr_error(error: PhotoError | WeightsError) -> str:
    """An error's sentence in the visitor's language: its template is the key, as a text's is."""
    return tr(error.template, **error.values)


def on_page(draw: Callable[..., str], *args: Any) -> str:
    """What `draw(*args)`, which uses `tr`, gives, for a component to begin with: each browser shows it in its language.

    It is Gradio's mark for a text to look up, of which a value can have but one: so all of it is looked up. The
    key is the English, which is shown where there is no translation; it must have no "}", at which the mark ends.
    """

    def draw_in(language: str) -> str:
        with in_language(language):
            return draw(*args)

    english = draw_in("en")
    for language, page in _on_page.items():
        page[english] = draw_in(language)
    return str(I18nData(english))


def static(text: str) -> str:
    """An English text for a component to begin with: a label, a button, a choice."""
    return on_page(tr, text)


def i18n() -> gr.I18n:
    """What `launch` needs, once the page is built."""
    return gr.I18n(**_on_page)
