"""A study of version 0.1.0, as its plan and its database were then: it opens, and goes on."""

import json
import sqlite3

import numpy as np

from tests.study.study_maker import answer_all
from unmask.imaging.metadata import write_png
from unmask.study.export import load
from unmask.study.plan import open_study
from unmask.study.store import Store

ITEMS = {"e7ea7cc877885dd4": "ganmasker", "94b6c633b7b7b0ba": "pix2pix", "31c52ec5baad7cc3": "reference"}
PLAN = {
    "study_id": "b19bf3155f8c",
    "title": "A study",
    "created": "2026-11-29T02:05:21+00:00",
    "ends": None,
    "raters": 30,
    "presentation": "single",
    "question": "How real does this face look?",
    "scale_max": 10,
    "scale_labels": {"1": "clearly fake", "10": "a real photograph"},
    "pairs": False,
    "pair_question": "Which face looks more real?",
    "consent": "Please rate.",
    "seed": 0,
    "size": 64,
    "models": {"ganmasker": "2f2886ead8ae", "pix2pix": None},
    "training": ["cf8b116e7810cf2a"],
    "stimuli": [
        {"item_id": item, "model": model, "picture": "face-0", "role": "reference" if model == "reference" else "test"}
        | {"repeat_of": None, "expected_low": None, "expected_high": None}
        for item, model in ITEMS.items()
    ],
    "by_invitation": False,
}
DATABASE = """
CREATE TABLE answer_history (
    study_id VARCHAR(32) NOT NULL, rater_id VARCHAR(32) NOT NULL, question VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL, position INTEGER NOT NULL, answer VARCHAR(8) NOT NULL, seconds FLOAT,
    answered_at VARCHAR(32) NOT NULL, PRIMARY KEY (study_id, rater_id, question, version)
);
CREATE TABLE answers (
    study_id VARCHAR(32) NOT NULL, rater_id VARCHAR(32) NOT NULL, question VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL, position INTEGER NOT NULL, answer VARCHAR(8) NOT NULL, seconds FLOAT,
    answered_at VARCHAR(32) NOT NULL, PRIMARY KEY (study_id, rater_id, question)
);
CREATE TABLE raters (
    study_id VARCHAR(32) NOT NULL, rater_id VARCHAR(32) NOT NULL, number INTEGER NOT NULL,
    consent VARCHAR(16) NOT NULL, version VARCHAR(32) NOT NULL, joined_at VARCHAR(32) NOT NULL,
    withdrawn_at VARCHAR(32), PRIMARY KEY (study_id, rater_id), UNIQUE (study_id, number)
);
INSERT INTO raters VALUES ('b19bf3155f8c', '4c29f3b415d2f58be01fb897a4c89400', 0, '23f11069c3ce566b', '0.1.0',
    '2026-11-29T02:05:22.589+00:00', NULL);
INSERT INTO answers VALUES ('b19bf3155f8c', '4c29f3b415d2f58be01fb897a4c89400', '31c52ec5baad7cc3', 1, 0, '7', 1.5,
    '2026-11-29T02:05:22.608+00:00');
INSERT INTO answer_history SELECT * FROM answers;
"""


def test_a_study_of_before_opens_and_goes_on(tmp_path):
    (tmp_path / "stimuli").mkdir()
    for item in [*ITEMS, *PLAN["training"]]:
        write_png(tmp_path / "stimuli" / f"{item}.png", np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    (tmp_path / "secret.key").write_text("0123456789abcdef")
    with sqlite3.connect(tmp_path / "ratings.db") as connection:
        connection.executescript(DATABASE)
    connection.close()

    store = Store(open_study(tmp_path))
    assert not store.study.plan.draft and store.study.plan.conditions == {}
    before = store.rater("4c29f3b415d2f58be01fb897a4c89400")
    assert before.answers == {"31c52ec5baad7cc3": "7"}
    answer_all(store, before, 5)
    answer_all(store, store.join(consent=True), 3)
    assert store.progress() == {"joined": 2, "finished": 2, "withdrawn": 0, "answers": 6}
    assert sorted(load(store.study).ratings["score"]) == [3, 3, 3, 5, 5, 5]
    versions = [row["version"] for row in store.answers() if row["question"] == "31c52ec5baad7cc3"]
    assert sorted(versions) == [1, 2]
    with sqlite3.connect(tmp_path / "ratings.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM answer_history").fetchone() == (7,)
    connection.close()
