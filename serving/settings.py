"""The server's settings: config.properties, completed by what only the launcher knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import javaproperties

from pixserve.runtime_directory import RuntimeDirectory
from serving.errors import ServingError
from serving.listeners import free_port
from serving.machine import this_machine
from serving.store import PROFILES, read_store, snapshot

PROJECT = Path(__file__).resolve().parent.parent
LONGEST_SOCKET_PATH = 103  # bytes; the kernel's limit is 108 on Linux, 104 elsewhere, with the closing zero


@dataclass(frozen=True)
class Settings:
    """One server: where it lives, what it serves, and TorchServe's own properties.

    Args:
        runtime_directory: the server's, for its sockets, logs, keys and temporary files.
        store: the folder of archives.
        properties: config.properties, with relative `unix:` paths made absolute.
    """

    runtime_directory: RuntimeDirectory
    store: Path
    properties: Mapping[str, str]

    @classmethod
    def read(
        cls,
        config: Path = PROJECT / "config.properties",
        *,
        runtime_dir: Path = PROJECT / ".run",
        store: Path = PROJECT / "model-store",
        overrides: Mapping[str, str] | None = None,
    ) -> "Settings":
        """Read a properties file; `overrides` win over what it says.

        Raises:
            ServingError: the file is missing, its profile is unknown, or the management socket's path too long.
        """
        if not config.is_file():
            raise ServingError(f"there is no settings file {config}")
        properties = javaproperties.loads(config.read_text()) | dict(overrides or {})
        properties["management_address"] = _below(runtime_dir.resolve(), properties["management_address"])
        settings = cls(RuntimeDirectory(runtime_dir.resolve()), store.resolve(), properties)
        if settings.profile not in PROFILES:
            raise ServingError(f"serving_profile is {settings.profile!r}; expected {' or '.join(PROFILES)}")
        return settings

    @classmethod
    def isolated(cls, runtime_dir: Path, store: Path, overrides: Mapping[str, str] | None = None) -> "Settings":
        """Return settings for tests and benchmarks: a runtime directory of its own, and free ports."""
        grpc = {f"grpc_{api}_port": str(free_port()) for api in ("inference", "management")}
        rest = {"inference_address": f"http://127.0.0.1:{free_port()}"}
        return cls.read(runtime_dir=runtime_dir, store=store, overrides={**rest, **grpc, **(overrides or {})})

    @property
    def inference(self) -> str:
        """Address of the inference API, such as ``http://127.0.0.1:8080``."""
        return self.properties["inference_address"]

    @property
    def management(self) -> str:
        """Address of the management API: ``unix:/...`` or ``http://...``."""
        return self.properties["management_address"]

    @property
    def profile(self) -> str:
        """What the server is tuned for: one of `PROFILES`."""
        return self.properties.get("serving_profile", "throughput")

    @property
    def management_socket(self) -> Path | None:
        """The unix socket of the management API, where it has one."""
        return Path(self.management.removeprefix("unix:")) if self.management.startswith("unix:") else None

    @property
    def tokens(self) -> bool:
        """Whether TorchServe asks for its tokens."""
        return self.properties.get("disable_token_authorization", "false") != "true"

    @property
    def hides_management(self) -> bool:
        """Whether the gRPC management port must be closed for management to be the owner's alone."""
        return not self.tokens and self.management_socket is not None

    @property
    def ports(self) -> list[int]:
        """Every TCP port the server will open."""
        urls = [self.properties[f"{api}_address"] for api in ("inference", "management", "metrics")]
        if self.properties.get("enable_metrics_api") == "false":
            urls.pop()
        grpc = [self.properties[f"grpc_{api}_port"] for api in ("inference", "management")]
        return [int(url.rpartition(":")[2]) for url in urls if not url.startswith("unix:")] + [int(p) for p in grpc]

    def write(self) -> Path:
        """Write the properties TorchServe starts from, and return their path.

        Raises:
            ServingError: the model store is missing or empty, or holds what is no archive.
        """
        workers = this_machine().workers
        models = snapshot(
            read_store(self.store), snapshots=self.runtime_directory.snapshots, workers=workers, profile=self.profile
        )
        machine = {
            "model_store": str(self.store),
            "default_workers_per_model": str(workers),
            "number_of_netty_threads": str(this_machine().netty_threads),
            "model_snapshot": json.dumps(models),
        }
        path = self.runtime_directory.properties
        path.write_text(javaproperties.dumps(machine | dict(self.properties), timestamp=False))
        return path


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
