"""KServe's V1 protocol: instances in, predictions out, each bad one told in its place."""

import base64
from typing import Any

import pytest

from tests.handler.conftest import PREDICTIONS, STANDARD_PATH
from tests.sample_pictures import BLUE, GREEN, RED, jpeg


def text(image: bytes) -> str:
    return base64.b64encode(image).decode()


def ask(served: Any, *instances: Any, path: dict[str, str] = STANDARD_PATH, **more: Any) -> tuple[Any, int]:
    (answers, statuses) = served({"body": {"instances": list(instances), **more}}, headers=[path])
    return answers[0], statuses[0]


@pytest.mark.parametrize(
    "instance",
    [
        text(jpeg(GREEN)),
        {"b64": text(jpeg(GREEN))},
        {"image": {"b64": text(jpeg(GREEN))}},
        {"image": text(jpeg(GREEN))},
        f"data:image/jpeg;base64,{text(jpeg(GREEN))}",
    ],
    ids=["text", "b64", "image b64", "image text", "a data URL"],
)
@pytest.mark.parametrize("path", [STANDARD_PATH, PREDICTIONS], ids=["v1", "predictions"])
def test_each_form_of_an_instance_is_answered_as_natively(served: Any, instance: Any, path: dict[str, str]) -> None:
    ((native,), _) = served({"image": jpeg(GREEN)})
    assert ask(served, instance, path=path) == ({"predictions": [native]}, 200)


def test_predictions_come_in_the_order_of_their_instances_across_the_rows_of_a_batch(served: Any) -> None:
    colours = [RED, GREEN, BLUE]
    rows = [{"body": {"instances": [text(jpeg(colours[(row + place) % 3])) for place in range(row)]}} for row in (1, 5)]
    answers, _ = served(rows[0], {"image": jpeg(BLUE)}, rows[1], headers=[STANDARD_PATH, PREDICTIONS, STANDARD_PATH])
    assert [each["class"] for each in answers[0]["predictions"]] == [1]
    assert answers[1]["class"] == 2
    assert [each["class"] for each in answers[2]["predictions"]] == [2, 0, 1, 2, 0]


def test_a_bad_instance_is_told_in_its_place_and_costs_no_other(served: Any) -> None:
    bad = [jpeg()[:300], b"hello", b""]
    answer, status = ask(served, text(jpeg(RED)), *map(text, bad), 3, {"url": "x"}, "!", text(jpeg(BLUE)))
    assert status == 200
    first, *refused, last = answer["predictions"]
    assert (first["class_name"], last["class_name"]) == ("red", "blue")
    assert [(each["code"], each["type"]) for each in refused] == [
        (422, "DamagedImage"),
        (415, "NotAnImage"),
        (400, "EmptyImage"),
        (400, "InvalidBase64"),
        (400, "MissingImage"),
        (400, "InvalidBase64"),
    ]
    assert all(each.keys() == {"error", "code", "type"} for each in refused)


def test_a_request_without_one_good_instance_has_the_status_of_its_first(served: Any) -> None:
    answer, status = ask(served, text(jpeg()[:300]), "!")
    assert (status, answer["code"], answer["type"]) == (422, 422, "DamagedImage")
    assert answer["error"].startswith("image 1 of 2: ")


@pytest.mark.parametrize(
    ("body", "type_name"),
    [
        ({"instances": []}, "MissingImage"),
        ({"instances": "abc"}, "MissingImage"),
        ({"instances": None}, "MissingImage"),
        ({"instances": [text(jpeg())] * 65}, "TooManyImages"),
        ({"instances": [text(jpeg())], "parameters": {"top_k": 9}}, "InvalidTopK"),
        ({"instances": [text(jpeg())], "parameters": [1]}, "InvalidJson"),
        ({"instance": [text(jpeg())]}, "MissingImage"),
        ({}, "MissingImage"),
        ([1], "InvalidJson"),
        (bytearray(b'{"instances": ['), "InvalidJson"),
        (bytearray(b""), "InvalidJson"),
        (bytearray(jpeg()), "InvalidJson"),
        ("text", "InvalidJson"),
        (None, "InvalidJson"),
        (3, "InvalidJson"),
    ],
    ids=str,
)
def test_what_is_no_request_is_refused_in_the_form_of_the_protocol(served: Any, body: Any, type_name: str) -> None:
    rows = [{"body": body}, {"image": jpeg(GREEN)}]
    answers, statuses = served(*rows, headers=[STANDARD_PATH, PREDICTIONS])
    assert statuses == [413 if type_name == "TooManyImages" else 400, 200]
    assert answers[0].keys() == {"error", "code", "type"}
    assert answers[0]["type"] == type_name
    assert answers[1]["class_name"] == "green"


def test_a_request_says_how_many_classes_it_wants(served: Any) -> None:
    answer, _ = ask(served, text(jpeg()), text(jpeg()), parameters={"top_k": 2})
    assert [len(each["top"]) for each in answer["predictions"]] == [2, 2]


def test_curls_own_content_type_is_told_the_right_one(served: Any) -> None:
    headers = STANDARD_PATH | {"Content-Type": "application/x-www-form-urlencoded"}
    ((answer,), (status,)) = served({}, headers=[headers])
    assert status == 400
    assert "Content-Type: application/json" in answer["error"]


def test_images_that_take_too_long_leave_the_rest_of_their_row_to_another_request(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent_s = iter([0.0, 0.1, 0.4, 0.7, 0.8])  # the clock of the thread at the start, and before each image
    monkeypatch.setattr("handler.batch.time.thread_time", lambda: next(spent_s))
    answer, status = ask(served, *[text(jpeg())] * 4)
    assert status == 200
    assert [each.get("type") for each in answer["predictions"]] == [None, None, "TooManyImages", "TooManyImages"]


def test_a_row_of_many_images_is_classified_in_passes_of_a_bounded_size(served: Any) -> None:
    answers, statuses = served(
        *[{"body": {"instances": [text(jpeg(RED)), text(jpeg(BLUE))] * 25}}] * 2, headers=[STANDARD_PATH] * 2
    )
    assert statuses == [200, 200]
    for answer in answers:
        assert [each["class"] for each in answer["predictions"]] == [0, 2] * 25
