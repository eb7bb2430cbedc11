"""The log of requests: one line of JSON each, for a sample where that is asked, and none that a client could forge."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from handler.access_log import ACCESS_LOG_VARIABLE, AccessLog, access_log
from handler.image_handler import ImageHandler
from serving import environment
from tests.handler.tensors import as_json
from tests.sample_pictures import BLUE, GREEN, jpeg

REST = {"explain": "False", "url_path": ""}
Serve = Callable[..., ImageHandler]


@pytest.fixture
def serve(make_context: Any, with_rows: Any, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Answers rows with headers in one batch, with every request logged; the first row has TorchServe's id "id-0"."""
    monkeypatch.setenv(ACCESS_LOG_VARIABLE, "1")
    handler, context = ImageHandler(), make_context()
    handler.initialize(context)

    def call(*rows: tuple[dict[str, Any], dict[str, Any]]) -> ImageHandler:
        with_rows(context, *(headers for _, headers in rows))
        context.request_ids = {index: f"id-{index}" for index in range(len(rows))}
        handler.handle([row for row, _ in rows], context)
        return handler

    return call


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_says_what_a_request_was_and_what_became_of_it(serve: Serve, capsys: Any) -> None:
    serve(({"image": jpeg(GREEN)}, REST | {"X-Request-Id": "mine", "traceparent": "00-ab-cd-01"}))
    (line,) = lines(capsys)
    assert line.pop("time").endswith("+00:00")
    assert line.pop("batch_seconds") > 0
    assert 0.5 < line["results"][0].pop("probability") <= 1
    assert line == {
        "request_id": "id-0", "client_request_id": "mine", "traceparent": "00-ab-cd-01", "protocol": "rest",
        "model": "colours", "version": "1.0", "status": 200, "error": "", "results": [{"class": 1}],
        "batch_requests": 1,
    }  # fmt: skip


def test_each_protocol_has_its_line_whatever_the_batch(serve: Serve, capsys: Any) -> None:
    image = base64.b64encode(jpeg(BLUE)).decode()
    standard = {"explain": "False"}
    serve(
        ({"image": jpeg(GREEN)}, {}),
        ({"body": {"instances": [image, "AAAA"]}}, standard),
        ({"image": b"nonsense"}, REST),
        ({"body": as_json(jpeg(BLUE))}, standard),
    )
    found = lines(capsys)
    assert [(line["request_id"], line["protocol"], line["status"], line["error"]) for line in found] == [
        ("id-0", "grpc", 200, ""),
        ("id-1", "kserve_v1", 200, ""),
        ("id-2", "rest", 415, "NotAnImage"),
        ("id-3", "oip_v2", 200, ""),
    ]
    assert [[result.get("class") for result in line["results"]] for line in found] == [[1], [2, None], [], [2]]
    assert found[1]["results"][1] == {"error": "NotAnImage"}
    assert {line["batch_requests"] for line in found} == {4}


def test_a_batch_that_fails_is_logged_as_torchserve_answers_it(
    serve: Serve, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ({"image": b"nonsense"}, REST), ({"image": jpeg()}, REST)
    handler = serve(*rows)
    assert [line["status"] for line in lines(capsys)] == [415, 200]
    monkeypatch.setattr(handler.engine, "answer", None)
    with pytest.raises(TypeError):
        serve(*rows)
    assert [(line["status"], line["error"], line["results"]) for line in lines(capsys)] == [(503, "TypeError", [])] * 2


def test_a_description_for_the_management_api_has_no_line(serve: Serve, capsys: Any) -> None:
    serve(({}, {"describe": "True"}))
    assert lines(capsys) == []


def test_a_clients_id_can_neither_forge_a_line_nor_fill_the_log(capsys: Any) -> None:
    log = AccessLog(1, model="m", version="1.0")
    log.arrived(0, "rest", {"x-request-id": '"}\n{"time":1}\r\u2028\x85' + "x" * 1000}, "1")
    log.end(0.1, 1)
    written = capsys.readouterr().out
    assert written.isascii()
    assert written.count("\n") == 1
    assert len(json.loads(written)["client_request_id"]) == 64


def test_of_a_sample_each_request_is_drawn_by_itself(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([0.05, 0.5, 0.0999, 0.1, 0.99])
    monkeypatch.setattr("handler.access_log.random.random", lambda: next(draws))
    log = AccessLog(0.1, model="m", version="1.0")
    for row in range(5):
        log.arrived(row, "rest", {}, str(row))
        log.answered(row, 200, "", [])
    log.end(0.1, 5)
    assert [line["request_id"] for line in lines(capsys)] == ["0", "2"]


def test_nothing_is_logged_unless_the_launcher_asks_for_it() -> None:
    assert access_log({}, model="m", version="1.0") is None
    assert access_log({ACCESS_LOG_VARIABLE: "0.5"}, model="m", version="1.0") is not None
    assert environment.ACCESS_LOG_VARIABLE == ACCESS_LOG_VARIABLE
