"""Every error answer as OpenAPI: the handler's types from its own table, and those of the front and of TorchServe."""

import inspect
from collections.abc import Mapping
from typing import Any

from handler.errors import HTTP_STATUSES, type_name

# By status: what the front says, and what it passes on of TorchServe's.
SERVER_ERRORS: dict[int, dict[str, str]] = {
    400: {
        "InvalidKeyException": "The server asks for a token, and this is none of its own.",
        "ClientDisconnected": "The client was gone before its whole body came.",
        "InvalidForm": "The form is broken: a part without a name, say.",
        "BadRequestException": "TorchServe could not read the request.",
    },
    404: {
        "NotFound": "There is nothing at this path.",
        "ModelNotFound": "There is no such model.",
        "VersionNotFound": "The model has no such version.",
        "ModelNotFoundException": "There is no such model.",
        "ModelVersionNotFoundException": "The model has no such version.",
        "ResourceNotFoundException": "There is nothing at this path.",
    },
    405: {"MethodNotAllowed": "The path has no such method."},
    413: {"RequestTooLarge": "The body has more bytes than `max_request_size`."},
    500: {
        "InternalServerException": "The worker ended while it had the request.",
        "ExplanationFailed": "The process that explains has died or failed.",
        "ArchiveUnreadable": "The archive to explain is not in the model store any more.",
    },
    503: {
        "QueueFull": "As many requests wait as may: try again later.",
        "ServerUnavailable": "TorchServe does not answer, or no worker is ready.",
        "ServiceUnavailableException": "TorchServe's queue is full, or it has no worker.",
        "InternalServerException": "The handler raised: please report it.",
        "TooManyExplanations": "Eight explanations wait already.",
        "ExplanationTimedOut": "The explanation took more than 120 s.",
    },
    504: {"ServerUnavailable": "TorchServe did not answer in time."},
}


def types_of(status: int) -> dict[str, str]:
    """The error types of one status, each with a sentence that says when it is answered."""
    of_rows = {
        type_name(error): _first_sentence(inspect.getdoc(error) or "")
        for error, (code, _) in HTTP_STATUSES.items()
        if code == status >= 400
    }
    return of_rows | SERVER_ERRORS.get(status, {})


def statuses() -> list[int]:
    """Every status of an error answer."""
    return sorted({code for code, _ in HTTP_STATUSES.values() if code >= 400} | set(SERVER_ERRORS))


def schemas() -> dict[str, Any]:
    """The two forms of an error."""
    kinds = sorted({kind for status in statuses() for kind in types_of(status)})
    fields = {
        "code": {"type": "integer", "description": "The HTTP status."},
        "type": {"type": "string", "enum": kinds},
    }
    text = {"type": "string", "description": "What came, and what was expected."}
    return {
        "NativeError": _object({**fields, "message": text}),
        "StandardError": _object({"error": text, **fields}),
    }


def responses(schema: str, *, but: tuple[int, ...] = ()) -> dict[str, Any]:
    """A response for each status of an error, with an example for each of its types.

    Args:
        schema: `NativeError` or `StandardError`.
        but: statuses that this operation never has.
    """
    return {str(status): _response(schema, status) for status in statuses() if status not in but}


def _response(schema: str, status: int) -> dict[str, Any]:
    kinds = types_of(status)
    key = "message" if schema == "NativeError" else "error"
    return {
        "description": "; ".join(f"`{kind}`: {text}" for kind, text in kinds.items()),
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [
                        {"$ref": f"#/components/schemas/{schema}"},
                        {"properties": {"code": {"const": status}, "type": {"enum": sorted(kinds)}}},
                    ]
                },
                "examples": {
                    kind: {"summary": text, "value": {"code": status, "type": kind, key: text}}
                    for kind, text in kinds.items()
                },
            }
        },
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _first_sentence(text: str) -> str:
    return text.split("\n\n")[0].replace("\n", " ").strip()
