"""Raters who use a program: /rate, and the page's own API, on the whole demo."""

import re

import httpx
import pytest
from gradio_client import Client

from tests.study.rating_page import scores
from tests.study.study_maker import make_study
from unmask.study.store import Store


@pytest.fixture
def rater(demo, single):
    """Somebody who takes part by a program: what the server handed out."""
    answer = httpx.post(
        f"{demo.local_url}study/api/{single.study.plan.study_id}/raters", json={"consent": True}
    )
    return answer.json()


def send(demo, store, rater, **body):
    address = f"{demo.local_url}study/api/{store.study.plan.study_id}/answers"
    return httpx.post(address, json=body, headers={"Authorization": f"Bearer {rater['token']}"})


def test_rate_by_gradio_client(demo, single, rater):
    client = Client(demo.local_url, verbose=False)
    token = rater["screens"][0][0]["token"]
    assert client.predict(token, 8, api_name="/rate") == {"saved": True, "version": 1}
    assert client.predict(token, 9, api_name="/rate") == {"saved": True, "version": 2}
    for arguments, sentence in (
        ((token, 11), "A score is a whole number from 1 to 10, not '11'."),
        ((token[:-1] + "x", 5), "This token is not valid here"),
        (("nothing", 5), "There is no such study"),
    ):
        with pytest.raises(Exception, match=re.escape(sentence)) as error:
            client.predict(*arguments, api_name="/rate")
        assert "Traceback" not in str(error.value)
    assert scores(single.rater(rater["code"]))[0] == "9"
    assert "/rate" in client.view_api(return_format="dict", print_info=False)["named_endpoints"]


def test_bad_answers_get_one_sentence(demo, single, rater):
    other = httpx.post(
        f"{demo.local_url}study/api/{single.study.plan.study_id}/raters", json={"consent": True}
    ).json()
    mine, theirs = (each["screens"][0][0]["token"] for each in (rater, other))
    for status, sentence, body in (
        (422, "A score is a whole number from 1 to 10, not '11'.", {"token": mine, "answer": 11}),
        (422, "A score is a whole number from 1 to 10, not '7.5'.", {"token": mine, "answer": 7.5}),
        (403, "This item was handed to another rater.", {"token": theirs, "answer": 5}),
        (403, "This token is not valid here: open the study's page anew.", {"token": "x", "answer": 5}),
        (422, "The request is not one that this page makes.", {"token": "x" * 300, "answer": 5}),
        (422, "The request is not one that this page makes.", {"answer": 5}),
        (422, "The request is not one that this page makes.", {"token": mine, "answer": None}),
        (422, "The request is not one that this page makes.", {"token": mine, "answer": True}),
        (422, f"A score is a whole number from 1 to 10, not '{'x' * 20}'.", {"token": mine, "answer": "x" * 999}),
    ):
        answer = send(demo, single, rater, **body)
        assert (answer.status_code, answer.json()) == (status, {"error": sentence})
    assert send(demo, single, {"token": other["token"] + "0"}, token=theirs, answer=5).status_code == 403
    refused = httpx.post(
        f"{demo.local_url}study/api/{single.study.plan.study_id}/raters", json={"consent": False}
    )
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "Please read the text and agree to it first.",
    )
    assert not single.rater(rater["code"]).answers


def test_an_item_rated_twice_is_one_rating(demo, single, rater):
    token, item = (rater["screens"][0][0][name] for name in ("token", "image"))
    assert [send(demo, single, rater, token=token, answer=score).json()["version"] for score in (4, 4, 6)] == [1, 1, 2]
    mine = [[row for row in single.answers(history) if row["rater_id"] == rater["code"]] for history in (False, True)]
    assert [[(row["question"], row["answer"]) for row in rows] for rows in mine] == [
        [(item, "6")],
        [(item, "4"), (item, "6")],
    ]


def test_rate_says_that_a_study_has_ended(demo, folder):
    study = make_study(folder / "ended", pictures=1, title="Ended")
    store = Store(study)
    rater = store.join(consent=True)
    token = store.tokens.of_question(rater.rater_id, rater.screens[0][0])
    client = Client(demo.local_url, verbose=False)
    client.predict(token, 4, api_name="/rate")
    study.close()
    with pytest.raises(Exception, match="This study has ended and takes no more answers. Thank you!"):
        client.predict(token, 5, api_name="/rate")
    assert [row["answer"] for row in store.answers()] == ["4"]
