"""One real TorchServe with the shipped LeNet, for all tests that only send it requests."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from serving.server import Server
from serving.settings import Settings

Post = Callable[..., requests.Response]


@pytest.fixture(scope="session")
def server(store: Path) -> Iterator[Server]:
    """A TorchServe that answers predictions."""
    runtime_dir = Path(tempfile.mkdtemp(prefix="serving-"))
    # A busy machine would leave no time for explanations of the lowest priority.
    with Server(Settings.isolated(runtime_dir, store, {"explanation_priority": "normal"})) as server:
        server.wait_until_ready()
        yield server
    shutil.rmtree(runtime_dir)


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
