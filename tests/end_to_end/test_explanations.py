"""Explanations of a real server: over HTTP and gRPC, by the client and the command, and what TorchServe sends on."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from pixserve import Connection, Endpoints, GrpcClient, RestClient
from pixserve.errors import AddressError, InvalidClassError, ModelNotFoundError, NotAnImageError, VersionNotFoundError
from pixserve.inference import InferenceClient
from serving.server import Server
from tests.conftest import CAT


@pytest.fixture
def front(server: Server) -> str:
    assert server.settings.front is not None
    return f"{server.settings.front}/explanations/cifar10"


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[InferenceClient]:
    connection = Connection(Endpoints.of_runtime_dir(server.settings.runtime_directory.path), timeout_s=120)
    with getattr(connection, request.param)() as client:
        yield client


def test_a_form_is_answered_with_numbers(front: str) -> None:
    with CAT.open("rb") as image:
        answer = requests.post(front, files={"image": image}, data={"class": "cat"}, timeout=120)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = answer.json()
    assert (found["class_name"], found["method"], len(found["heat_map"])) == ("cat", "occlusion", 32)


def test_whoever_accepts_a_png_gets_one(front: str) -> None:
    headers = {"Accept": "image/png", "Content-Type": "image/jpeg"}
    answer = requests.post(f"{front}/1.0?method=integrated_gradients", CAT.read_bytes(), headers=headers, timeout=120)
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).width == 384


def test_kserves_protocols_explain(server: Server) -> None:
    image = base64.b64encode(CAT.read_bytes()).decode()
    parameters = {"method": "integrated_gradients", "class": "dog"}
    url = f"{server.settings.front}/v1/models/cifar10:explain"
    body = {"instances": [image, {"image": {"b64": image}}], "parameters": parameters}
    found = requests.post(url, json=body, timeout=120).json()["explanations"]
    assert [each["class_name"] for each in found] == ["dog", "dog"]

    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}
    url = f"{server.settings.front}/v2/models/cifar10/versions/1.0/explain"
    answer = requests.post(url, json={"id": "7", "inputs": [tensor], "parameters": parameters}, timeout=120).json()
    assert (answer["id"], answer["model_version"]) == ("7", "1.0")
    assert (answer["outputs"][0]["name"], answer["outputs"][0]["shape"]) == ("heat_map", [1, 32, 32])
    assert answer["outputs"][0]["data"] == [value for row in found[0]["heat_map"] for value in row]

    refused = requests.post(url, json={"inputs": [tensor | {"data": [image, "?"]}]}, timeout=120)
    assert (refused.status_code, refused.json()["type"]) == (400, "InvalidBase64")
    assert refused.json()["error"].startswith("image 2 of 2: ")


def test_the_client_explains(client: InferenceClient) -> None:
    found = client.explain(CAT, method="integrated_gradients", target="dog")
    assert (found.target.name, found.method, found.model_version) == ("dog", "integrated_gradients", "1.0")
    assert (len(found.heat_map), len(found.heat_map[0])) == (32, 32)
    assert found.overlay.startswith(b"\x89PNG")


def test_the_client_raises_what_predictions_raise(client: InferenceClient) -> None:
    with pytest.raises(NotAnImageError):
        client.explain(b"no image")
    with pytest.raises(InvalidClassError, match="unicorn"):
        client.explain(CAT, target="unicorn")
    with pytest.raises(ModelNotFoundError):
        client.explain(CAT, model="nobody")
    with pytest.raises(VersionNotFoundError):
        client.explain(CAT, version="9.9")


def test_torchserve_sends_the_request_on(server: Server) -> None:
    with RestClient(server.settings.inference, timeout_s=120) as client:
        assert client.explain(CAT).model_version == "1.0"


def test_a_grpc_client_without_the_fronts_address_says_so() -> None:
    with GrpcClient("127.0.0.1:7070") as client, pytest.raises(AddressError, match="the front's gRPC address"):
        client.explain(CAT)


def test_a_body_that_torchserve_would_not_read_is_refused(front: str, server: Server) -> None:
    body = b"x" * (int(server.settings.properties["max_request_size"]) + 1)
    answer = requests.post(front, data=body, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (413, "TooManyBytes")


def test_the_command_writes_the_overlay(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "heat.png"
    command = [sys.executable, "-m", "pixserve", "--timeout", "120", "--runtime-dir"]
    command += [str(server.settings.runtime_directory.path), "explain", str(CAT)]
    done = subprocess.run([*command, "-o", str(target)], capture_output=True, text=True, check=True)
    assert "occlusion of cifar10-1.0" in done.stderr
    assert target.read_bytes().startswith(b"\x89PNG")
    printed = subprocess.run([*command, "--class", "3"], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed)["class_name"] == "cat"


def test_while_the_server_drains_nothing_new_is_explained(front: str, server: Server) -> None:
    draining = server.settings.runtime_directory.draining
    draining.touch()
    try:
        answer = requests.post(front, CAT.read_bytes(), timeout=60)
    finally:
        draining.unlink()
    assert (answer.status_code, answer.json()["type"]) == (503, "ServerStopping")
