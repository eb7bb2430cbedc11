"""Requests for explanations that reach a worker are sent on to the front, and cost their neighbours nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ts.context import Context

from handler.explanations import FRONT_VARIABLE
from handler.image_handler import ImageHandler
from serving import environment
from tests.handler.conftest import PREDICTIONS
from tests.sample_pictures import jpeg

MakeContext = Callable[..., Context]
EXPLAIN = {"explain": "True", "url_path": ""}


@pytest.fixture
def ask(
    make_context: MakeContext, with_rows: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Context, list[Any]]]:
    monkeypatch.setenv(FRONT_VARIABLE, "http://127.0.0.1:8000")
    context, handler = make_context(), ImageHandler()
    handler.initialize(context)

    def send(*rows: dict[str, Any], headers: list[dict[str, Any]]) -> tuple[Context, list[Any]]:
        with_rows(context, *headers)
        return context, [json.loads(answer) for answer in handler.handle(rows, context)]

    return send


def test_the_answer_is_where_the_front_explains(ask: Any) -> None:
    context, (prediction, elsewhere) = ask(
        {"image": jpeg()}, {"image": jpeg()}, headers=[PREDICTIONS, EXPLAIN | {"Host": "example.org:8080"}]
    )
    assert prediction["class_name"]
    assert context.get_response_status(1)[0] == elsewhere["code"] == 307
    assert elsewhere["type"] == "ExplainedElsewhere"
    location = context.get_response_headers(1)["Location"]
    assert location == "http://example.org:8000/explanations/colours/1.0"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"instances": ["…"]}, "/v1/models/colours:explain"),
        ({"inputs": []}, "/v2/models/colours/versions/1.0/explain"),
        ({"image": "…"}, "/explanations/colours/1.0"),
    ],
)
def test_each_protocol_is_sent_to_its_own_path(ask: Any, body: dict[str, Any], path: str) -> None:
    context, _ = ask({"body": body}, headers=[EXPLAIN])
    assert context.get_response_headers(0)["Location"] == f"http://127.0.0.1:8000{path}"


@pytest.mark.parametrize("host", ["a\r\nSet-Cookie: b", "evil/", "[::1]:80", "", "ä"])
def test_a_host_that_is_none_is_not_repeated(ask: Any, host: str) -> None:
    context, _ = ask({"image": b""}, headers=[EXPLAIN | {"host": host}])
    assert context.get_response_headers(0)["Location"].startswith("http://127.0.0.1:8000/")


def test_without_a_front_the_error_says_what_to_do(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FRONT_VARIABLE)
    context, (answer,) = ask({"image": jpeg()}, headers=[EXPLAIN])
    assert (context.get_response_status(0)[0], answer["type"]) == (501, "MethodUnavailable")
    assert "enable_front=true" in answer["message"]


def test_the_launcher_sets_the_variable_that_the_handler_reads() -> None:
    assert environment.FRONT_VARIABLE == FRONT_VARIABLE
