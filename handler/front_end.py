"""What TorchServe 0.12's front end tells the handler besides a row's fields, and what it expects in the answer.

Headers are a dict: the request's own by name, and `{"content-type": …}` by the name of each field.
"""

from collections.abc import Mapping
from typing import Any

from handler.errors import (
    InvalidJsonError,
    MissingImageError,
    RowError,
    UnsupportedEncodingError,
)
from images.errors import EmptyImageError, NotAnImageError, UnsupportedImageError

# gRPC's StreamPredictions: the front end reads this header of every answer, and a missing one kills the worker.
# Of other gRPC calls it reads nothing; over REST the header would turn the answer into a stream.
STREAM_HEADER = "ts_stream_next"
LAST_OF_STREAM = "false"

# Ends the name of a field that came before in the same row; the socket reader adds it.
REPEATED = " (again)"

# Set by the gateway alone (deploy/gateway/), which passes no client's header of this name on.
ANSWER_HEADER = "pixserve-answer"  # in small letters, as the front passes headers on
EXPLAIN_HEADER = "explain"  # "True" or "False"
PATH_HEADER = "url_path"  # what follows the version in the path, "" for nothing

_SEQUENCE_HEADERS = "ts_request_sequence_"  # of gRPC's StreamPredictions2, the only headers that gRPC brings
URL_ENCODED = "application/x-www-form-urlencoded"
_FORM_TYPES = ("multipart/form-data", URL_ENCODED)
_UNREADABLE = (EmptyImageError, InvalidJsonError, MissingImageError, NotAnImageError, UnsupportedImageError)


def is_grpc(headers: Mapping[str, Any]) -> bool:
    """Whether the row came over gRPC: REST brings at least the client's headers, `explain` first of all."""
    return EXPLAIN_HEADER not in headers and not any(
        isinstance(value, str) and not name.startswith(_SEQUENCE_HEADERS) for name, value in headers.items()
    )


def wants_tutorial_answer(headers: Mapping[str, Any]) -> bool:
    """Whether the gateway asks for the answer of PyTorch's Flask tutorial, as it does at /classify."""
    return headers.get(ANSWER_HEADER) == "tutorial"


def is_standard_path(headers: Mapping[str, Any]) -> bool:
    """Whether the row came by a path of KServe's protocols, `/v1/models/M:predict` or `/v2/models/M/infer`.

    REST requests bring `explain`, except on TorchServe's older paths; those to /predictions and /explanations bring
    `url_path` too.
    """
    return EXPLAIN_HEADER in headers and PATH_HEADER not in headers


def is_describe_request(headers: Mapping[str, Any]) -> bool:
    """Whether a row without fields is the management API's request for a description.

    The front end marks that with the header `describe`, which a client of the inference API may send too. But a
    client's row has a field even for an empty body, unless that is an empty form.
    """
    return headers.get("describe") == "True" and not content_type(headers).startswith(_FORM_TYPES)


def explained(error: RowError, headers: Mapping[str, Any]) -> RowError:
    """The error, or a better one where a request header explains why the body holds no image."""
    if not isinstance(error, _UNREADABLE):
        return error
    encoding = header(headers, "content-encoding")
    if encoding.lower() not in {"", "identity"}:
        return UnsupportedEncodingError(
            f"a body with Content-Encoding {encoding[:40]} came; expected it uncompressed, without that header"
        )
    if content_type(headers) == URL_ENCODED and is_standard_path(headers):
        return MissingImageError(
            f"a body of type {URL_ENCODED} came, which curl says by itself; expected JSON with "
            "-H 'Content-Type: application/json'"
        )
    if content_type(headers) == URL_ENCODED:
        return MissingImageError(
            f"a body of type {URL_ENCODED} came, which curl's --data-binary says by itself; expected the image with "
            "-H 'Content-Type: image/jpeg', or as a file of a form with -F image=@cat.jpg"
        )
    return error


def content_type(headers: Mapping[str, Any]) -> str:
    """The request's media type in lower case, without parameters; empty where it has none."""
    return header(headers, "content-type").partition(";")[0].strip().lower()


def header(headers: Mapping[str, Any], name: str) -> str:
    """A request header by its lower-case name, however the client wrote it; empty where it is missing."""
    return next((value for key, value in headers.items() if key.lower() == name and isinstance(value, str)), "")
