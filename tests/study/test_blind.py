"""Nothing that a rater's browser receives says what made a picture."""

import re

import httpx

from tests.study.rating_page import begin, press, progress, visitor
from tests.web.web_page import needs_browser
from unmask.registry import MODELS


@needs_browser
def test_no_model_is_named_in_anything_that_a_rater_receives(browser, demo, single):
    received = []
    with visitor(browser) as context:
        page = context.new_page()
        context.on("response", lambda response: received.append(response))
        begin(page, demo, single)
        for place in range(len(single.study.plan.stimuli)):
            progress(page, place)
            press(page, "5")
        page.get_by_text("now two at a time").wait_for()
        page.keyboard.press("Enter")
        for place in range(2):
            progress(page, len(single.study.plan.stimuli) + place)
            press(page, "ArrowRight")
        page.get_by_text("All your answers are saved").wait_for()
        bodies = {
            response.url + "\n" + str(response.all_headers()): response.body()
            for response in received
            if response.status == 200
        }
        dom = page.content() + str(page.evaluate("JSON.stringify(localStorage)"))
    assert len([key for key in bodies if ".png" in key]) >= len(single.study.plan.stimuli)
    assert all(key.startswith(f"{demo.local_url}study/") for key in bodies), "nothing of Gradio's is loaded"
    pictures = {item.picture for item in single.study.plan.stimuli}
    words = {
        word.lower() for name, info in MODELS.items() for word in (name, info.title.split(" (")[0])
    } | pictures
    for text in (*bodies, *(body.decode("latin-1") for body in bodies.values()), dom):
        found = [word for word in words if re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text.lower())]
        assert not found, text[:200]
    for key, body in bodies.items():
        if "/api/" in key and ".png" not in key:
            assert not re.search(rb"reference|anchor|attention|repeat|role", body), key


def test_the_study_answers_with_no_schema_and_no_plan(demo, single):
    root = f"{demo.local_url}study/"
    here = single.study.plan
    for path in ("openapi.json", "docs", f"api/{here.study_id}/images/plan.json"):
        body = httpx.get(root + path).text
        assert "telea" not in body and here.stimuli[0].item_id not in body
    for path in ("../plan", "%2e%2e/secret.key", "0" * 16):
        assert httpx.get(f"{root}api/{here.study_id}/images/{path}.png").status_code == 404
    assert "script-src 'self'" in httpx.get(root).headers["content-security-policy"]
