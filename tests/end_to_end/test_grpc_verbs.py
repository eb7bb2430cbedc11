"""Every verb of our inference.proto, with every kind of valid input, against a real TorchServe.

None ends a worker, and REST clients that share batches with them notice nothing.
"""

import concurrent.futures
import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import requests
from google.protobuf.empty_pb2 import Empty

from pixserve._stubs.inference_pb2 import PredictionsRequest
from pixserve._stubs.inference_pb2_grpc import InferenceAPIsServiceStub
from serving.server import Server
from tests.conftest import CAT

JPEG = CAT.read_bytes()
INPUTS: dict[str, dict[str, bytes]] = {
    "an image": {"image": JPEG},
    "an image and top_k": {"image": JPEG, "top_k": b"3"},
    "a damaged image": {"image": JPEG[:1000]},
    "no bytes": {"image": b""},
    "no entry": {},
    "two images": {"first": JPEG, "second": JPEG},
}


def request(fields: dict[str, bytes]) -> Any:
    return PredictionsRequest(model_name="cifar10", input=fields)


VERBS: dict[str, Callable[[Any, dict[str, bytes]], list[bytes]]] = {
    "Predictions": lambda stub, fields: [stub.Predictions(request(fields)).prediction],
    "StreamPredictions": lambda stub, fields: [each.prediction for each in stub.StreamPredictions(request(fields))],
}


@pytest.fixture
def stub(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{server.settings.properties['grpc_inference_port']}") as channel:
        yield InferenceAPIsServiceStub(channel)


@pytest.fixture
def workers(server: Server) -> Callable[[], list[int]]:
    def pids() -> list[int]:
        with server.management() as management:
            return [worker.pid for worker in management.describe("cifar10", "1.0").workers if worker.ready]

    return pids


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("given", INPUTS)
def test_a_call_is_answered_once_and_its_worker_lives_on(stub, workers, verb, given):
    before = workers()
    (answer,) = VERBS[verb](stub, INPUTS[given])
    document = json.loads(answer)
    assert ("class" in document) == given.startswith("an image"), document
    assert workers() == before


def test_ping_is_answered(stub):
    assert json.loads(stub.Ping(Empty()).health) == {"status": "Healthy"}


def test_calls_that_are_cancelled_end_no_worker(stub, workers):
    before = workers()
    for future in [stub.Predictions.future(request({"image": JPEG})) for _ in range(50)]:
        future.cancel()
    for _ in range(20):
        stub.StreamPredictions(request({"image": JPEG})).cancel()
    assert json.loads(stub.Predictions(request({"image": JPEG})).prediction)["class_name"]
    assert workers() == before


def test_rest_clients_beside_streaming_calls_get_the_answers_they_get_alone(stub, workers, url):
    before, expected = workers(), requests.post(url, data=JPEG, timeout=30).json()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        streams = [pool.submit(VERBS["StreamPredictions"], stub, {"image": JPEG}) for _ in range(40)]
        answers = [pool.submit(requests.post, url, data=JPEG, timeout=30) for _ in range(40)]
    assert all(answer.result().json() == expected for answer in answers)
    assert all(json.loads(*stream.result()) == expected for stream in streams)
    assert workers() == before
