"""A process of the lowest priority that explains one image at a time, and a queue of limited length before it.

An explanation takes 80 to 100 passes of a network. In TorchServe's workers it would stand in the way of predictions;
here it gets what the predictions leave. Standard library alone: whoever starts the process loads no network itself.
"""

import asyncio
import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
QUEUE_SIZE = 8  # explanations that may wait, beside the one that is computed
TIMEOUT_S = 120.0  # of one, from the moment that it is its turn; a busy server leaves little time for it
RETRY_AFTER_S = 5


@dataclass(frozen=True)
class Job:
    """One image to explain.

    Attributes:
        archive: the `.mar` whose network is asked.
        row: fields of the request by name, as TorchServe gives them to a handler.
        headers: its headers, and by field name that part's `content-type`.
        options: `method`, `class`, `format`, where they are no fields of the row.
        accepts_png: whether an overlay is wanted where no `format` is said.
    """

    archive: Path
    row: Mapping[str, Any]
    headers: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    accepts_png: bool = False


@dataclass(frozen=True)
class Explanation:
    """Why an image was given a class.

    Attributes:
        document: the answer's JSON values, see docs/reference/explanations.md.
        format: `json`, `png` or `both`, as it was asked for.
        png: the overlay, None for `json`.
    """

    document: dict[str, Any]
    format: str
    png: bytes | None


@dataclass(frozen=True)
class Failure:
    """Why there is no explanation: an error answer, see docs/reference/endpoints-and-errors.md."""

    code: int
    type: str
    message: str

    def of_image(self, number: int, count: int) -> "Failure":
        """The same of one image of several, counted from 0."""
        return self if count == 1 else replace(self, message=f"image {number + 1} of {count}: {self.message}")


class NotExplainedError(Exception):
    """There is no explanation; `failure` is the answer, `retry_after_s` when it may be asked for again."""

    def __init__(self, failure: Failure, *, retry_after_s: int | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.retry_after_s = retry_after_s


class ExplanationQueue:
    """Gives jobs to one process, in order; it is started for the first one, and again where it has died.

    Of one event loop. A client that goes away is still computed for.

    Args:
        priority: `idle`, the process gets what all others leave, or `normal`.
        queue_size: how many jobs may wait.
        timeout_s: how long one may be computed; then the process is ended.
    """

    def __init__(self, *, priority: str = "idle", queue_size: int = QUEUE_SIZE, timeout_s: float = TIMEOUT_S) -> None:
        self._priority = priority
        self._queue_size = queue_size
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the process that explains; None before the first job, and once it has been closed."""
        return self._process.pid if self._process else None

    async def explain(self, job: Job, *, before: Callable[[], None] = lambda: None) -> Explanation:
        """The explanation of an image.

        Args:
            job: what to explain.
            before: called when it is its turn; may raise `NotExplainedError`.

        Raises:
            NotExplainedError: the queue is full, the image is refused, or it took too long.
        """
        if self._waiting > self._queue_size:
            raise NotExplainedError(
                Failure(
                    503,
                    "TooManyExplanations",
                    f"{self._queue_size} explanations wait already; expected fewer at once: ask again later",
                ),
                retry_after_s=RETRY_AFTER_S,
            )
        self._waiting += 1
        try:
            async with self._turn:
                before()
                outcome = await self._ask(job)
        finally:
            self._waiting -= 1
        if isinstance(outcome, Failure):
            raise NotExplainedError(outcome)
        assert isinstance(outcome, Explanation), "the process answers with one of the two"
        return outcome

    async def _ask(self, job: Job) -> Any:
        """What the process answers; it is ended where it takes too long."""
        process = await asyncio.to_thread(self._running)
        answer = asyncio.ensure_future(asyncio.to_thread(self._exchange, process, job))
        try:
            return await asyncio.wait_for(asyncio.shield(answer), self._timeout_s)
        except TimeoutError:
            self.close()
            await answer
            return Failure(
                503,
                "ExplanationTimedOut",
                f"the explanation took more than {self._timeout_s:.0f} s: the server has other work; ask again later",
            )
        except asyncio.CancelledError:
            # The pipe is mid-answer: whoever is next must not get it.
            self.close()
            raise

    def _exchange(self, process: subprocess.Popen[bytes], job: Job) -> Any:
        assert process.stdin is not None, "it was started with pipes"
        assert process.stdout is not None, "it was started with pipes"
        try:
            pickle.dump(job, process.stdin)
            process.stdin.flush()
            return pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError, ValueError):
            self.close()
            return Failure(
                500, "ExplanationFailed", "the process that explains has died; the next request starts another"
            )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            # A session of its own: the kernel shares out the cores by session before it looks at priorities.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "explanation", self._priority],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        return self._process

    def close(self) -> None:
        """End the process at once; the next job starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if pipe:
                        pipe.close()


def lower_priority() -> None:
    """Give this process what time the others leave: SCHED_IDLE on Linux, nice 19 elsewhere.

    Where the kernel shares out the cores among sessions (autogroup), priorities count within a session alone: the
    weight of this one's is lowered, too.
    """
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    autogroup = Path("/proc/self/autogroup")
    if autogroup.exists() and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # switched off, or not ours to change
            autogroup.write_text("19")
