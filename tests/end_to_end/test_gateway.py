"""The gateway as a stranger meets it: a real nginx before a real TorchServe."""

import json
import re
import socket
import ssl
import subprocess
import time

import grpc
import pytest
import requests

from pixserve._stubs import inference_pb2, inference_pb2_grpc
from serving.server import Server
from tests.conftest import CAT
from tests.gateways import JPEG, MODEL, gateway_before, needs_nginx, raw

pytestmark = needs_nginx

HANDLERS = tuple(status for status in range(200, 600) if status not in (401, 405))  # past the gateway, whatever it is
FRONT = (200, 404)  # which of these paths there are is the front's to say

# What a stranger gets: method, path, and the statuses without and with a key.
TABLE = [
    ("POST", "/classify", 401, 200),
    ("POST", MODEL, 401, 200),
    ("POST", f"{MODEL}/1.0", 401, 200),
    ("POST", "/predictions/nothing", 401, 404),
    ("POST", f"{MODEL}/1.0/more", 404, 404),
    ("POST", "/explanations/cifar10", 401, HANDLERS),
    ("POST", "/v1/models/cifar10:predict", 401, HANDLERS),
    ("POST", "/v2/models/cifar10/infer", 401, HANDLERS),
    ("GET", "/v1/models", 401, 200),
    ("GET", "/v1/models/cifar10", 401, 200),
    ("GET", "/v2", 401, 200),
    ("GET", "/v2/models/cifar10", 401, 200),
    ("GET", "/v2/models/cifar10/versions/1.0/ready", 401, 200),
    ("GET", "/v2/health/live", 200, 200),
    ("GET", "/v2/health/ready", 200, 200),
    ("GET", "/livez", 200, 200),
    ("GET", "/readyz", 200, 200),
    ("GET", "/openapi.json", FRONT, FRONT),
    ("GET", "/docs", FRONT, FRONT),
    ("GET", "/", (200, 404), (200, 404)),
    ("POST", "/", 405, 405),
    ("GET", "/classify", 405, 405),
    ("GET", MODEL, 405, 405),
    ("DELETE", MODEL, 405, 405),
    ("TRACE", MODEL, 405, 405),
    ("GET", "/page/../../config.properties", 400, 400),  # above the root
    ("OPTIONS", MODEL, 405, 405),  # no page of another site may ask
    *(
        (method, path, 404, 404)
        for method, path in (
            ("GET", "/models"),
            ("GET", "/models/cifar10"),
            ("POST", "/models?url=evil.mar"),
            ("PUT", "/models/cifar10/1.0/set-default"),
            ("DELETE", "/models/cifar10/1.0"),
            ("POST", "/models/cifar10/invoke"),
            ("POST", "/cifar10/predict"),
            ("POST", "/invocations"),
            ("GET", "/metrics"),
            ("GET", "/token?type=inference"),
            ("GET", "/ping"),
            ("GET", "/api-description"),
            ("POST", "/workflows?url=evil.war"),
            ("GET", "/workflows"),
            ("POST", "/wfpredict/evil"),
            ("GET", "/page/../headers.json"),
            ("GET", "/page/../config.properties"),
            ("GET", "/headers.json"),
            ("GET", "/.git/config"),
            ("GET", "/predictions/../models"),
            ("GET", "/predictions/%2e%2e/models"),
            ("GET", "/predictions/cifar10%2f..%2f..%2fmodels"),
            ("GET", "//models"),
            ("POST", "/predictions/cifar10%3fx"),
            ("POST", "/predictions/cifar10%0d%0aX:1"),
        )
    ),
]


@pytest.mark.parametrize(("method", "path", "without", "with_key"), TABLE, ids=lambda value: str(value))
def test_each_path_answers_a_stranger_as_the_table_says(strict, method, path, without, with_key):
    body = JPEG if method == "POST" else b""
    media = {"Content-Type": "image/jpeg"}
    for expected, headers in ((without, media), (with_key, media | {"Authorization": f"Bearer {strict.key}"})):
        status, answer = raw(strict.url, method, path, body=body, headers=headers)
        assert status in (expected if isinstance(expected, tuple) else (expected,)), answer
        if status in {401, 405, 413}:
            assert json.loads(answer).keys() == {"code", "type", "error" if path.startswith("/v") else "message"}


def test_the_log_is_json_and_names_key_path_status_and_request(strict):
    strict.ask("POST", MODEL, data=JPEG, key=strict.key, headers={"X-Request-Id": "mine-1"})
    deadline_s = time.monotonic() + 10
    while not (lines := [line for line in strict.log() if line["id"] == "mine-1"]):
        assert time.monotonic() < deadline_s
    (line,) = lines
    assert (line["key"], line["path"], line["status"], line["answered"]) == ("test", MODEL, 200, "200")


