"""Where a server listens: read from its home, as TorchServe was told, or given by hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
import javaproperties

from pixserve.errors import UnreachableError


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one server.

    Args:
        inference: ``http://127.0.0.1:8080``.
        grpc: ``127.0.0.1:7070``.
        management: ``http://127.0.0.1:8081`` or ``unix:/path/management.sock``.
        key_file: TorchServe's key_file.json where it asks for tokens, else None.
        home: the server's own folder where this machine has it; scaling down, retiring and rolling back need it.
        store: the folder of archives, likewise.
    """

    inference: str
    grpc: str
    management: str
    key_file: Path | None = None
    home: Path | None = None
    store: Path | None = None

    @classmethod
    def of_home(cls, home: Path) -> Self:
        """Read what the server in this home was started with.

        Raises:
            UnreachableError: none has been started there.
        """
        try:
            text = (home / "torchserve.properties").read_text()
        except OSError as missing:
            raise UnreachableError(f"no server has been started in {home}: `make start` starts one") from missing
        properties = javaproperties.loads(text)
        tokens = properties.get("disable_token_authorization", "false") != "true"
        return cls(
            inference=properties["inference_address"],
            grpc=f"{properties.get('grpc_inference_address', '127.0.0.1')}:{properties['grpc_inference_port']}",
            management=properties["management_address"],
            key_file=home / "key_file.json" if tokens else None,
            home=home,
            store=Path(properties["model_store"]),
        )


def open_http(address: str, *, timeout_s: float, connections: int = 16) -> httpx.Client:
    """Open a connection pool to an address in TorchServe's notation; nothing is sent yet."""
    socket = address.removeprefix("unix:") if address.startswith("unix:") else None
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = httpx.HTTPTransport(uds=socket, limits=limits)
    return httpx.Client(base_url="http://localhost" if socket else address, transport=transport, timeout=timeout_s)
