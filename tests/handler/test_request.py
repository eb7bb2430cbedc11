"""A row becomes a request, or its own error."""

import base64
import json
import random
from contextlib import suppress
from typing import Any

import pytest

from handler.errors import HTTP_STATUSES, RequestError, type_name
from handler.request import NativeRequest, read_request

IMAGE = bytearray(b"\xff\xd8\xff\xfb\xff an image")  # in base64 it has a + and a /
TEXT = base64.b64encode(IMAGE).decode()
AS_JSON = {"body": {"content-type": "application/json"}}


def read(row: dict[str, Any], headers: dict[str, Any] | None = None) -> NativeRequest:
    return read_request(row, headers or {}, default_top_k=5, class_count=10, max_image_bytes=1000)


def refusal(row: dict[str, Any], headers: dict[str, Any] | None = None) -> tuple[str, int, str]:
    with pytest.raises(RequestError) as caught:
        read(row, headers)
    kind = type(caught.value)
    return type_name(kind), HTTP_STATUSES[kind].code, caught.value.message


@pytest.mark.parametrize(
    "row",
    [
        {"image": IMAGE},
        {"data": IMAGE},
        {"body": IMAGE},
        {"anything": IMAGE},
        {"body": {"image": TEXT}},
        {"body": json.dumps({"image": TEXT})},
        {"data": bytearray(json.dumps({"image": TEXT}).encode())},
        {"body": bytearray(b"\n " + json.dumps({"image": TEXT}).encode())},
        {"body": {"image": "\n".join([TEXT[:8], TEXT[8:]])}},
        {"body": {"image": "\r\n".join([TEXT[:8], TEXT[8:], ""])}},
        {"body": {"image": TEXT.replace("+", "-").replace("/", "_").rstrip("=")}},
        {"body": {"image": f"data:image/jpeg;base64,{TEXT}"}},
        {"body": {"image": f"data:image/jpeg;charset=utf-8;base64,{TEXT.replace('+', '%2B')}"}},
        {"image": f"data:image/jpeg;base64,{TEXT}".encode()},
        {"image": f"data:image/jpeg;base64,{TEXT}"},
    ],
    ids=str,
)
def test_an_image_is_found_however_it_was_sent(row: dict[str, Any]) -> None:
    assert read(row) == NativeRequest((IMAGE,), 5)


def test_the_field_image_goes_before_others() -> None:
    assert read({"data": b"data", "image": b"image", "body": b"body"}).images == (b"image",)


FILE, TEXT_PART, FIELD = {"content-type": "image/jpeg"}, {"content-type": "text/plain"}, {"content-type": ""}


@pytest.mark.parametrize(
    ("row", "headers"),
    [
        ({"csrf": b"x", "upload": IMAGE, "submit": b"Send"}, {"csrf": FIELD, "upload": FILE, "submit": FIELD}),
        ({"data": b"x", "upload": IMAGE}, {"data": FIELD, "upload": FILE}),
        ({"image": "cat.jpg", "upload": IMAGE}, {"image": TEXT_PART, "upload": FILE}),
        ({"upload": IMAGE, "about": {"by": "me"}}, {"upload": FILE, "about": {"content-type": "application/json"}}),
        ({"csrf": b"x", "upload": IMAGE}, {}),
    ],
    ids=["text fields", "a text field called data", "a text part called image", "a JSON part", "gRPC"],
)
def test_the_one_file_beside_other_fields_is_the_image(row: dict[str, Any], headers: dict[str, Any]) -> None:
    assert read(row, headers).images == (IMAGE,)


@pytest.mark.parametrize(
    "row",
    [
        {"first": IMAGE, "second": IMAGE},
        {"image": IMAGE, "image (again)": IMAGE},
        {"upload": IMAGE, "upload (again)": IMAGE},
        {"csrf": b"x", "submit": b"Send"},
    ],
    ids=["two fields", "the field image twice", "another field twice", "no file"],
)
def test_a_form_in_which_several_files_or_none_could_be_meant_is_refused(row: dict[str, Any]) -> None:
    assert refusal(row, dict.fromkeys(row, FILE if IMAGE in row.values() else FIELD))[:2] == ("MissingImage", 400)


def test_a_text_field_may_come_twice() -> None:
    row = {"tag": b"a", "tag (again)": b"b", "upload": IMAGE}
    assert read(row, {"tag": FIELD, "tag (again)": FIELD, "upload": FILE}).images == (IMAGE,)