def test_a_request_has_an_id_the_clients_own_if_it_is_one(strict):
    assert strict.ask("GET", "/nothing", headers={"X-Request-Id": "mine-2"}).headers["x-request-id"] == "mine-2"
    made = [
        strict.ask("GET", "/nothing", headers={"X-Request-Id": 'no "id"'}).headers["x-request-id"] for _ in range(2)
    ]
    assert all(re.fullmatch(r"[0-9.-]+", each) for each in made)
    assert made[0] != made[1]


def test_a_page_of_a_named_site_may_ask_and_no_other(strict):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = strict.ask("OPTIONS", MODEL, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    answer = strict.ask("POST", MODEL, data=JPEG, key=strict.key, headers={"Origin": "https://shop.example"})
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    other = strict.ask("POST", MODEL, data=JPEG, key=strict.key, headers={"Origin": "https://shop.example.evil"})
    assert "access-control-allow-origin" not in other.headers


def test_answers_and_errors_have_the_security_headers(strict):
    for response in (
        strict.ask("POST", MODEL, data=JPEG, key=strict.key),
        strict.ask("POST", MODEL, data=JPEG),
        strict.ask("GET", "/nothing"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["server"] == "nginx"


def test_the_tls_address_speaks_http_2_and_refuses_old_tls(strict):
    context = ssl.create_default_context(cafile=strict.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = strict.tls_address.split(":")
    with (
        socket.create_connection((host, int(port))) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"
    answer = requests.post(
        f"https://{strict.tls_address}{MODEL}",
        data=JPEG,
        headers={"Authorization": f"Bearer {strict.key}"},
        verify=str(strict.certificate),
        timeout=60,
    )
    assert (answer.status_code, answer.json()["model_version"]) == (200, "1.0")
    old = ["openssl", "s_client", "-connect", strict.tls_address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    assert subprocess.run(old, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode != 0


@pytest.mark.parametrize(
    ("key", "expected"), [(True, None), (False, grpc.StatusCode.UNAUTHENTICATED)], ids=["with a key", "without"]
)
def test_grpc_goes_through_with_tls_and_a_key(strict, key, expected):
    credentials = grpc.ssl_channel_credentials(strict.certificate.read_bytes())
    metadata = [("authorization", f"Bearer {strict.key}")] if key else []
    with grpc.secure_channel(strict.tls_address, credentials) as channel:
        stub = inference_pb2_grpc.InferenceAPIsServiceStub(channel)
        request = inference_pb2.PredictionsRequest(model_name="cifar10", input={"image": JPEG})
        if expected is None:
            answer = stub.Predictions(request, metadata=metadata, timeout=60)
            assert json.loads(answer.prediction)["model_version"] == "1.0"
            return
        with pytest.raises(grpc.RpcError) as refused:
            stub.Predictions(request, metadata=metadata, timeout=60)
        assert refused.value.code() is expected


def test_a_grpc_method_that_could_stop_a_version_does_not_exist(strict):
    credentials = grpc.ssl_channel_credentials(strict.certificate.read_bytes())
    with grpc.secure_channel(strict.tls_address, credentials) as channel:
        service = "/org.pytorch.serve.grpc.inference.InferenceAPIsService"
        for path in (
            f"{service}/StreamPredictions2",
            "/org.pytorch.serve.grpc.management.ManagementAPIsService/ListModels",
        ):
            call = channel.unary_unary(path)
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", metadata=[("authorization", f"Bearer {strict.key}")], timeout=60)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_what_torchserve_would_not_read_is_answered_too(strict):
    named = strict.ask("POST", f"{MODEL}?top_k=2", files={"image": JPEG}, key=strict.key)
    assert (named.status_code, len(named.json()["top"])) == (200, 2)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # of `curl --data-binary @cat.jpg`
    for path in (MODEL, "/classify"):
        plain, form = (strict.ask("POST", path, data=JPEG, headers=said, key=strict.key) for said in ({}, headers))
        assert (form.status_code, form.content) == (200, plain.content)


def test_the_tutorials_line_gets_the_tutorials_answer(server: Server):
    with gateway_before(server.settings, "tutorial") as gateway:
        line = ["curl", "-s", "-X", "POST", "-F", f"image=@{CAT}", f"{gateway.url}/classify"]
        answer = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        best = gateway.ask("POST", MODEL, data=JPEG).json()
        assert answer == f'{{"class": {best["class"]}, "class_name": "{best["class_name"]}"}}'
        sent = {"Pixserve-Answer": "tutorial", "describe": "True", "Content-Type": "image/jpeg"}
        assert gateway.ask("POST", MODEL, data=JPEG, headers=sent).json() == best
