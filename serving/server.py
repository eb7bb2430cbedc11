"""One TorchServe from its first process to its last: start, readiness by a real prediction, clean stop."""

import base64
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from pixserve.errors import ClientError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion, Prediction
from pixserve.rest import RestClient
from pixserve.retries import NO_RETRIES
from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE, RuntimeDirectory
from pixserve.tokens import Tokens
from pixserve.worker_log import worker_deaths
from serving.drain import drain
from serving.errors import ServingError, WorkerLoadError
from serving.java import java_command
from serving.listeners import close_listener, require_free
from serving.machine import this_machine
from serving.settings import Settings

# A picture of one white pixel: the smallest thing that proves a prediction.
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg==")
# Holds a module `torch` of a few lines.
TORCH_STAND_IN = Path(__file__).parent / "torch_stand_in"


class Server:
    """A TorchServe process with its workers, as a context: it is started on entry and drained on exit.

    Args:
        settings: where it lives and what it serves.
        stop_timeout_s: how long requests in flight may take to finish once it is told to stop.
    """

    def __init__(self, settings: Settings, *, stop_timeout_s: float = 30) -> None:
        self.settings = settings
        self._stop_timeout_s = stop_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

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

    def start(self) -> None:
        """Start TorchServe's processes; return before they are ready.

        Raises:
            ServingError: a port is in use, the store is empty, or there is no Java.
        """
        require_free(self.settings.ports)
        prepare(self.settings.runtime_directory, self.settings.management_socket)
        command = java_command(self.settings, self.settings.write())
        with self.settings.runtime_directory.console_log.open("wb") as console:
            # A session of its own: Ctrl-C at the terminal reaches the launcher, which then drains the server.
            self._process = subprocess.Popen(
                command,
                cwd=self.settings.runtime_directory.path,
                env=worker_environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def wait_until_ready(self, *, timeout_s: float = 120) -> list[ModelVersion]:
        """Wait until every worker has loaded and every version has answered a real prediction.

        TorchServe's /ping says "Healthy" before any model is loaded, so it is not asked.

        Raises:
            WorkerLoadError: a worker died while it loaded its model.
            ServingError: TorchServe ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        while not (versions := self._ready_versions()):
            self.require_alive()
            self._require_workers()
            if time.monotonic() > deadline:
                raise ServingError(
                    f"the server was not ready after {timeout_s:.0f} s; see {self.settings.runtime_directory.logs}"
                )
            time.sleep(0.1)
        if self.settings.hides_management:
            self._hide_management()
        for version in versions:
            self.predict(PIXEL, model=version.model, version=version.version)
        self._is_ready = True
        return versions

    def predict(self, picture: bytes, *, model: str, version: str | None = None) -> Prediction:
        """Prove that a model answers a picture.

        Raises:
            ServingError: it does not; the message holds its answer.
        """
        with RestClient(self.settings.inference, tokens=self._tokens(), retries=NO_RETRIES) as client:
            try:
                return client.predict(picture, model=model, version=version)
            except ClientError as fault:
                raise ServingError(f"{model} {version or ''} does not answer a picture: {fault}") from fault

    def management(self) -> ManagementClient:
        """Open the management API."""
        return ManagementClient(self.settings.management, tokens=self._tokens(), retries=NO_RETRIES)

    def require_alive(self) -> None:
        """Refuse to go on without the front end.

        Raises:
            ServingError: TorchServe has ended; the message holds the end of its console.
        """
        if self._process is None or self._process.poll() is not None:
            console = self.settings.runtime_directory.console_log.read_text(errors="replace").strip()
            raise ServingError(f"TorchServe ended by itself; its last words:\n{console[-1500:]}")

    def wait(self) -> None:
        """Wait for as long as TorchServe runs.

        Raises:
            ServingError: it ended by itself.
        """
        assert self._process is not None, "the server has not been started"
        self._process.wait()
        self.require_alive()

    def stop(self) -> None:
        """Let requests in flight finish, refuse new ones, end every process; a second interrupt skips the wait."""
        if self._process is None:
            return
        family = [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]
        try:
            if self._is_ready and self._process.poll() is None:
                drain(self, timeout_s=self._stop_timeout_s)
        finally:
            end(family)
            self._process.wait()
            self.settings.runtime_directory.draining.unlink(missing_ok=True)

    def _ready_versions(self) -> list[ModelVersion]:
        """Return every version once all workers have loaded, else nothing."""
        if self.settings.management_socket and not self.settings.management_socket.exists():
            return []
        try:
            with self.management() as management:
                versions = management.every_version()
        except ClientError:
            return []  # not listening yet
        return versions if all(version.is_ready for version in versions) else []

    def _tokens(self) -> Tokens | None:
        if not self.settings.tokens:
            return None
        return Tokens(self.settings.runtime_directory.key_file, management=self.settings.management)

    def _require_workers(self) -> None:
        log = self.settings.runtime_directory.worker_log
        if log.exists():
            for death in worker_deaths(log.read_text(errors="replace")):
                raise WorkerLoadError(death.model_version, death.traceback)

    def _hide_management(self) -> None:
        port = int(self.settings.properties["grpc_management_port"])
        if not close_listener(self.pid, port):
            print(
                f"warning: this system does not let the launcher close the gRPC management port {port}: other users "
                "of this machine can scale models and change versions; turn tokens on in config.properties",
                file=sys.stderr,
            )


def prepare(directory: RuntimeDirectory, management_socket: Path | None) -> None:
    """Make the runtime directory, which only its owner may enter, and remove what an earlier run left in it."""
    directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.path.chmod(0o700)
    for folder in (directory.logs, directory.temporary):
        folder.mkdir(exist_ok=True)
    stale = [directory.worker_log, directory.draining, directory.key_file, *directory.quiesce_files()]
    for path in [*stale, management_socket]:
        if path:
            path.unlink(missing_ok=True)


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of TorchServe and its workers: threads that fit the cores, its own folders.

    Where torch is not installed, workers find the stand-in that TorchServe's own code is content with.
    """
    threads = str(this_machine().threads_per_worker)
    stand_in = [] if find_spec("torch") else [str(TORCH_STAND_IN)]
    python_path = os.pathsep.join([*stand_in, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    return os.environ | {
        "PYTHONPATH": python_path.strip(os.pathsep),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TMPDIR": str(settings.runtime_directory.temporary),
        "LOG_LOCATION": str(settings.runtime_directory.logs),
        "METRICS_LOCATION": str(settings.runtime_directory.logs),
        RUNTIME_DIR_VARIABLE: str(settings.runtime_directory.path),
    }


def end(family: list[psutil.Process], *, timeout_s: float = 15) -> None:
    """End the front end politely, and whatever is left of its family after that for good."""
    front_end = family[-1]
    if front_end.is_running():
        front_end.terminate()
    _, alive = psutil.wait_procs(family, timeout=timeout_s)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=timeout_s)
