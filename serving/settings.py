"""The server's settings: config.properties, the machine's own config.local.properties, and what the launcher adds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import javaproperties

from pixserve.runtime_directory import RuntimeDirectory
from pixserve.state_files import write_text
from serving.errors import ServingError
from serving.gateway_checks import GATEWAY_CHECKS
from serving.listeners import free_ports
from serving.machine import this_machine
from serving.startup import Startup
from serving.validation import tcp_ports, validated

PROJECT = Path(__file__).resolve().parent.parent
CONFIG = PROJECT / "config.properties"
LONGEST_WORKER_SOCKET = ".ts.sock.65535"  # TorchServe counts from initial_worker_port
LONGEST_WORKER_PATH = 107  # bytes, likewise; TorchServe's workers are on Linux
LONGEST_SOCKET_PATH = 103  # bytes; the kernel's limit is 108 on Linux, 104 elsewhere, with the closing zero
OURS = {  # for launcher and gateway; TorchServe does not know them
    "serving_profile",
    "pass_environment",
    "archive_public_key",
    "metrics_address",
    "enable_metrics_api",
    "torchserve_metrics_address",
    "access_log",
    *GATEWAY_CHECKS,
}


@dataclass(frozen=True)
class Settings:
    """One server: its runtime directory, what it serves, and TorchServe's own properties.

    Args:
        runtime_directory: the server's, for its sockets, logs, keys and temporary files.
        store: the folder of archives.
        properties: the validated settings, with relative `unix:` paths made absolute.
    """

    runtime_directory: RuntimeDirectory
    store: Path
    properties: Mapping[str, str]

    @classmethod
    def read(
        cls,
        config: Path = CONFIG,
        *,
        runtime_dir: Path = PROJECT / ".run",
        store: Path = PROJECT / "model-store",
        overrides: Mapping[str, str] | None = None,
        local: bool = True,
    ) -> "Settings":
        """Read a properties file, and the machine's own settings beside it.

        Args:
            config: the file; `local_config` names the second one, whose values win.
            runtime_dir: the server's runtime directory.
            store: the folder of archives.
            overrides: win over both files.
            local: whether the second file is read.

        Raises:
            ServingError: the file is missing, or a setting is wrong; a line for each.
        """
        if not config.is_file():
            raise ServingError(f"there is no settings file {config}")
        files = [config, local_config(config)] if local and local_config(config).is_file() else [config]
        properties = {key: value for file in files for key, value in read_properties(file).items()}
        source = " and ".join(file.name for file in files)
        settings = validated(properties | dict(overrides or {}), source=source)
        directory = RuntimeDirectory(runtime_dir.resolve())
        for path in (directory.path, store.resolve(), PROJECT):
            _require_plain(path)
        _require_room_for_workers(directory)
        settings["management_address"] = _below(directory.path, settings["management_address"])
        return cls(directory, store.resolve(), settings)

    @classmethod
    def isolated(cls, runtime_dir: Path, store: Path, overrides: Mapping[str, str] | None = None) -> "Settings":
        """Return settings for tests and benchmarks: a runtime directory of its own, free ports, no local settings."""
        addresses = ("inference_address", "metrics_address", "front_address")
        numbers = ("grpc_inference_port", "grpc_management_port", "front_grpc_port")
        ports = iter(free_ports(len(addresses) + len(numbers)))
        own = {key: f"http://127.0.0.1:{next(ports)}" for key in addresses} | {key: str(next(ports)) for key in numbers}
        return cls.read(runtime_dir=runtime_dir, store=store, overrides={**own, **(overrides or {})}, local=False)

    @property
    def inference(self) -> str:
        """Address of the inference API, such as ``http://127.0.0.1:8080``."""
        return self.properties["inference_address"]

    @property
    def front(self) -> str | None:
        """Address of the front, such as ``http://127.0.0.1:8000``; None where it is switched off."""
        return self.properties["front_address"] if self.properties["enable_front"] == "true" else None

    @property
    def management(self) -> str:
        """Address of the management API: ``unix:/...`` or ``http://...``."""
        return self.properties["management_address"]

    @property
    def profile(self) -> str:
        """What the server is tuned for: one of `startup.PROFILES`."""
        return self.properties.get("serving_profile", "throughput")

    @property
    def workers(self) -> int:
        """Worker processes of a version that was not served before."""
        return int(self.properties.get("default_workers_per_model", this_machine().workers))

    @property
    def passed_environment(self) -> list[str]:
        """Environment variables that TorchServe and its workers get beside the usual ones; ``NAME*`` is a prefix."""
        return [name for name in self.properties.get("pass_environment", "").split(",") if name]

    @property
    def archive_public_key(self) -> Path | None:
        """The key that archives must be signed with, where one is configured."""
        name = self.properties.get("archive_public_key", "")
        return Path(name) if name else None

    @property
    def management_socket(self) -> Path | None:
        """The unix socket of the management API, where it has one."""
        return Path(self.management.removeprefix("unix:")) if self.management.startswith("unix:") else None

    @property
    def tokens(self) -> bool:
        """Whether TorchServe asks for its tokens."""
        return self.properties.get("disable_token_authorization", "false") != "true"

    @property
    def serves_metrics(self) -> bool:
        """Whether the launcher serves metrics, and workers and TorchServe write what they are made from."""
        return self.properties.get("enable_metrics_api", "true") == "true"

    @property
    def access_log(self) -> str:
        """The fraction of requests of which workers write a line, a number in (0, 1]; empty for none."""
        fraction = self.properties.get("access_log", "0")
        return fraction if float(fraction) else ""

    @property
    def metrics_port(self) -> int:
        """The TCP port of the scrape address."""
        return int(self.properties["metrics_address"].rpartition(":")[2])

    @property
    def hides_management(self) -> bool:
        """Whether the gRPC management port must be closed for management to be the owner's alone."""
        return not self.tokens and self.management_socket is not None

    @property
    def ports(self) -> dict[str, int]:
        """Every TCP port that TorchServe will open, by the setting that names it."""
        return {key: port for key, port in tcp_ports(self.properties).items() if key != "metrics_address"}

    def write(self, startup: Startup) -> Path:
        """Write the properties TorchServe starts from, and return their path."""
        added = {
            "model_store": str(self.store),
            "default_workers_per_model": str(self.workers),
            "number_of_netty_threads": str(this_machine().netty_threads),
            "model_snapshot": json.dumps(startup.snapshot(self.profile)),
            **self._metrics_properties(),
        }
        theirs = {key: value for key, value in self.properties.items() if key not in OURS}
        path = self.runtime_directory.properties
        write_text(path, javaproperties.dumps(added | theirs, timestamp=False))
        return path

    def _metrics_properties(self) -> dict[str, str]:
        """Return the properties of TorchServe's own metrics, and of ours for clients on this machine."""
        own = self.properties.get("torchserve_metrics_address", "")
        scraped = {"scrape_address": self.properties["metrics_address"]} if self.serves_metrics else {}
        if not own:
            return scraped | {"enable_metrics_api": "false"}
        return scraped | {"enable_metrics_api": "true", "metrics_address": own, "metrics_mode": "prometheus"}


