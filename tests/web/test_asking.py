"""What is asked: version, number of classes, key; and the same as a command."""

import json
import re
import subprocess

from playwright.sync_api import expect

from tests.conftest import CAT
from tests.web.browser import choose
from tests.web.test_intake import answer_of


def test_another_version_answers_the_same_picture_as_a_frame_of_its_own(page):
    choose(page, CAT)
    expect(page.locator("#verdict .meta")).to_contain_text("version 3.0")
    page.get_by_label("Version", exact=True).select_option("1.0")
    expect(page.locator("#verdict .meta")).to_contain_text("version 1.0")
    expect(page.locator("#frames li")).to_have_count(2)


def test_the_versions_are_those_that_the_server_lists_newest_first(page):
    options = page.locator("#version option").all_inner_texts()
    assert options == ["default", "3.0", "1.0"]


def test_more_classes_are_asked_for_and_fewer_only_hidden(page, url):
    choose(page, CAT)
    expect(page.locator("#ranks li")).to_have_count(5)
    for _ in range(2):
        page.get_by_role("button", name="More classes").click()
    expect(page.locator("#ranks li")).to_have_count(7)
    best = [entry["class_name"] for entry in answer_of(url, CAT, top_k="7")["top"]]
    assert page.locator("#ranks .name").all_inner_texts() == best
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    for _ in range(6):
        page.get_by_role("button", name="Fewer classes").click()
    expect(page.locator("#ranks li")).to_have_count(1)
    assert not requests


def test_the_command_answers_what_the_page_shows(page):
    choose(page, CAT)
    expect(page.locator("#verdict .class")).to_have_text("cat")
    page.get_by_text("The same with curl").click()
    command = page.locator("#command").inner_text()
    done = subprocess.run(["bash", "-c", command], cwd=CAT.parent, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["class_name"] == "cat"
    assert len(json.loads(done.stdout)["top"]) == 5


def test_the_command_survives_names_that_shell_and_curl_have_meanings_for(page, tmp_path):
    odd = tmp_path / 'it\'s; a $HOME, "cat" \\ .jpg'
    odd.write_bytes(CAT.read_bytes())
    choose(page, odd)
    expect(page.locator("#verdict .class")).to_have_text("cat")
    page.get_by_text("The same with curl").click()
    command = page.locator("#command").inner_text()
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["class_name"] == "cat"


def test_a_key_is_asked_for_where_the_server_wants_one_and_stays_out_of_the_command(page):
    def door(route):
        if route.request.headers.get("authorization") == "Bearer s3cret":
            return route.continue_()
        refusal = {"code": 401, "type": "MissingKey", "message": "no API key came; expected one"}
        return route.fulfill(status=401, json=refusal)

    page.route(re.compile("/predictions/"), door)
    choose(page, CAT)
    expect(page.locator("#key-says")).to_have_text("no API key came; expected one")
    page.locator("#key-value").fill("s3cret")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#verdict .class")).to_have_text("cat")
    command = page.locator("#command").text_content()
    assert "Bearer $KEY" in command
    assert "s3cret" not in command


def test_a_key_is_asked_for_at_once_where_the_list_of_models_takes_one(open_page):
    def door(route):
        if route.request.headers.get("authorization") == "Bearer s3cret":
            return route.continue_()
        return route.fulfill(status=401, json={"code": 401, "type": "MissingKey", "message": "no API key came"})

    page = open_page(prepare=lambda page: page.route(re.compile("/(v1|v2|predictions)/"), door), wait_for="#key[open]")
    page.locator("#key-value").fill("s3cret")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#version option")).to_have_count(3)


def test_a_server_that_does_not_list_its_models_is_asked_by_a_typed_name(open_page):
    page = open_page(prepare=lambda page: page.route(re.compile("/v[12]/"), lambda route: route.fulfill(status=404)))
    expect(page.locator("#notice")).to_contain_text("does not list its models")
    page.get_by_label("Version", exact=True).fill("1.0")
    page.get_by_label("Model", exact=True).fill("cifar10")
    choose(page, CAT)
    expect(page.locator("#verdict .meta")).to_contain_text("version 1.0")
