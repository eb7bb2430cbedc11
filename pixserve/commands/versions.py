"""pixserve models, describe, health, token: which versions a server has, how it is, and the key that it asks for."""

import dataclasses
from collections.abc import Iterable
from typing import Annotated

import typer

from pixserve.commands.options import Json, target_of
from pixserve.commands.output import Row, show, show_facts
from pixserve.errors import ClientError
from pixserve.records import ModelVersion


def models(context: typer.Context, as_json: Json = False) -> None:
    """List every version of every model: its workers, its queue, whether it is the default.

    \b
    pixserve models
    pixserve models | jq '.[] | select(.default)'
    """
    with target_of(context).connect() as connection:
        show(version_rows(connection.management.every_version()), as_json=as_json)


def describe(
    context: typer.Context, version: Annotated[str | None, typer.Argument()] = None, as_json: Json = False
) -> None:
    """Show all that TorchServe and the handler say of a version, the default one if none is named.

    \b
    pixserve describe 1.0
    """
    target = target_of(context)
    with target.connect() as connection:
        described = connection.management.describe(target.model, version)
        ready = described.ready_workers
        handler = connection.management.ask_worker(target.model, described.version) if ready else None
    show_facts(dataclasses.asdict(described) | {"handler": handler}, as_json=as_json)


def health(context: typer.Context, grpc: Annotated[bool, typer.Option("--grpc")] = False) -> None:
    """Print TorchServe's opinion of its health; exit code 1 if it is not healthy, or does not answer.

    \b
    pixserve health && echo up
    """
    connection = target_of(context).connect()
    with connection.grpc() if grpc else connection.rest() as client:
        answer = client.health()
    print(answer.status)
    if not answer.healthy:
        raise typer.Exit(1)


def token(
    context: typer.Context,
    management: Annotated[bool, typer.Option("--for-management", help="The key of the management API.")] = False,
) -> None:
    """Print a key that is valid now, where the server asks for tokens; it is renewed where less than a minute is left.

    \b
    curl -H "Authorization: Bearer $(pixserve token)" -F image=@cat.jpg http://127.0.0.1:8080/predictions/cifar10
    """
    tokens = target_of(context).connect().tokens
    if tokens is None:
        raise ClientError("the server asks for no token (disable_token_authorization in config.properties)")
    print(tokens.key("management" if management else "inference"))


def version_rows(versions: Iterable[ModelVersion]) -> list[Row]:
    """Return a row for each version, for `show` and `table_of`."""
    return [
        {
            "model": version.model,
            "version": version.version,
            "default": version.is_default,
            "ready_workers": version.ready_workers,
            "workers": version.wanted_workers,
            "pids": [worker.pid for worker in version.workers],
            "queued": version.queued,
            "queue_room": version.queue_room,
            "archive": version.archive,
        }
        for version in versions
    ]
