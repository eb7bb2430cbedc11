"""The worker processes of a job: each gets chunks, one that dies is replaced, and its chunks are scored again."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from scoring.chunks import Chunk
from scoring.errors import ModelError, ScoringError, WorkersError
from scoring.journal import Done
from scoring.messages import At, Failed, Message, Progress, Ready, Task, WorkerSettings
from scoring.worker import run

TASKS_EACH = 2  # one is scored while the next one waits in the pipe
MAX_DEATHS = 50
MAX_DEATHS_LOADING = 3  # in a row
LETHAL_DEATHS = 2  # over one image, announced each time


@dataclass
class _Process:
    """A worker process, what it was given and has not done, and the image that it announced last."""

    process: SpawnProcess
    connection: Connection
    tasks: deque[Task] = field(default_factory=deque)
    ready: bool = False
    at: int | None = None
    reported: int = 0  # images of `tasks` that it reported; below 0 where a chunk was done before they were


class Workers:
    """So many worker processes; use as a context manager, which ends them.

    Args:
        settings: of each.
        count: how many.
        on_progress: called with the number of images that have been classified so far; it falls where a worker dies.
    """

    def __init__(self, settings: WorkerSettings, *, count: int, on_progress: Callable[[int], Any]) -> None:
        self._settings, self._on_progress = settings, on_progress
        self._processes = [self._start() for _ in range(count)]
        self._again = deque[Task]()
        self._deaths = self._deaths_loading = self._done = 0
        self._deaths_at: dict[tuple[int, int], int] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._processes:
            worker.process.kill()  # parts are written whole or not at all
        for worker in self._processes:
            worker.process.join()
            worker.connection.close()

    def score(self, chunks: Iterator[Chunk]) -> Iterator[Done]:
        """Score chunks, and yield each once its part is on the disk, as they are completed.

        If the input fails on the way, what it gave before is completed first.

        Raises:
            SourceError: the input cannot be read on.
            ModelError: a worker failed, other than by dying.
            WorkersError: workers die while they load the model, or again and again.
        """
        left = _Left(chunks)
        while True:
            for worker in self._processes:
                while worker.ready and len(worker.tasks) < TASKS_EACH and (task := self._next(left)):
                    self._give(worker, task)
            if left.ended and not self._again and not any(worker.tasks for worker in self._processes):
                break
            yield from self._listen()
        if left.fault is not None:
            raise left.fault

    def _next(self, left: "_Left") -> Task | None:
        if self._again:
            return self._again.popleft()
        chunk = left.next()
        return Task(chunk) if chunk else None

    def _listen(self) -> Iterator[Done]:
        """Take the messages that are there; wait for one where there is none."""
        by_connection = {worker.connection: worker for worker in self._processes}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message: Message = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                self._replace(worker)
                continue
            if isinstance(message, Done):
                worker.tasks = deque(task for task in worker.tasks if task.chunk.index != message.index)
                worker.at = None
                worker.reported -= message.images
                self._done += message.images
                yield message
            else:
                self._note(worker, message)
            self._on_progress(self._done + sum(each.reported for each in self._processes))

    def _note(self, worker: _Process, message: Ready | Progress | At | Failed) -> None:
        if isinstance(message, Ready):
            worker.ready = True
            self._deaths_loading = 0
        elif isinstance(message, Progress):
            worker.reported += message.images
        elif isinstance(message, At):
            worker.at = message.image
        else:
            raise ModelError(f"a worker cannot go on: {message.sentence}\n{message.traceback}".rstrip())

    def _replace(self, dead: _Process) -> None:
        """Start another process in the place of a dead one, and take back what that one had not done."""
        dead.process.join()
        dead.connection.close()
        code = int(dead.process.exitcode or 0)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._deaths += 1
        self._deaths_loading += not dead.ready
        if self._deaths_loading >= MAX_DEATHS_LOADING:
            raise WorkersError(f"worker processes end ({how}) while they load the model: is there memory enough?")
        if self._deaths > MAX_DEATHS:
            raise WorkersError(f"worker processes ended {self._deaths} times, last by {how}: is there memory enough?")
        for number, task in enumerate(dead.tasks):
            self._again.append(self._suspected(task, dead.at if number == 0 else None))
        self._processes[self._processes.index(dead)] = self._start()

    def _suspected(self, task: Task, at: int | None) -> Task:
        """The task, to be repeated with care; without the image that a worker died over once more."""
        lethal = task.lethal
        if at is not None:
            place = (task.chunk.index, at)
            self._deaths_at[place] = self._deaths_at.get(place, 0) + 1
            if self._deaths_at[place] >= LETHAL_DEATHS:
                lethal |= {at}
        return Task(task.chunk, careful=True, lethal=lethal)

    def _start(self) -> _Process:
        context = multiprocessing.get_context("spawn")  # a forked engine would share its threads' locks
        ours, theirs = context.Pipe()
        process = context.Process(target=run, args=(theirs, self._settings), daemon=True)
        process.start()
        theirs.close()
        return _Process(process, ours)

    def _give(self, worker: _Process, task: Task) -> None:
        worker.tasks.append(task)
        # If it has died, its end of the pipe says so next, and the task is given to another.
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(task)


class _Left:
    """The chunks that nobody has been given yet; a fault of the input ends them, to be raised later."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self.ended = False
        self.fault: ScoringError | None = None

    def next(self) -> Chunk | None:
        if self.ended:
            return None
        try:
            chunk = next(self._chunks, None)
        except ScoringError as fault:
            self.fault, chunk = fault, None
        self.ended = chunk is None
        return chunk
