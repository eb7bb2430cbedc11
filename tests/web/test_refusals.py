"""What goes wrong is said in the service's words, and what can be asked again is."""

import re
import threading

import pytest
import requests
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import CAT
from tests.web.browser import choose

PREDICTIONS = re.compile("/predictions/")
NO_IMAGES = {
    "text": b"no image at all",
    "cut": CAT.read_bytes()[:3000],
    "empty": b"",
    "json": b'{"image": "Zm9v"}',
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_a_refusal_is_worded_as_the_service_words_it(page, url, kind, tmp_path):
    content = NO_IMAGES[kind]
    said = requests.post(f"{url}/predictions/cifar10", files={"image": ("a", content, "x/y")}, timeout=30).json()
    (tmp_path / "a.jpg").write_bytes(content)
    choose(page, tmp_path / "a.jpg")
    expect(page.get_by_role("alert")).to_contain_text(said["message"])
    expect(page.locator(".refusal .code")).to_have_text(f"{said['code']} {said['type']}")
    expect(page.locator("#frames button")).to_have_attribute("aria-label", re.compile(re.escape(said["type"])))


def test_a_model_that_is_not_there_is_told_as_torchserve_tells_it(open_page):
    page = open_page(prepare=lambda page: page.route(re.compile("/v[12]/"), lambda route: route.fulfill(status=404)))
    page.get_by_label("Model", exact=True).fill("nowhere")
    choose(page, CAT)
    expect(page.get_by_role("alert")).to_contain_text("404 ModelNotFoundException")


def test_a_picture_of_too_many_pixels_can_be_sent_smaller(page, tmp_path):
    large = tmp_path / "large.png"
    Image.open(CAT).resize((6000, 4200)).save(large, compress_level=1)
    choose(page, large)
    expect(page.get_by_role("alert")).to_contain_text("413")
    page.get_by_role("button", name="Send a smaller copy").click()
    expect(page.locator("#verdict .class")).to_have_text("cat")
    expect(page.locator("#caption .file")).to_have_text("large-smaller.jpg")


def test_a_server_that_is_gone_is_told_and_can_be_asked_again(page):
    page.route(PREDICTIONS, lambda route: route.abort("connectionrefused"))
    choose(page, CAT, CAT)
    expect(page.get_by_role("alert")).to_contain_text("The server could not be reached")
    page.unroute(PREDICTIONS)
    page.get_by_role("button", name="Ask all 2 again").click()
    expect(page.locator("#verdict .class")).to_have_text("cat")
    expect(page.locator("#frames button[data-state=answered]")).to_have_count(2)


def test_a_slow_server_can_be_stopped_and_asked_again(page):
    held = threading.Event()
    page.route(PREDICTIONS, lambda route: held.set())  # never answered
    choose(page, CAT)
    expect(page.locator(".patience")).to_contain_text("The server has been thinking")
    page.locator("#answer").get_by_role("button", name="Stop").click()
    page.unroute(PREDICTIONS)
    page.locator("#answer").get_by_role("button", name="Ask again").click()
    expect(page.locator("#verdict .class")).to_have_text("cat")
    assert held.is_set()


def test_a_server_that_asks_for_a_pause_gets_it(page):
    came = []

    def limited(route):
        came.append(route)
        if len(came) > 1:
            return route.continue_()
        refusal = {"code": 429, "type": "TooManyRequests", "message": "slower, please"}
        return route.fulfill(status=429, headers={"Retry-After": "1"}, json=refusal)

    page.route(PREDICTIONS, limited)
    choose(page, CAT)
    expect(page.locator("#verdict .class")).to_have_text("cat")
    assert len(came) == 2


def test_an_answer_that_is_no_json_is_told_by_its_status(page):
    page.route(PREDICTIONS, lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    choose(page, CAT)
    expect(page.get_by_role("alert")).to_contain_text("The server answered 502 and gave no reason.")


def test_a_server_that_is_not_ready_is_told_when_the_page_opens(open_page):
    reason = {"status": "unavailable", "reason": "no worker of cifar10 3.0, the default version, is ready"}
    page = open_page(
        prepare=lambda page: page.route(re.compile("/readyz"), lambda r: r.fulfill(status=503, json=reason))
    )
    expect(page.locator("#notice")).to_contain_text(reason["reason"])
