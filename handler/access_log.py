"""A line of JSON for each request, or for a sample of them, where `access_log` in config.properties asks for it.

The lines go to standard output. TorchServe hands that on to its log, which puts them into `logs/requests.log` and
rotates it (serving/log4j2.xml). They say what a request was and what became of it, and hold nothing of its image.
"""

import json
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from handler.errors import type_name
from handler.front_end import header
from handler.protocol import Result

ACCESS_LOG_VARIABLE = "PIXSERVE_ACCESS_LOG"  # `serving/environment.py` sets it; a test compares the names
CLIENTS_ID, TRACE = "x-request-id", "traceparent"
LONGEST_ID = 64  # characters of a client's; a traceparent has 55
PROBABILITY_DIGITS = 4


class AccessLog:
    """The lines of one worker, which are written when their batch ends.

    Args:
        fraction: of the requests that are logged, in (0, 1]; each is drawn by itself.
        model: the model's name.
        version: of the archive.
    """

    def __init__(self, fraction: float, *, model: str, version: str) -> None:
        self._fraction = fraction
        self._model = {"model": model, "version": version}
        self._entries: dict[int, dict[str, Any]] = {}  # by row

    def arrived(self, row: int, protocol: str, headers: Mapping[str, Any], request_id: str) -> None:
        """A request came; `request_id` is TorchServe's, which is the answer's header `x-request-id` over REST."""
        if self._fraction < 1 and random.random() >= self._fraction:
            return
        self._entries[row] = {
            "request_id": request_id,
            "client_request_id": header(headers, CLIENTS_ID)[:LONGEST_ID],
            "traceparent": header(headers, TRACE)[:LONGEST_ID],
            "protocol": protocol,
            **self._model,
        }

    def answered(self, row: int, status: int, error: str, results: Sequence[Result]) -> None:
        """A request has its answer, with a result for each image, or an error's `type`; the last call counts."""
        if row in self._entries:
            self._entries[row] |= {"status": status, "error": error, "results": [_summary(one) for one in results]}

    def end(self, batch_s: float, batch_requests: int) -> None:
        """The batch is answered, and took so many seconds: write its lines."""
        if not self._entries:
            return
        first = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}  # log4j2.xml knows the lines by it
        last = {"batch_seconds": round(batch_s, 6), "batch_requests": batch_requests}
        lines = [json.dumps(first | entry | last, separators=(",", ":")) + "\n" for entry in self._entries.values()]
        self._entries.clear()
        sys.stdout.write("".join(lines))
        sys.stdout.flush()


def access_log(environment: Mapping[str, str], *, model: str, version: str) -> AccessLog | None:
    """The log that the launcher asks for; None where it asks for none."""
    fraction = environment.get(ACCESS_LOG_VARIABLE)
    return AccessLog(float(fraction), model=model, version=version) if fraction else None


def _summary(result: Result) -> dict[str, Any]:
    """The most probable class of an image, or why it has none."""
    if isinstance(result, Exception):
        return {"error": type_name(type(result))}
    return {"class": result.classes[0], "probability": round(result.probabilities[0], PROBABILITY_DIGITS)}
