"""Entry point of the web demo, here and on a Hugging Face Space: `python app.py`."""

from unmask.web import launch

if __name__ == "__main__":
    launch()
