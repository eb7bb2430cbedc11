"""Everything the clients raise: one tree for both wires.

ClientError                          code, kind, message; the cause is chained
├── UnreachableError                 nobody listens, or the connection broke
├── TimedOutError                    no answer in time
├── RefusedError                     the request must change before it is sent again
│   ├── RejectedImageError           the handler's answer to one row; a class each, see ROW_ERRORS
│   ├── RequestTooLargeError         more bytes than TorchServe itself reads
│   ├── ModelNotFoundError
│   ├── VersionNotFoundError
│   ├── ArchiveNotFoundError         not in the model store
│   ├── VersionExistsError
│   ├── DefaultVersionError          the default version cannot be unregistered
│   └── UnauthorizedError            no token, a wrong one, or an expired one
├── UnavailableError                 503: the same request may succeed later
│   ├── NotAcceptedError             TorchServe has one answer for the next two
│   │   ├── QueueFullError
│   │   └── NoWorkerError
│   ├── HandlerFailedError           the handler raised for the whole batch
│   └── ServerStoppingError
├── WorkerDiedError                  the worker ended while it had the request
├── StumbledError                    TorchServe's threads got in each other's way
└── UnexpectedAnswerError            not what TorchServe or the handler answer

Raised of rollouts alone: see client/rollout/errors.py.
"""


class ClientError(Exception):
    """Any failure of a call; the message is fit to print as it is.

    Args:
        message: one sentence.
        code: the HTTP status, or 0 where no answer came.
        kind: the `type` of the answer's body, such as ``DamagedImage``; empty where it has none.
    """

    def __init__(self, message: str, *, code: int = 0, kind: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.kind = kind


class UnreachableError(ClientError):
    """Nobody listens at the address, or the connection broke before an answer came."""


class TimedOutError(ClientError):
    """No answer came within the timeout; the request may still be served."""


class RefusedError(ClientError):
    """The request must change before it is sent again."""


class RejectedImageError(RefusedError):
    """The handler's answer to a picture, or to what should have been one."""


class EmptyImageError(RejectedImageError):
    """No bytes came."""


class MissingImageError(RejectedImageError):
    """No field holds a picture."""


class InvalidJsonError(RejectedImageError):
    """The document cannot be read, or is no object."""


class InvalidBase64Error(RejectedImageError):
    """The picture in a JSON document is no base64."""


class InvalidTopKError(RejectedImageError):
    """`top_k` is no whole number from 1 to the number of classes."""


class TooManyBytesError(RejectedImageError):
    """The file is larger than the handler takes."""


class TooManyPixelsError(RejectedImageError):
    """Width times height is more than the handler decodes."""


class NotAnImageError(RejectedImageError):
    """The bytes are no picture of a known format."""


class UnsupportedImageError(RejectedImageError):
    """A picture of a format, or of a kind, that the handler does not read."""


class UnsupportedEncodingError(RejectedImageError):
    """The body is compressed (`Content-Encoding`)."""


class DamagedImageError(RejectedImageError):
    """The picture is cut short, or cannot be decoded."""


class TooComplexImageError(RejectedImageError):
    """The picture would take too long to decode."""


class RequestTooLargeError(RefusedError):
    """The request has more bytes than TorchServe reads (`max_request_size`)."""


class ModelNotFoundError(RefusedError):
    """No model of that name is registered."""


class VersionNotFoundError(RefusedError):
    """The model has no such version."""


class ArchiveNotFoundError(RefusedError):
    """The model store holds no such archive."""


class VersionExistsError(RefusedError):
    """The version is registered already."""


class DefaultVersionError(RefusedError):
    """The default version cannot be unregistered."""


class UnauthorizedError(RefusedError):
    """The server asks for a token, and the one that came is missing, wrong or expired."""


class UnavailableError(ClientError):
    """The server cannot answer now; the same request may succeed later."""


class NotAcceptedError(UnavailableError):
    """No worker took the request: the queue is full, or there is no worker. TorchServe says the same of both."""


class QueueFullError(NotAcceptedError):
    """As many requests wait as the version's queue holds."""


class NoWorkerError(NotAcceptedError):
    """The version has no worker."""


class HandlerFailedError(UnavailableError):
    """The handler raised an error of its own; the server's log has the traceback."""


class ServerStoppingError(UnavailableError):
    """The server answers what it has and takes nothing more."""


class WorkerDiedError(ClientError):
    """The worker ended while it had the request, or took too long and was ended."""


class StumbledError(ClientError):
    """TorchServe took workers away while one of them, in a thread of its own, cleared the same list of requests."""


class UnexpectedAnswerError(ClientError):
    """An answer that is neither TorchServe's nor the handler's."""


# The handler's `type` of an answer is the class's name without its ending.
ROW_ERRORS: dict[str, type[ClientError]] = {
    error.__name__.removesuffix("Error"): error for error in (*RejectedImageError.__subclasses__(), ServerStoppingError)
}
# What TorchServe says, on either wire: its exception's name, and words of the message where one name says two things.
TORCHSERVE_ERRORS: tuple[tuple[str, str, type[ClientError]], ...] = (
    ("ModelNotFoundException", "not found at", ArchiveNotFoundError),
    ("ModelNotFoundException", "allowed URL", ArchiveNotFoundError),
    ("ModelNotFoundException", "", ModelNotFoundError),
    ("ModelVersionNotFoundException", "", VersionNotFoundError),
    ("ConflictStatusException", "", VersionExistsError),
    ("InvalidModelVersionException", "", DefaultVersionError),
    ("InvalidKeyException", "", UnauthorizedError),
    ("ServiceUnavailableException", "", NotAcceptedError),
    ("ConcurrentModificationException", "", StumbledError),
    ("NullPointerException", '"job" is null', StumbledError),
    ("InternalServerException", "Worker died", WorkerDiedError),
    ("InternalServerException", "Prediction failed", HandlerFailedError),
    ("", "has no worker", NotAcceptedError),
    ("", "Worker died", WorkerDiedError),
    ("", "Prediction failed", HandlerFailedError),
    ("", "Token Authorization failed", UnauthorizedError),
)
STATUS_ERRORS: dict[int, type[ClientError]] = {401: UnauthorizedError, 413: RequestTooLargeError}


def error_of(message: str, *, code: int = 0, kind: str = "") -> ClientError:
    """The error that an answer stands for, whichever wire it came over."""
    return _error_class(message, code=code, kind=kind)(message.strip(), code=code, kind=kind)


def _error_class(message: str, *, code: int, kind: str) -> type[ClientError]:
    if kind in ROW_ERRORS:
        return ROW_ERRORS[kind]
    for name, words, error in TORCHSERVE_ERRORS:
        if name in (kind, "") and words in message:
            return error
    if code in STATUS_ERRORS:
        return STATUS_ERRORS[code]
    if code == 503:
        return UnavailableError
    return RefusedError if 400 <= code < 500 else UnexpectedAnswerError
