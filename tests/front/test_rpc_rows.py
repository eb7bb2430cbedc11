"""Which calls may share a request to TorchServe: small, plain and whole ones."""

import pytest

from front._stubs import open_inference_pb2 as pb
from front.coalescing import OUTPUTS
from front.rpc_rows import shareable
from handler.oip_outputs import OUTPUTS as HANDLERS_OUTPUTS


def element(size: int) -> bytes:
    return size.to_bytes(4, "little") + bytes(size)


def request(raw: bytes = element(5), shape: tuple[int, ...] = (1,), datatype: str = "BYTES") -> "pb.ModelInferRequest":
    message = pb.ModelInferRequest(model_name="cifar10", raw_input_contents=[raw])
    message.inputs.add(name="image", datatype=datatype, shape=shape)
    return message


@pytest.mark.parametrize(("raw", "shape"), [(element(5), (1,)), (element(5), (1, 1)), (element(1) * 8, (8,))])
def test_a_few_small_images_may_share(raw, shape):
    assert shareable(request(raw, shape)) == (raw, shape[0])


@pytest.mark.parametrize(
    ("raw", "shape"),
    [
        (b"", (0,)),
        (element(5), (2,)),
        (element(5) + b"\0", (1,)),
        (element(5)[:-1], (1,)),
        (element(0), (1,)),
        (b"\5\0", (1,)),
        (element(5), (1, 2)),
        (element(5), ()),
        (element(1) * 9, (9,)),
        (element(2_000_000), (1,)),
    ],
    ids=["none", "fewer", "more", "short", "empty", "no length", "wide", "no shape", "many", "large"],
)
def test_what_is_odd_many_or_large_is_asked_alone(raw, shape):
    assert shareable(request(raw, shape)) is None


def test_a_call_with_parameters_or_with_other_outputs_is_asked_alone():
    top_k = request()
    top_k.outputs.add(name="probabilities").parameters["classification"].int64_param = 3
    unknown, twice, base64, parameters, pixels = (request() for _ in range(5))
    unknown.outputs.add(name="nothing")
    twice.outputs.add(name="class")
    twice.outputs.add(name="class")
    base64.inputs[0].parameters["content_type"].string_param = "base64"
    parameters.parameters["anything"].bool_param = True
    pixels.inputs[0].datatype = "UINT8"
    assert [shareable(each) for each in (top_k, unknown, twice, base64, parameters, pixels)] == [None] * 6


def test_the_outputs_are_those_of_the_handler():
    assert dict(OUTPUTS) == dict(HANDLERS_OUTPUTS)
