"""The standard protocols on a real TorchServe: its own routes lead to the handler, in batches with native requests."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from handler.image_handler import MAX_ANSWER_BYTES
from tests.conftest import CAT
from tests.handler.tensors import as_binary, as_json, asking, outputs

JPEG = CAT.read_bytes()
BASE64 = base64.b64encode(JPEG).decode()
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
def send(server):
    """Send one request to a path of the server."""

    def post(path: str, **arguments: Any) -> requests.Response:
        return requests.post(f"{server.settings.inference}{path}", timeout=60, **arguments)

    return post


@pytest.fixture
def native(post):
    return post(files={"image": ("cat.jpg", JPEG)}).json()


def test_kserve_v1_answers_in_order_and_as_natively(send, native):
    instances = [BASE64, {"b64": BASE64}, {"image": {"b64": "AAAA"}}]
    response = send("/v1/models/cifar10:predict", json={"instances": instances})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    first, second, bad = response.json()["predictions"]
    assert first == second == native
    assert (bad["code"], bad["type"]) == (415, "NotAnImage")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", None, "application/octet-stream"]
)
def test_json_is_read_whatever_its_content_type(send, native, kind):
    headers = {"Content-Type": kind}  # None: no such header, as tritonclient sends it
    body = json.dumps(as_json(JPEG, id="x")).encode()
    response = send("/v2/models/cifar10/infer", data=body, headers=headers)
    document = response.json()
    assert (document["id"], document["model_name"], document["model_version"]) == ("x", "cifar10", "1.0")
    assert outputs(document)["class_name"] == [native["class_name"]]


@pytest.mark.parametrize("path", ["/v2/models/cifar10/infer", "/predictions/cifar10", "/predictions/cifar10/1.0"])
def test_a_binary_request_gets_a_binary_answer(send, native, path):
    body, headers = as_binary(JPEG, JPEG[:300], JPEG, parameters={"binary_data_output": True})
    response = send(path, data=body, headers=headers)
    assert response.headers["content-type"] == "application/octet-stream"
    size = int(response.headers[LENGTH])
    found = outputs(json.loads(response.content[:size]), response.content[size:])
    assert found["class_name"] == [native["class_name"], "", native["class_name"]]
    assert found["probability"][0] == pytest.approx(native["probability"], abs=1e-5)
    assert [bool(text) for text in found["error"]] == [False, True, False]


@pytest.mark.parametrize(
    ("path", "arguments", "status", "type_name"),
    [
        ("/v1/models/cifar10:predict", {"json": {"instances": ["AAAA"]}}, 415, "NotAnImage"),
        (
            "/v1/models/cifar10:predict",
            {"data": b"{", "headers": {"Content-Type": "application/json"}},
            400,
            "InvalidJson",
        ),
        ("/v1/models/cifar10:predict", {"data": {"instances": "x"}}, 400, "MissingImage"),
        ("/v2/models/cifar10/infer", {"json": as_json(JPEG[:300])}, 422, "DamagedImage"),
        ("/v2/models/cifar10/infer", {"json": as_json(JPEG, outputs=asking("logits"))}, 400, "UnknownOutput"),
        ("/v2/models/cifar10/infer", {"data": b""}, 400, "InvalidJson"),
        ("/v2/models/cifar10/infer", {"files": {"image": JPEG}}, 400, "InvalidJson"),
        ("/predictions/cifar10/1.0/v2", {"data": b"{"}, 400, "InvalidJson"),
    ],
)
def test_a_refusal_has_a_status_and_the_form_of_the_protocol(send, path, arguments, status, type_name):
    response = send(path, **arguments)
    assert response.status_code == status
    assert response.json().keys() == {"error", "code", "type"}
    assert response.json()["type"] == type_name


def test_rows_of_all_protocols_share_batches_and_none_disturbs_another(send, native):
    many = as_json(*[JPEG] * 64)
    ways = [
        lambda: send("/predictions/cifar10", files={"image": ("cat.jpg", JPEG)}).json()["class"],
        lambda: send("/v1/models/cifar10:predict", json={"instances": [BASE64]}).json()["predictions"][0]["class"],
        lambda: outputs(send("/v2/models/cifar10/infer", json=many).json())["class"][63],
        lambda: send("/v1/models/cifar10:predict", json={"instances": ["!"]}).json()["type"],
        lambda: outputs(send("/v2/models/cifar10/infer", json=as_json(JPEG)).json())["class"][0],
        lambda: send("/v2/models/cifar10/infer", data=b"\x00").json()["type"],
    ]
    expected = [native["class"]] * 3 + ["InvalidBase64", native["class"], "InvalidJson"]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda turn: ways[turn % len(ways)](), range(40 * len(ways))))
    assert found == expected * 40


def test_the_longest_answer_is_what_torchserve_takes(server):
    assert int(server.settings.properties["max_response_size"]) == MAX_ANSWER_BYTES
