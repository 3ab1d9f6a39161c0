"""Stars for the results: a visitor's passing opinion. Off until the host sets UNMASK_CASUAL_RATINGS=1.

Visitors see which model they judge, and choose the photo themselves: this is no study, and its stars are kept
in a table of their own that no analysis reads.
"""

from datetime import date

import gradio as gr
import sqlalchemy as sa

from unmask.settings import CASUAL_RATINGS
from unmask.study.database import open_database, transaction
from unmask.study.plan import StudyError, studies_folder
from unmask.web.components.inputs import model_choices
from unmask.web.components.status import status
from unmask.web.events import PRIVATE

STARS = 5
TABLES = sa.MetaData()
CASUAL = sa.Table(
    "casual_ratings",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("stars", sa.Integer, nullable=False),  # 1 to STARS
    sa.Column("rated_on", sa.String(10), nullable=False),  # the day, ISO 8601
)


def wanted() -> bool:
    """Whether the host has turned it on."""
    return CASUAL_RATINGS.read()


def save(model: str, stars: int) -> None:
    """Keep one opinion. Raises StudyError."""
    if model not in [name for _, name in model_choices()] or stars not in range(1, STARS + 1):
        raise StudyError(f"Choose a model, and 1 to {STARS} stars.", 422)
    folder = studies_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with transaction(open_database(folder / "casual.db", TABLES), writes=True) as connection:
        connection.execute(
            sa.insert(CASUAL), {"model": model, "stars": stars, "rated_on": date.today().isoformat()}
        )


def stars(model: str) -> None:
    """Add five stars to a model's card, to click once its result is there; they are free again when saved."""
    choices = [(f"{count} ★", count) for count in range(1, STARS + 1)]
    with gr.Column(elem_classes="opinion"):
        given = gr.Radio(choices, label="How real does this look?", elem_classes="stars")
        note = gr.HTML(status())

    def rate(count: int | None) -> tuple:
        try:
            save(model, count)
        except StudyError as error:
            return status(str(error), "warn"), gr.skip()
        return status("Saved, without your photo and name. Thank you!", "done"), None

    given.input(rate, given, [note, given], **PRIVATE)
