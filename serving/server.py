"""One TorchServe from its first process to its last: start, readiness by a real prediction, clean stop."""

import base64
import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pixserve.errors import ClientError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion, Prediction
from pixserve.rest import RestClient
from pixserve.retries import NO_RETRIES
from pixserve.state_files import write_text
from pixserve.tokens import Tokens
from pixserve.worker_log import worker_deaths
from serving.archives import read_store
from serving.directory import prepare, publish_key
from serving.drain import drain
from serving.environment import worker_environment
from serving.errors import EndedError, ServingError, WorkerLoadError
from serving.front import FRONT_PORTS, Front
from serving.java import java_command
from serving.last_words import how_it_ended, last_words, size_of
from serving.listeners import close_listener, require_free
from serving.processes import die_with, end_session, has_ended
from serving.settings import Settings
from serving.startup import Startup, plan_startup
from serving.state import read_state

# An image of one white pixel: the smallest thing that proves a prediction.
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg==")
POLL_S = 0.1


class Server:
    """A TorchServe process with its workers, as a context: it is started on entry and drained on exit.

    Args:
        settings: its runtime directory and what it serves.
        front: the front beside it, which goes on where TorchServe ends by itself; None for one of its own.
        stop_timeout_s: how long requests in flight may take to finish once it is told to stop.
    """

    def __init__(self, settings: Settings, front: Front | None = None, *, stop_timeout_s: float = 30) -> None:
        self.settings = settings
        self.startup: Startup | None = None
        self._directory = settings.runtime_directory
        self._stop_timeout_s = stop_timeout_s
        self._front = front or Front(settings)
        self._owns_front = front is None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._log_start = 0  # where this run begins in TorchServe's log, in bytes

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of TorchServe's front end."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def start(self) -> Startup:
        """Start TorchServe's processes, and return what they will load; return before they are ready.

        Raises:
            ServingError: a port is in use, there is nothing to load, or there is no Java.
        """
        ports = self.settings.ports
        require_free({key: port for key, port in ports.items() if not (key in FRONT_PORTS and self._front.runs)})
        archives, state = read_store(self.settings.store), read_state(self._directory)
        public_key = self.settings.archive_public_key
        startup = plan_startup(
            archives, state, directory=self._directory, workers=self.settings.workers, public_key=public_key
        )
        prepare(self._directory, self.settings.management_socket)
        publish_key(self._directory, public_key)
        command = java_command(self.settings, self.settings.write(startup))
        self._log_start = size_of(self._directory.server_log)
        # The kernel ends a child with the thread that started it; only the main thread lives as long as the launcher.
        is_main = threading.current_thread() is threading.main_thread()
        with self._directory.console_log.open("wb") as console:
            # A session of its own: Ctrl-C at the terminal reaches the launcher, which then drains the server.
            self._process = subprocess.Popen(
                command,
                cwd=self._directory.path,
                env=worker_environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                preexec_fn=functools.partial(die_with, os.getpid()) if is_main else None,
            )
        self.startup = startup
        self._front.start()
        return startup

    def wait_until_ready(
        self, *, timeout_s: float = 120, progress: Callable[[str], None] = lambda step: None
    ) -> list[ModelVersion]:
        """Wait until every worker has loaded and every version has answered a real prediction.

        TorchServe's /ping says "Healthy" before any model is loaded, so it is not asked.

        Args:
            timeout_s: how long that may take.
            progress: called with a line whenever the start has gone on.

        Raises:
            WorkerLoadError: a worker died while it loaded its model.
            ServingError: TorchServe ended, or was not ready in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while not (versions := self._ready_versions(progress)):
            self.require_alive()
            self._require_workers()
            if time.monotonic() > deadline_s:
                raise ServingError(f"the server was not ready after {timeout_s:.0f} s; see {self._directory.logs}")
            time.sleep(POLL_S)
        if self.settings.hides_management:
            self._hide_management()
        for version in versions:
            self.predict(PIXEL, model=version.model, version=version.version)
        self._front.wait_until_listening()
        write_text(self._directory.started, json.dumps({"models": sorted({version.model for version in versions})}))
        self._is_ready = True
        return versions

    def predict(self, image: bytes, *, model: str, version: str | None = None) -> Prediction:
        """Prove that a model answers an image.

        Raises:
            ServingError: it does not; the message holds its answer.
        """
        with RestClient(self.settings.inference, tokens=self._tokens(), retries=NO_RETRIES) as client:
            try:
                return client.predict(image, model=model, version=version)
            except ClientError as fault:
                raise ServingError(f"{model} {version or ''} does not answer an image: {fault}") from fault

    def management(self) -> ManagementClient:
        """Open the management API."""
        return ManagementClient(self.settings.management, tokens=self._tokens(), retries=NO_RETRIES)

    @property
    def has_ended(self) -> bool:
        """Whether TorchServe's front end does not run, or not any more."""
        return self._process is None or has_ended(self._process)

    def require_alive(self) -> None:
        """Refuse to go on without the front end.

        Raises:
            EndedError: TorchServe has ended; the message holds the end of what it printed and logged.
        """
        if self._process is None or has_ended(self._process):
            how = how_it_ended(self._process.pid) if self._process else "it was not started"
            raise EndedError(how, last_words(self._directory, log_start=self._log_start))

    def watch_front(self) -> None:
        """Start the front again where it has ended; call it often."""
        self._front.watch()

    def stop(self) -> None:
        """Let requests in flight finish, refuse new ones, end every process; a second interrupt skips the wait."""
        if self._process is None:
            return
        front_goes_on = not self._owns_front
        try:
            if self._is_ready and not has_ended(self._process):
                front_goes_on = False
                self._front.announce_stop()
                self._drain()
        finally:
            self._directory.started.unlink(missing_ok=True)
            if not front_goes_on:
                self._front.stop()  # before TorchServe, which answers what the front has in flight
            end_session(self._process)
            self._process = None
            self._directory.draining.unlink(missing_ok=True)

    def _drain(self) -> None:
        try:
            with self.management() as management:
                drain(
                    management,
                    draining=self._directory.draining,
                    close_inference=self._close_inference,
                    timeout_s=self._stop_timeout_s,
                )
        except (ServingError, ClientError) as fault:
            print(f"warning: stopping without a drain, requests in flight may be lost: {fault}", file=sys.stderr)

    def _close_inference(self) -> None:
        close_listener(self.pid, self.settings.ports["inference_address"])
        self._front.refuse()

    def _ready_versions(self, progress: Callable[[str], None]) -> list[ModelVersion]:
        """Return every version once all that were to load have, with all their workers; else nothing."""
        assert self.startup is not None, "the server has not been started"
        if self.settings.management_socket and not self.settings.management_socket.exists():
            progress("TorchServe unpacks the archives")
            return []
        try:
            with self.management() as management:
                versions = management.every_version()
        except ClientError:
            return []  # not listening yet
        ready = sum(version.ready_workers for version in versions)
        wanted = sum(model.workers for served in self.startup.state.values() for model in served.versions.values())
        progress(f"{ready} of {wanted} workers have loaded their model")
        loaded = {(version.model, version.version) for version in versions if version.is_ready}
        return versions if self.startup.versions <= loaded else []

    def _tokens(self) -> Tokens | None:
        if not self.settings.tokens:
            return None
        return Tokens(self._directory.key_file, management=self.settings.management)

    def _require_workers(self) -> None:
        log = self._directory.worker_log
        if log.exists():
            for death in worker_deaths(log.read_text(errors="replace")):
                raise WorkerLoadError(death.model_version, death.reason, death.traceback)

    def _hide_management(self) -> None:
        port = self.settings.ports["grpc_management_port"]
        if not close_listener(self.pid, port):
            print(
                f"warning: this system does not let the launcher close the gRPC management port {port}: other users "
                "of this machine can scale models and change versions; turn tokens on in config.properties",
                file=sys.stderr,
            )
