"""A gateway of a test's own: a real nginx on free ports, in a folder of its own, before a server that runs."""

import http.client
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from gateway.keys import KeyStore
from gateway.live import gateway_directory
from gateway.running import Gateway
from gateway.settings import GatewaySettings
from serving.listeners import free_ports
from serving.server import Server
from serving.settings import Settings
from tests.conftest import CAT

JPEG = CAT.read_bytes()
MODEL = "/predictions/cifar10"

needs_nginx = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")),
    reason="the gateway is nginx, with openssl for its certificate; `apt-get install nginx-light openssl` brings both",
)


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that runs; `key` is one of its API keys, empty where it asks for none."""

    gateway: Gateway
    key: str

    @property
    def folder(self) -> Path:
        """Where its keys, configuration and logs lie."""
        return self.gateway.settings.directory

    @property
    def url(self) -> str:
        """Its plain address."""
        return f"http://{self.gateway.settings.address}"

    @property
    def tls_address(self) -> str:
        """Its TLS address, `localhost:port`."""
        return f"localhost:{(self.gateway.settings.tls_address or '').rpartition(':')[2]}"

    @property
    def certificate(self) -> Path:
        """What a client of the TLS address has to trust."""
        files = self.gateway.certificate()
        assert files is not None
        return files[0]

    def ask(self, method: str, path: str, *, key: str | None = None, **arguments: Any) -> requests.Response:
        """Send a request to the plain address, with a key where one is given."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= arguments.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=60, **arguments)

    def log(self, *, least: int = 1) -> list[dict[str, Any]]:
        """The lines of the access log, once there are so many: nginx writes them after a second at most."""
        path = self.folder / "logs" / "requests.log"
        deadline_s = time.monotonic() + 10
        while len(lines := path.read_text().splitlines()) < least:
            assert time.monotonic() < deadline_s, f"{len(lines)} lines; expected {least}"
            time.sleep(0.05)
        return [json.loads(line) for line in lines]


def ready_worker_pids(server: Server) -> list[int]:
    """Process ids of the workers that have loaded.

    Of others TorchServe says -1, and a signal to process -1 goes to every process there is.
    """
    with server.management() as management:
        workers = [worker for version in management.every_version() for worker in version.workers if worker.ready]
    return [worker.pid for worker in workers if worker.pid > 0]


@contextmanager
def gateway_before(settings: Settings, name: str = "gateway", **overrides: str) -> Iterator[RunningGateway]:
    """Run a gateway before a server.

    Args:
        settings: the server's.
        name: of its folder in the server's runtime directory; two gateways need two.
        overrides: settings, such as `gateway_access="keys"`; the addresses are free ports.
    """
    keys = ("gateway_address", "gateway_tls_address")
    addresses = {key: f"127.0.0.1:{port}" for key, port in zip(keys, free_ports(len(keys)), strict=True)}
    folder = gateway_directory(settings.runtime_directory).parent / name
    folder.mkdir(mode=0o700, exist_ok=True)
    own = replace(settings, properties={**settings.properties, **addresses, **overrides})
    gateway = Gateway(replace(GatewaySettings.of(own), directory=folder))
    key = KeyStore(folder).add("test") if gateway.settings.asks_for_keys else ""
    gateway.start()
    try:
        yield RunningGateway(gateway, key)
    finally:
        gateway.nginx.stop()


def raw(address: str, method: str, path: str, *, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Send a path as it is: no library may tidy it up."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer
