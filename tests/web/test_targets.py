"""On a phone, whatever can be pressed is large enough for a finger."""

import numpy as np
import pytest

from tests.web.face_crowd import StandIn
from tests.web.web_page import (
    PHONE,
    begin_editing,
    give_photo,
    needs_browser,
    serve,
    tiles,
    visit,
    wait_until_done,
)

pytestmark = needs_browser

# What can be pressed and seen, with the place that it takes presses in, and is too small. A link within a line of text
# is as high as that; a button may take presses beside itself by what it draws after itself.
TOO_SMALL = """() => {
  const all = "a[href], button, input, select, textarea, summary, [role=button], [role=slider], [tabindex='0']";
  const seen = (each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && getComputedStyle(each).pointerEvents !== "none" && !each.disabled;
  const inLine = (each) => each.matches("a") && getComputedStyle(each).display === "inline";
  const small = (each) => {
    const place = each.matches("[type=checkbox], [type=radio]") && each.closest("label") || each;
    const { width, height } = place.getBoundingClientRect();
    if (!width || !height) return false;
    const after = getComputedStyle(each, "::after");
    const beside = after.content !== "none" && after.position === "absolute";
    const reach = (own, drawn) => beside ? Math.max(own, parseFloat(drawn) || 0) : own;
    return Math.min(reach(width, after.width), reach(height, after.height)) < 43.5;
  };
  return [...document.querySelectorAll(all)].filter((each) => seen(each) && !inLine(each) && small(each))
    .map((each) => each.outerHTML.slice(0, 200));
}"""


class EachItsOwn(StandIn):
    """Every model has a colour of its own, so that there is something to vote on."""

    def remove(self, photo, mask=None, models=(), **options):
        return {name: np.where(mask[..., None] > 127, np.uint8(10 * len(name)), photo) for name in models}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_VOTES", str(tmp_path_factory.mktemp("votes") / "votes.sqlite"))
        with serve(EachItsOwn()) as demo:
            yield demo


@pytest.fixture(scope="module")
def phone(browser, demo):
    with visit(browser, demo, PHONE, has_touch=True, is_mobile=True) as page:
        yield page


def small(page) -> list[str]:
    return page.evaluate(TOO_SMALL)


def test_the_measure_finds_what_is_small(phone):
    page = phone
    page.evaluate("document.querySelector('#photo').insertAdjacentHTML('beforebegin', '<button id=dot>.</button>')")
    page.add_style_tag(content="#dot { min-height: 0; width: 20px; height: 20px; }")
    assert any('id="dot"' in each for each in small(page))
    page.evaluate("document.querySelector('#dot').remove()")


def test_every_state_of_the_first_tab(phone, pictures):
    page = phone
    assert small(page) == []
    give_photo(page, pictures["one"])
    wait_until_done(page)
    page.wait_for_selector("#vote-question")
    assert small(page) == [], "the vote"
    page.locator("#vote [data-act=skip]").tap()
    tiles(page).first.wait_for()
    assert small(page) == [], "results"
    begin_editing(page)
    assert small(page) == [], "the editor"
    give_photo(page, pictures["crowd"])
    page.wait_for_selector("#faces .box")
    page.wait_for_selector("#vote-question")
    assert small(page) == [], "a crowd"


@pytest.mark.parametrize("place", [1, 2, 3], ids=["bare face", "live", "studies"])
def test_every_other_tab(phone, place):
    phone.locator(".tab-container button[role=tab]:visible").nth(place).tap()
    phone.wait_for_function(
        "(n) => document.querySelectorAll('.tab-container button[role=tab]')[n].ariaSelected === 'true'", arg=place
    )
    assert small(phone) == []
