"""The server that runs in the background or in another terminal: a file in its runtime directory names it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from serving.errors import ServingError
from serving.server import Server, end
from serving.settings import Settings


@dataclass(frozen=True)
class Claim:
    """The launcher's and TorchServe's process ids, and when the launcher was started (epoch, seconds)."""

    launcher: int
    front_end: int
    born_s: float


class Background:
    """What runs in a runtime directory, seen from outside its launcher.

    Args:
        settings: the server's; its runtime directory holds the file.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._claim_file = settings.runtime_directory.claim
        self._ready_file = settings.runtime_directory.ready

    @contextmanager
    def claimed(self, server: Server) -> Iterator[None]:
        """Hold the runtime directory while a launcher runs its server."""
        me = psutil.Process()
        self._ready_file.unlink(missing_ok=True)
        self._claim_file.write_text(json.dumps(asdict(Claim(me.pid, server.pid, me.create_time()))))
        try:
            yield
        finally:
            self._ready_file.unlink(missing_ok=True)
            self._claim_file.unlink(missing_ok=True)

    def mark_ready(self) -> None:
        """Tell whoever started the launcher that predictions are answered."""
        self._ready_file.touch()

    def start(self, command: list[str]) -> str:
        """Run the launcher detached from this terminal, and return what it says once it is ready.

        Raises:
            ServingError: a server runs already, or the launcher ended; the message is the launcher's own.
        """
        self.require_stopped()
        self._settings.runtime_directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        output = self._settings.runtime_directory.launcher_log
        with output.open("wb") as log:
            launcher = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        while not self._ready_file.exists():
            if launcher.poll() is not None:
                raise ServingError(output.read_text().strip().removeprefix("error: "))
            time.sleep(0.05)
        return output.read_text().strip()

    def stop(self, *, timeout_s: float = 60) -> bool:
        """Ask the launcher to drain and end its server; wait until it has. Return whether there was one.

        Raises:
            ServingError: it still runs after `timeout_s` seconds.
        """
        claim = self._claim()
        if claim is None:
            return self._end_orphan()
        launcher = psutil.Process(claim.launcher)
        launcher.terminate()
        try:
            launcher.wait(timeout_s)
        except psutil.TimeoutExpired as slow:
            raise ServingError(f"the server still runs after {timeout_s:.0f} s: process {claim.launcher}") from slow
        return True

    def require_stopped(self) -> None:
        """Refuse to start a second server in one runtime directory.

        Raises:
            ServingError: one runs.
        """
        if claim := self._claim():
            raise ServingError(f"a server runs already: process {claim.launcher}; `make stop` ends it")
        self._end_orphan()

    def require_running(self) -> None:
        """Refuse to go on without a server.

        Raises:
            ServingError: none runs in this runtime directory.
        """
        if self._claim() is None:
            raise ServingError("no server runs; `make start` starts one")

    def _claim(self) -> Claim | None:
        """Return the claim of a launcher that is alive, or None."""
        claim = read_claim(self._claim_file)
        if claim is None or not psutil.pid_exists(claim.launcher):
            return None
        launcher = psutil.Process(claim.launcher)
        # A process id is used again after a while, a birth time is not; a zombie has ended.
        alive = launcher.create_time() == claim.born_s and launcher.status() != psutil.STATUS_ZOMBIE
        return claim if alive else None

    def _end_orphan(self) -> bool:
        """End a front end whose launcher was killed. Return whether there was one."""
        claim = read_claim(self._claim_file)
        if claim is None or not psutil.pid_exists(claim.front_end):
            return False
        front_end = psutil.Process(claim.front_end)
        if "org.pytorch.serve.ModelServer" not in front_end.cmdline():
            return False
        end([*front_end.children(recursive=True), front_end])
        self._claim_file.unlink()
        return True


def read_claim(path: Path) -> Claim | None:
    """Return what a claim file says, or None where there is none."""
    return Claim(**json.loads(path.read_text())) if path.exists() else None
