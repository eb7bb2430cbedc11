"""One change of a server's versions and workers at a time."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from operations.errors import RolloutError
from pixserve.runtime_directory import RuntimeDirectory

LAUNCHER_S = 1.0  # the launcher holds the lock for an instant while it records what is served
POLL_S = 0.02


@contextmanager
def exclusive_lock(runtime_directory: RuntimeDirectory) -> Iterator[None]:
    """Keep other commands from changing this server; promotion and rollback stay possible.

    The lock is the kernel's, and ends with the process.

    Raises:
        RolloutError: another command has it.
    """
    with runtime_directory.change_lock.open("w") as file:
        deadline_s = time.monotonic() + LAUNCHER_S
        while not _locked(file):
            if time.monotonic() > deadline_s:
                raise RolloutError("another rollout, retire or scale is under way on this server: wait for its end")
            time.sleep(POLL_S)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
