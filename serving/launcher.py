"""The launcher's commands: run a server here, start one in the background, stop it.

One launcher runs in a runtime directory; its lock says which.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from pixserve.records import ModelVersion
from pixserve.runtime_directory import RuntimeDirectory
from serving.directory import keep_previous
from serving.errors import AlreadyRunningError, ServingError
from serving.lock import Status, launcher_lock, launcher_status
from serving.metrics.endpoint import metrics_endpoint
from serving.processes import kill, orphans
from serving.settings import Settings
from serving.supervisor import Listener, supervise

POLL_S = 0.05


def run(
    settings: Settings, *, ready: Callable[[list[ModelVersion]], None], step: Callable[[str], None] = lambda line: None
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, which arrive as KeyboardInterrupt; answer what is in flight, then return.

    Args:
        settings: the server's.
        ready: called with the versions each time predictions are answered.
        step: called with a line whenever a start has gone on.

    Raises:
        AlreadyRunningError: a server runs in this directory.
        ServingError: the server could not be started.
        GaveUpError: TorchServe ended again and again.
    """
    _interrupt_on_signals()
    with launcher_lock(settings.runtime_directory) as publish:

        def tell_step(line: str) -> None:
            publish(Status(os.getpid(), step=line))
            step(line)

        def tell_ready(versions: list[ModelVersion]) -> None:
            ready(versions)
            publish(Status(os.getpid(), ready=True))

        def tell_ended(sentence: str) -> None:
            restarted()
            publish(Status(os.getpid(), step="TorchServe ended by itself and is started again"))
            print(f"warning: {sentence}", file=sys.stderr, flush=True)

        with contextlib.suppress(KeyboardInterrupt), metrics_endpoint(settings) as restarted:
            supervise(settings, Listener(tell_step, tell_ready, tell_ended))


def start(directory: RuntimeDirectory, command: list[str], *, step: Callable[[str], None] = lambda line: None) -> str:
    """Run a launcher detached from this terminal; return what it printed once predictions are answered.

    Args:
        directory: the server's runtime directory.
        command: the launcher's command line.
        step: called with a line whenever the start has gone on.

    Raises:
        AlreadyRunningError: a server runs already.
        ServingError: the launcher ended; the message is the launcher's own.
    """
    with launcher_lock(directory):  # clears what an earlier launcher said
        keep_previous(directory.launcher_log)
    with directory.launcher_log.open("wb") as log:
        launcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_ready(directory, launcher, step)
    except BaseException:
        if launcher.poll() is None:
            launcher.terminate()
            launcher.wait()
        raise
    return directory.launcher_log.read_text(errors="replace").strip()


def _wait_until_ready(
    directory: RuntimeDirectory, launcher: subprocess.Popen[bytes], step: Callable[[str], None]
) -> None:
    while True:
        if launcher.poll() is not None:
            raise ServingError(_what_it_said(directory, launcher.returncode))
        status = launcher_status(directory)
        if status and status.pid == launcher.pid:
            if status.ready:
                return
            if status.step:
                step(status.step)
        time.sleep(POLL_S)


def _what_it_said(directory: RuntimeDirectory, exit_code: int) -> str:
    printed = directory.launcher_log.read_text(errors="replace").strip().removeprefix("error: ")
    free = shutil.disk_usage(directory.path).free
    return printed or (
        f"the launcher ended with exit code {exit_code} and could not say why in {directory.launcher_log}; "
        f"{free / 1e6:.1f} MB are free on that disk"
    )


def stop(directory: RuntimeDirectory, *, timeout_s: float = 60) -> bool:
    """Ask the launcher to drain and end its server; wait until it has. Return whether there was one.

    What a launcher that was killed has left behind is ended too.

    Raises:
        ServingError: it still runs after `timeout_s` seconds.
    """
    status = launcher_status(directory)
    if status is None:
        return _end_orphans(directory)
    if not _end_launcher(directory, status, timeout_s=timeout_s):
        return stop(directory, timeout_s=timeout_s)  # it ended a moment ago
    return True


def require_running(directory: RuntimeDirectory) -> Status:
    """Return the status of the launcher that runs.

    Raises:
        ServingError: none runs in this directory.
    """
    status = launcher_status(directory)
    if status is None:
        raise ServingError(f"no server runs in {directory.path}; `make start` starts one")
    return status


def _end_launcher(directory: RuntimeDirectory, status: Status, *, timeout_s: float) -> bool:
    """Send SIGTERM to a launcher, and to no other process that got its number meanwhile; wait until it has ended.

    Return False where it had ended before. Linux alone has descriptors of processes.
    """
    try:
        process = os.pidfd_open(status.pid)
    except ProcessLookupError:
        return False
    try:
        now = launcher_status(directory)
        if now is None or now.pid != status.pid:
            return False
        signal.pidfd_send_signal(process, signal.SIGTERM)
        if not select.select([process], [], [], timeout_s)[0]:  # readable once it has ended
            raise ServingError(f"the server still runs after {timeout_s:.0f} s: process {status.pid}")
    except ProcessLookupError:
        return False
    finally:
        os.close(process)
    return True


def _end_orphans(directory: RuntimeDirectory) -> bool:
    """End what a launcher that was killed has left behind; return whether there was anything."""
    if not directory.path.exists():
        return False
    try:
        with launcher_lock(directory):
            left = orphans(directory)
            kill(left)
            return bool(left)
    except AlreadyRunningError:  # one is starting this moment
        return stop(directory)


def _interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP do what Ctrl-C does. What was started with `nohup` goes on ignoring SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
