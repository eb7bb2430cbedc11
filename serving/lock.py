"""The launcher's lock: who runs the server of a runtime directory, and whether it is ready.

The launcher holds an flock on `launcher.lock` for as long as it lives. The kernel releases it when the process ends,
however that happens, so a lock that is held cannot be a leftover. The file holds the launcher's process id, whether
predictions are answered, and how far the start is.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from pixserve.runtime_directory import RuntimeDirectory
from serving.errors import AlreadyRunningError, ServingError

RETRY_S = 1.0  # whoever asks for the status holds a shared lock for an instant
POLL_S = 0.02


@dataclass(frozen=True)
class Status:
    """What a launcher says of itself: its process id, whether predictions are answered, and the step it is at."""

    pid: int
    ready: bool = False
    step: str = ""


@contextmanager
def launcher_lock(directory: RuntimeDirectory) -> Iterator[Callable[[Status], None]]:
    """Hold the lock, and yield a function that publishes the launcher's status.

    Raises:
        AlreadyRunningError: another launcher holds it.
        ServingError: its status cannot be written, such as on a full disk.
    """
    directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory.launcher_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, directory)
        os.ftruncate(descriptor, 0)  # what an earlier launcher said

        def publish(status: Status) -> None:
            content = json.dumps(asdict(status)).encode()
            try:
                os.pwrite(descriptor, content, 0)
            except OSError as fault:
                raise ServingError(f"{directory.launcher_lock} cannot be written: {fault.strerror}") from fault
            os.ftruncate(descriptor, len(content))

        publish(Status(os.getpid()))
        yield publish
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def launcher_status(directory: RuntimeDirectory) -> Status | None:
    """Return the status of the launcher that runs in a directory, or None if none does.

    Raises:
        ServingError: one runs, and does not say which; such as on a full disk.
    """
    try:
        descriptor = os.open(directory.launcher_lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        deadline_s = time.monotonic() + RETRY_S
        while not _is_free(descriptor):
            if status := _parsed(os.pread(descriptor, 4096, 0)):
                return status
            if time.monotonic() > deadline_s:
                raise ServingError(f"a server runs in {directory.path}, but {directory.launcher_lock} does not name it")
            time.sleep(POLL_S)
    finally:
        os.close(descriptor)
    return None


def _lock(descriptor: int, directory: RuntimeDirectory) -> None:
    deadline_s = time.monotonic() + RETRY_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            if time.monotonic() > deadline_s:
                status = _parsed(os.pread(descriptor, 4096, 0))
                raise AlreadyRunningError(status.pid if status else 0, directory.path) from taken
            time.sleep(POLL_S)
        else:
            return


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _parsed(content: bytes) -> Status | None:
    """Return the status in a file that may be written at this moment."""
    try:
        return Status(**json.loads(content))
    except (TypeError, ValueError):
        return None
