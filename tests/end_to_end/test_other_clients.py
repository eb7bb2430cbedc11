"""tritonclient and KServe's SDK, as they are on PyPI, against the front: gRPC and HTTP, sync and asyncio."""

from typing import Any

import pytest

from serving.server import Server
from tests.end_to_end.clients import answers_to

TWICE = {"classes": [5, 5], "names": ["dog", "dog"], "shape": [2, 10], "id": "a"}  # what LeNet takes the cat for


@pytest.fixture(scope="module")
def triton(server: Server) -> dict[str, Any]:
    return answers_to(server, script="triton.py", library="triton")


@pytest.fixture(scope="module")
def kserve(server: Server) -> dict[str, Any]:
    return answers_to(server, script="kserve_sdk.py", library="kserve")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_tritonclient_finds_what_is_alive_and_ready(triton, protocol):
    told = triton[protocol]
    assert (told["live"], told["ready"], told["models"]) == (True, True, [True, True, False, False])


@pytest.mark.parametrize("protocol", ["grpc", "http", "grpc asyncio", "http asyncio"])
def test_tritonclient_gets_the_classes_of_several_images_and_its_id(triton, protocol):
    assert triton[protocol]["answer"] == TWICE


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_tritonclient_gets_top_k_classes_decoded_pixels_and_the_good_image_beside_a_bad_one(triton, protocol):
    told = triton[protocol]
    assert told["best"] == 2
    assert len(told["pixels"]) == 2
    assert told["one bad"] == [-1, 5]


def test_each_refusal_is_a_status_of_grpc_that_says_why(triton):
    told = triton["grpc"]
    assert told["not an image"][0] == "StatusCode.INVALID_ARGUMENT"
    assert told["not an image"][1].startswith("no image: it starts with b'hello'")
    assert told["too large"][0] == "StatusCode.RESOURCE_EXHAUSTED"
    assert (told["no model"][0], told["no version"][0]) == ("StatusCode.NOT_FOUND", "StatusCode.NOT_FOUND")


def test_each_refusal_is_a_message_that_tritonclient_shows_over_http(triton):
    told = triton["http"]
    assert told["not an image"] == ["415", triton["grpc"]["not an image"][1]]
    assert told["too large"][0] == "413"
    assert told["no model"] == ["404", "Model not found: none"]


def test_metadata_is_the_same_over_grpc_and_http(triton):
    (grpc_server, grpc_model), (http_server, http_model) = triton["metadata"]["grpc"], triton["metadata"]["http"]
    assert grpc_server == http_server
    names = [output["name"] for output in http_model["outputs"]]
    assert [output["name"] for output in grpc_model["outputs"]] == names
    assert http_model["outputs"][3] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}
    assert http_model["versions"] == ["1.0"]


def test_the_clients_of_kserve_find_it_alive_and_ready_and_get_classes(kserve):
    assert kserve["v1"] == {"health": [True, True], "answer": [5, 5]}
    assert kserve["v2"] == {"health": [True, True, True], "answer": {"id": "a", "classes": [5, 5]}}
    assert kserve["grpc"]["health"] == [True, True, True]
    assert kserve["grpc"]["answer"] == {"id": "a", "classes": [5, 5]}
    assert kserve["grpc"]["not an image"] == "StatusCode.INVALID_ARGUMENT"
