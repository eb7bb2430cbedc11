"""A worker process: takes chunks from a pipe, writes their parts, says so.

Reading and decoding run ahead in threads while the engine computes; the part of the chunk before is written meanwhile,
too. What imports `engine`, `handler` or `images` is imported late, when the archive is on the path.
"""

import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from scoring.archive import ROOMS
from scoring.chunks import Chunk, Entry, TableRows
from scoring.errors import ScoringError
from scoring.feed import Batch, Feed, loaded_ahead
from scoring.journal import Done
from scoring.messages import At, Failed, Message, Progress, Ready, Task, WorkerSettings
from scoring.rows import RowError, Rows

if TYPE_CHECKING:
    from scoring.model import Loaded

PROGRESS_S = 0.25
LETHAL = RowError("WorkerDied", "the process that read this image died, twice; expected one that can be decoded")


def run(connection: Connection, settings: WorkerSettings) -> None:
    """Serve a pipe of tasks until None comes, or whoever started this process is gone. The entry of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the job decides
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    os.chdir(settings.directory)
    use_code_of(settings.model_dir)
    tasks: SimpleQueue[Task | None] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    try:
        _Worker(connection, settings, tasks).run()
    except Exception as fault:  # noqa: BLE001 (whatever it is, the job says it, and stops)
        expected = isinstance(fault, (OSError, RuntimeError, ScoringError))
        connection.send(Failed(f"{type(fault).__name__}: {fault}", "" if expected else traceback.format_exc()))


def use_code_of(model_dir: Path) -> None:
    """Let `engine`, `handler` and `images` be those of an unpacked archive, from the next import on."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ROOMS]:
        del sys.modules[name]
    sys.path.insert(0, str(model_dir))


def _receive(connection: Connection, tasks: "SimpleQueue[Task | None]") -> None:
    """Take tasks from the pipe as they come, so that whoever sends them never waits."""
    task: Task | None = None
    try:
        while (task := connection.recv()) is not None:
            tasks.put(task)
    except (EOFError, OSError):
        os._exit(1)  # whoever started this process is gone, and nobody would hear of what is left
    tasks.put(None)


class _Worker:
    def __init__(self, connection: Connection, settings: WorkerSettings, tasks: "SimpleQueue[Task | None]") -> None:
        from scoring.model import Model
        from scoring.parts import PartWriter
        from scoring.sources.tables import TableReader

        self._connection, self._sending = connection, threading.Lock()
        self._settings, self._tasks = settings, tasks
        self._model = Model(settings.model_dir, top_k=settings.top_k)
        self._table = TableReader()
        self._parts = PartWriter(
            settings.output, settings.form, class_names=settings.class_names, version=settings.version
        )
        self._unreported, self._reported_s = 0, monotonic()

    def run(self) -> None:
        self._send(Ready())
        feed = Feed(self._tasks, self._entries, size=self._model.batch_size)
        rows, writing = Rows(), deque[Future[None]]()
        with ThreadPoolExecutor(self._settings.readers) as readers, ThreadPoolExecutor(1) as writer:
            for batch, loaded in loaded_ahead(feed, self._load, readers, ahead=self._settings.readers + 1):
                self._model.score(loaded, rows)
                self._report(len(loaded))
                if batch.last:
                    writing.append(writer.submit(self._write, batch.task.chunk, rows))
                    rows = Rows()
                while writing and (len(writing) > 1 or writing[0].done()):
                    writing.popleft().result()
            for each in writing:
                each.result()

    def _entries(self, task: Task) -> Iterator[Entry]:
        if isinstance(task.chunk.entries, TableRows):
            return self._table.entries(task.chunk.entries, root=self._settings.root)
        return iter(task.chunk.entries)

    def _load(self, batch: Batch) -> "list[Loaded]":
        if not batch.task.careful:
            return [self._model.load(entry) for entry in batch.entries]
        from scoring.model import refused

        (entry,) = batch.entries
        if batch.first in batch.task.lethal:
            return [refused(entry, LETHAL)]
        self._send(At(batch.first))
        return [self._model.load(entry)]

    def _write(self, chunk: Chunk, rows: Rows) -> None:
        part = self._parts.write(chunk.index, rows)
        self._send(Done(chunk.index, chunk.fingerprint, part, len(rows.keys), rows.error_counts()))

    def _report(self, images: int) -> None:
        self._unreported += images
        if (now_s := monotonic()) - self._reported_s > PROGRESS_S:
            self._send(Progress(self._unreported))
            self._unreported, self._reported_s = 0, now_s

    def _send(self, message: Message) -> None:
        with self._sending:
            self._connection.send(message)
