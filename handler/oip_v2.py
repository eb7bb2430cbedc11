"""The Open Inference Protocol, V2, over REST: tensors in and out, as JSON or with Triton's extension for binary data.

What is read: `handler/oip_inputs.py`; what is answered: `handler/oip_outputs.py`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from handler.answer import error_fields, to_json
from handler.errors import InvalidJsonError, InvalidTensorError, RowError, numbered
from handler.front_end import header
from handler.oip_inputs import read_images
from handler.oip_outputs import (
    ERROR,
    RequestedOutput,
    TensorMaker,
    binary_tensor,
    classes_needed,
    json_tensor,
    requested_outputs,
)
from handler.protocol import Answer, ImageRequest, Limits, Result
from handler.values import check_size, shown

LENGTH_HEADER = "Inference-Header-Content-Length"
BINARY_TYPE = "application/octet-stream"
EXPECTED = 'expected a JSON object {"inputs": [...]}, or {"instances": [...]} of KServe V1'


class _Reply(NamedTuple):
    """What the answer repeats of the request, and the outputs it has."""

    id: str | None
    outputs: tuple[RequestedOutput, ...]


class OpenInference:
    """Several images a request, as one tensor; the output `error` says which have none, and why.

    Args:
        class_names: in the order of the probabilities.
        model_name: as served.
        model_version: the archive's.
        limits: what requests are held against.
    """

    name = "oip_v2"

    def __init__(self, class_names: Sequence[str], *, model_name: str, model_version: str, limits: Limits) -> None:
        self._start = f'{{"model_name":{json.dumps(model_name)},"model_version":{json.dumps(model_version)}'
        self._maker = TensorMaker(class_names)
        self._limits = limits

    def read(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> ImageRequest:
        """The images of the one input tensor, and the outputs that are asked for."""
        body, length = row.get("body"), header(headers, LENGTH_HEADER.lower())
        if length == "0" and isinstance(body, (bytes, bytearray)):
            return self._raw_binary_request(body)
        document, binary = _parts(body, length)
        request_id, outputs = document.get("id"), requested_outputs(document, self._limits)
        if request_id is not None and not isinstance(request_id, str):
            raise InvalidTensorError(f"id is {shown(request_id)}; expected a text")
        return ImageRequest(
            read_images(document, binary, self._limits),
            classes_needed(outputs, self._limits.class_count),
            reply=_Reply(request_id, outputs),
        )

    def answer(self, request: ImageRequest, results: Sequence[Result]) -> Answer:
        """The outputs that were asked for.

        Raises:
            ImageError, RequestError: an image has an error, and the request does not ask for the output that says so.
        """
        reply: _Reply = request.reply
        if not any(output.name == ERROR for output in reply.outputs):
            _raise_first_error(results)
        return self._written(reply, results)

    def error(self, error: RowError) -> bytes:
        """`{"error"}` as the protocol has it, and `code` and `type` as natively."""
        return to_json({"error": error.message} | error_fields(error))

    def _raw_binary_request(self, body: bytes | bytearray) -> ImageRequest:
        """Triton's short form, a header of length 0: the body is the one image, without a document or its length."""
        check_size(body, self._limits.max_image_bytes)
        outputs = requested_outputs({}, self._limits)
        needed = classes_needed(outputs, self._limits.class_count)
        return ImageRequest((body,), needed, reply=_Reply(None, outputs))

    def _written(self, reply: _Reply, results: Sequence[Result]) -> Answer:
        heads, binary = [], []
        for output in reply.outputs:
            tensor = self._maker.tensor(output, results)
            if output.is_binary:
                head, data = binary_tensor(tensor)
                heads.append(head)
                binary.append(data)
            else:
                heads.append(json_tensor(tensor))
        request_id = "" if reply.id is None else f',"id":{json.dumps(reply.id)}'
        document = f'{self._start}{request_id},"outputs":[{",".join(heads)}]}}'.encode()
        body = b"".join([document, *binary])
        if not binary:
            return Answer(document)
        return Answer(body, BINARY_TYPE, {LENGTH_HEADER: str(len(document))})


def _parts(body: Any, length: str) -> tuple[Mapping[str, Any], memoryview]:
    """The JSON document of a request, and the binary data that follows it."""
    if isinstance(body, (bytes, bytearray)) and length:
        if not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= len(body)):
            raise InvalidTensorError(f"{LENGTH_HEADER} is {shown(length)}, but {len(body)} bytes came")
        return _object(body[: int(length)]), memoryview(body)[int(length) :]
    if isinstance(body, (bytes, bytearray, str)):
        return _object(body), memoryview(b"")
    if isinstance(body, dict):
        return body, memoryview(b"")
    raise InvalidJsonError(f"no JSON object came; {EXPECTED}")


def _object(text: bytes | bytearray | str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidJsonError(f"invalid JSON ({error}); {EXPECTED}") from error
    if not isinstance(document, dict):
        raise InvalidJsonError(f"JSON of type {type(document).__name__}; {EXPECTED}")
    return document


def _raise_first_error(results: Sequence[Result]) -> None:
    for number, result in enumerate(results, start=1):
        if isinstance(result, Exception):
            error = numbered(result, number, len(results))
            advice = "; ask for the output error too, and the others are answered" if len(results) > 1 else ""
            raise type(error)(error.message + advice)
