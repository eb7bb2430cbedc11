"""From a row of TorchServe to a typed request. Knows nothing of Pillow, torch or TorchServe's classes.

A row is a dict by field name. REST: `{"body": …}` for a raw body, one entry a part for multipart; values are bytes,
`str` for text/*, parsed JSON for application/json (raw bytes where that JSON is invalid). gRPC: the client's
`input` map, always bytes, without headers.
"""

import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from handler.errors import (
    InvalidBase64Error,
    InvalidJsonError,
    InvalidTopKError,
    MissingImageError,
    TooManyBytesError,
)

IMAGE_FIELDS = ("image", "data", "body")
TOP_K_FIELD = "top_k"


class ImageRequest(NamedTuple):
    """The images of one row as encoded files, at least one, and how many classes the answer shall name for each."""

    images: Sequence[bytes | bytearray]
    top_k: int


def read_request(
    row: Mapping[str, Any],
    headers: Mapping[str, Any],
    *,
    default_top_k: int,
    class_count: int,
    max_image_bytes: int,
) -> ImageRequest:
    """Read one row.

    Args:
        row: values by field name, as TorchServe hands them over.
        headers: the request's headers, and by field name a dict with that part's `content-type`; empty over gRPC.
        default_top_k: `top_k` of a request that does not say.
        class_count: the greatest `top_k` there can be.
        max_image_bytes: the most bytes a picture may have.

    Raises:
        RequestError: the row holds no image, an oversized one, or a wrong `top_k`.
    """
    field = _image_field(row)
    image, top_k = row[field], row.get(TOP_K_FIELD)
    if _is_json(image, headers.get(field)):
        document = _json_object(image)
        image, top_k = (
            _base64_image(document, max_image_bytes=max_image_bytes),
            document.get(TOP_K_FIELD, top_k),
        )
    elif isinstance(image, str):
        image = image.encode("utf-8", "replace")  # JSON text may hold half a surrogate pair
    if len(image) > max_image_bytes:
        raise _too_many_bytes(len(image), max_image_bytes=max_image_bytes)
    if top_k is None:
        return ImageRequest((image,), default_top_k)
    return ImageRequest((image,), _checked_top_k(top_k, class_count=class_count))


def _image_field(row: Mapping[str, Any]) -> str:
    """`image`, `data` or `body` where there is one, else the only field besides `top_k`."""
    for field in IMAGE_FIELDS:
        if field in row:
            return field
    others = [field for field in row if field != TOP_K_FIELD]
    if len(others) == 1:
        return others[0]
    came = ", ".join(_shown(field) for field in list(row)[:5]) or "no field"
    raise MissingImageError(f"{came} came; expected a field image or data, or one file of any name")


def _is_json(value: Any, part_headers: Any) -> bool:
    """Whether the value is a JSON document: parsed, said to be one, or bytes that no picture starts with."""
    if isinstance(value, (bytes, bytearray)):
        if value[:64].lstrip().startswith(b"{"):
            return True
        # A request header of the field's name takes the place of the part's own.
        said = part_headers.get("content-type") if isinstance(part_headers, dict) else None
        return said == "application/json" and bool(value)
    return not isinstance(value, str) or value.lstrip().startswith("{")


def _json_object(value: Any) -> dict[str, Any]:
    if isinstance(value, (bytes, bytearray, str)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InvalidJsonError(f'invalid JSON ({error}); expected {{"image": "<base64>"}}') from error
    if not isinstance(value, dict):
        came = type(value).__name__
        raise InvalidJsonError(f'JSON of type {came}; expected an object {{"image": "<base64>"}}')
    return value


def _base64_image(document: dict[str, Any], *, max_image_bytes: int) -> bytes:
    if "image" not in document:
        came = ", ".join(_shown(key) for key in list(document)[:5]) or "no key"
        raise MissingImageError(f'JSON with {came}; expected {{"image": "<base64>"}}')
    text = document["image"]
    if not isinstance(text, str):
        raise InvalidBase64Error(f"image is JSON of type {type(text).__name__}; expected base64 text")
    if len(text) * 3 // 4 > max_image_bytes + 3:
        raise _too_many_bytes(len(text) * 3 // 4, max_image_bytes=max_image_bytes)
    try:
        # The base64 command wraps its lines.
        return binascii.a2b_base64(text.replace("\n", ""), strict_mode=True)
    except ValueError as error:
        raise InvalidBase64Error(
            f"image is no base64 ({error}); expected the bytes of a picture in base64, nothing before",
        ) from error


def _checked_top_k(value: Any, *, class_count: int) -> int:
    """A form sends text, JSON a number."""
    number = value
    if isinstance(value, (str, bytes, bytearray)):
        try:
            number = int(value)
        except ValueError:
            number = None
    if type(number) is not int or not 1 <= number <= class_count:
        raise InvalidTopKError(f"top_k is {_shown(value)}; expected a whole number from 1 to {class_count}")
    return number


def _too_many_bytes(came: int, *, max_image_bytes: int) -> TooManyBytesError:
    return TooManyBytesError(
        f"a picture of {came:,} bytes; expected at most {max_image_bytes:,}: send a smaller one",
    )


def _shown(value: Any) -> str:
    """What a client sent, short enough for a message; of a nested value, whose text has no bound, the type alone."""
    if isinstance(value, (list, dict)):
        return f"of type {type(value).__name__}"
    text = value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
    return text if len(text) <= 40 else text[:40] + "…"
