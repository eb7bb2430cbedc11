"""What is no request of the Open Inference Protocol is refused in its own form, with a type that says why."""

from typing import Any

import pytest

from tests.handler.conftest import Ask
from tests.handler.tensors import AS_UINT8, as_binary, as_json, asking, with_data
from tests.sample_pictures import jpeg


def changed(**tensor: Any) -> dict[str, Any]:
    request = as_json(jpeg())
    request["inputs"][0] |= tensor
    return request


HEADER = "Inference-Header-Content-Length"

REFUSED: dict[str, tuple[Any, str]] = {
    "no inputs": ({"inputs": []}, "MissingImage"),
    "inputs of another kind": ({"inputs": {"name": "image"}}, "MissingImage"),
    "two inputs": ({"inputs": as_json(jpeg())["inputs"] * 2}, "InvalidTensor"),
    "an input that is no object": ({"inputs": [3]}, "InvalidTensor"),
    "no name": (changed(name=None), "InvalidTensor"),
    "no data": ({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}]}, "InvalidTensor"),
    "data of another kind": (changed(data="abc"), "InvalidTensor"),
    "no images": (changed(shape=[0], data=[]), "MissingImage"),
    "too many images": (changed(shape=[65], data=["a"] * 65), "TooManyImages"),
    "fewer than the shape says": (changed(shape=[2]), "InvalidTensor"),
    "a shape of three axes": (changed(shape=[1, 1, 1]), "InvalidTensor"),
    "a shape of texts": (changed(shape=["1"]), "InvalidTensor"),
    "a negative shape": (changed(shape=[-1]), "InvalidTensor"),
    "a shape of many axes": (changed(shape=[1] * 5000), "InvalidTensor"),
    "another datatype": (changed(datatype="FP32"), "InvalidTensor"),
    "no datatype": (changed(datatype=[1]), "InvalidTensor"),
    "another content type": (changed(parameters={"content_type": "str"}), "InvalidTensor"),
    "parameters of another kind": (changed(parameters=3), "InvalidTensor"),
    "an element that is no text": (changed(data=[3]), "InvalidBase64"),
    "an element that is no base64": (changed(data=["!"]), "InvalidBase64"),
    "a number as id": (as_json(jpeg(), id=3), "InvalidTensor"),
    "an unknown output": (as_json(jpeg(), outputs=asking("logits")), "UnknownOutput"),
    "an output without a name": (as_json(jpeg(), outputs=[{}]), "UnknownOutput"),
    "an output twice": (as_json(jpeg(), outputs=asking("class", "class")), "UnknownOutput"),
    "outputs of another kind": (as_json(jpeg(), outputs="class"), "UnknownOutput"),
    "outputs that are texts": (as_json(jpeg(), outputs=["class"]), "UnknownOutput"),
    "output parameters of another kind": (
        as_json(jpeg(), outputs=[{"name": "class", "parameters": 1}]),
        "InvalidTensor",
    ),
    "a classification of another output": (
        as_json(jpeg(), outputs=asking("class", parameters={"classification": 1})),
        "UnknownOutput",
    ),
    "a classification of too many": (
        as_json(jpeg(), outputs=asking("probabilities", parameters={"classification": 5})),
        "InvalidTopK",
    ),
    "a classification that is no number": (
        as_json(jpeg(), outputs=asking("probabilities", parameters={"classification": True})),
        "InvalidTopK",
    ),
    "a flag that is no truth value": (as_json(jpeg(), parameters={"binary_data_output": "yes"}), "InvalidTensor"),
    "request parameters of another kind": (as_json(jpeg(), parameters=[1]), "InvalidTensor"),
    "pixels of another shape": (changed(datatype="UINT8", shape=[1, 2, 2, 4], data=[0] * 16), "InvalidTensor"),
    "pixels without height": (changed(datatype="UINT8", shape=[1, 0, 2, 3], data=[]), "InvalidTensor"),
    "pixels of another count": (changed(datatype="UINT8", shape=[1, 1, 1, 3], data=[0]), "InvalidTensor"),
    "pixels of another nesting": (changed(datatype="UINT8", shape=[1, 1, 1, 3], data=[[0, 0, 0]]), "InvalidTensor"),
    "pixels that are fractions": (changed(datatype="UINT8", shape=[1, 1, 1, 3], data=[0.5] * 3), "InvalidTensor"),
    "pixels that are texts": (changed(datatype="UINT8", shape=[1, 1, 1, 3], data=["1"] * 3), "InvalidTensor"),
    "pixels above 255": (changed(datatype="UINT8", shape=[1, 1, 1, 3], data=[0, 0, 256]), "InvalidTensor"),
    "too many pixels": (changed(datatype="UINT8", shape=[1, 9000, 9000, 3], data=[]), "TooManyPixels"),
    "a cut binary element": (with_data(b"\x09\0\0\0abc", {"datatype": "BYTES", "shape": [1]}), "InvalidTensor"),
    "a cut element length": (with_data(b"\x09\0", {"datatype": "BYTES", "shape": [1]}), "InvalidTensor"),
    "binary elements beyond the shape": (as_binary(jpeg(), jpeg(), tensor={"shape": [1]}), "InvalidTensor"),
    "binary pixels of another count": (with_data(b"abc", AS_UINT8), "InvalidTensor"),
    "another binary size": (as_binary(jpeg(), tensor={"parameters": {"binary_data_size": 3}}), "InvalidTensor"),
    "a binary size that is no number": (
        as_binary(jpeg(), tensor={"parameters": {"binary_data_size": "3"}}),
        "InvalidTensor",
    ),
    "binary data that nobody mentions": (as_binary(jpeg(), tensor={"parameters": {}, "data": ["a"]}), "InvalidTensor"),
    "a header that is too long": ((b"{}", {HEADER: "3"}), "InvalidTensor"),
    "a header that is no number": ((b"{}", {HEADER: "two"}), "InvalidTensor"),
    "a header of other digits": ((b"{}", {HEADER: "²"}), "InvalidTensor"),
    "a header that cuts the JSON": ((b"{}", {HEADER: "1"}), "InvalidJson"),
    "invalid JSON": (b'{"inputs": ', "InvalidJson"),
    "JSON that is no object": ((b"[1]", {HEADER: "3"}), "InvalidJson"),
    "a short form without an image": ((b"", {HEADER: "0"}), "EmptyImage"),
    "a short form of other bytes": ((b"hello", {HEADER: "0"}), "NotAnImage"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_request_is_refused_in_the_form_of_the_protocol(ask: Ask, case: str) -> None:
    request, type_name = REFUSED[case]
    status, document, binary = ask(request)
    assert 400 <= status < 500
    assert document.keys() == {"error", "code", "type"}
    assert (document["type"], document["code"], binary) == (type_name, status, b"")
    assert len(document["error"]) < 300
