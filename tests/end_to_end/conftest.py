"""One real TorchServe with the shipped LeNet, for all tests that only send it requests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from serving.server import Server
from tests.end_to_end.launching import Launcher, served
from tests.gateways import RunningGateway, gateway_before

Post = Callable[..., requests.Response]


@pytest.fixture(scope="session")
def server(store: Path) -> Iterator[Server]:
    """A TorchServe that answers predictions."""
    # A busy machine would leave no time for explanations of the lowest priority.
    with served(store, explanation_priority="normal") as server:
        yield server


@pytest.fixture(scope="session")
def url(server: Server) -> str:
    """Where predictions are asked for."""
    return f"{server.settings.inference}/predictions/cifar10"


@pytest.fixture
def post(url: str) -> Post:
    """Send one request to the model."""

    def send(**arguments: Any) -> requests.Response:
        return requests.post(url, timeout=30, **arguments)

    return send


@pytest.fixture(scope="session")
def strict(server: Server) -> Iterator[RunningGateway]:
    """A gateway that asks for keys."""
    with gateway_before(server.settings, gateway_access="keys", gateway_cors_origins="https://shop.example") as gateway:
        yield gateway


@pytest.fixture
def launcher(runtime_dir: Path, store: Path) -> Iterator[Launcher]:
    """The commands of a server that is stopped at the end."""
    launcher = Launcher(runtime_dir, store)
    yield launcher
    launcher("stop")
