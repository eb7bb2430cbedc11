"""The batches of a worker: cut from the tasks that come, read and decoded ahead of the engine."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from scoring.chunks import Entry
from scoring.messages import Task

if TYPE_CHECKING:
    from scoring.model import Loaded


class Batch(NamedTuple):
    """Images of one task, the first of them number `first` of its chunk; whether they are its last."""

    task: Task
    first: int
    entries: Sequence[Entry]
    last: bool


class Feed:
    """Cuts tasks into batches.

    Args:
        tasks: brings tasks, and None after the last.
        entries: lists the images of a task.
        size: most images of a batch; one, where a task asks for care.
    """

    def __init__(
        self, tasks: "SimpleQueue[Task | None]", entries: Callable[[Task], Iterator[Entry]], *, size: int
    ) -> None:
        self._tasks, self._entries, self._size = tasks, entries, size
        self._cut: Iterator[Batch] = iter(())
        self.ended = False

    def next(self, *, wait: bool) -> Batch | None:
        """The next batch; None at the end, and where there is none yet and it must not `wait`."""
        while True:
            if (batch := next(self._cut, None)) is not None:
                return batch
            if self.ended:
                return None
            try:
                task = self._tasks.get(wait)
            except Empty:
                return None
            if task is None:
                self.ended = True
            else:
                self._cut = self._batches(task)

    def _batches(self, task: Task) -> Iterator[Batch]:
        size = 1 if task.careful else self._size
        entries = self._entries(task)
        for first in range(0, task.chunk.images, size):
            batch = list(islice(entries, size))
            yield Batch(task, first, batch, first + len(batch) == task.chunk.images)


def loaded_ahead(
    feed: Feed, load: Callable[[Batch], "list[Loaded]"], threads: ThreadPoolExecutor, *, ahead: int
) -> Iterator[tuple[Batch, "list[Loaded]"]]:
    """Yield batches in order with their images, loaded by `threads`; at most `ahead` of them wait.

    A careful task's are loaded only when all before it are answered.
    """
    pending = deque[tuple[Batch, "Future[list[Loaded]]"]]()
    held: Batch | None = None  # of a careful task
    while True:
        while held is None and len(pending) < ahead:
            batch = feed.next(wait=not pending)
            if batch is None:
                break
            if batch.task.careful:
                held = batch
            else:
                pending.append((batch, threads.submit(load, batch)))
        if pending:
            batch, future = pending.popleft()
            yield batch, future.result()
        elif held is not None:
            yield held, load(held)
            held = None
        else:
            return
