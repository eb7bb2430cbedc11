"""The front's process beside TorchServe: started, watched, told to stop, ended."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from serving.environment import passed_environment
from serving.errors import ServingError
from serving.last_words import how_it_ended
from serving.listeners import settle_listener
from serving.processes import die_with, end_session, has_ended
from serving.settings import PROJECT, Settings

FRONT_PORTS = ("front_address", "front_grpc_port")
MAX_DELAY_S = 60.0
STABLE_S = 600.0  # a front that ran for this long is started again at once
POLL_S = 0.05
SHOWN_CHARACTERS = 1000


class Front:
    """The front of one server. Where the settings switch it off, nothing happens.

    It is no part of TorchServe: when TorchServe ends and is started again, the front goes on and says so.

    Args:
        settings: the server's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directory = settings.runtime_directory
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started_s = 0.0
        self._due_s: float | None = None  # when it is started again, by the monotonic clock

    @property
    def runs(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and not has_ended(self._process)

    @property
    def pid(self) -> int | None:
        """Process id of the front, None where there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start its process unless it runs; return before it answers. TorchServe's properties have been written."""
        if self._settings.front is None or self.runs:
            return
        is_main = threading.current_thread() is threading.main_thread()
        with self._directory.front_console_log.open("wb") as console:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "front", str(self._directory.path)],
                cwd=PROJECT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                preexec_fn=functools.partial(die_with, os.getpid()) if is_main else None,
            )
        self._started_s, self._due_s = time.monotonic(), None

    def wait_until_listening(self, *, timeout_s: float = 30) -> None:
        """Wait until it answers.

        Raises:
            ServingError: it ended; the message holds the end of what it printed.
        """
        if self._settings.front is None:
            return
        deadline_s = time.monotonic() + timeout_s
        while not self._answers():
            if not self.runs:
                raise ServingError(self._how_it_ended())
            if time.monotonic() > deadline_s:
                raise ServingError(f"the front did not answer after {timeout_s:.0f} s; see {self._directory.front_log}")
            time.sleep(POLL_S)

    def watch(self) -> None:
        """Start it again where it has ended, later and later; call it often."""
        if self._due_s is not None:
            if time.monotonic() > self._due_s:
                self._start_again()
        elif self._process is not None and not self.runs:
            self._plan_restart(self._how_it_ended())
            end_session(self._process)
            self._process = None

    def _start_again(self) -> None:
        try:
            self.start()
        except OSError as fault:  # such as no memory, or a full disk
            self._plan_restart(f"the front cannot be started: {fault}")

    def _plan_restart(self, reason: str) -> None:
        self._failures = 1 if time.monotonic() - self._started_s > STABLE_S else self._failures + 1
        delay_s = min(2.0 ** (self._failures - 1), MAX_DELAY_S)
        self._due_s = time.monotonic() + delay_s
        print(
            f"warning: {reason}\nstarting it again in {delay_s:g} s; TorchServe goes on at {self._settings.inference}",
            file=sys.stderr,
            flush=True,
        )

    def announce_stop(self) -> None:
        """Tell it to be unready, so that a balancer looks elsewhere; it answers as before."""
        if self.runs and self._process is not None:
            self._process.send_signal(signal.SIGUSR1)

    def refuse(self) -> None:
        """Tell it to accept the connections that were made, close its ports, answer what is in flight, and end."""
        if not self.runs or self._process is None:
            return
        for setting in FRONT_PORTS:
            settle_listener(self._process.pid, self._settings.ports[setting])
        self._process.terminate()

    def stop(self, *, timeout_s: float = 15) -> None:
        """Wait for its process to end, which it is told to; kill it after `timeout_s` seconds."""
        if self._process is not None:
            end_session(self._process, timeout_s=timeout_s)
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._settings.front}/livez", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _environment(self) -> dict[str, str]:
        return passed_environment(self._settings.passed_environment) | {"PYTHONPATH": str(PROJECT)}

    def _how_it_ended(self) -> str:
        assert self._process is not None, "it was started"
        printed = _text(self._directory.front_console_log).strip()[-SHOWN_CHARACTERS:]
        how = f"the front ended by itself ({how_it_ended(self._process.pid)})"
        return f"{how}; its last words:\n{printed}" if printed else f"{how}; see {self._directory.front_log}"


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
