"""What TorchServe's front end says besides a row, and what it reads in the answer."""

import gzip
from typing import Any

import pytest

from handler.image_handler import ImageHandler
from tests.handler.conftest import PREDICTIONS
from tests.sample_pictures import GREEN, jpeg

DESCRIBE = {"describe": "True"}


@pytest.mark.parametrize("body", [gzip.compress(jpeg()), b"{" + gzip.compress(jpeg()), b"\x8b\x0b\x80 brotli", b""])
def test_a_compressed_body_is_refused_by_the_name_of_its_header(served: Any, body: bytes) -> None:
    ((answer,), (status,)) = served({"body": body}, headers=[{"Content-ENCODING": "gzip"}])
    assert (status, answer["type"]) == (415, "UnsupportedEncoding")
    assert "Content-Encoding gzip" in answer["message"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_image_that_is_not_compressed_is_answered_whatever_its_header_says(served: Any, encoding: str) -> None:
    assert served({"body": jpeg()}, headers=[{"content-encoding": encoding}])[1] == [200]


def test_a_body_with_the_default_type_of_curl_is_told_what_to_say_instead(served: Any) -> None:
    row = {"\ufffd\ufffd": b""}  # what TorchServe's front end makes of an image as a form
    ((answer,), (status,)) = served(row, headers=[{"Content-Type": "application/x-www-form-urlencoded"}])
    assert (status, answer["type"]) == (400, "MissingImage")
    assert "Content-Type: image/jpeg" in answer["message"]


@pytest.mark.parametrize("row", [{"image": jpeg(GREEN)}, {"body": jpeg(GREEN)}], ids=["form", "body"])
def test_the_gateway_gets_the_answer_of_the_tutorial(served: Any, row: dict[str, bytes]) -> None:
    answers, statuses = served(row, {"image": b""}, headers=[PREDICTIONS | {"pixserve-answer": "tutorial"}] * 2)
    assert statuses == [200, 400]
    assert answers[0] == {"class": 1, "class_name": "green"}
    assert answers[1]["type"] == "EmptyImage"


@pytest.mark.parametrize(
    ("row", "headers"),
    [
        ({"body": b""}, {"explain": "False"}),
        ({"body": b""}, {"body": {"content-type": ""}}),
        ({}, {"explain": "False", "content-type": "multipart/form-data; boundary=x"}),
        ({}, {"Content-TYPE": "application/x-www-form-urlencoded"}),
    ],
    ids=["a prediction", "a legacy path", "an empty form", "an empty form on a legacy path"],
)
def test_a_client_of_the_inference_api_gets_no_description(served: Any, row: Any, headers: Any) -> None:
    ((answer,), (status,)) = served(row, headers=[DESCRIBE | headers])
    assert status == 400
    assert "pid" not in answer


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"image": {"content-type": ""}}, "false"),
        ({"image": {"content-type": ""}, "ts_request_sequence_id": "a", "ts_request_sequence_start": "true"}, "false"),
        ({"image": {"content-type": "image/jpeg"}, "host": "here", "explain": "False"}, None),
        ({"body": {"content-type": ""}, "Host": "here"}, None),
    ],
    ids=["gRPC", "a gRPC sequence", "REST", "REST on a legacy path"],
)
def test_only_grpc_answers_say_that_they_end_their_stream(
    make_context: Any, with_rows: Any, headers: dict[str, Any], expected: str | None
) -> None:
    context = make_context()
    handler = ImageHandler()
    handler.initialize(context)
    for row in ({"image": jpeg()}, {"image": b""}):
        handler.handle([row], with_rows(context, headers))
        assert context.get_response_headers(0).get("ts_stream_next") == expected
