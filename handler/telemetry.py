"""What a worker counts and times, by the official client library, for `docs/reference/metrics.md`, and logs.

Each worker writes into memory-mapped files of its own (the library's multiprocess mode, where PROMETHEUS_MULTIPROC_DIR
is set); the launcher merges them at each scrape, `serving/metrics/`. A worker that is killed loses nothing it has
counted. Rows are tallied in Python lists and written once a batch: the library's own `inc` and `observe` take 1 to 5
microseconds, too much for every image.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from engine.cascade import Answers
from engine.drift import Reference
from handler.access_log import AccessLog
from handler.distribution import Distribution
from handler.protocol import Result
from handler.tally import Tally

MODEL = ("model", "version")
DECODE_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
BATCH_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
QUEUE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCH_IMAGES = (1, 2, 4, 8, 16, 32, 64)

REST, GRPC = "rest", "grpc"
OK = 200
FAILED, NO_MEMORY = 503, 507  # what TorchServe answers each row of a batch whose handler raises

REQUEST_START = ("x-request-start", "X-Request-Start")  # as a gateway may write it: "t=" and seconds since 1970
MAX_QUEUE_S = 600.0  # more is a clock that differs, or a client's invention


class Telemetry:
    """The counters of one worker, which serves one version.

    Args:
        model: the model's name.
        version: of the archive.
        stages: of the engine, as its description has them: `name` and `precision`.
        class_names: in the order of the probabilities.
        reference: that its answers are compared with; None: they are not.
        log: is told of each request too; None where there is no such log.
    """

    def __init__(
        self,
        *,
        model: str,
        version: str,
        stages: Sequence[Mapping[str, Any]],
        class_names: Sequence[str] = (),
        reference: Reference | None = None,
        log: AccessLog | None = None,
    ) -> None:
        registry = self.registry = CollectorRegistry()  # the process's own would refuse a second one in a test
        self._model = (model, version)
        self._log = log

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(name, text, MODEL, registry=registry, buckets=buckets).labels(*self._model)

        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, MODEL, registry=registry).labels(*self._model)

        self._requests = Counter(
            "pixserve_requests_total", "Requests answered by a worker.", (*MODEL, "protocol", "status", "error"),
            registry=registry,
        )  # fmt: skip
        self._answered: dict[tuple[str, int, str], Counter] = {}
        images = Counter(
            "pixserve_images_total", "Images classified, by the stage of the cascade that answered.",
            (*MODEL, "stage", "network", "precision"), registry=registry,
        )  # fmt: skip
        self._stages = [
            images.labels(*self._model, str(index), stage["name"], stage["precision"])
            for index, stage in enumerate(stages)
        ]
        self._bytes = counter("pixserve_image_bytes_total", "Bytes of the images that were decoded, as sent.")
        self._decode = Tally(histogram("pixserve_decode_seconds", "Time to decode one image.", DECODE_S))
        self._queue = Tally(
            histogram("pixserve_queue_seconds", "Time from a gateway's X-Request-Start to the worker.", QUEUE_S)
        )
        self._forward = histogram("pixserve_forward_seconds", "Time to classify the images of one batch.", BATCH_S)
        self._batch = histogram("pixserve_batch_seconds", "Time to answer one batch of requests.", BATCH_S)
        self._batch_images = histogram("pixserve_batch_images", "Images of one forward pass.", BATCH_IMAGES)
        self._in_flight = Gauge(
            "pixserve_requests_in_flight", "Requests that workers are busy with.", MODEL,
            registry=registry, multiprocess_mode="livesum",
        ).labels(*self._model)  # fmt: skip
        self._in_flight.set(0)
        counter("pixserve_worker_starts_total", "Worker processes that have loaded their model.").inc()
        labels = dict(zip(MODEL, self._model, strict=True))
        self._distribution = Distribution(reference, class_names, labels, registry) if reference else None
        self._protocols: dict[int, str] = {}  # of the requests of this batch
        self._rows: dict[tuple[str, int, str], int] = {}  # how many were answered so
        self._image_bytes = 0
        self._start_s = 0.0
        self._started_s = 0.0

    def begin(self, rows: int) -> None:
        """A batch of so many requests has come."""
        self._start_s, self._started_s = time.perf_counter(), time.time()
        self._in_flight.set(rows)

    def arrived(self, row: int, protocol: str, headers: Mapping[str, Any], request_id: str | None = None) -> None:
        """A request came; where its headers hold what a gateway wrote when it reached that, its wait is known."""
        self._protocols[row] = protocol
        if self._log:
            self._log.arrived(row, protocol, headers, request_id or "")
        came = headers.get(REQUEST_START[0]) or headers.get(REQUEST_START[1])
        if came is not None and (start_s := _seconds(came)) is not None:
            waited_s = self._started_s - start_s
            if 0 <= waited_s <= MAX_QUEUE_S:
                self._queue.add(waited_s)

    def decoded(self, seconds: float, image_bytes: int) -> None:
        """An image was decoded."""
        self._decode.add(seconds)
        self._image_bytes += image_bytes

    def classified(self, answers: Answers, seconds: float) -> None:
        """A forward pass, through as many stages as were needed, has ended."""
        self._forward.observe(seconds)
        self._batch_images.observe(len(answers.stages))
        for index, images in enumerate(np.bincount(answers.stages).tolist()):
            if images:
                self._stages[index].inc(images)
        if self._distribution:
            self._distribution.add(answers.probabilities)

    def answered(self, row: int, status: int = OK, error: str = "", results: Sequence[Result] = ()) -> None:
        """A request has its answer: `results` of its images, or `error`, the `type` of an error answer."""
        key = (self._protocols[row], status, error)
        self._rows[key] = self._rows.get(key, 0) + 1
        if self._log:
            self._log.answered(row, status, error, results)

    def failed(self, fault: Exception) -> None:
        """The batch raised: whatever was answered, TorchServe refuses each of its requests."""
        status = NO_MEMORY if isinstance(fault, MemoryError) else FAILED
        self._rows.clear()
        for row in self._protocols:
            self.answered(row, status, type(fault).__name__)

    def end(self) -> None:
        """The batch is answered: write what was tallied, and the log's lines."""
        for key, count in self._rows.items():
            if key not in self._answered:
                self._answered[key] = self._requests.labels(*self._model, *map(str, key))
            self._answered[key].inc(count)
        self._rows.clear()
        if self._image_bytes:
            self._bytes.inc(self._image_bytes)
            self._image_bytes = 0
        self._decode.flush()
        self._queue.flush()
        if self._distribution:
            self._distribution.end_batch()
        batch_s = time.perf_counter() - self._start_s
        self._batch.observe(batch_s)
        self._in_flight.set(0)
        if self._log:
            self._log.end(batch_s, len(self._protocols))
        self._protocols.clear()


def _seconds(text: Any) -> float | None:
    """Seconds since 1970 of `t=1700000000.123`, or without `t=`; None for anything else."""
    try:
        return float(text.removeprefix("t="))
    except (AttributeError, ValueError):
        return None
