"""From a row of TorchServe to a typed request. Knows neither image formats nor TorchServe's classes.

A row is a dict by field name. REST: `{"body": …}` for a raw body, one entry a part for multipart; values are bytes,
`str` for text/*, parsed JSON for application/json (raw bytes where that JSON is invalid). gRPC: the client's
`input` map, always bytes, without headers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from handler.errors import InvalidJsonError, MissingImageError
from handler.front_end import REPEATED
from handler.values import check_size, checked_top_k, image_of_base64, shown
from images.errors import NotAnImageError, UnsupportedImageError
from images.formats import image_format

IMAGE_FIELDS = ("image", "data", "body")
TOP_K_FIELD = "top_k"
DATA_URL = b"data:"


class NativeRequest(NamedTuple):
    """The images of one row as encoded files, one of them, and how many classes the answer shall name."""

    images: Sequence[bytes | bytearray]
    top_k: int


def read_request(
    row: Mapping[str, Any],
    headers: Mapping[str, Any],
    *,
    default_top_k: int,
    class_count: int,
    max_image_bytes: int,
) -> NativeRequest:
    """Read one row.

    Args:
        row: values by field name, as TorchServe hands them over.
        headers: the request's headers, and by field name a dict with that part's `content-type`; empty over gRPC.
        default_top_k: `top_k` of a request that does not say.
        class_count: the greatest `top_k` there can be.
        max_image_bytes: the most bytes an image may have.

    Raises:
        RequestError: the row holds no image, an oversized one, or a wrong `top_k`.
    """
    field = _image_field(row, headers)
    image, top_k = row[field], row.get(TOP_K_FIELD)
    if _is_json(image, headers.get(field)):
        document = _json_object(image)
        image, top_k = _base64_image(document, max_image_bytes), document.get(TOP_K_FIELD, top_k)
    elif isinstance(image, str):
        image = image.encode("utf-8", "replace")  # JSON text may hold half a surrogate pair
    if image.startswith(DATA_URL):
        image = image_of_base64(image.decode("ascii", "replace"), max_image_bytes)
    check_size(image, max_image_bytes)
    return NativeRequest((image,), checked_top_k(top_k, default_top_k=default_top_k, class_count=class_count))


def _image_field(row: Mapping[str, Any], headers: Mapping[str, Any]) -> str:
    """The field that holds the image: the only one, or one of several by its kind, its name or its first bytes.

    Raises:
        MissingImageError: there is none, or several could be meant.
    """
    if len(row) == 1 and TOP_K_FIELD not in row:
        return next(iter(row))
    fields = [field for field in row if field != TOP_K_FIELD]
    if len(fields) == 1:
        return fields[0]
    files = [field for field in fields if _is_file(row[field], headers.get(field))]
    named = next((field for field in IMAGE_FIELDS if field in (files or fields)), None)
    likely = files or [field for field in fields if _starts_like_an_image(row[field])]
    chosen = named or (likely[0] if len(likely) == 1 else None)
    if chosen is None:
        came = ", ".join(shown(field) for field in list(row)[:5]) or "no field"
        raise MissingImageError(f"{came} came; expected a field image or data, or one file of any name")
    if chosen + REPEATED in row:
        raise MissingImageError(f"{shown(chosen)} came more than once; expected one image a request")
    return chosen


def _is_file(value: Any, part_headers: Any) -> bool:
    """Whether the field is a file of a form: a part that says a media type, and not that of text or JSON."""
    media_type = _media_type(part_headers)
    return isinstance(value, (bytes, bytearray)) and bool(media_type) and not media_type.startswith("text/")


def _starts_like_an_image(value: Any) -> bool:
    if not isinstance(value, (bytes, bytearray)):
        return False
    try:
        image_format(value)
    except NotAnImageError:
        return False
    except UnsupportedImageError:
        return True
    return True


def _media_type(part_headers: Any) -> str:
    """A part's media type; a request header of the field's name takes the place of the part's own headers."""
    media_type: str = part_headers.get("content-type", "") if isinstance(part_headers, dict) else ""
    return media_type


def _is_json(value: Any, part_headers: Any) -> bool:
    """Whether the value is a JSON document: parsed, said to be one, or bytes that no image starts with."""
    if isinstance(value, (bytes, bytearray)):
        return value[:64].lstrip().startswith(b"{") or (bool(value) and _media_type(part_headers) == "application/json")
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


def _base64_image(document: dict[str, Any], max_image_bytes: int) -> bytes:
    if "image" not in document:
        came = ", ".join(shown(key) for key in list(document)[:5]) or "no key"
        raise MissingImageError(f'JSON with {came}; expected {{"image": "<base64>"}}')
    return image_of_base64(document["image"], max_image_bytes)
