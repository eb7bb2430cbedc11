"""Fewer workers, or none, without losing a request: a worker is quiesced before TorchServe kills it.

TorchServe scales down and unregisters by killing workers, whatever they are doing, and never answers what waits in the
queue of an unregistered version. So:

1. A file `quiesce-<pid>` in the server's runtime directory names the worker.
2. Descriptions are requested, which travel through the version's queue like predictions, until that worker takes one.
   It sees its file, renames it to `quiesced-<pid>`, and keeps the description back. A worker runs one batch at a time:
   it has answered everything that it was given before, and takes nothing more.
3. Now it can be killed: only the description dies with it.

When the file is gone the worker goes on, and after ten seconds by itself (handler/quiesce.py). Only who may write to
the runtime directory can quiesce a worker.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from operations.errors import DrainTimedOutError
from pixserve.errors import DefaultVersionError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion, Worker
from pixserve.runtime_directory import RuntimeDirectory

POLL_S = 0.02
IDLE_S = 0.5  # how long no request may have come for a version before it is removed
SETTLE_S = 0.2  # for a request that was accepted just before its version had no worker
QUIESCE_TIMEOUT_S = 8.0  # below the ten seconds after which a quiesced worker goes on


@dataclass
class Descriptions:
    """The descriptions that were requested to reach each worker."""

    requests: list[Future[dict[str, Any]]] = field(default_factory=list)

    @property
    def unanswered(self) -> int:
        """How many have no answer: a worker keeps them, or they are back in the queue since it was killed."""
        return sum(not request.done() for request in self.requests)


@contextmanager
def quiesced(
    management: ManagementClient,
    version: ModelVersion,
    workers: Sequence[Worker],
    *,
    runtime_directory: RuntimeDirectory,
) -> Iterator[Descriptions]:
    """Let workers finish what they have and take nothing more, until the block ends.

    Raises:
        DrainTimedOutError: they were busy for longer than a worker may be quiesced.
    """
    pids = [worker.pid for worker in workers]
    descriptions = Descriptions()
    try:
        for pid in pids:
            runtime_directory.quiesce_request(pid).touch()
        _wait_until_quiesced(management, version, pids, descriptions, runtime_directory=runtime_directory)
        yield descriptions
    finally:
        for pid in pids:
            runtime_directory.quiesce_request(pid).unlink(missing_ok=True)
            runtime_directory.quiesced(pid).unlink(missing_ok=True)


def scale_down(
    management: ManagementClient, version: ModelVersion, *, workers: int, runtime_directory: RuntimeDirectory
) -> None:
    """Remove all but `workers` workers, at least one; the others go on answering meanwhile.

    Raises:
        DrainTimedOutError: those to be removed were busy for too long.
    """
    surplus = [worker for worker in version.workers[workers:] if worker.ready]  # TorchServe kills the last of its list
    with quiesced(management, version, surplus, runtime_directory=runtime_directory):
        management.scale(version.model, version.version, workers=workers)


def unregister_gracefully(
    management: ManagementClient,
    model: str,
    version: str,
    *,
    runtime_directory: RuntimeDirectory,
    timeout_s: float = 30,
    even_if_last: bool = False,
) -> None:
    """Unregister a version once no request comes for it.

    All its workers are quiesced for `IDLE_S` seconds. A request that comes meanwhile waits in the queue, where it is
    seen: then the workers go on, answer it, and the wait starts again. If none came, the workers are removed; from then
    on TorchServe refuses requests for the version at once. A request that was accepted in that very instant is in the
    queue: the workers are started again to answer it. Only an empty queue without workers is unregistered. Where the
    workers cannot load any more nobody will answer what waits: after `timeout_s` the version is unregistered anyway.

    Args:
        even_if_last: also unregister the model's only version, and so the model.

    Raises:
        DefaultVersionError: it is the default version, or the only one.
        DrainTimedOutError: requests for it kept coming for `timeout_s` seconds; it stays as it was.
    """
    _require_removable(management, model, version, even_if_last=even_if_last)
    deadline_s = time.monotonic() + timeout_s
    while not _emptied(management, management.describe(model, version), runtime_directory=runtime_directory):
        if time.monotonic() > deadline_s:
            if not any(worker.ready for worker in management.describe(model, version).workers):
                break
            raise DrainTimedOutError(
                f"requests for {model} {version} keep coming, and would be lost: send them elsewhere first"
            )
    management.unregister(model, version)


def _require_removable(management: ManagementClient, model: str, version: str, *, even_if_last: bool) -> None:
    if management.default_version(model) != version:
        return
    if len(management.versions(model)) > 1:
        raise DefaultVersionError(f"{model} {version} is the default: promote another version first")
    if not even_if_last:
        raise DefaultVersionError(
            f"{model} {version} is the only version: `pixserve retire {version} --last` removes the model"
        )


def _emptied(management: ManagementClient, version: ModelVersion, *, runtime_directory: RuntimeDirectory) -> bool:
    """Remove all workers of a version, unless a request comes; then they are, or are started again, to answer it."""
    ready = [worker for worker in version.workers if worker.ready]
    with quiesced(management, version, ready, runtime_directory=runtime_directory) as descriptions:
        if not _is_idle(lambda: management.describe(version.model, version.version).queued):
            return False
        try:
            management.scale(version.model, version.version, workers=0)
            time.sleep(SETTLE_S)
            is_empty = management.describe(version.model, version.version).queued <= descriptions.unanswered
        except BaseException:
            management.scale(version.model, version.version, workers=version.wanted_workers)
            raise
    if not is_empty and version.wanted_workers:
        management.scale(version.model, version.version, workers=version.wanted_workers)
    return is_empty


def _is_idle(queued: Callable[[], int]) -> bool:
    end_s = time.monotonic() + IDLE_S
    while time.monotonic() < end_s:
        if queued():
            return False
        time.sleep(POLL_S)
    return True


def _wait_until_quiesced(
    management: ManagementClient,
    version: ModelVersion,
    pids: Sequence[int],
    descriptions: Descriptions,
    *,
    runtime_directory: RuntimeDirectory,
) -> None:
    """Request one description at a time until every worker keeps one; where another answers, request again."""
    deadline_s = time.monotonic() + QUIESCE_TIMEOUT_S
    while missing := [pid for pid in pids if not runtime_directory.quiesced(pid).exists()]:
        if time.monotonic() > deadline_s:
            raise DrainTimedOutError(
                f"{len(missing)} of {len(pids)} workers of {version.model} {version.version} did not finish what they "
                f"had within {QUIESCE_TIMEOUT_S:.0f} s"
            )
        for request in descriptions.requests:
            if request.done():
                request.result()  # raises what went wrong
        if descriptions.unanswered <= len(pids) - len(missing):
            ask = _in_background(lambda: management.ask_worker(version.model, version.version))
            descriptions.requests.append(ask)
        time.sleep(POLL_S)


def _in_background(ask: Callable[[], dict[str, Any]]) -> Future[dict[str, Any]]:
    """Ask in a thread that does not keep the process alive: a killed worker's description may never come."""
    future: Future[dict[str, Any]] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except Exception as fault:  # noqa: BLE001 (whoever asks for the result gets it)
            future.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return future
