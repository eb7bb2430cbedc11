"""The errors a row can be answered with: one table, shown to clients in docs/answers.md."""

from typing import NamedTuple


class ErrorType(NamedTuple):
    """What a client can tell errors apart by.

    `name` is the `type` of the answer; `code` is its HTTP status. `phrase` goes into the status line, where
    TorchServe needs constant, one-line ASCII: anything else kills the worker.
    """

    name: str
    code: int
    phrase: str


EMPTY_IMAGE = ErrorType("EmptyImage", 400, "Bad Request")
MISSING_IMAGE = ErrorType("MissingImage", 400, "Bad Request")
INVALID_JSON = ErrorType("InvalidJson", 400, "Bad Request")
INVALID_BASE64 = ErrorType("InvalidBase64", 400, "Bad Request")
INVALID_TOP_K = ErrorType("InvalidTopK", 400, "Bad Request")
TOO_MANY_BYTES = ErrorType("TooManyBytes", 413, "Content Too Large")
TOO_MANY_PIXELS = ErrorType("TooManyPixels", 413, "Content Too Large")
NOT_AN_IMAGE = ErrorType("NotAnImage", 415, "Unsupported Media Type")
UNSUPPORTED_IMAGE = ErrorType("UnsupportedImage", 415, "Unsupported Media Type")
DAMAGED_IMAGE = ErrorType("DamagedImage", 422, "Unprocessable Content")
TOO_COMPLEX_IMAGE = ErrorType("TooComplexImage", 422, "Unprocessable Content")
SERVER_STOPPING = ErrorType("ServerStopping", 503, "Service Unavailable")


class ImageError(Exception):
    """A row that cannot be answered with a prediction; `message` says what came and what is expected."""

    def __init__(self, kind: ErrorType, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
