"""The Open Inference Protocol over gRPC at the front: tensors in each form, many calls at once, tokens, no worker."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
import requests
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from front._stubs import open_inference_pb2 as pb
from front._stubs import open_inference_pb2_grpc as pb_grpc
from pixserve.tokens import Tokens
from serving.server import Server
from serving.settings import Settings
from tests.conftest import CAT
from tests.end_to_end.clients import grpc_address
from tests.end_to_end.launching import wait_until
from tests.two_versions import generated_images

JPEG = CAT.read_bytes()


@pytest.fixture(scope="module")
def stub(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(grpc_address(server)) as channel:
        yield pb_grpc.GRPCInferenceServiceStub(channel)


def request(*files: bytes, outputs: tuple[str, ...] = (), **fields: Any) -> Any:
    """A request with BYTES in binary form."""
    message = pb.ModelInferRequest(model_name="cifar10", **fields)
    message.inputs.add(name="image", datatype="BYTES", shape=[len(files)])
    message.raw_input_contents.append(b"".join(len(file).to_bytes(4, "little") + file for file in files))
    for name in outputs:
        message.outputs.add(name=name)
    return message


def tensors(answer: Any) -> dict[str, Any]:
    """The numeric outputs of an answer, as arrays."""
    types = {"INT64": np.int64, "FP32": np.float32}
    return {
        output.name: np.frombuffer(raw, types[output.datatype]).reshape(output.shape)
        for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
        if output.datatype in types
    }


def refusal(call: Any, message: Any, **options: Any) -> tuple[Any, dict[str, str]]:
    """The status of a call that is refused, and its trailers."""
    with pytest.raises(grpc.RpcError) as refused:
        call(message, timeout=30, **options)
    trailers = {key: value for key, value in refused.value.trailing_metadata() or () if key.startswith("error-")}
    return refused.value.code(), trailers


def test_images_in_contents_and_in_raw_contents_get_the_same_answer(stub):
    contents = pb.ModelInferRequest(model_name="cifar10", id="x")
    contents.inputs.add(name="image", datatype="BYTES", shape=[2]).contents.bytes_contents.extend([JPEG, JPEG])
    answers = [stub.ModelInfer(message, timeout=30) for message in (contents, request(JPEG, JPEG, id="x"))]
    assert answers[0] == answers[1]
    assert (answers[0].id, tensors(answers[0])["class"].tolist()) == ("x", [5, 5])


def test_decoded_pixels_in_contents_and_in_raw_contents_get_the_same_answer(stub):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    contents, raw = (pb.ModelInferRequest(model_name="cifar10") for _ in range(2))
    for message in (contents, raw):
        message.inputs.add(name="image", datatype="UINT8", shape=pixels.shape)
    contents.inputs[0].contents.uint_contents.extend(pixels.flatten().tolist())
    raw.raw_input_contents.append(pixels.tobytes())
    assert stub.ModelInfer(contents, timeout=30) == stub.ModelInfer(raw, timeout=30)


def test_only_the_outputs_that_are_asked_for_come_in_their_order(stub):
    answer = stub.ModelInfer(request(JPEG, outputs=("probability", "class")), timeout=30)
    assert [(output.name, list(output.shape)) for output in answer.outputs] == [("probability", [1]), ("class", [1])]
    assert answer.raw_output_contents[1] == (5).to_bytes(8, "little")


def test_calls_that_share_a_request_to_torchserve_each_get_their_own_answer_or_refusal(stub, post):
    images = generated_images(40)
    expected = [post(data=image, headers={"Content-Type": "image/png"}).json()["class"] for image in images]
    sent = [image if number % 5 else image[:40] for number, image in enumerate(images)]

    def ask(image: bytes) -> Any:
        try:
            return int(tensors(stub.ModelInfer(request(image), timeout=30))["class"][0])
        except grpc.RpcError as refused:
            return dict(refused.trailing_metadata())["error-type"]

    with ThreadPoolExecutor(40) as threads:
        for _ in range(3):
            answers = list(threads.map(ask, sent))
            assert answers == [kind if number % 5 else "DamagedImage" for number, kind in enumerate(expected)]


@pytest.mark.parametrize(
    ("message", "code", "kind"),
    [
        (request(), "INVALID_ARGUMENT", "MissingImage"),
        (request(b""), "INVALID_ARGUMENT", "EmptyImage"),
        (request(JPEG[:2000]), "INVALID_ARGUMENT", "DamagedImage"),
        (request(JPEG, outputs=("nothing",)), "INVALID_ARGUMENT", "UnknownOutput"),
        (request(JPEG, outputs=("class", "class")), "INVALID_ARGUMENT", "UnknownOutput"),
        (request(JPEG, b"hello", outputs=("class",)), "INVALID_ARGUMENT", "NotAnImage"),
        (request(b"\xff\xd8\xff" + bytes(10_000_001)), "RESOURCE_EXHAUSTED", "TooManyBytes"),
        (request(JPEG, model_version="9"), "NOT_FOUND", "ModelVersionNotFoundException"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused_has_a_status_and_the_type_of_the_other_protocols(stub, message, code, kind):
    status, trailers = refusal(stub.ModelInfer, message)
    assert (status.name, trailers["error-type"]) == (code, kind)


def test_tensors_that_do_not_fit_are_refused(stub):
    twice = request(JPEG)
    twice.inputs[0].contents.bytes_contents.append(JPEG)
    missing = request(JPEG)
    missing.inputs.add(name="other", datatype="BYTES", shape=[1])
    wrong = request(JPEG)
    wrong.inputs[0].shape[0] = 2
    numbers = pb.ModelInferRequest(model_name="cifar10")
    numbers.inputs.add(name="image", datatype="UINT8", shape=[1, 1, 1, 3]).contents.uint_contents.extend([1, 2, 256])
    for message in (twice, missing, wrong, numbers):
        status, trailers = refusal(stub.ModelInfer, message)
        assert (status, trailers) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            {"error-code": "400", "error-type": "InvalidTensor"},
        )


def test_reflection_names_the_services(server):
    with grpc.insecure_channel(grpc_address(server)) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(services)


def test_a_token_is_asked_for_wherever_a_model_is_named_and_health_is_open(runtime_dir, store):
    settings = Settings.isolated(runtime_dir, store, {"disable_token_authorization": "false"})
    with Server(settings) as server, grpc.insecure_channel(grpc_address(server)) as channel:
        server.wait_until_ready()
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        calls = [
            (stub.ModelInfer, request(JPEG)),
            (stub.ModelInfer, request(JPEG, outputs=("nothing",))),
            (stub.ModelMetadata, pb.ModelMetadataRequest(name="cifar10")),
            (stub.ModelReady, pb.ModelReadyRequest(name="cifar10")),
        ]
        for call, message in calls:
            assert refusal(call, message)[0] == grpc.StatusCode.UNAUTHENTICATED
            assert (
                refusal(call, message, metadata=[("authorization", "Bearer x")])[0] == grpc.StatusCode.UNAUTHENTICATED
            )
        assert stub.ServerReady(pb.ServerReadyRequest(), timeout=30).ready
        paths = ["v2/models/cifar10", "v2/models/cifar10/ready", "v1/models", "v1/models/cifar10"]
        for path in paths:
            refused = requests.get(f"{settings.front}/{path}", timeout=30)
            assert (refused.status_code, refused.json()["type"]) == (400, "InvalidKeyException")
        assert requests.get(f"{settings.front}/readyz", timeout=30).ok
        header = Tokens(settings.runtime_directory.key_file, management=settings.management).header("inference")
        metadata = [("authorization", header["Authorization"])]
        assert tensors(stub.ModelInfer(request(JPEG), metadata=metadata, timeout=30))["class"].tolist() == [5]
        assert all(requests.get(f"{settings.front}/{path}", headers=header, timeout=30).ok for path in paths)


def test_without_a_worker_a_call_is_unavailable_and_the_model_is_not_ready(runtime_dir, store):
    with (
        Server(Settings.isolated(runtime_dir, store)) as server,
        grpc.insecure_channel(grpc_address(server)) as channel,
    ):
        server.wait_until_ready()
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        ready = pb.ModelReadyRequest(name="cifar10")
        assert stub.ModelReady(ready, timeout=30).ready
        with server.management() as management:
            management.scale("cifar10", "1.0", workers=0)
            wait_until(lambda: not management.describe("cifar10", "1.0").workers)
        wait_until(lambda: not stub.ModelReady(ready, timeout=30).ready)
        assert refusal(stub.ModelInfer, request(JPEG)) == (
            grpc.StatusCode.UNAVAILABLE,
            {"error-code": "503", "error-type": "ServerUnavailable"},
        )
        assert requests.get(f"{server.settings.front}/v2/models/cifar10/ready", timeout=30).status_code == 503
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: server.has_ended)
        assert refusal(stub.ModelInfer, request(JPEG))[0] == grpc.StatusCode.UNAVAILABLE
        answer = requests.post(f"{server.settings.front}/predictions/cifar10", data=JPEG, timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (503, "ServerUnavailable")
