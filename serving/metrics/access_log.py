"""What TorchServe's front end answered, read from its access log: every status, also of requests that no handler saw.

A full queue's 503, the 500 or 507 of a worker that was killed, a 404: no handler can count them. TorchServe's own
metrics know the hundred of a status alone and leave out gRPC. Its access log has all of them, and how long each took
in whole milliseconds. Two things are not in it: a body above `max_request_size`, which Netty answers with a bare 413 by
itself, and a gRPC message above it.
"""

import os
import re
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

# /127.0.0.1:52120 "POST /predictions/cifar10 HTTP/1.1" 200 12
# /127.0.0.1:55168 "gRPC org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions HTTP/2.0" 0 3
LINE = re.compile(
    rb'"(gRPC|[A-Z]+) '
    rb"(?:/(?:predictions|explanations)/|/v[12]/models/[^ ?]+(?:/infer|:predict|:explain)\b|"
    rb"org\.pytorch\.serve\.grpc\.inference\.\w+/\w*Predictions)"
    rb'[^\n]*" (\d+) (\d+)\n'
)
DURATIONS_MS = (1, 2, 3, 5, 7, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)
GRPC_STATUSES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
# Shown as zero before the first: Prometheus measures increases, and would miss the first one of a new series.
FROM_THE_START = {"rest": ("200", "500", "503"), "grpc": ("OK", "INTERNAL")}
BYTES_A_READ = 1 << 20


class AccessLog(Collector):
    """Counts the answers that are written to an access log from now on.

    Args:
        path: the log; it need not be there yet, and may be rotated.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BufferedReader | None = None
        self._rest = b""  # a line that was not complete at the last look
        self._answers: Counter[tuple[bytes, bytes, bytes]] = Counter()  # method, status, ms
        self._lock = threading.Lock()
        if path.exists():
            self._file = path.open("rb")
            self._file.seek(0, 2)

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            if self._file:
                self._file.close()

    def read(self) -> None:
        """Count what was written since the last call; call it more often than the log is rotated."""
        with self._lock:
            if self._file is None and self._path.exists():
                self._file = self._path.open("rb")
            if self._file is None:
                return
            self._read_on(self._file)
            if self._was_rotated(self._file):
                self._read_on(self._file)  # written between the two
                self._file.close()
                self._file, self._rest = self._path.open("rb"), b""
                self._read_on(self._file)

    def collect(self) -> Iterator[Metric]:
        """Answers by protocol and status, and their durations by protocol."""
        self.read()
        with self._lock:
            answers = dict(self._answers)
        responses = CounterMetricFamily(
            "pixserve_responses", "Answers of TorchServe's front end, refusals too.", labels=("protocol", "status")
        )
        durations = HistogramMetricFamily(
            "pixserve_response_seconds", "Time from a request's headers to its answer.", labels=("protocol",)
        )
        for protocol in FROM_THE_START:
            of_protocol = {key: count for key, count in answers.items() if (key[0] == b"gRPC") == (protocol == "grpc")}
            statuses = Counter(dict.fromkeys(FROM_THE_START[protocol], 0))
            for (_, status, _), count in of_protocol.items():
                statuses[_name(status, protocol)] += count
            for status_name, count in sorted(statuses.items()):
                responses.add_metric((protocol, status_name), count)
            buckets, sum_s = _histogram((int(ms), count) for (_, _, ms), count in of_protocol.items())
            durations.add_metric((protocol,), buckets, sum_s)
        yield responses
        yield durations

    def describe(self) -> Iterable[Metric]:
        """Nothing: the collector has no fixed set to name."""
        return []

    def _read_on(self, file: BufferedReader) -> None:
        while chunk := file.read(BYTES_A_READ):
            whole, end, rest = (self._rest + chunk).rpartition(b"\n")
            self._rest = rest
            self._answers.update(LINE.findall(whole + end))

    def _was_rotated(self, file: BufferedReader) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:  # this moment
            return False
        return os.fstat(file.fileno()).st_ino != now.st_ino


def _name(status: bytes, protocol: str) -> str:
    """An HTTP status as it is; a gRPC status by its name, whose number would look like one."""
    number = int(status)
    return GRPC_STATUSES[number] if protocol == "grpc" and number < len(GRPC_STATUSES) else str(number)


def _histogram(observed: Iterable[tuple[int, int]]) -> tuple[list[tuple[str, float]], float]:
    """Cumulative buckets and the sum in seconds, of (whole ms, count).

    TorchServe cuts what is beyond a whole millisecond, so that 3 ms is at least 3 and below 4: it counts as 3.5.
    """
    counts = [0] * (len(DURATIONS_MS) + 1)
    sum_ms = 0.0
    for ms, count in observed:
        counts[bisect_left(DURATIONS_MS, ms + 1)] += count
        sum_ms += (ms + 0.5) * count
    buckets, total = [], 0
    for bound_ms, count in zip([*DURATIONS_MS, float("inf")], counts, strict=True):
        total += count
        buckets.append((floatToGoString(bound_ms / 1000), float(total)))
    return buckets, sum_ms / 1000
