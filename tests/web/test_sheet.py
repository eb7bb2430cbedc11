"""The history: every question of this session as a frame, over reloads, for many pictures, by mouse and keys."""

import re

from playwright.sync_api import expect

from tests.conftest import CAT
from tests.web.browser import choose, wait_for

# Counts on the page itself: a driver's events of requests may come in another order than they happened.
COUNT = """() => {
    const ask = window.fetch;
    window.now = window.most = 0;
    window.fetch = async (...request) => {
        if (!String(request[0]).includes('/predictions/')) return ask(...request);
        window.most = Math.max(window.most, ++window.now);
        try { return await ask(...request); } finally { window.now--; }
    };
}"""


def test_fifty_pictures_are_all_answered_at_most_two_at_a_time(page):
    page.evaluate(COUNT)
    choose(page, *[CAT] * 50)
    expect(page.locator("#frames button[data-state=answered]")).to_have_count(50)
    assert page.evaluate("window.most") == 2
    expect(page.locator("#sheet-count")).to_have_text("50 pictures")
    expect(page.locator("#frames button").first).to_have_attribute("aria-current", "true")


def test_the_rest_of_many_can_be_stopped(page):
    page.route(re.compile("/predictions/"), lambda route: None)
    choose(page, *[CAT] * 5)
    page.locator("#stop").click()
    expect(page.locator("#sheet-count")).to_have_text("5 pictures · 5 stopped")
    page.unroute(re.compile("/predictions/"))
    page.locator("#again").click()
    expect(page.locator("#frames button[data-state=answered]")).to_have_count(5)


def test_answers_and_thumbnails_outlive_a_reload_and_end_with_clear(page, no_image):
    choose(page, CAT, no_image)
    expect(page.locator("#frames button[data-state=failed]")).to_have_count(1)
    expect(page.locator("#frames button[data-state=answered]")).to_have_count(1)
    wait_for(page, "JSON.parse(sessionStorage.getItem('frames') ?? '[]').length === 2")
    page.reload()
    page.locator("#frames button").first.click()
    expect(page.locator("#verdict .class")).to_have_text("cat")
    expect(page.locator("#caption")).to_contain_text("A thumbnail")
    page.locator("#frames button").last.click()
    expect(page.get_by_role("alert")).to_contain_text("415 NotAnImage")
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "sessionStorage.getItem('frames') === '[]'")
    expect(page.locator("#sheet")).to_be_hidden()
    expect(page.locator("#invite")).to_be_visible()


# Leaves room in the browser's store for the frame that is stored, and three like it.
FILL = """() => {
    const frame = sessionStorage.getItem('frames').length;
    for (let size = 5_300_000; ; size -= 1000) {
        try {
            sessionStorage.setItem('other', 'x'.repeat(size));
            return sessionStorage.setItem('other', 'x'.repeat(size - 3 * frame));
        } catch (full) {}
    }
}"""


def test_frames_outgrow_the_browsers_store_by_losing_the_oldest(page):
    choose(page, CAT)
    wait_for(page, "JSON.parse(sessionStorage.getItem('frames') ?? '[]').length === 1")
    page.evaluate(FILL)
    choose(page, *[CAT] * 5)
    expect(page.locator("#frames button[data-state=answered]")).to_have_count(6)
    wait_for(page, "JSON.parse(sessionStorage.getItem('frames')).length === 3")  # of six the older half is gone


def test_all_of_it_is_done_by_keys(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "example":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#verdict .class")).to_have_text("cat")
    expect(page.locator("#says")).to_contain_text("cat.jpg: cat, ")
    page.locator("#version").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#frames li")).to_have_count(3)
    page.locator("#frames button").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#frames button").nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator("#verdict .meta")).to_contain_text("version 3.0")
