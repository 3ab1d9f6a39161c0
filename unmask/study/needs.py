"""What the analysis needs beside the demo, and one sentence where it is missing."""

from importlib.util import find_spec

from unmask.study.plan import StudyError

PACKAGES = ("pandas", "scipy", "statsmodels", "matplotlib", "pyarrow", "choix")


def require_analysis() -> None:
    """Raises StudyError, which names what is missing and how to install it, unless all PACKAGES are there."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise StudyError(
            f"Analysing a study needs {', '.join(missing)}, not installed here: pip install '.[study]'."
        )
