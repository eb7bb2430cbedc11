"""Keeps a TorchServe running: starts it, records what it serves, and starts it again when it ends by itself."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from pixserve.records import ModelVersion
from serving.errors import GaveUpError, ServingError
from serving.front import Front
from serving.processes import kill, orphans
from serving.recorder import Recorder
from serving.server import Server
from serving.settings import Settings

MAX_RESTARTS = 5
STABLE_S = 600.0  # a server that was ready for this long has its restarts counted anew
POLL_S = 0.25


@dataclass(frozen=True)
class Listener:
    """Whom a supervisor tells what happens.

    Args:
        step: gets a line whenever a start has gone on.
        ready: gets the versions once predictions are answered.
        ended: gets the sentence why a server ended, and that it is started again.
    """

    step: Callable[[str], None]
    ready: Callable[[list[ModelVersion]], None]
    ended: Callable[[str], None]


def restart_delay_s(restart: int) -> float:
    """Return how long to wait before the first, second, ... restart in a row: 1, 2, 4, 8, 16 s."""
    return float(2 ** (restart - 1))


def supervise(
    settings: Settings,
    listener: Listener,
    *,
    make_server: Callable[[Settings, Front], Server] = Server,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Serve until an exception, such as KeyboardInterrupt, ends it; then requests in flight are answered first.

    Call it while holding the launcher's lock.

    Args:
        settings: the server's.
        listener: whom to tell.
        make_server: makes the server of each start.
        sleep: waits between two starts.

    Raises:
        ServingError, OSError: the first start failed.
        GaveUpError: TorchServe ended by itself `MAX_RESTARTS` + 1 times, each within `STABLE_S` seconds.
    """
    front = Front(settings)
    try:
        _supervise(settings, front, listener, make_server, sleep)
    finally:
        front.stop()


def _supervise(
    settings: Settings,
    front: Front,
    listener: Listener,
    make_server: Callable[[Settings, Front], Server],
    sleep: Callable[[float], None],
) -> None:
    restarts, was_ready = 0, False
    while True:
        kill([process for process in orphans(settings.runtime_directory) if process.pid != front.pid])
        ready_s: float | None = None
        try:
            with make_server(settings, front) as server:
                for note in server.startup.notes if server.startup and not was_ready else ():
                    print(note, file=sys.stderr)
                versions = server.wait_until_ready(progress=listener.step)
                ready_s, was_ready = time.monotonic(), True
                _run(server, versions, listener, sleep)
        except (ServingError, OSError) as fault:
            if not was_ready:
                raise
            if ready_s is not None and time.monotonic() - ready_s > STABLE_S:
                restarts = 0
            restarts += 1
            if restarts > MAX_RESTARTS:
                raise GaveUpError(f"{fault}\nit was started again {MAX_RESTARTS} times; giving up") from fault
            delay_s = restart_delay_s(restarts)
            listener.ended(f"{fault}\nstarting it again in {delay_s:.0f} s (restart {restarts} of {MAX_RESTARTS})")
            sleep(delay_s)


def _run(server: Server, versions: list[ModelVersion], listener: Listener, sleep: Callable[[float], None]) -> None:
    """Record what is served until TorchServe ends by itself, which is an EndedError."""
    recorder = Recorder(server)
    recorder.record_changes()
    listener.ready(versions)
    try:
        while True:
            sleep(POLL_S)
            server.require_alive()
            server.watch_front()
            recorder.record_changes()
    finally:
        if not server.has_ended:  # it is told to stop: what was changed a moment ago counts
            recorder.record_last()
