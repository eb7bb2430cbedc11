"""What every command shares: the server that is talked to, the model, and how results are shown."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from pixserve.connection import Connection
from pixserve.endpoints import Endpoints
from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE

PROJECT = Path(__file__).resolve().parent.parent.parent

Json = Annotated[bool, typer.Option("--json", help="JSON, also on a terminal; a pipe gets it anyway.")]
Version = Annotated[str, typer.Argument(help="A version of the model, such as 1.0.", show_default=False)]


@dataclass(frozen=True)
class Target:
    """What the options before the command say; nothing is read or opened before a command needs it."""

    runtime_dir: Path
    url: str | None
    grpc: str | None
    management: str | None
    model: str
    timeout_s: float

    def connect(self) -> Connection:
        """Find the server: by its runtime directory, or by the addresses that were given.

        Raises:
            UnreachableError: no server has been started in the runtime directory, and no address was given.
        """
        if self.url and self.grpc and self.management:
            endpoints = Endpoints(self.url, self.grpc, self.management)
        else:
            known = Endpoints.of_runtime_dir(self.runtime_dir)
            endpoints = replace(
                known,
                inference=self.url or known.inference,
                grpc=self.grpc or known.grpc,
                management=self.management or known.management,
            )
        return Connection(endpoints, timeout_s=self.timeout_s)


def default_runtime_dir() -> Path:
    """The runtime directory of the project's own server, unless the environment names another."""
    return Path(os.environ.get(RUNTIME_DIR_VARIABLE, PROJECT / ".run"))


def target_of(context: typer.Context) -> Target:
    """What the callback of the command line has stored."""
    target = context.obj
    assert isinstance(target, Target), "the callback runs before any command"
    return target
