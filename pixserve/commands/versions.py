"""pixserve models, describe, health: what a server serves, and how it is."""

import dataclasses
from typing import Annotated

import typer

from pixserve.commands.options import Json, target_of
from pixserve.commands.output import Row, show, show_facts
from pixserve.records import ModelVersion


def models(context: typer.Context, as_json: Json = False) -> None:
    """List every version of every model: its workers, its queue, whether it is the default.

    \b
    pixserve models
    pixserve models | jq '.[] | select(.default)'
    """
    management = target_of(context).connect().management
    versions = [version for model in management.models() for version in management.versions(model)]
    show([_row(version) for version in versions], as_json=as_json)


def describe(
    context: typer.Context, version: Annotated[str | None, typer.Argument()] = None, as_json: Json = False
) -> None:
    """Show all that TorchServe and the handler say of a version, the default one if none is named.

    \b
    pixserve describe 1.0
    """
    target = target_of(context)
    management = target.connect().management
    described = management.describe(target.model, version)
    handler = management.ask_worker(target.model, described.version) if described.ready_workers else None
    show_facts(dataclasses.asdict(described) | {"handler": handler}, as_json=as_json)


def health(context: typer.Context, grpc: Annotated[bool, typer.Option("--grpc")] = False) -> None:
    """Ask TorchServe how it is; exit code 1 if it is not well, or does not answer.

    \b
    pixserve health && echo up
    """
    connection = target_of(context).connect()
    with connection.grpc() if grpc else connection.rest() as client:
        answer = client.health()
    print(answer.status)
    if not answer.healthy:
        raise typer.Exit(1)


def _row(version: ModelVersion) -> Row:
    return {
        "model": version.model,
        "version": version.version,
        "default": version.is_default,
        "ready": version.ready_workers,
        "workers": version.wanted_workers,
        "queued": version.queued,
        "room": version.queue_room,
        "archive": version.archive,
    }
