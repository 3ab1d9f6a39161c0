"""Entry point of the web demo, here and on a Hugging Face Space: `python app.py`."""

import os
from pathlib import Path

from unmask.web import launch
from unmask.web.zero import make_unmasker

if __name__ == "__main__":
    os.environ.setdefault("UNMASK_HOME", str(Path(__file__).resolve().parent))  # the weights and examples beside it
    launch(unmasker=make_unmasker())
