"""One change of a server's versions and workers at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from operations.errors import RolloutError
from pixserve.runtime_directory import RuntimeDirectory


@contextmanager
def exclusive_lock(runtime_directory: RuntimeDirectory) -> Iterator[None]:
    """Keep other commands from changing this server; promotion and rollback stay possible.

    The lock is the kernel's, and ends with the process.

    Raises:
        RolloutError: another command has it.
    """
    with runtime_directory.change_lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise RolloutError(
                "another rollout, retire or scale is under way on this server: wait for its end"
            ) from busy
        yield
