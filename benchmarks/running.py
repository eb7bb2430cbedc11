"""A server under measurement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.request_formats import MULTIPART, RequestFormat


def _no_description() -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class RunningServer:
    """A server that answers.

    Args:
        url: where predictions are asked for.
        pid: its first process; all others descend from it.
        start_s: seconds from the start until the first answer.
        request_format: how it takes an image.
        describe: asks one of its workers what it says of itself; nothing where a server says nothing.
    """

    url: str
    pid: int
    start_s: float
    request_format: RequestFormat = MULTIPART
    describe: Callable[[], dict[str, Any]] = _no_description
