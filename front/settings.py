"""What the front was started with: the properties that the launcher wrote into the runtime directory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import javaproperties

from pixserve.endpoints import Endpoints
from pixserve.runtime_directory import RuntimeDirectory

MAX_REQUEST_BYTES = 6_553_500  # TorchServe's own, where the properties do not say


@dataclass(frozen=True)
class FrontSettings:
    """Addresses and limits of one front.

    Args:
        endpoints: TorchServe's addresses, and the front's own.
        host: where the front listens.
        port: for HTTP.
        grpc_port: for gRPC.
        max_request_bytes: of a body or a gRPC message; TorchServe's own limit.
        explanation_priority: `idle` or `normal`.
    """

    endpoints: Endpoints
    host: str
    port: int
    grpc_port: int
    max_request_bytes: int
    explanation_priority: str

    @classmethod
    def of_runtime_dir(cls, path: Path) -> Self:
        """Read what the launcher wrote.

        Raises:
            UnreachableError: no server has been started there.
            KeyError, ValueError: the front is switched off, or the properties are not the launcher's.
        """
        directory = RuntimeDirectory(path)
        endpoints = Endpoints.of_runtime_dir(path)
        properties = javaproperties.loads(directory.properties.read_text())
        address = urlsplit(properties["front_address"])
        if address.hostname is None or address.port is None:
            raise ValueError(f"front_address is {properties['front_address']!r}; expected http://host:port")
        return cls(
            endpoints=endpoints,
            host=address.hostname,
            port=address.port,
            grpc_port=int(properties["front_grpc_port"]),
            max_request_bytes=int(properties.get("max_request_size", MAX_REQUEST_BYTES)),
            explanation_priority=properties["explanation_priority"],
        )

    @property
    def directory(self) -> RuntimeDirectory:
        """The server's runtime directory."""
        assert self.endpoints.runtime_directory is not None, "the front is started in a runtime directory"
        return self.endpoints.runtime_directory
