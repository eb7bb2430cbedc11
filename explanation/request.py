"""From the fields of a request to what is to be explained: the image, the class, the method."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from explanation.methods import METHODS
from explanation.process import Job
from handler.errors import InvalidClassError, InvalidFormatError, InvalidMethodError
from handler.request import read_request

DEFAULT_METHOD = "occlusion"
OPTIONS = ("method", "class", "format")
FORMATS = ("json", "png", "both")


class ExplanationRequest(NamedTuple):
    """What is asked: an encoded image; a key of `METHODS`; a class's index, None for the predicted one; a format."""

    image: bytes | bytearray
    method: str
    target: int | None
    format: str


def read_explanation_request(job: Job, *, class_names: Sequence[str], max_image_bytes: int) -> ExplanationRequest:
    """Read one request; for the image see `handler.request.read_request`.

    Raises:
        RequestError: it holds no image or an oversized one; an unknown method, class or format.
    """
    row, options = _split(job.row, job.options)
    classes = len(class_names)
    found = read_request(row, job.headers, default_top_k=classes, class_count=classes, max_image_bytes=max_image_bytes)
    method = options.get("method", DEFAULT_METHOD)
    if method not in METHODS:
        raise InvalidMethodError(f"method is {method[:40]}; expected one of {', '.join(METHODS)}")
    form = options.get("format", "png" if job.accepts_png else "json")
    if form not in FORMATS:
        raise InvalidFormatError(f"format is {form[:40]}; expected one of {', '.join(FORMATS)}")
    return ExplanationRequest(found.images[0], method, _target(options.get("class"), class_names), form)


def _split(row: Mapping[str, Any], query: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that are no options, and the options of `OPTIONS`.

    A form field wins over a key of a JSON document, and that over the query. Errors of the JSON are left to the reader
    of the image.
    """
    fields, options = dict(row), {name: query[name] for name in OPTIONS if name in query}
    for value in row.values():
        document = _document(value)
        options |= {name: str(document[name]) for name in OPTIONS if document.get(name) is not None}
    for name in OPTIONS:
        if name in fields and len(fields) > 1:
            value = fields.pop(name)
            options[name] = value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
    return fields, options


def _target(text: str | None, class_names: Sequence[str]) -> int | None:
    """The index of a class that is given by name or by index."""
    if text is None or text == "":
        return None
    if text in class_names:
        return list(class_names).index(text)
    if text.isascii() and text.isdecimal() and int(text[:9]) < len(class_names):
        return int(text[:9])
    raise InvalidClassError(
        f"class is {text[:40]}; expected a class name of the model, or an index from 0 to {len(class_names) - 1}"
    )


def _document(value: Any) -> Mapping[str, Any]:
    """The JSON object that a field holds, or an empty one."""
    if isinstance(value, (bytes, bytearray, str)):
        start = value[:64].lstrip()
        if not start or start[:1] not in ("{", b"{"):
            return {}
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
