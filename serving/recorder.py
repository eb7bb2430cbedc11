"""Records what is served whenever it has changed, whoever changed it: in the state, and in the history of defaults.

TorchServe writes a snapshot at each change. That one is there is the signal to ask the management API; what the
snapshot says is not read.
"""

import fcntl
import sys
import time
from collections.abc import Iterable

from pixserve.commands.output import sentence_of
from pixserve.default_history import default_history
from pixserve.errors import ClientError
from pixserve.records import ModelVersion
from pixserve.runtime_directory import RuntimeDirectory
from serving.server import Server
from serving.state import State, updated, write_state

PENDING_S = 2.0  # how often a change that is not completed is looked at again
UNWRITABLE_S = 30.0  # likewise, where nothing can be written, as on a full disk


class Recorder:
    """Keeps the state of one server that is ready.

    Args:
        server: it.
    """

    def __init__(self, server: Server) -> None:
        assert server.startup is not None, "the server has not been started"
        self._server = server
        self._directory = server.settings.runtime_directory
        self._state: State = server.startup.state
        self._written: State | None = None
        self._seen: frozenset[str] | None = None  # the snapshots at the last look
        self._look_again_s: float | None = None  # when, by the monotonic clock
        self._warning = ""  # the last one; empty once something was written

    def record_changes(self) -> None:
        """Record what is served, if a change was completed since the last call; cheap if there was none.

        Serving goes on where it cannot be written, as on a full disk: that is said once on standard error, and tried
        again every `UNWRITABLE_S` seconds.
        """
        snapshots = _names(self._directory)
        due = self._look_again_s is not None and time.monotonic() > self._look_again_s
        if snapshots == self._seen and not due:
            return
        self._seen = snapshots
        try:
            completed = self._record()
        except OSError as fault:
            self._warn(sentence_of(fault))
            self._look_again_s = time.monotonic() + UNWRITABLE_S
            return
        self._warning = ""
        self._look_again_s = None if completed else time.monotonic() + PENDING_S

    def record_last(self) -> None:
        """Record what is served before it ends, whether or not anything seems to have changed."""
        self._seen = None
        self.record_changes()

    def _warn(self, reason: str) -> None:
        if reason != self._warning:
            print(
                f"warning: what is served cannot be recorded, so a restart may not come back to it: {reason}",
                file=sys.stderr,
                flush=True,
            )
        self._warning = reason

    def _record(self) -> bool:
        """Record what is served now, unless an operation is changing it; return whether nothing is pending."""
        with self._directory.change_lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released when the file is closed
            except BlockingIOError:
                return False
            try:
                with default_history(self._directory) as history, self._server.management() as management:
                    versions = management.every_version()
                    for model, default in _ready_defaults(versions):
                        history.record(model, default)
            except ClientError:
                return False  # it has ended, or is too busy
            state, completed = updated(self._state, versions, store=self._server.settings.store)
            self._state = state
            if state != self._written:
                write_state(self._directory, state)
                self._written = state
            return completed


def _ready_defaults(versions: Iterable[ModelVersion]) -> list[tuple[str, str]]:
    return [(version.model, version.version) for version in versions if version.is_default and version.is_ready]


def _names(directory: RuntimeDirectory) -> frozenset[str]:
    return frozenset(path.name for path in directory.snapshots.glob("*"))
