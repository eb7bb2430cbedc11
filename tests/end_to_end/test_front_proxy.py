"""One address speaks everything: what the front passes on is answered as TorchServe answers it."""

import base64
import http.client
import json
import socket

import pytest
import requests

from serving.server import Server
from tests.conftest import CAT

JPEG = CAT.read_bytes()
TEXT = base64.b64encode(JPEG).decode()
TENSOR = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [TEXT]}


@pytest.fixture(scope="module")
def front(server: Server) -> str:
    return str(server.settings.front)


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("predictions/cifar10", {"files": {"image": ("cat.jpg", JPEG, "image/jpeg")}, "data": {"top_k": "3"}}),
        ("predictions/cifar10/1.0", {"data": JPEG, "headers": {"Content-Type": "image/jpeg"}}),
        ("predictions/cifar10", {"json": {"image": TEXT}}),
        ("predictions/cifar10", {"data": b"hello"}),
        ("predictions/none", {"data": JPEG}),
        ("predictions/cifar10/9", {"data": JPEG}),
        ("v1/models/cifar10:predict", {"json": {"instances": [TEXT, {"b64": TEXT}]}}),
        ("v2/models/cifar10/infer", {"json": {"id": "a", "inputs": [TENSOR]}}),
    ],
)
def test_a_request_is_answered_as_at_torchserves_own_address(server, front, path, arguments):
    direct, passed = (
        requests.post(f"{base}/{path}", timeout=30, **arguments) for base in (server.settings.inference, front)
    )
    assert (passed.status_code, passed.content) == (direct.status_code, direct.content)
    assert passed.headers["content-type"] == direct.headers["content-type"]


def test_a_version_can_be_named_in_the_open_inference_protocol(front):
    named = requests.post(f"{front}/v2/models/cifar10/versions/1.0/infer", json={"inputs": [TENSOR]}, timeout=30)
    assert named.json()["model_version"] == "1.0"
    unknown = requests.post(f"{front}/v2/models/cifar10/versions/9/infer", json={"inputs": [TENSOR]}, timeout=30)
    assert (unknown.status_code, "error" in unknown.json()) == (404, True)


def test_errors_of_torchserve_have_the_form_of_the_standards_on_their_paths(front):
    for path in ("v2/models/none/infer", "v1/models/none:predict"):
        answer = requests.post(f"{front}/{path}", json={"inputs": []}, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (404, "Model not found: none")


def test_a_broken_form_is_the_clients_mistake(front):
    form = b'--b\r\nContent-Disposition: form-data; name=""\r\n\r\nx\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(f"{front}/predictions/cifar10", data=form, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["type"]) == (400, "InvalidForm")


@pytest.mark.parametrize("path", ["predictions/cifar10", "predictions/cifar10/1.0"])
@pytest.mark.parametrize("arguments", [{"data": JPEG}, {"files": {"image": JPEG}}], ids=["raw", "form"])
def test_the_query_says_how_many_classes_an_answer_names(front, path, arguments):
    answer = requests.post(f"{front}/{path}?top_k=2", timeout=30, **arguments)
    assert (answer.status_code, len(answer.json()["top"])) == (200, 2)


def test_an_image_that_curl_calls_a_form_is_answered(front):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # of `curl --data-binary @cat.jpg`
    answer = requests.post(f"{front}/predictions/cifar10", data=JPEG, headers=headers, timeout=30)
    assert answer.content == requests.post(f"{front}/predictions/cifar10", data=JPEG, timeout=30).content


@pytest.mark.parametrize("path", ["nothing", "v2/nothing", "models", "wfpredict/x", "predictions/a/b/c"])
def test_what_is_no_path_of_the_front_is_not_passed_on(front, path):
    answer = requests.post(f"{front}/{path}", data=b"x", timeout=30)
    assert (answer.status_code, answer.json()["type"]) == (404, "NotFound")


def test_another_method_is_405_with_the_ones_that_there_are(front):
    answer = requests.get(f"{front}/predictions/cifar10", timeout=30)
    assert (answer.status_code, answer.json()["type"], answer.headers["allow"]) == (405, "MethodNotAllowed", "POST")


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_larger_than_torchserve_takes_is_refused_with_a_reason(server, declared):
    address = str(server.settings.front).removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=30)
    limit = int(server.settings.properties["max_request_size"])
    if declared:
        connection.putrequest("POST", "/predictions/cifar10")
        connection.putheader("Content-Length", str(limit + 1))
        connection.endheaders()  # nothing of it has to be sent
    else:
        parts = (bytes(1_000_000) for _ in range(limit // 1_000_000 + 1))
        connection.request("POST", "/predictions/cifar10", body=parts, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["type"]) == (413, "RequestTooLarge")
    connection.close()


def test_a_client_that_goes_before_its_body_came_disturbs_nobody(server, front):
    host, _, port = front.removeprefix("http://").partition(":")
    for _ in range(20):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"POST /predictions/cifar10 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nimage")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    assert requests.post(f"{front}/predictions/cifar10", data=JPEG, timeout=30).ok
    assert "ERROR" not in server.settings.runtime_directory.front_log.read_text()


def test_a_browser_is_not_told_what_kserves_client_asks_for(front):
    assert requests.get(f"{front}/", timeout=30).json() == {"status": "alive"}
    page = requests.get(f"{front}/", headers={"Accept": "text/html,*/*"}, timeout=30)
    assert "alive" not in page.text
