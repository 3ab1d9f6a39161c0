"""Entry point of the web demo, here and on a Hugging Face Space: `python app.py`."""

from unmask.web import launch
from unmask.web.zero import make_unmasker

if __name__ == "__main__":
    launch(unmasker=make_unmasker())
