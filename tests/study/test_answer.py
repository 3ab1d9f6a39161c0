"""The report's first sentence, against studies whose answer is known."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.web.web_page import PHONE, needs_browser
from unmask.study.answer import answer
from unmask.study.report import summarise, write_report
from unmask.study.statistics.data import RANKING_COLUMNS, StudyData
from unmask.web.i18n import TABLES, in_language, tr

PICTURES = [f"picture {number}" for number in range(4)]


def study(scores: dict[str, list[list[int]]]) -> StudyData:
    """model -> one row of scores per rater, a score per picture; each rater takes his time."""
    stimuli, ratings = [], []
    for model, rows in scores.items():
        for place, picture in enumerate(PICTURES):
            item = f"{model}-{place}"
            stimuli.append((item, model, picture, "test", None, None, None))
            ratings += [(f"r{number}", item, row[place], 0, 3.0, False) for number, row in enumerate(rows)]
    columns = ["item_id", "model", "picture", "role", "repeat_of", "expected_low", "expected_high"]
    ratings = pd.DataFrame(ratings, columns=["rater_id", "item_id", "score", "position", "seconds", "simulated"])
    ratings["position"] = ratings.groupby("rater_id").cumcount()
    pairs = pd.DataFrame(columns=["rater_id", "left_item", "right_item", "chosen", "position", "seconds", "simulated"])
    return StudyData(pd.DataFrame(stimuli, columns=columns), ratings, pairs)


def said(scores: dict) -> str:
    data = study(scores)
    return answer(summarise(data), data.scale_max)


def test_the_better_one_is_named_with_its_difference():
    """Three raters whose mean differences are 1, 2 and 3: mean 2, standard error 1 / sqrt(3), t(2) at 95 % 4.3027."""
    better, worse = [[6, 7, 6, 7], [7, 8, 7, 8], [8, 9, 8, 9]], [[5, 6, 5, 6], [5, 6, 5, 6], [5, 6, 5, 6]]
    sentence = said({"glcic": worse, "ganmasker": better})
    # 100 * (2 -+ 4.3027 / sqrt(3)) / 10 = -4.8 to 44.8: not told apart by three.
    assert sentence == (
        "No difference was found between GANMasker and GLCIC: 75.0 against 55.0 of 100, difference 20.0, "
        "95 % interval -4.8 to 44.8, 3 raters."
    )
    # Twice as many such raters: standard error sqrt(0.8 / 6), t(5) 2.5706, so 2 -+ 0.9387.
    sentence = said({"glcic": worse * 2, "ganmasker": better * 2})
    assert sentence == (
        "GANMasker was liked more than GLCIC: 75.0 against 55.0 of 100, difference 20.0, "
        "95 % interval 10.6 to 29.4, 6 raters."
    )


def test_the_others_follow_and_conditions_keep_their_names():
    rng = np.random.default_rng(0)
    draw = lambda mean: (mean + rng.integers(-1, 2, (12, 4))).tolist()
    sentence = said({"ours <b>": draw(8), "pix2pix": draw(6), "telea": draw(3), "theirs": draw(4)})
    assert sentence.startswith("ours <b> was liked more than Pix2Pix: ")
    assert sentence.count("12 raters. Then come theirs 4") == 1 and ", Telea 3" in sentence


def test_where_nothing_can_be_said_that_is_said():
    assert said({"glcic": [[5, 6, 5, 6]], "pix2pix": [[7, 8, 8, 7]]}) == (
        "Whether Pix2Pix or GLCIC is liked more cannot be said yet: 75.0 against 55.0 of 100, and too few raters."
    )
    assert said({"glcic": [[5, 6, 5, 6]]}) == "GLCIC has a like index of 55.0 of 100, by 1 rater."
    lazy = said({"glcic": [[5, 5, 5, 5]] * 3, "pix2pix": [[5, 5, 5, 5]] * 3})
    assert lazy.startswith("No difference was found")
    assert lazy.endswith("No rater passed screening: this is what all said.")


def rank(orders: list[list[str]]) -> StudyData:
    """Rankings alone: one order of models, best first, per rater and picture."""
    data = study({model: [] for model in sorted(orders[0])})
    rows = [
        (f"r{number // 4}", f"q{number % 4}", f"{model}-{number % 4}", place, place, number % 4, 3.0, False)
        for number, order in enumerate(orders)
        for place, model in enumerate(order, 1)
    ]
    return replace(data, rankings=pd.DataFrame(rows, columns=RANKING_COLUMNS))


def test_without_scores_the_rankings_answer():
    """Two models, ten raters of four rankings each."""
    better, worse = ["glcic", "pix2pix"], ["pix2pix", "glcic"]
    summary = summarise(rank([*[better] * 3, worse] * 10))
    assert answer(summary, 10).startswith("GLCIC was preferred to Pix2Pix: in 75 of 100 comparisons")
    # Half of the raters say 4 : 0, half 2 : 2. The error of the mean of ten shares, 1 or 0.5, is 0.25 / 3; of its log
    # odds, over p (1 - p) = 3 / 16 (delta method), 0.444. t(9) is 2.2622: log 3 -+ 1.0053.
    said = answer(summarise(rank([*[better] * 4, better, better, worse, worse] * 5)), 10)
    assert said == (
        "GLCIC was preferred to Pix2Pix: in 75 of 100 comparisons, by all that were made, "
        "95 % interval 52 to 89, 10 raters."
    )
    even = answer(summarise(rank([better, worse, better, worse] * 2 + [better] * 4 + [worse] * 4)), 10)
    assert even.startswith("No difference was found between ") and "is preferred in 50 of 100 comparisons" in even
    assert answer(summarise(rank([better] * 8)), 10).startswith("Which one is preferred cannot be said yet")


@pytest.mark.parametrize("language", sorted(TABLES))
def test_the_answer_in_a_language_has_the_same_figures(language, tmp_path):
    better, worse = [[6, 7, 6, 7], [7, 8, 7, 8], [8, 9, 8, 9]], [[5, 6, 5, 6], [5, 6, 5, 6], [5, 6, 5, 6]]
    data = study({"glcic": worse * 2, "ganmasker": better * 2, "pix2pix": worse * 2})
    summary = summarise(data)
    with in_language(language):
        theirs = answer(summary, 10, tr)
        page = write_report(data, tmp_path, tr, language).read_text(encoding="utf-8")
    ours = answer(summary, 10)
    figures = lambda text: sorted(re.findall(r"-?\d+(?:\.\d+)?", text.replace("Pix2Pix", "")))
    assert theirs != ours and figures(theirs) == figures(ours)
    assert "GANMasker" in theirs and " was " not in theirs
    assert f'<p class="answer" lang="{language}">{theirs}</p>' in page


@needs_browser
@pytest.mark.parametrize("size", [(1280, 900), PHONE], ids=["desktop", "phone"])
def test_the_first_page_answers_and_the_tables_fit(browser, tmp_path, size):
    rng = np.random.default_rng(0)
    names = ("a condition whose name is forty signs long", "ganmasker", "pix2pix")
    data = study({name: (mean + rng.integers(-1, 2, (12, 4))).tolist() for name, mean in zip(names, (3, 8, 5))})
    ids = {f"r{number}": f"{number:032x}" for number in range(12)}  # as long as they are
    data.ratings["rater_id"] = data.ratings["rater_id"].map(ids)
    path = write_report(data, tmp_path)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.get_by_text("GANMasker was liked more than Pix2Pix").bounding_box()["y"] < 200
    too_wide = "() => [document.documentElement, ...document.querySelectorAll('.scroll')]"
    too_wide += ".filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.evaluate(too_wide) == 0 and page.locator("table").count() > 4
    page.locator("summary").click()
    assert "@article{holm1979" in page.locator("pre").inner_text()
    context.close()
