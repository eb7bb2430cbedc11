"""Where a server listens: read from its runtime directory, as TorchServe was told, or given by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
import javaproperties

from pixserve.addresses import UNIX, http_address, is_loopback
from pixserve.errors import UnreachableError
from pixserve.runtime_directory import RuntimeDirectory


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one server; None for an API whose address is not known.

    Args:
        inference: ``http://127.0.0.1:8080``.
        grpc: ``127.0.0.1:7070``.
        management: ``http://127.0.0.1:8081`` or ``unix:/path/management.sock``.
        front: ``http://127.0.0.1:8000``: health, metadata, and everything else over one address; None where it is off.
        front_grpc: ``127.0.0.1:8001``: the Open Inference Protocol over gRPC, likewise.
        metrics: ``http://127.0.0.1:8082``, where the service's metrics are scraped; None where they are off.
        key_file: TorchServe's key_file.json where it asks for tokens, else None.
        runtime_directory: the server's, where this machine has it; scaling down, retiring and rolling back need it.
        store: the folder of archives, likewise.
    """

    inference: str | None = None
    grpc: str | None = None
    management: str | None = None
    front: str | None = None
    front_grpc: str | None = None
    metrics: str | None = None
    key_file: Path | None = None
    runtime_directory: RuntimeDirectory | None = None
    store: Path | None = None

    @classmethod
    def of_runtime_dir(cls, path: Path) -> Self:
        """Read the addresses from the properties that the server in this runtime directory was started with.

        Raises:
            UnreachableError: none has been started there, or the properties make no sense.
        """
        directory = RuntimeDirectory(path)
        try:
            return cls._of_properties(javaproperties.loads(directory.properties.read_text()), directory)
        except OSError as missing:
            raise UnreachableError(
                f"no server has been started in {path}: `make start` starts one, --url names another"
            ) from missing
        except (KeyError, ValueError) as fault:
            raise UnreachableError(
                f"{directory.properties} does not say where the server listens ({fault}): the next start writes it anew"
            ) from fault

    @classmethod
    def _of_properties(cls, properties: Mapping[str, str], directory: RuntimeDirectory) -> Self:
        tokens = properties.get("disable_token_authorization", "false") != "true"
        front = properties.get("front_address") if properties.get("enable_front") == "true" else None
        return cls(
            inference=properties["inference_address"],
            grpc=f"{properties.get('grpc_inference_address', '127.0.0.1')}:{properties['grpc_inference_port']}",
            management=properties["management_address"],
            front=front,
            front_grpc=f"{urlsplit(front).hostname}:{properties['front_grpc_port']}" if front else None,
            metrics=properties.get("scrape_address"),
            key_file=directory.key_file if tokens else None,
            runtime_directory=directory,
            store=Path(properties["model_store"]),
        )


def open_http(address: str, *, timeout_s: float, connections: int = 16) -> httpx.Client:
    """Return a pool of connections to an HTTP API; nothing is sent yet.

    The web proxy of the environment is used as elsewhere, but never for this machine's own addresses.

    Args:
        address: ``http://host:port``, ``host:port`` or ``unix:/path``.
        timeout_s: how long connecting, and each wait for bytes, may take.
        connections: how many there are at most.

    Raises:
        AddressError: it is none of these.
    """
    url = http_address(address)
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    if url.startswith(UNIX):
        transport = httpx.HTTPTransport(uds=url.removeprefix(UNIX), limits=limits)
        return httpx.Client(base_url="http://localhost", transport=transport, timeout=timeout_s)
    return httpx.Client(base_url=url, limits=limits, timeout=timeout_s, trust_env=not is_loopback(url))
