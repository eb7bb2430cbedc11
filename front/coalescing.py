"""Requests that wait at the same time share one request to TorchServe, each image of them a row of its tensor.

A request over gRPC costs the front little, one over HTTP to TorchServe more. A lone request leaves at once; the more
are on their way, the more must have come for another to leave, or 10 ms have passed. An image that is refused is told
apart by the output `error`; its request is then asked alone, so that it gets its own status and type.
"""

import asyncio
import functools
import json
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from front.inference import infer
from front.models import outputs_of
from front.refusals import RefusedError
from front.service import Service
from front.tensors import BINARY_SIZE, LENGTH_HEADER
from front.upstream import Reply

MOST_WAIT_S = 0.01  # those on their way may take long, or never be answered
MOST_IMAGES = 32  # of one request to TorchServe: its own batch size
MOST_BYTES = 1_000_000  # of an image; larger ones cost more to read than to ask for
LENGTH = struct.Struct("<I")  # before each element of a BYTES tensor
ERROR = "error"
OUTPUTS = {output.name: output.datatype for output in outputs_of(-1)}
UNREADABLE = (KeyError, ValueError, TypeError, IndexError, ArithmeticError, struct.error)
FOR_ALL = frozenset({400, 404})  # with a type of TorchServe's own, which ends in Exception: the version, the token


class Key(NamedTuple):
    """What requests have in common that may be asked together."""

    model: str
    version: str | None
    authorization: str | None


class Rows(NamedTuple):
    """The part of an answer that belongs to one request: raw contents by output, and their shapes without the first."""

    model_version: str
    contents: Mapping[str, bytes]
    shapes: Mapping[str, Sequence[int]]


@dataclass
class Waiting:
    """A request of `count` images, in binary form, and where its answer is awaited; None: ask it alone."""

    raw: bytes
    count: int
    answer: "asyncio.Future[Rows | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, answer: Rows | RefusedError | None) -> None:
        """Let the request go on, unless its client has gone."""
        if self.answer.done():
            return
        if isinstance(answer, RefusedError):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


@dataclass
class Queue:
    """The requests of one key that wait, and how many are on their way."""

    waiting: deque[Waiting] = field(default_factory=deque)
    in_flight: int = 0
    timer: asyncio.TimerHandle | None = None

    def take(self) -> list[Waiting]:
        """Remove the requests that leave next, in order of arrival; those whose client has gone are left out."""
        taken: list[Waiting] = []
        room = MOST_IMAGES
        while self.waiting and self.waiting[0].count <= room:
            request = self.waiting.popleft()
            if not request.answer.done():
                taken.append(request)
                room -= request.count
        return taken


class Coalescer:
    """Asks TorchServe for requests that came at the same time together.

    Args:
        service: the front's.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._queues: dict[Key, Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: Key, raw: bytes, count: int) -> Rows | None:
        """Return the answer to so many images, or None where they must be asked alone.

        Args:
            key: with what they may be asked together.
            raw: the images, each after its length.
            count: how many they are, at most `MOST_IMAGES`.

        Raises:
            RefusedError: no request of this key is answered now.
        """
        request = Waiting(raw, count)
        queue = self._queues.setdefault(key, Queue())
        queue.waiting.append(request)
        self._send(key, queue)
        return await request.answer

    def _send(self, key: Key, queue: Queue, *, at_once: bool = False) -> None:
        if at_once:
            queue.timer = None
        while queue.waiting and (at_once or len(queue.waiting) >= queue.in_flight**2):
            requests = queue.take()
            if requests:
                queue.in_flight += 1
                task = asyncio.get_running_loop().create_task(self._ask_for(key, queue, requests))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if queue.waiting and queue.timer is None:
            loop = asyncio.get_running_loop()
            queue.timer = loop.call_later(MOST_WAIT_S, functools.partial(self._send, key, queue, at_once=True))
        if not queue.waiting and not queue.in_flight and queue.timer is None:
            self._queues.pop(key, None)

    async def _ask_for(self, key: Key, queue: Queue, requests: list[Waiting]) -> None:
        answers: Sequence[Rows | RefusedError | None] = [None] * len(requests)
        try:
            answers = await self._answers(key, requests)
        except RefusedError as refusal:
            answers = [refusal] * len(requests)
        finally:
            for request, answer in zip(requests, answers, strict=True):
                request.settle(answer)
            queue.in_flight -= 1
            self._send(key, queue)

    async def _answers(self, key: Key, requests: list[Waiting]) -> Sequence[Rows | None]:
        body, length = _body(requests)
        headers = {LENGTH_HEADER: str(length)}
        if key.authorization:
            headers["Authorization"] = key.authorization
        reply = await infer(self._service, key.model, key.version, headers, body)
        if reply.status in FOR_ALL:
            refusal = RefusedError.of_answer(reply.status, reply.body)
            if refusal.kind.endswith("Exception"):
                raise refusal
        if reply.status != 200:
            return [None] * len(requests)
        try:
            return list(_split(reply, [request.count for request in requests]))
        except UNREADABLE:  # a handler of other outputs
            return [None] * len(requests)


def is_whole(raw: bytes, count: int) -> bool:
    """Return whether a BYTES tensor in binary form holds exactly so many elements, none of them empty."""
    start = 0
    for _ in range(count):
        if start + LENGTH.size > len(raw):
            return False
        (size,) = LENGTH.unpack_from(raw, start)
        if not size:
            return False
        start += LENGTH.size + size
    return start == len(raw)


def _body(requests: Sequence[Waiting]) -> tuple[bytes, int]:
    count, size = sum(request.count for request in requests), sum(len(request.raw) for request in requests)
    head = (
        f'{{"inputs":[{{"name":"image","datatype":"BYTES","shape":[{count}],"parameters":{{"{BINARY_SIZE}":{size}}}}}],'
        '"parameters":{"binary_data_output":true}}'
    ).encode()
    return b"".join([head, *(request.raw for request in requests)]), len(head)


def _split(reply: Reply, counts: Sequence[int]) -> Iterator[Rows | None]:
    """Yield the part of each request; None where one of its images has an error."""
    end = int(reply.headers[LENGTH_HEADER])
    document = json.loads(reply.body[:end])
    rows: dict[str, list[bytes]] = {}
    shapes: dict[str, Sequence[int]] = {}
    for output in document["outputs"]:
        start, end = end, end + output["parameters"][BINARY_SIZE]
        rows[output["name"]] = _rows(output, reply.body[start:end])
        shapes[output["name"]] = output["shape"][1:]
    first = 0
    for count in counts:
        last = first + count
        if all(error == bytes(LENGTH.size) for error in rows[ERROR][first:last]):
            contents = {name: b"".join(of_output[first:last]) for name, of_output in rows.items()}
            yield Rows(document["model_version"], contents, shapes)
        else:
            yield None
        first = last


def _rows(output: Mapping[str, Any], data: bytes) -> list[bytes]:
    """The raw content of each image in an output's."""
    count = output["shape"][0]
    if output["datatype"] != "BYTES":
        size = len(data) // count
        return [data[start : start + size] for start in range(0, len(data), size)]
    rows, start = [], 0
    for _ in range(count):
        end = start + LENGTH.size + LENGTH.unpack_from(data, start)[0]
        rows.append(data[start:end])
        start = end
    return rows
