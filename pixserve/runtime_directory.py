"""The server's runtime directory (`.run`): the one module that knows the names of the files in it.

The launcher writes them, TorchServe writes some of them, and clients and operations on the same machine read them. An
archive cannot import this module, so `handler/quiesce.py` repeats the names that workers need; a test compares the two.
"""

from dataclasses import dataclass
from pathlib import Path

RUNTIME_DIR_VARIABLE = "PIXSERVE_RUNTIME_DIR"  # names the directory to commands and to the workers


@dataclass(frozen=True)
class RuntimeDirectory:
    """The paths of everything in one server's runtime directory; nothing is created or read here.

    Args:
        path: the directory. Only its owner may enter it: whoever can write here controls the server.
    """

    path: Path

    @property
    def properties(self) -> Path:
        """The properties file that TorchServe was started with: addresses, limits, model store."""
        return self.path / "torchserve.properties"

    @property
    def key_file(self) -> Path:
        """TorchServe's tokens; it writes them into its working directory, which is the runtime directory."""
        return self.path / "key_file.json"

    @property
    def launcher_lock(self) -> Path:
        """Locked (flock) by the launcher for as long as it lives; holds its process id and how far it is."""
        return self.path / "launcher.lock"

    @property
    def archive_public_key(self) -> Path:
        """A copy of the key that archives must be signed with; absent where any archive may be loaded."""
        return self.path / "archive-public-key.pem"

    @property
    def state(self) -> Path:
        """What is served: versions, defaults, workers. The next start comes back to it."""
        return self.path / "state.json"

    @property
    def launcher_log(self) -> Path:
        """What a launcher in the background prints."""
        return self.path / "launcher.log"

    @property
    def logs(self) -> Path:
        """Directory of TorchServe's logs."""
        return self.path / "logs"

    @property
    def console_log(self) -> Path:
        """What TorchServe's Java process prints by itself, such as why it cannot start."""
        return self.logs / "console.log"

    @property
    def server_log(self) -> Path:
        """What TorchServe's front end logs."""
        return self.logs / "torchserve.log"

    @property
    def worker_log(self) -> Path:
        """What the workers print."""
        return self.logs / "workers.log"

    @property
    def front_log(self) -> Path:
        """What the front process logs; rotated."""
        return self.logs / "front.log"

    @property
    def front_console_log(self) -> Path:
        """What the front process prints by itself, such as why it cannot start."""
        return self.logs / "front-console.log"

    @property
    def access_log(self) -> Path:
        """A line for each answer of TorchServe's front end; rotated within seconds under load. Metrics come from it."""
        return self.logs / "access.log"

    @property
    def metrics(self) -> Path:
        """Directory of the files that processes count in (PROMETHEUS_MULTIPROC_DIR)."""
        return self.path / "metrics"

    @property
    def rollouts(self) -> Path:
        """How rollouts ended, a line of JSON each: see `pixserve.rollout_history`."""
        return self.path / "rollouts.jsonl"

    @property
    def snapshots(self) -> Path:
        """Directory of the snapshots that TorchServe writes at each change; a new one tells the launcher to look."""
        return self.logs / "config"

    @property
    def temporary(self) -> Path:
        """Directory of unpacked archives and of the sockets between front end and workers."""
        return self.path / "tmp"

    @property
    def started(self) -> Path:
        """Exists once every version has loaded and answered an image: the models that were served then, as JSON."""
        return self.path / "started.json"

    @property
    def draining(self) -> Path:
        """While this file exists, workers refuse new requests with 503."""
        return self.path / "draining"

    @property
    def change_lock(self) -> Path:
        """Locked (flock) by the command that changes versions or workers."""
        return self.path / "change.lock"

    @property
    def default_history(self) -> Path:
        """Which versions were the default, in order: see `pixserve.default_history`."""
        return self.path / "default-history.json"

    @property
    def default_lock(self) -> Path:
        """Locked (flock) while a default version is changed and the history of it is written."""
        return self.path / "default-history.lock"

    @property
    def gateway(self) -> Path:
        """Directory of the gateway: its API keys, rendered configuration, certificate for trying, and logs."""
        return self.path / "gateway"

    def quiesce_request(self, pid: int) -> Path:
        """Asks the worker with this process id to finish what it has and to take nothing more."""
        return self.path / f"quiesce-{pid}"

    def quiesced(self, pid: int) -> Path:
        """The worker's answer: it renames its request to this, and waits until the file is gone."""
        return self.path / f"quiesced-{pid}"

    def quiesce_files(self) -> list[Path]:
        """Every request to quiesce and every answer to one that is there now."""
        return [*self.path.glob("quiesce-*"), *self.path.glob("quiesced-*")]
