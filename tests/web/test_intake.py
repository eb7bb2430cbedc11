"""Pictures come in by every way a person has, and each is answered."""

import base64
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.conftest import CAT
from tests.web.browser import PHONE, choose

HAND_OVER = """([content, name, type, how]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const event = how === "drop"
    ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""

EMPTY_PASTE = """
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: new DataTransfer(), bubbles: true }))
"""


def hand_over(page: Page, path: Path, how: str) -> None:
    page.evaluate(HAND_OVER, [base64.b64encode(path.read_bytes()).decode(), path.name, "image/jpeg", how])


def answer_of(url: str, path: Path, **form: str) -> dict:
    with path.open("rb") as file:
        return requests.post(f"{url}/predictions/cifar10", files={"image": file}, data=form, timeout=30).json()


def test_a_chosen_picture_is_answered_as_the_service_answers_it(page, url):
    choose(page, CAT)
    best = answer_of(url, CAT)["top"]
    expect(page.locator("#verdict .class")).to_have_text(best[0]["class_name"])
    expect(page.locator("#verdict .sure strong")).to_have_text(f"{100 * best[0]['probability']:.1f} %")
    assert page.locator("#ranks .name").all_inner_texts() == [entry["class_name"] for entry in best]


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_picture_is_taken_by(page, how):
    hand_over(page, CAT, how)
    expect(page.locator("#verdict .class")).to_have_text("cat")
    expect(page.locator("#caption .file")).to_have_text("cat.jpg")


def test_a_paste_without_a_picture_says_so(page):
    page.evaluate(EMPTY_PASTE)

    expect(page.locator("#notice")).to_contain_text("The clipboard holds no picture")


def test_a_photo_is_taken_by_the_computers_camera(page):
    page.get_by_role("button", name="Take a photo").click()
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#caption .file")).to_have_text("photo.jpg")
    expect(page.locator("#answer")).to_have_attribute("data-state", "answered")
    assert page.evaluate("document.getElementById('viewfinder').srcObject") is None


def test_a_camera_that_is_refused_is_told_and_can_be_closed(open_page):
    refuse = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }"
    page = open_page(prepare=lambda page: page.add_init_script(refuse))
    page.get_by_role("button", name="Take a photo").click()
    expect(page.locator("#camera-says")).to_contain_text("was not allowed to use the camera")
    page.keyboard.press("Escape")
    expect(page.locator("#camera")).to_be_hidden()


def test_a_phone_takes_the_photo_with_its_own_camera(open_page):
    page = open_page(**PHONE)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Take a photo").tap()
    assert chosen.value.element.get_attribute("capture") == "environment"
    chosen.value.set_files(CAT)
    expect(page.locator("#verdict .class")).to_have_text("cat")


def test_the_example_is_the_picture_of_the_readme(page, url):
    page.get_by_role("button", name="Try a cat").click()
    expect(page.locator("#verdict .class")).to_have_text("cat")
    assert requests.get(f"{url}/page/example.jpg", timeout=30).content == CAT.read_bytes()


def test_a_file_that_no_service_would_take_is_left_out(page, tmp_path):
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(100_000_001)
    choose(page, huge)
    expect(page.locator("#notice")).to_have_text("1 file above 100 MB left out.")
    expect(page.locator("#frames li")).to_have_count(0)
