"""What a row is refused with, and the HTTP status that says so.

The `type` of an error answer is the class's name without `Error`. The client's tree mirrors this table
(`IMAGE_ERRORS` in pixserve/errors.py).
"""

from typing import NamedTuple

from images.errors import (
    DamagedImageError,
    EmptyImageError,
    ImageError,
    NotAnImageError,
    TooComplexImageError,
    TooManyPixelsError,
    UnsupportedImageError,
)


class RequestError(Exception):
    """A request that holds no image to decode; `message` says what came and what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MissingImageError(RequestError):
    """No field, entry or key holds an image, or several could."""


class InvalidJsonError(RequestError):
    """The JSON cannot be parsed, or is not an object."""


class InvalidBase64Error(RequestError):
    """`image` in a JSON document is not base64."""


class InvalidTopKError(RequestError):
    """`top_k` is not a whole number from 1 to the number of classes."""


class InvalidMethodError(RequestError):
    """`method` of an explanation is none of those there are."""


class InvalidClassError(RequestError):
    """`class` of an explanation is neither the name nor the index of a class."""


class InvalidFormatError(RequestError):
    """`format` of an explanation is none of those there are."""


class MethodUnavailableError(RequestError):
    """The model cannot be explained, or not by this method."""


class ExplainedElsewhereError(RequestError):
    """TorchServe was asked for an explanation, which the front answers.

    Args:
        message: says where.
        location: the same request's URL there; what can stand in a header.
    """

    def __init__(self, message: str, location: str) -> None:
        super().__init__(message)
        self.location = location


class TooManyBytesError(RequestError):
    """The image has more bytes than `max_image_bytes`."""


class InvalidTensorError(RequestError):
    """A tensor of the Open Inference Protocol is not what it says, or not one that the model takes."""


class UnknownOutputError(RequestError):
    """A request asks for an output that the model does not have, or not in that form."""


class TooManyImagesError(RequestError):
    """The images of a request are more than `max_images`, take too long to decode, or make too long an answer."""


class UnsupportedEncodingError(RequestError):
    """The body is compressed (`Content-Encoding`)."""


class ServerStoppingError(RequestError):
    """The server is draining; another server, or a later one, will answer."""


RowError = ImageError | RequestError


class HttpStatus(NamedTuple):
    """A status line. `phrase` is constant ASCII on one line: TorchServe's front end kills the worker over any other."""

    code: int
    phrase: str


_BAD_REQUEST = HttpStatus(400, "Bad Request")
_TOO_LARGE = HttpStatus(413, "Content Too Large")
_UNSUPPORTED = HttpStatus(415, "Unsupported Media Type")
_UNPROCESSABLE = HttpStatus(422, "Unprocessable Content")

HTTP_STATUSES: dict[type[RowError], HttpStatus] = {
    EmptyImageError: _BAD_REQUEST,
    MissingImageError: _BAD_REQUEST,
    InvalidJsonError: _BAD_REQUEST,
    InvalidBase64Error: _BAD_REQUEST,
    InvalidTopKError: _BAD_REQUEST,
    InvalidMethodError: _BAD_REQUEST,
    InvalidClassError: _BAD_REQUEST,
    InvalidFormatError: _BAD_REQUEST,
    MethodUnavailableError: HttpStatus(501, "Not Implemented"),
    ExplainedElsewhereError: HttpStatus(307, "Temporary Redirect"),
    InvalidTensorError: _BAD_REQUEST,
    UnknownOutputError: _BAD_REQUEST,
    TooManyBytesError: _TOO_LARGE,
    TooManyImagesError: _TOO_LARGE,
    TooManyPixelsError: _TOO_LARGE,
    NotAnImageError: _UNSUPPORTED,
    UnsupportedImageError: _UNSUPPORTED,
    UnsupportedEncodingError: _UNSUPPORTED,
    DamagedImageError: _UNPROCESSABLE,
    TooComplexImageError: _UNPROCESSABLE,
    ServerStoppingError: HttpStatus(503, "Service Unavailable"),
}


def type_name(error_class: type[RowError]) -> str:
    """The `type` of an error answer, such as `DamagedImage`."""
    return error_class.__name__.removesuffix("Error")


def numbered(error: RowError, number: int, count: int) -> RowError:
    """The error of one image of several, whose message says which."""
    return type(error)(f"image {number} of {count}: {error.message}")
