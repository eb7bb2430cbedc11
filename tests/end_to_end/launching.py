"""`serve.py` as a user runs it, with a runtime directory, a store and ports of its own."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import javaproperties
import psutil
import requests

from serving.lock import launcher_status
from serving.server import Server
from serving.settings import PROJECT, Settings
from tests.conftest import CAT

PATIENCE_S = 240.0


class Launcher:
    """Runs the commands of `serve.py` for one server.

    Args:
        runtime_dir: its runtime directory; the settings lie there too.
        store: its model store.
        environment: what its commands find in their environment, None for this process's.
        overrides: settings that differ from the shipped ones.
    """

    def __init__(
        self, runtime_dir: Path, store: Path, *, environment: Mapping[str, str] | None = None, **overrides: str
    ) -> None:
        self.settings = Settings.isolated(runtime_dir, store, overrides)
        self.directory = self.settings.runtime_directory
        self.environment = environment
        self.config = runtime_dir / "config.properties"
        self.config.write_text(javaproperties.dumps(dict(self.settings.properties)))

    def command(self, verb: str) -> list[str]:
        """The command line of `run`, `start`, `status` or `stop`."""
        options = ["--runtime-dir", self.directory.path]
        if verb in ("run", "start"):
            options += ["--config", self.config, "--store", self.settings.store]
        return [sys.executable, "serve.py", verb, *map(str, options)]

    def __call__(self, verb: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        arguments: dict[str, Any] = {"cwd": PROJECT, "env": self.environment, "capture_output": True, "text": True}
        return subprocess.run(self.command(verb), check=False, timeout=300, **(arguments | options))

    def run_in_foreground(self) -> "subprocess.Popen[str]":
        """Start `serve.py run` in a session of its own, as a terminal does, and return at once."""
        return subprocess.Popen(
            self.command("run"),
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def predict(self) -> requests.Response:
        """Classify an image."""
        with CAT.open("rb") as cat:
            url = f"{self.settings.inference}/predictions/cifar10"
            return requests.post(url, files={"image": cat}, timeout=30)

    @property
    def pid(self) -> int:
        """Process id of the launcher that runs."""
        status = launcher_status(self.directory)
        assert status is not None
        return status.pid

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this runtime directory, whoever its parent is."""
        return [process for process in psutil.process_iter() if _mentions(process, str(self.directory.path))]

    def front_end(self) -> psutil.Process:
        """TorchServe's Java process."""
        return next(process for process in self.processes() if "org.pytorch.serve.ModelServer" in process.cmdline())


@contextmanager
def started(store: Path, **overrides: str) -> Iterator[Launcher]:
    """A server with a launcher, in a directory of its own; `overrides` are settings."""
    runtime_dir = Path(tempfile.mkdtemp(prefix="serving-"))
    launcher = Launcher(runtime_dir, store, **overrides)
    assert launcher("start").returncode == 0
    yield launcher
    launcher("stop")
    shutil.rmtree(runtime_dir)


@contextmanager
def served(store: Path, **overrides: str) -> Iterator[Server]:
    """A TorchServe without a launcher, likewise."""
    runtime_dir = Path(tempfile.mkdtemp(prefix="serving-"))
    with Server(Settings.isolated(runtime_dir, store, overrides)) as server:
        server.wait_until_ready()
        yield server
    shutil.rmtree(runtime_dir)


def wait_until(condition: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
    """Wait for a condition to hold."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(0.05)


def _mentions(process: psutil.Process, text: str) -> bool:
    try:
        return process.pid != psutil.Process().pid and text in " ".join(process.cmdline())
    except psutil.Error:
        return False
