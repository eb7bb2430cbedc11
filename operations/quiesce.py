"""Fewer workers, or none, without losing a request.

TorchServe scales down and unregisters by killing workers, whatever they are doing, and what waits in the queue of an
unregistered version is never answered. So a worker is first made to hold:

1. A file `quiesce-<pid>` in the server's runtime directory names the worker.
2. Descriptions are asked for, which travel through the version's queue like requests, until that worker takes one.
   It sees its file, renames it to `quiesced-<pid>`, and keeps the description back. A worker does one thing at a time:
   it has answered all that it was given before, and takes nothing more.
3. Now it may be killed: all that dies with it is the description.

When the file is gone the worker goes on, after ten seconds by itself (handler/quiesce.py). Only who may write to
the server's runtime directory can hold a worker.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from operations.errors import NotQuietError
from pixserve.errors import DefaultVersionError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion, Worker
from pixserve.runtime_directory import RuntimeDirectory

POLL_S = 0.02
QUIET_S = 0.5  # how long nobody must have asked for a version before it is removed
SETTLE_S = 0.2  # for a request that was let in just before its version had no worker
HOLD_TIMEOUT_S = 8.0  # below the ten seconds after which a held worker goes on


@dataclass
class Hold:
    """Workers that hold, and the descriptions that they keep back."""

    questions: list[Future[dict[str, Any]]] = field(default_factory=list)

    @property
    def unanswered(self) -> int:
        """Descriptions without an answer: a worker keeps them, or they are back in the queue since it was killed."""
        return sum(not question.done() for question in self.questions)


@contextmanager
def held(
    management: ManagementClient,
    version: ModelVersion,
    workers: Sequence[Worker],
    *,
    runtime_directory: RuntimeDirectory,
) -> Iterator[Hold]:
    """Let workers finish what they have and take nothing more, until the block ends.

    Raises:
        NotQuietError: they were busy for longer than a worker may be held.
    """
    pids = [worker.pid for worker in workers]
    hold = Hold()
    try:
        for pid in pids:
            runtime_directory.quiesce_request(pid).touch()
        _catch(management, version, pids, hold, runtime_directory=runtime_directory)
        yield hold
    finally:
        for pid in pids:
            runtime_directory.quiesce_request(pid).unlink(missing_ok=True)
            runtime_directory.quiesced(pid).unlink(missing_ok=True)


def scale_down(
    management: ManagementClient, version: ModelVersion, *, workers: int, runtime_directory: RuntimeDirectory
) -> None:
    """Take away all but `workers` workers, at least one; the others go on answering meanwhile.

    Raises:
        NotQuietError: those to be taken away were busy for too long.
    """
    leaving = version.workers[workers:]  # TorchServe takes them from the end of its list
    with held(management, version, [worker for worker in leaving if worker.ready], runtime_directory=runtime_directory):
        management.scale(version.model, version.version, workers=workers)


def remove(
    management: ManagementClient,
    model: str,
    version: str,
    *,
    runtime_directory: RuntimeDirectory,
    timeout_s: float = 30,
) -> None:
    """Unregister a version once nobody asks for it.

    All its workers hold for `QUIET_S` seconds. A request that comes meanwhile waits in the queue, where it is seen:
    then the workers go on, answer it, and all begins anew. If none came, the version loses its workers; from there on
    TorchServe refuses what names it, at once. If one came even in that instant, it is in the queue, and the workers
    are brought back to answer it. An empty queue without workers can be removed without a loss. Where they cannot load
    any more, nobody will ever answer what waits: when the time is up, the version goes nevertheless.

    Raises:
        DefaultVersionError: it is the default version.
        NotQuietError: requests that name it kept coming for `timeout_s` seconds; it stays as it was.
    """
    if management.default_version(model) == version:
        raise DefaultVersionError(f"{model} {version} is the default: promote another version first")
    deadline_s = time.monotonic() + timeout_s
    while not _emptied(management, management.describe(model, version), runtime_directory=runtime_directory):
        if time.monotonic() > deadline_s:
            if not any(worker.ready for worker in management.describe(model, version).workers):
                break  # what waits would wait for ever
            raise NotQuietError(
                f"requests that name {model} {version} keep coming, and would be lost: send them elsewhere first"
            )
    management.unregister(model, version)


def _emptied(management: ManagementClient, version: ModelVersion, *, runtime_directory: RuntimeDirectory) -> bool:
    """Take all workers from a version, unless a request is seen; then they are, or are again, at work."""
    with held(
        management, version, [worker for worker in version.workers if worker.ready], runtime_directory=runtime_directory
    ) as hold:
        if not _is_quiet(lambda: management.describe(version.model, version.version).queued):
            return False
        try:
            management.scale(version.model, version.version, workers=0)
            time.sleep(SETTLE_S)
            empty = management.describe(version.model, version.version).queued <= hold.unanswered
        except BaseException:
            management.scale(version.model, version.version, workers=version.wanted_workers)
            raise
    if not empty and version.wanted_workers:
        management.scale(version.model, version.version, workers=version.wanted_workers)
    return empty


def _is_quiet(queued: Callable[[], int]) -> bool:
    end_s = time.monotonic() + QUIET_S
    while time.monotonic() < end_s:
        if queued():
            return False
        time.sleep(POLL_S)
    return True


def _catch(
    management: ManagementClient,
    version: ModelVersion,
    pids: Sequence[int],
    hold: Hold,
    *,
    runtime_directory: RuntimeDirectory,
) -> None:
    """Ask, one question at a time, until every worker keeps one back; another worker's answer is asked for again."""
    deadline_s = time.monotonic() + HOLD_TIMEOUT_S
    while missing := [pid for pid in pids if not runtime_directory.quiesced(pid).exists()]:
        if time.monotonic() > deadline_s:
            raise NotQuietError(
                f"{len(missing)} of {len(pids)} workers of {version.model} {version.version} did not finish what they "
                f"had within {HOLD_TIMEOUT_S:.0f} s"
            )
        for question in hold.questions:
            if question.done():
                question.result()  # raises what went wrong
        if hold.unanswered <= len(pids) - len(missing):
            hold.questions.append(_in_background(lambda: management.ask_worker(version.model, version.version)))
        time.sleep(POLL_S)


def _in_background(ask: Callable[[], dict[str, Any]]) -> Future[dict[str, Any]]:
    """Ask in a thread that does not keep the process alive: a question to a killed worker may never be answered."""
    future: Future[dict[str, Any]] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except Exception as fault:  # noqa: BLE001 (whoever asks for the result gets it)
            future.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return future
