"""Requests of the Open Inference Protocol for tests, and what their answers say."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

BINARY = {"binary_data": True}
AS_UINT8 = {"datatype": "UINT8", "shape": [2, 40, 48, 3]}  # two decoded images
DTYPES = {"INT64": "<i8", "FP32": "<f4"}


def as_json(*images: bytes, **more: Any) -> dict[str, Any]:
    """A request with images in base64; `more` are further keys of the document."""
    data = [base64.b64encode(image).decode() for image in images]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(images)], "parameters": {"content_type": "base64"}}
    return {"inputs": [{**tensor, "data": data}], **more}


def as_binary(*images: bytes, tensor: dict[str, Any] | None = None, **more: Any) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a request in binary form; `tensor` replaces keys of the input."""
    data = b"".join(len(image).to_bytes(4, "little") + image for image in images)
    return with_data(data, {"datatype": "BYTES", "shape": [len(images)], **(tensor or {})}, **more)


def with_data(data: bytes, tensor: dict[str, Any], **more: Any) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a request whose one input has this binary data."""
    described = {"name": "image", "parameters": {"binary_data_size": len(data)}, **tensor}
    head = json.dumps({"inputs": [described], **more}).encode()
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def asking(*names: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The outputs of a request."""
    return [{"name": name, "parameters": parameters or {}} for name in names]


def outputs(document: dict[str, Any], binary: bytes = b"") -> dict[str, Any]:
    """The outputs of an answer by name, as nested lists; what follows the document is `binary`."""
    found, start = {}, 0
    for tensor in document["outputs"]:
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            data: Sequence[Any] = tensor["data"]
        else:
            data = _values(binary[start : start + size], tensor["datatype"])
            start += size
        found[tensor["name"]] = np.array(data, dtype=object).reshape(tensor["shape"]).tolist()
    assert start == len(binary)
    return found


def _values(data: bytes, datatype: str) -> list[Any]:
    if datatype != "BYTES":
        return list(np.frombuffer(data, DTYPES[datatype]).tolist())
    texts = []
    while data:
        size = int.from_bytes(data[:4], "little")
        texts.append(data[4 : 4 + size].decode())
        data = data[4 + size :]
    return texts
