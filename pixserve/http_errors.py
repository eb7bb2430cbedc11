"""From httpx's exceptions and TorchServe's error bodies to the errors of pixserve/errors.py."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from pixserve.errors import ClientError, TimedOutError, UnexpectedAnswerError, UnreachableError, error_of

SHOWN_CHARACTERS = 200


@contextmanager
def mapped_errors(address: str) -> Iterator[None]:
    """Raise httpx's exceptions as `ClientError`, with the cause chained."""
    try:
        yield
    except httpx.TimeoutException as slow:
        raise TimedOutError(f"{address} did not answer in time") from slow
    except httpx.RequestError as fault:
        raise UnreachableError(
            f"nobody answers at {address} ({fault or type(fault).__name__}); `make start` starts a server"
        ) from fault
    except httpx.HTTPStatusError as refusal:
        raise error_of_response(refusal.response) from refusal


def error_of_response(response: httpx.Response) -> ClientError:
    """Return the error that a response with a status of 400 or more stands for, whatever its body holds."""
    try:
        body = json.loads(response.content)
        kind = body["type"]  # Java's own exceptions come without a message
        return error_of(body.get("message") or f"TorchServe failed: {kind}", code=response.status_code, kind=kind)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = response.text.strip()[:SHOWN_CHARACTERS] or response.reason_phrase
        return error_of(f"the server answered {response.status_code}: {text}", code=response.status_code)


def unexpected(response: httpx.Response) -> UnexpectedAnswerError:
    """Return the error for a response with status 200 that is not what was asked for."""
    return UnexpectedAnswerError(f"an unexpected answer: {response.text.strip()[:SHOWN_CHARACTERS]}", code=200)