@pytest.mark.parametrize("value", ["3", b"3", bytearray(b"3"), " 3 "])
def test_top_k_comes_from_a_form(value: Any) -> None:
    assert read({"image": IMAGE, "top_k": value}).top_k == 3


def test_top_k_comes_from_json() -> None:
    assert read({"body": {"image": TEXT, "top_k": 10}}).top_k == 10


def test_top_k_beside_a_json_part_counts_too() -> None:
    assert read({"data": {"image": TEXT}, "top_k": b"2"}).top_k == 2


@pytest.mark.parametrize("value", ["0", "11", "-1", "many", "", b"\xff", b"3.0", "9" * 5000, 0, 3.0, True, [3], {}])
def test_top_k_that_is_no_number_from_1_to_the_class_count_is_refused(value: Any) -> None:
    kind, code, message = refusal({"body": {"image": TEXT, "top_k": value}})
    assert (kind, code) == ("InvalidTopK", 400)
    assert "from 1 to 10" in message
    assert len(message) < 200


@pytest.mark.parametrize("row", [{}, {"top_k": b"3"}, {"first": IMAGE, "second": IMAGE}, {"body": {"img": TEXT}}])
def test_a_row_without_an_image_is_refused_and_told_what_came(row: dict[str, Any]) -> None:
    kind, code, message = refusal(row)
    assert (kind, code) == ("MissingImage", 400)
    assert all(name in message for name in row.get("body", row))


@pytest.mark.parametrize(
    "text", ["!!!!", "YWJjY", "YW Jj", "data:image/png,YWJj", "data:image/png;base64,!", "häh", 7, None, ["YWJj"]]
)
def test_bad_base64_is_refused(text: Any) -> None:
    assert refusal({"body": {"image": text}})[:2] == ("InvalidBase64", 400)


@pytest.mark.parametrize("value", [b"{", b"[1, 2", b"\xff\xfe", b'{"image": "' + b"[" * 100_000, b"[" * 100_000])
def test_bad_json_is_refused(value: bytes) -> None:
    assert refusal({"body": bytearray(value)}, AS_JSON)[:2] == ("InvalidJson", 400)


@pytest.mark.parametrize("value", [[1], 3, None, 1.5, True])
def test_json_that_is_no_object_is_refused(value: Any) -> None:
    assert refusal({"body": value}, AS_JSON)[:2] == ("InvalidJson", 400)


def test_json_over_grpc_is_recognised_without_a_content_type() -> None:
    assert refusal({"data": bytearray(b'{"image": ')})[:2] == ("InvalidJson", 400)


@pytest.mark.parametrize("row", [{"body": b"x" * 1001}, {"body": {"image": base64.b64encode(b"x" * 1001).decode()}}])
def test_too_many_bytes_are_refused_with_both_numbers(row: dict[str, Any]) -> None:
    kind, code, message = refusal(row)
    assert (kind, code) == ("TooManyBytes", 413)
    assert "1,001" in message
    assert "1,000" in message


def test_as_many_bytes_as_allowed_are_taken() -> None:
    assert len(read({"body": {"image": base64.b64encode(b"x" * 1000).decode()}}).images[0]) == 1000


def test_a_header_with_the_name_of_a_field_changes_nothing() -> None:
    assert read({"image": IMAGE}, {"image": "application/json"}).images == (IMAGE,)


@pytest.mark.parametrize("seed", range(5))
def test_a_row_of_any_json_raises_nothing_but_a_request_error(seed: int) -> None:
    chance = random.Random(seed)
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    values = [
        None,
        True,
        0,
        -1,
        3,
        1e999,
        float("nan"),
        "",
        "3",
        "\ud800",
        "{",
        "=",
        TEXT,
        b"",
        b"{",
        IMAGE,
        [],
        {},
        nested,
    ]
    for _ in range(200):
        inner = {chance.choice(["image", "top_k", "\ud800"]): chance.choice(values) for _ in range(3)}
        row = {chance.choice(["image", "body", "top_k", "\ud800"]): chance.choice([*values, inner]) for _ in range(2)}
        with suppress(RequestError):
            assert 1 <= read(row, {"body": chance.choice(values)}).top_k <= 10


def test_what_a_client_sent_is_cut_short_in_a_message() -> None:
    assert len(refusal({"x" * 10_000: b"", "y" * 10_000: b""})[2]) < 300
