"""Tensors of the Open Inference Protocol: gRPC messages to REST with binary data, which the handler reads, and back.

The handler checks what a tensor says and holds; here only its form changes. BYTES elements have their lengths in front,
4 bytes in little-endian order, as `raw_input_contents` has them.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from front._stubs import open_inference_pb2 as pb
from front.refusals import RefusedError
from front.upstream import Reply

LENGTH_HEADER = "Inference-Header-Content-Length"
BINARY_SIZE = "binary_data_size"
INVALID = "InvalidTensor"

# Where a tensor's elements are in `contents`, and bytes of each of them: little-endian, as in raw contents.
_INTEGERS = {
    "INT8": ("int_contents", 1),
    "INT16": ("int_contents", 2),
    "INT32": ("int_contents", 4),
    "INT64": ("int64_contents", 8),
    "UINT8": ("uint_contents", 1),
    "UINT16": ("uint_contents", 2),
    "UINT32": ("uint_contents", 4),
    "UINT64": ("uint64_contents", 8),
}


def to_rest(request: Any) -> tuple[bytes, int]:
    """Return the body of a REST request, and how many bytes of it are its JSON document.

    Args:
        request: a `ModelInferRequest`.

    Raises:
        RefusedError: raw contents and inputs do not fit, or an element is out of its range.
    """
    raw = raw_inputs(request)
    document: dict[str, Any] = {
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape),
                "parameters": {**_values(tensor.parameters), BINARY_SIZE: len(data)},
            }
            for tensor, data in zip(request.inputs, raw, strict=True)
        ],
        "parameters": {**_values(request.parameters), "binary_data_output": True},
    }
    if request.id:
        document["id"] = request.id
    if request.outputs:
        document["outputs"] = [
            {"name": output.name, "parameters": {**_values(output.parameters), "binary_data": True}}
            for output in request.outputs
        ]
    head = json.dumps(document, separators=(",", ":")).encode()
    return b"".join([head, *raw]), len(head)


def from_rest(reply: Reply, request: Any) -> Any:
    """Return the `ModelInferResponse` of a REST answer: its tensors in `raw_output_contents`.

    Raises:
        RefusedError: the answer is an error, or none of the protocol.
    """
    if reply.status != 200:
        raise RefusedError.of_answer(reply.status, reply.body)
    try:
        length = int(reply.headers[LENGTH_HEADER])
        document = json.loads(reply.body[:length])
        return _response(document, reply.body, length)
    except (KeyError, ValueError, TypeError) as fault:
        raise RefusedError(
            500, "UnexpectedAnswer", f"{request.model_name} does not answer in the Open Inference Protocol ({fault})"
        ) from fault


def _response(document: Mapping[str, Any], body: bytes, start: int) -> Any:
    response = pb.ModelInferResponse(
        model_name=document["model_name"], model_version=document["model_version"], id=document.get("id", "")
    )
    for output in document["outputs"]:
        response.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        end = start + output["parameters"][BINARY_SIZE]
        response.raw_output_contents.append(body[start:end])
        start = end
    return response


def raw_inputs(request: Any) -> list[bytes]:
    """Return the bytes of each input, wherever the client has put them.

    Raises:
        RefusedError: they are in two places, not as many as inputs, or out of their range.
    """
    if not request.raw_input_contents:
        return [_raw(tensor) for tensor in request.inputs]
    if len(request.raw_input_contents) != len(request.inputs):
        raise RefusedError(
            400,
            INVALID,
            f"{len(request.raw_input_contents)} raw_input_contents came with {len(request.inputs)} inputs; "
            "expected one for each",
        )
    if any(tensor.HasField("contents") for tensor in request.inputs):
        raise RefusedError(400, INVALID, "an input has contents beside raw_input_contents; expected one of the two")
    return list(request.raw_input_contents)


def _raw(tensor: Any) -> bytes:
    contents = tensor.contents
    if tensor.datatype in _INTEGERS:
        field, size = _INTEGERS[tensor.datatype]
        return _packed(getattr(contents, field), tensor.datatype, size)
    return b"".join(
        [part for element in contents.bytes_contents for part in (len(element).to_bytes(4, "little"), element)]
    )


def _packed(values: Iterable[int], datatype: str, size: int) -> bytes:
    try:
        if datatype == "UINT8":
            return bytes(values)
        signed = datatype.startswith("I")
        return b"".join([value.to_bytes(size, "little", signed=signed) for value in values])
    except (ValueError, OverflowError) as fault:
        raise RefusedError(400, INVALID, f"{datatype} contents hold a number that is none of that type") from fault


def _values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them."""
    return {
        name: getattr(parameter, chosen)
        for name, parameter in parameters.items()
        if (chosen := parameter.WhichOneof("parameter_choice"))
    }
