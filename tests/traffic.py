"""Constant traffic, half REST and half gRPC, every request recorded: what a rollout must not disturb."""

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from pixserve import Connection
from pixserve.errors import ClientError
from pixserve.inference import InferenceClient
from pixserve.retries import NO_RETRIES


@dataclass(frozen=True)
class Sample:
    """One request: when it began (s, monotonic), how long it took, and the version that answered or the error."""

    start_s: float
    latency_s: float
    protocol: str
    version: str | None
    error: str | None


class Load:
    """Traffic from `connections` connections, half REST and half gRPC, as a context; nothing is sent twice.

    Args:
        connection: the server.
        images: sent in turn.
        connections: how many there are; each waits for its answer before it sends again.
        requests_per_s: of all connections together.
        version: the version that is asked for by name; None leaves it to the server.
    """

    def __init__(
        self,
        connection: Connection,
        images: Sequence[bytes],
        *,
        connections: int = 16,
        requests_per_s: float = 200,
        version: str | None = None,
    ) -> None:
        self._version = version
        self._connection = replace(connection, retries=NO_RETRIES)
        self._images = images
        self._pause_s = connections / requests_per_s
        self._stop = threading.Event()
        self._samples: list[list[Sample]] = [[] for _ in range(connections)]
        self._sent = [0] * connections
        self._threads = [threading.Thread(target=self._send, args=(index,)) for index in range(connections)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def samples(self) -> list[Sample]:
        """All that has been answered until now."""
        return list(itertools.chain.from_iterable(self._samples))

    @property
    def lost(self) -> int:
        """Requests without an answer or an error; meaningful once the load has ended."""
        return sum(self._sent) - len(self.samples)

    def _send(self, index: int) -> None:
        protocol = "gRPC" if index % 2 else "REST"
        with self._connection.grpc() if protocol == "gRPC" else self._connection.rest(connections=1) as client:
            due_s = time.monotonic() + self._pause_s * index / len(self._threads)
            for turn in itertools.count(index):
                if self._stop.wait(max(0, due_s - time.monotonic())):
                    return
                due_s = max(due_s + self._pause_s, time.monotonic())
                self._sent[index] += 1
                self._samples[index].append(self._ask(client, self._images[turn % len(self._images)], protocol))

    def _ask(self, client: InferenceClient, image: bytes, protocol: str) -> Sample:
        start_s = time.monotonic()
        answered, error = None, None
        try:
            answered = client.predict(image, version=self._version).model_version
        except ClientError as fault:
            error = f"{type(fault).__name__}: {fault}"
        return Sample(start_s, time.monotonic() - start_s, protocol, answered, error)
