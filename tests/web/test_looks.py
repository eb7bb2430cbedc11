"""Light, dark, phone, odd names and many classes: everything stays readable, and nothing runs off the page."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.conftest import CAT
from tests.web.browser import DESK, PHONE, choose

PREDICTIONS = re.compile("/predictions/")
LOOKS = {
    "light": DESK | {"color_scheme": "light"},
    "dark": DESK | {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
    "dark phone": PHONE | {"color_scheme": "dark"},
}


def answering(page: Page, names: list[str]) -> None:
    """The server names these classes, by invented probabilities."""
    top = [{"class": i, "class_name": name, "probability": 0.5 ** (i + 1)} for i, name in enumerate(names)]
    page.route(PREDICTIONS, lambda route: route.fulfill(json={**top[0], "top": top, "model_version": "1.0"}))


def complaints(page: Page) -> list[str]:
    """What axe finds, by WCAG 2.2 AA and its own best practices."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def overflows(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_to_complain_of(open_page, look, no_image):
    page = open_page(reduced_motion="reduce", **LOOKS[look])
    assert not complaints(page)
    choose(page, CAT, no_image)
    expect(page.locator("#frames button[data-state=failed]")).to_have_count(1)
    expect(page.locator("#verdict .class")).to_have_text("cat")
    page.get_by_text("The same with curl").click()
    assert not complaints(page)
    assert not overflows(page)
    page.locator("#frames button").last.click()
    assert not complaints(page)
    assert not overflows(page)


@pytest.mark.parametrize("look", ["light", "phone"])
def test_a_thousand_classes_are_listed_and_scrolled(open_page, look):
    page = open_page(**LOOKS[look], reduced_motion="reduce")
    for count in (30, 1000):
        answering(page, [f"class {number}" for number in range(count)])
        # The field is shown with an answer alone.
        page.locator("#top-k").evaluate("(input, count) => { input.value = count; }", count)
        choose(page, CAT)
        expect(page.locator("#ranks li")).to_have_count(count)
        assert not overflows(page)
        if count == 30:  # axe takes long over a thousand
            assert not complaints(page)


@pytest.mark.parametrize("look", ["light", "phone"])
def test_names_of_any_script_and_length_stay_on_the_page(open_page, look, tmp_path):
    page = open_page(**LOOKS[look], reduced_motion="reduce")
    names = ["قط منزلي كبير", "W" * 300, "猫" * 80, "<img src=x onerror=alert(1)>", "a\u202eb", "", "Ḥ̷̊á̴͝" * 9]
    answering(page, names)
    page.locator("#top-k").evaluate("(input) => { input.value = 7; }")
    picture = tmp_path / ("تصویر " + "W" * 100 + "‮gpj.jpg")
    picture.write_bytes(CAT.read_bytes())
    choose(page, picture)
    expect(page.locator("#verdict .class")).to_have_text(names[0])
    assert page.locator("#verdict .class").evaluate("(name) => getComputedStyle(name).direction") == "rtl"
    assert page.locator("#ranks .name").evaluate_all("(all) => all.map((each) => each.textContent)") == names
    assert not overflows(page)
    assert not complaints(page)
    for name in names[1:]:
        answering(page, [name])
        choose(page, CAT)
        expect(page.locator("#verdict .class")).to_have_text(name)
        assert not overflows(page)


def test_without_motion_nothing_moves(open_page):
    page = open_page(reduced_motion="reduce")
    choose(page, CAT)
    expect(page.locator("#verdict .class")).to_have_text("cat")
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_chosen_theme_stays(page):
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    button = page.get_by_role("button", name="Colours")
    button.click(click_count=2)
    expect(button).to_have_attribute("aria-label", "Colours: dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    button.click()
    assert page.evaluate(ground) == light
