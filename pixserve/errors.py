"""Everything the clients raise: one tree for REST, gRPC and the management API.

ClientError                          code, kind, message; the cause is chained
├── AddressError                     an address that cannot be one
├── UnreachableError                 nobody listens, or the connection broke
├── TimedOutError                    no answer in time
├── RefusedError                     the request must change before it is sent again
│   ├── RejectedImageError           the handler's answer to one image; a class each, see IMAGE_ERRORS
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
├── TorchServeRaceError              two of TorchServe's threads changed one list at once
└── UnexpectedAnswerError            not what TorchServe or the handler answers

What only a change of versions or workers raises: operations/errors.py.
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


class AddressError(ClientError):
    """An address that is neither a URL nor the path of a unix socket."""


class UnreachableError(ClientError):
    """Nobody listens at the address, or the connection broke before an answer came."""


class TimedOutError(ClientError):
    """No answer came within the timeout; the request may still be served."""


class RefusedError(ClientError):
    """The request must change before it is sent again."""


class RejectedImageError(RefusedError):
    """The handler's answer to an image, or to what should have been one."""


class EmptyImageError(RejectedImageError):
    """No bytes came."""


class MissingImageError(RejectedImageError):
    """No field holds an image."""


class InvalidJsonError(RejectedImageError):
    """The JSON document cannot be read, or is no object."""


class InvalidBase64Error(RejectedImageError):
    """The image in a JSON document is not base64."""


class InvalidTopKError(RejectedImageError):
    """`top_k` is no whole number from 1 to the number of classes."""


class InvalidMethodError(RejectedImageError):
    """`method` of an explanation is none of those there are."""


class InvalidClassError(RejectedImageError):
    """`class` of an explanation is neither the name nor the index of a class."""


class InvalidFormatError(RejectedImageError):
    """`format` of an explanation is none of those there are."""


class MethodUnavailableError(RejectedImageError):
    """The model cannot be explained, or not by this method, or the server has no front."""


class ExplainedElsewhereError(RejectedImageError):
    """Explanations are answered at another address, which the message names."""


class TooManyBytesError(RejectedImageError):
    """The file is larger than the handler takes."""


class TooManyPixelsError(RejectedImageError):
    """Width times height is more than the handler decodes."""


class NotAnImageError(RejectedImageError):
    """The bytes are not an image of a known format."""


class UnsupportedImageError(RejectedImageError):
    """An image of a format, or of a pixel mode, that cannot be classified."""


class InvalidTensorError(RejectedImageError):
    """A tensor is not what it says, or not one that the model takes."""


class UnknownOutputError(RejectedImageError):
    """The model does not have the output that was asked for."""


class TooManyImagesError(RejectedImageError):
    """More images than one request may have."""


class UnsupportedEncodingError(RejectedImageError):
    """The body is compressed (`Content-Encoding`)."""


class DamagedImageError(RejectedImageError):
    """The image is cut short, or cannot be decoded."""


class TooComplexImageError(RejectedImageError):
    """The image would take too long to decode."""


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


class TorchServeRaceError(ClientError):
    """TorchServe stopped workers while the thread of one of them changed the same list of requests.

    Seen in 2 of 100 scalings of TorchServe 0.12: `ConcurrentModificationException`, or a `job` that is null. The same
    call succeeds when it is made again.
    """


class UnexpectedAnswerError(ClientError):
    """An answer that is neither TorchServe's nor the handler's."""


# The handler's `type` of an answer is the class's name without its ending.
IMAGE_ERRORS: dict[str, type[ClientError]] = {
    error.__name__.removesuffix("Error"): error for error in (*RejectedImageError.__subclasses__(), ServerStoppingError)
}
# What TorchServe says, over REST or gRPC: its exception's name, and words of the message where one name has two causes.
TORCHSERVE_ERRORS: tuple[tuple[str, str, type[ClientError]], ...] = (
    ("ModelNotFoundException", "not found at", ArchiveNotFoundError),
    ("ModelNotFoundException", "allowed URL", ArchiveNotFoundError),
    ("ModelNotFoundException", "", ModelNotFoundError),
    ("ModelNotFound", "", ModelNotFoundError),  # the front's
    ("VersionNotFound", "", VersionNotFoundError),  # likewise
    ("ModelVersionNotFoundException", "", VersionNotFoundError),
    ("ConflictStatusException", "", VersionExistsError),
    ("InvalidModelVersionException", "", DefaultVersionError),
    ("InvalidKeyException", "", UnauthorizedError),
    ("ServiceUnavailableException", "", NotAcceptedError),
    ("ConcurrentModificationException", "", TorchServeRaceError),
    ("NullPointerException", '"job" is null', TorchServeRaceError),
    ("InternalServerException", "Worker died", WorkerDiedError),
    ("InternalServerException", "Prediction failed", HandlerFailedError),
    ("", "has no worker", NotAcceptedError),
    ("", "Worker died", WorkerDiedError),
    ("", "Prediction failed", HandlerFailedError),
    ("", "Token Authorization failed", UnauthorizedError),
)
STATUS_ERRORS: dict[int, type[ClientError]] = {401: UnauthorizedError, 413: RequestTooLargeError}


def error_of(message: str, *, code: int = 0, kind: str = "") -> ClientError:
    """Return the error that an answer stands for, whether it came over REST or gRPC."""
    return _error_class(message, code=code, kind=kind)(message.strip(), code=code, kind=kind)


def _error_class(message: str, *, code: int, kind: str) -> type[ClientError]:
    if kind in IMAGE_ERRORS:
        return IMAGE_ERRORS[kind]
    for name, words, error in TORCHSERVE_ERRORS:
        if name in (kind, "") and words in message:
            return error
    if code in STATUS_ERRORS:
        return STATUS_ERRORS[code]
    if code == 503:
        return UnavailableError
    return RefusedError if 400 <= code < 500 else UnexpectedAnswerError