def local_config(config: Path) -> Path:
    """Return the file of one machine's own settings, which git ignores: config.local.properties."""
    return config.with_suffix(f".local{config.suffix}")


def read_properties(path: Path) -> dict[str, str]:
    """Return the keys and values of a properties file, in UTF-8 or in Java's own encoding, Latin-1.

    Raises:
        ServingError: it cannot be read.
    """
    try:
        content = path.read_bytes()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        return javaproperties.loads(text)
    except (OSError, ValueError) as fault:
        raise ServingError(f"{path} cannot be read: {fault}") from fault


def _require_plain(path: Path) -> None:
    """Refuse a path that cannot stand in a Java class path or in Python's search path."""
    for character in ":,%$":
        if character in str(path):
            raise ServingError(
                f"the path {path} holds {character!r}, which Java or its logging reads as a separator; "
                "choose a path without it"
            )


def _require_room_for_workers(directory: RuntimeDirectory) -> None:
    """Refuse a runtime directory in which the sockets of workers would have paths that are too long."""
    path = directory.temporary / LONGEST_WORKER_SOCKET
    excess = len(bytes(path)) - LONGEST_WORKER_PATH
    if excess > 0:
        raise ServingError(
            f"the runtime directory {directory.path} is {excess} bytes too long for the sockets of workers below it, "
            f"whose paths may have {LONGEST_WORKER_PATH} bytes; give a shorter one with --runtime-dir, "
            "/run/user/... say"
        )


def _below(runtime_dir: Path, address: str) -> str:
    """Make a relative ``unix:`` address absolute."""
    if not address.startswith("unix:"):
        return address
    path = runtime_dir / address.removeprefix("unix:")
    if len(bytes(path)) > LONGEST_SOCKET_PATH:
        raise ServingError(
            f"the path of the management socket, {path}, is longer than {LONGEST_SOCKET_PATH} bytes, which no "
            "socket may be; set management_address in config.properties to a shorter one, unix:/run/user/... say"
        )
    return f"unix:{path}"
