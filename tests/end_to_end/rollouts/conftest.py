"""A server with two versions for the tests of rollouts, and what tests do to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.events import Listener
from operations.loading import add_workers
from operations.plan import Plan
from operations.quiesce import unregister_gracefully
from operations.rollout import Rollout
from pixserve import Connection
from pixserve.refused_archives import refusal
from serving.server import Server
from tests.traffic import Load
from tests.two_versions import GENEROUS, MODEL, OLD, generated_images, label_images, two_versions

IMAGES = generated_images(40)


class Service:
    """The server, its versions, and what tests do to them."""

    def __init__(self, server: Server, connection: Connection, folder: Path) -> None:
        self.server = server
        self.connection = connection
        self.management = connection.management
        self.runtime_directory = server.settings.runtime_directory
        self.folder = folder
        self.gate = label_images(connection, IMAGES, folder=folder / "gate")

    def roll_out(self, version: str, *, listener: Listener = lambda event: None, **options: Any) -> None:
        """Roll a version out whose archive is in the store; the gate does not judge by the clock."""
        plan = Plan(f"{MODEL}-{version}.mar", self.gate, **{"workers": 1, "limits": GENEROUS, "watch_s": 0} | options)
        Rollout(self.connection, model=MODEL, plan=plan, listener=listener).run()

    def unregister(self, version: str, *, timeout_s: float = 30) -> None:
        unregister_gracefully(
            self.management, MODEL, version, runtime_directory=self.runtime_directory, timeout_s=timeout_s
        )

    def add_workers(self, version: str, *, workers: int) -> None:
        add_workers(self.management, MODEL, version, workers=workers, runtime_directory=self.runtime_directory)

    def refusal(self, version: str) -> str | None:
        return refusal(self.folder / "store" / f"{MODEL}-{version}.mar")

    def options(self) -> list[str]:
        """How a command line names the server."""
        return ["--runtime-dir", str(self.runtime_directory.path)]

    def rollout_command(self, version: str) -> list[str]:
        """The arguments of a rollout whose gate does not judge by the clock."""
        line = [*self.options(), "rollout", f"{MODEL}-{version}.mar", "--gate", str(self.gate)]
        return [*line, "--workers", "1", "--latency-factor", "50"]

    def versions(self) -> list[tuple[str, bool, int]]:
        """Every version, whether it is the default, and its ready workers."""
        found = self.management.versions(MODEL)
        return [(version.version, version.is_default, version.ready_workers) for version in found]

    def load(self) -> Load:
        """Traffic that names no version."""
        return Load(self.connection, IMAGES, requests_per_s=100)


@pytest.fixture(scope="package")
def service() -> Iterator[Service]:
    with two_versions() as (server, connection, folder):
        yield Service(server, connection, folder)


@pytest.fixture(autouse=True)
def as_it_was(service: Service) -> Iterator[None]:
    """Every test begins with one version and leaves it so."""
    yield
    service.management.set_default(MODEL, OLD)
    service.runtime_directory.default_history.unlink(missing_ok=True)
    for version in service.management.versions(MODEL):
        if version.version != OLD:
            service.unregister(version.version)
