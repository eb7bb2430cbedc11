"""What a request is refused with: one fact, written as each protocol writes errors."""

import json
from collections.abc import Mapping
from typing import Any

import grpc

STOPPING, UNAVAILABLE, TOO_LARGE = "ServerStopping", "ServerUnavailable", "RequestTooLarge"
QUEUE_FULL = "QueueFull"
INVALID_FORM = "InvalidForm"
UNREADABLE_FORM = b'"ErrorDataDecoderException"'  # TorchServe's type, with 500, of a form that a client has broken
NOT_ACCEPTED = "ServiceUnavailableException"  # TorchServe's, of a full queue and of a missing worker
INVALID_KEY = "InvalidKeyException"  # TorchServe's, of a token
SHOWN_CHARACTERS = 300

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_CODES_OF_TYPES = {
    INVALID_KEY: grpc.StatusCode.UNAUTHENTICATED,
    QUEUE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,  # KServe's client sends every UNAVAILABLE three times
    "InternalServerException": grpc.StatusCode.INTERNAL,  # the handler raised, or the worker died
}


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        kind: the `type` of an error answer, such as `DamagedImage`.
        message: what came and what was expected, or what went wrong.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message

    @classmethod
    def of_answer(cls, status: int, body: bytes) -> "RefusedError":
        """Read an error that TorchServe or the handler answered."""
        try:
            document = json.loads(body)
            return cls(status, str(document["type"]), str(document.get("message") or document.get("error")))
        except (ValueError, KeyError, TypeError, AttributeError):
            if status == 413:
                return cls(status, TOO_LARGE, "the request is larger than the server takes")
            text = body.decode("utf-8", "replace").strip()[:SHOWN_CHARACTERS]
            return cls(status, "UnexpectedAnswer", f"TorchServe answered {status}: {text or 'nothing'}")

    @property
    def document(self) -> dict[str, Any]:
        """The error in the form of TorchServe and of the handler."""
        return {"code": self.status, "type": self.kind, "message": self.message}

    @property
    def standard_document(self) -> dict[str, Any]:
        """The error in the form of KServe's protocols, with the code and type beside it."""
        return {"error": self.message, "code": self.status, "type": self.kind}

    @property
    def grpc_status(self) -> grpc.StatusCode:
        """The status over gRPC."""
        return _CODES_OF_TYPES.get(self.kind) or _CODES.get(self.status, grpc.StatusCode.INTERNAL)

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """What a gRPC client finds beside the status: the HTTP status and the type."""
        return (("error-code", str(self.status)), ("error-type", self.kind))


def is_standard_path(path: str) -> bool:
    """Whether a path is of KServe's protocols, which have errors of their own form."""
    return path.startswith(("/v1", "/v2"))


def document_for(path: str, refusal: RefusedError) -> Mapping[str, Any]:
    """Return the error in the form that is expected of a path."""
    return refusal.standard_document if is_standard_path(path) else refusal.document
