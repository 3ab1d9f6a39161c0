"""HTML from the files in templates/: what is put into them is escaped, and a name that is not given is an error.

Texts are translated before, by `tr`: the tests find them in the source.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FILES = Path(__file__).resolve().parent / "templates"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FILES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def render(name: str, **values: Any) -> str:
    """The template `name`.html with these values."""
    return _TEMPLATES.get_template(f"{name}.html").render(values)
