"""The input tensor of a request in the Open Inference Protocol: images as BYTES, or decoded as UINT8 (N, H, W, 3).

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, with Triton's
extension for binary data, where tensors follow the JSON document in the body:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from handler.errors import InvalidTensorError, MissingImageError, RequestError
from handler.protocol import Item, Limits
from handler.values import check_count, check_size, image_of_base64, shown
from images.decode import Pixels
from images.errors import TooManyPixelsError

BASE64 = "base64"
BINARY_SIZE = "binary_data_size"
LENGTH_BYTES = 4  # before each element of a BYTES tensor, little-endian
EXPECTED = "expected BYTES [N], an image file each, or UINT8 [N, height, width, 3], RGB pixels"


def read_images(document: Mapping[str, Any], binary: memoryview, limits: Limits) -> list[Item]:
    """The images of the request's one input; `binary` is what followed the document, empty where it is all JSON.

    Raises:
        RequestError: the tensor is not what it says, or not one that the model takes.
    """
    tensor = _only_input(document)
    parameters = _parameters(tensor)
    datatype, shape = tensor.get("datatype"), _shape(tensor)
    raw = _binary_part(parameters, binary)
    if raw is None and not isinstance(tensor.get("data"), list):
        raise InvalidTensorError("the input has neither data, a list, nor parameters.binary_data_size; expected one")
    if datatype == "BYTES":
        content_type = parameters.get("content_type", _parameters(document).get("content_type"))
        return _files(tensor, shape, raw, content_type=content_type, limits=limits)
    if datatype == "UINT8":
        return list(_pixels(tensor, shape, raw, limits=limits))
    raise InvalidTensorError(f"an input of datatype {shown(datatype)}; {EXPECTED}")


def _only_input(document: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise MissingImageError(f"inputs is {shown(inputs)}; expected a list of one tensor: {EXPECTED}")
    if len(inputs) > 1 or not isinstance(inputs[0], dict):
        raise InvalidTensorError(f"{len(inputs)} inputs came; expected one tensor, an object: {EXPECTED}")
    tensor: Mapping[str, Any] = inputs[0]
    if not isinstance(tensor.get("name"), str):
        raise InvalidTensorError(f"an input with name {shown(tensor.get('name'))}; expected a text such as image")
    return tensor


def _parameters(owner: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = owner.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidTensorError(f"parameters is {shown(parameters)}; expected an object")
    return parameters


def _shape(tensor: Mapping[str, Any]) -> list[int]:
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 1 << 31 for size in shape):
        raise InvalidTensorError(f"an input of shape {shown(shape)}; expected a list of sizes: {EXPECTED}")
    return shape


def _binary_part(parameters: Mapping[str, Any], binary: memoryview) -> memoryview | None:
    """The bytes of the tensor, or None where its data is in the document."""
    size = parameters.get(BINARY_SIZE)
    if size is None:
        if len(binary):
            raise InvalidTensorError(f"{len(binary)} bytes follow the JSON; expected {BINARY_SIZE} to say so")
        return None
    if type(size) is not int or size != len(binary):
        raise InvalidTensorError(f"{BINARY_SIZE} is {shown(size)}, but {len(binary)} bytes follow the JSON")
    return binary


def _files(
    tensor: Mapping[str, Any], shape: list[int], raw: memoryview | None, *, content_type: Any, limits: Limits
) -> list[Item]:
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise InvalidTensorError(f"BYTES of shape {shown_shape(shape)}; expected [N] or [N, 1]")
    if content_type not in (None, BASE64):
        raise InvalidTensorError(f"content_type is {shown(content_type)}; expected base64, or none at all")
    check_count(shape[0], limits)
    elements = _flat(tensor["data"], depth=len(shape) - 1) if raw is None else _elements(raw, count=shape[0])
    if len(elements) != shape[0]:
        raise InvalidTensorError(f"BYTES of shape {shape} with {len(elements)} elements; expected as many as the shape")
    is_base64 = raw is None or content_type == BASE64
    return [_file(element, is_base64=is_base64, max_image_bytes=limits.max_image_bytes) for element in elements]


def _file(element: Any, *, is_base64: bool, max_image_bytes: int) -> Item:
    """An image file, or why there is none."""
    try:
        if is_base64:
            text = str(element, "ascii", "replace") if isinstance(element, memoryview) else element
            element = image_of_base64(text, max_image_bytes)
        check_size(element, max_image_bytes)
    except RequestError as error:
        return error
    return bytes(element)


def _flat(data: list[Any], *, depth: int) -> list[Any]:
    """The elements of JSON data, which may be nested as the shape is, or flat."""
    if depth and data and all(isinstance(row, list) for row in data):
        return [element for row in data for element in row]
    return data


def _elements(raw: memoryview, *, count: int) -> list[memoryview]:
    """The elements of a BYTES tensor in binary form: each after its length."""
    elements: list[memoryview] = []
    start = 0
    while start < len(raw) and len(elements) <= count:
        size = int.from_bytes(raw[start : start + LENGTH_BYTES], "little")
        end = start + LENGTH_BYTES + size
        if end > len(raw):
            raise InvalidTensorError(
                f"element {len(elements) + 1} of a BYTES tensor says {size:,} bytes, but {len(raw) - start - 4:,} "
                "follow; expected each element after its length, 4 bytes in little-endian order"
            )
        elements.append(raw[start + LENGTH_BYTES : end])
        start = end
    return elements


def _pixels(tensor: Mapping[str, Any], shape: list[int], raw: memoryview | None, *, limits: Limits) -> Pixels:
    """RGB images (N, height, width, 3) uint8."""
    if len(shape) != 4 or shape[3] != 3 or 0 in shape[1:]:
        raise InvalidTensorError(f"UINT8 of shape {shown_shape(shape)}; expected [N, height, width, 3]")
    check_count(shape[0], limits)
    if shape[1] * shape[2] > limits.max_image_pixels:
        raise TooManyPixelsError(
            f"images of {shape[1] * shape[2]:,} pixels; expected at most {limits.max_image_pixels:,}"
        )
    if raw is not None:
        if len(raw) != math.prod(shape):
            raise InvalidTensorError(f"UINT8 of shape {shape} with {len(raw):,} bytes; expected {math.prod(shape):,}")
        return np.frombuffer(raw, np.uint8).reshape(shape)
    return _numbers(tensor["data"], shape)


def _numbers(data: list[Any], shape: list[int]) -> Pixels:
    """JSON numbers, flat or nested as the shape is."""
    flat = data
    if data and isinstance(data[0], list):
        for size in shape[1:]:
            if not all(isinstance(row, list) and len(row) == size for row in flat):
                raise InvalidTensorError(f"UINT8 data is nested in another way than its shape {shape} says")
            flat = list(chain.from_iterable(flat))
    if len(flat) != math.prod(shape):
        raise InvalidTensorError(f"UINT8 of shape {shape} with {len(flat):,} values; expected {math.prod(shape):,}")
    if odd := set(map(type, flat)) - {int}:
        came = ", ".join(sorted(kind.__name__ for kind in odd))
        raise InvalidTensorError(f"UINT8 data with {came}; expected whole numbers from 0 to 255")
    try:
        return np.frombuffer(bytes(flat), np.uint8).reshape(shape)
    except ValueError as error:
        raise InvalidTensorError(f"UINT8 data of {min(flat)} to {max(flat)}; expected 0 to 255") from error


def shown_shape(shape: list[int]) -> str:
    """A shape, short enough for a message."""
    return str(shape[:8]) if len(shape) <= 8 else f"{str(shape[:8])[:-1]}, …]"
