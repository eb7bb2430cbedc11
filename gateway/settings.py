"""The gateway's part of config.properties as typed values, and whether they fit together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from gateway.errors import GatewayError
from pixserve.addresses import is_loopback
from serving.settings import Settings

Access = Literal["loopback", "keys", "anyone"]
DEFAULTS = {
    "gateway_address": "127.0.0.1:5000",
    "gateway_access": "loopback",
    "gateway_key_rate": "1000",
    "gateway_address_rate": "1000",
    "gateway_address_connections": "256",
    "gateway_model": "cifar10",
}


@dataclass(frozen=True)
class Upstreams:
    """The servers behind the gateway, by what they speak; each is ``host:port`` or ``unix:/path``."""

    rest: tuple[str, ...]
    front: tuple[str, ...]
    grpc: tuple[str, ...]
    front_grpc: tuple[str, ...]


@dataclass(frozen=True)
class GatewaySettings:
    """One gateway.

    Args:
        directory: its own folder in the runtime directory: keys, configuration, logs.
        address: ``host:port`` of plain HTTP, or None.
        tls_address: ``host:port`` of TLS, HTTP/2 and gRPC, or None.
        certificate: PEM files of the certificate and of its key, or None for one that is made for trying.
        access: who may ask.
        key_rate, address_rate: requests a second of one API key and of one address; 0 for no limit.
        address_connections: connections of one address; 0 for no limit.
        cors_origins: origins of web pages that may ask; ``*`` for all.
        trusted_proxies: networks whose X-Forwarded-For is believed.
        model: what /classify asks.
        upstreams: the servers behind it.
        max_body_bytes: the longest body; TorchServe refuses longer ones without a word.
        response_timeout_s: how long the server may take for an answer.
    """

    directory: Path
    address: str | None
    tls_address: str | None
    certificate: tuple[Path, Path] | None
    access: Access
    key_rate: int
    address_rate: int
    address_connections: int
    cors_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    model: str
    upstreams: Upstreams
    max_body_bytes: int
    response_timeout_s: int = 75  # above responseTimeout of handler/model-config.yaml

    @classmethod
    def of(cls, settings: Settings) -> "GatewaySettings":
        """Return the gateway's part of a server's settings.

        Raises:
            GatewayError: two settings do not fit together.
        """
        properties = DEFAULTS | dict(settings.properties)
        gateway = cls(
            directory=settings.runtime_directory.gateway,
            address=properties["gateway_address"] or None,
            tls_address=properties.get("gateway_tls_address") or None,
            certificate=_certificate(properties),
            access=cast(Access, properties["gateway_access"]),
            key_rate=int(properties["gateway_key_rate"]),
            address_rate=int(properties["gateway_address_rate"]),
            address_connections=int(properties["gateway_address_connections"]),
            cors_origins=_words(properties, "gateway_cors_origins"),
            trusted_proxies=_words(properties, "gateway_trusted_proxies"),
            model=properties["gateway_model"],
            upstreams=_upstreams(properties),
            max_body_bytes=int(properties.get("max_request_size", 6_553_500)),
        )
        if settings.tokens:
            raise GatewayError(
                "the gateway cannot pass TorchServe's tokens on, which change at each start: set "
                "disable_token_authorization=true, and gateway_access=keys for keys of the gateway's own"
            )
        gateway._require_consistent()
        return gateway

    @property
    def listeners(self) -> tuple[str, ...]:
        """Every address that it listens on."""
        return tuple(address for address in (self.address, self.tls_address) if address)

    @property
    def asks_for_keys(self) -> bool:
        """Whether a request needs an API key."""
        return self.access == "keys"

    @property
    def tries(self) -> int:
        """How often a request is sent to the servers when workers die over it, each server once a try."""
        return 3 if len(self.upstreams.rest) == 1 else 2

    def _require_consistent(self) -> None:
        if not self.listeners:
            raise GatewayError("gateway_address and gateway_tls_address are both empty: the gateway has no address")
        beyond = [address for address in self.listeners if not is_loopback(address)]
        if beyond and self.access == "loopback":
            raise GatewayError(
                f"{beyond[0]} can be reached from other machines, and gateway_access=loopback asks for no key: set "
                "gateway_access=keys (and make one with `pixserve keys add NAME`), or anyone"
            )
        if self.asks_for_keys and self.address and not is_loopback(self.address) and not self.trusted_proxies:
            raise GatewayError(
                f"keys would cross the network unencrypted at gateway_address={self.address}: leave it empty or on the "
                "loopback and set gateway_tls_address, or name the proxy that ends TLS in gateway_trusted_proxies"
            )


def _certificate(properties: Mapping[str, str]) -> tuple[Path, Path] | None:
    certificate, key = (properties.get(name, "") for name in ("gateway_certificate", "gateway_certificate_key"))
    if bool(certificate) != bool(key):
        raise GatewayError("gateway_certificate and gateway_certificate_key go together: one of them is empty")
    if not certificate:
        return None
    for setting, path in (("gateway_certificate", certificate), ("gateway_certificate_key", key)):
        if not Path(path).is_file():
            raise GatewayError(f"{setting} is {path}; expected a PEM file that exists")
    return Path(certificate).resolve(), Path(key).resolve()


def _words(properties: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(word for word in properties.get(key, "").split(",") if word)


def _upstreams(properties: Mapping[str, str]) -> Upstreams:
    """The servers that were named, or those of the same settings."""
    front = properties["front_address"].removeprefix("http://")
    host = front.rpartition(":")[0]
    return Upstreams(
        rest=_words(properties, "gateway_rest_servers") or (properties["inference_address"].removeprefix("http://"),),
        front=_words(properties, "gateway_front_servers") or (front,),
        grpc=_words(properties, "gateway_grpc_servers")
        or (f"{properties['grpc_inference_address']}:{properties['grpc_inference_port']}",),
        front_grpc=_words(properties, "gateway_front_grpc_servers") or (f"{host}:{properties['front_grpc_port']}",),
    )
