"""The web demo: Gradio pages, one file per tab. Wiring only, no image code."""

from unmask.web import quick_import as quick_import  # isort: skip  # Gradio, before the others import it
from unmask.web.app import build_demo, launch

__all__ = ["build_demo", "launch"]
