"""`logs/requests.log` of a real TorchServe: each request has a line, by the ids that its client knows."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pixserve import Connection
from pixserve.endpoints import Endpoints
from serving.server import Server
from tests.conftest import CAT
from tests.end_to_end.launching import served
from tests.gateways import gateway_before, needs_nginx

JPEG = CAT.read_bytes()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def logging_server(store: Path) -> Iterator[Server]:
    """A server that logs every request."""
    with served(store, access_log="1") as server:
        yield server


def line(server: Server, **fields: str) -> dict[str, Any]:
    """The one line that has these fields, as soon as it is written."""
    log = server.settings.runtime_directory.logs / "requests.log"
    deadline_s = time.monotonic() + 10
    while True:
        found = [entry for entry in map(json.loads, log.read_text().splitlines()) if fields.items() <= entry.items()]
        if found:
            (entry,) = found
            return entry
        assert time.monotonic() < deadline_s, f"no line has {fields}"
        time.sleep(0.05)


def test_an_answer_names_the_line_of_its_request(logging_server: Server) -> None:
    url = f"{logging_server.settings.inference}/predictions/cifar10"
    headers = {"X-Request-Id": 'mine"}', "traceparent": TRACE}
    answer = requests.post(url, data=JPEG, headers=headers | {"Content-Type": "image/jpeg"}, timeout=30)
    logged = line(logging_server, request_id=answer.headers["x-request-id"])
    assert (logged["client_request_id"], logged["traceparent"]) == ('mine"}', TRACE)
    assert (logged["protocol"], logged["version"], logged["status"], logged["error"]) == ("rest", "1.0", 200, "")
    assert [result["class"] for result in logged["results"]] == [answer.json()["class"]]


def test_a_refusal_names_its_line_too(logging_server: Server) -> None:
    url = f"{logging_server.settings.inference}/predictions/cifar10"
    answer = requests.post(url, data=b"nonsense", headers={"Content-Type": "image/jpeg"}, timeout=30)
    logged = line(logging_server, request_id=answer.headers["x-request-id"])
    assert (logged["status"], logged["error"], logged["results"]) == (answer.status_code, "NotAnImage", [])
    unknown = requests.post(f"{url}/9.0", data=JPEG, headers={"Content-Type": "image/jpeg"}, timeout=30)
    assert unknown.status_code == 404
    assert unknown.headers["x-request-id"]  # TorchServe's own refusals have an id, and no line


def test_the_front_passes_both_ids_on(logging_server: Server) -> None:
    body = {"instances": [base64.b64encode(JPEG).decode(), "AAAA"]}
    url = f"{logging_server.settings.front}/v1/models/cifar10:predict"
    answer = requests.post(url, json=body, headers={"X-Request-Id": "at-the-front"}, timeout=30)
    logged = line(logging_server, request_id=answer.headers["x-request-id"])
    assert (logged["client_request_id"], logged["protocol"]) == ("at-the-front", "kserve_v1")
    assert logged["results"][0]["class"] == answer.json()["predictions"][0]["class"]
    assert logged["results"][1] == {"error": "NotAnImage"}


@needs_nginx
def test_behind_the_gateway_a_client_finds_its_line_by_the_id_that_it_sent_or_was_given(
    logging_server: Server,
) -> None:
    with gateway_before(logging_server.settings) as gateway:
        sent = gateway.ask("POST", "/predictions/cifar10", data=JPEG, headers={"X-Request-Id": "order-17"})
        given = gateway.ask("POST", "/predictions/cifar10", data=JPEG)
    assert sent.headers["x-request-id"] == "order-17"
    for answer in (sent, given):
        logged = line(logging_server, client_request_id=answer.headers["x-request-id"])
        assert logged["results"][0]["class"] == answer.json()["class"]


def test_a_call_over_grpc_has_a_line(logging_server: Server) -> None:
    with Connection(Endpoints.of_runtime_dir(logging_server.settings.runtime_directory.path)).grpc() as client:
        client.predict(JPEG, model="cifar10")
    assert line(logging_server, protocol="grpc")["client_request_id"] == ""


def test_the_workers_own_log_has_none_of_the_lines(logging_server: Server) -> None:
    assert '"request_id"' not in logging_server.settings.runtime_directory.worker_log.read_text()


def test_a_server_that_logs_no_requests_has_no_such_file(server: Server, post: Any) -> None:
    assert post(files={"image": JPEG}).status_code == 200
    assert not (server.settings.runtime_directory.logs / "requests.log").exists()
