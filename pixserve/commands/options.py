"""What every command shares: the server, the model, and the options that say so."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from pixserve.connection import Connection
from pixserve.endpoints import Endpoints

API_KEY_VARIABLE = "PIXSERVE_API_KEY"  # a gateway's key: the command line would show it to every user of the machine
PROJECT = Path(__file__).resolve().parent.parent.parent

Json = Annotated[bool, typer.Option("--json", help="JSON, also on a terminal; a pipe gets it anyway.")]
Version = Annotated[str, typer.Argument(help="A version of the model, such as 1.0.", show_default=False)]


@dataclass(frozen=True)
class Target:
    """What the options before the command say; nothing is read or opened before a command needs it."""

    runtime_dir: Path | None
    url: str | None
    grpc: str | None
    management: str | None
    model: str
    timeout_s: float

    def connect(self) -> Connection:
        """Return a connection to the server of the runtime directory, or to the addresses that were given.

        Where addresses are given and no runtime directory, only these are used: the project's own server is another.

        Raises:
            UnreachableError: no server has been started in the runtime directory, and no address was given.
        """
        if self.runtime_dir is None and (self.url or self.grpc or self.management):
            endpoints = Endpoints(self.url, self.grpc, self.management)
        else:
            known = Endpoints.of_runtime_dir(self.runtime_dir or PROJECT / ".run")
            endpoints = replace(
                known,
                inference=self.url or known.inference,
                grpc=self.grpc or known.grpc,
                management=self.management or known.management,
            )
        return Connection(endpoints, timeout_s=self.timeout_s, api_key=os.environ.get(API_KEY_VARIABLE))


def target_of(context: typer.Context) -> Target:
    """Return what the options before the command say."""
    target = context.obj
    assert isinstance(target, Target), "the callback runs before any command"
    return target
