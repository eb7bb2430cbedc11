"""pixserve keys: who may ask at the gateway."""

import datetime
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.keys import KeyStore
from gateway.live import apply_keys, gateway_directory
from pixserve.commands.options import PROJECT, Json, target_of
from pixserve.commands.output import say, show
from pixserve.runtime_directory import RuntimeDirectory

keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke the gateway's API keys.")

Name = Annotated[str, typer.Argument(help="Whose key it is, such as shop-backend.", show_default=False)]


@keys.command()
def add(
    context: typer.Context,
    name: Name,
    days: Annotated[int | None, typer.Option(help="How many days it is valid.", min=1, show_default="for ever")] = None,
) -> None:
    """Make a key and print it, this once; a running gateway takes it over at once.

    \b
    pixserve keys add shop-backend > shop-backend.key
    pixserve keys add trial --days 30
    """
    folder = _folder(context)
    print(KeyStore(folder).add(name, days=days))
    _apply(folder, f"{name} may ask")
    if sys.stdout.isatty():
        say("keep it: it cannot be shown again. Clients send it as the header `Authorization: Bearer <key>`")


@keys.command("list")
def list_keys(context: typer.Context, as_json: Json = False) -> None:
    """List the keys: names, when they were made and when they expire; not the keys themselves."""
    rows = [
        {"name": key.name, "id": f"pix_{key.id}_…", "created": _day(key.created), "expires": _day(key.expires)}
        for key in KeyStore(_folder(context)).all()
    ]
    show(rows, as_json=as_json)


@keys.command()
def revoke(context: typer.Context, name: Name) -> None:
    """Refuse a key from now on; when the command returns, a running gateway refuses it.

    \b
    pixserve keys revoke shop-backend
    """
    folder = _folder(context)
    KeyStore(folder).revoke(name)
    _apply(folder, f"{name} may not ask any more")


def _folder(context: typer.Context) -> Path:
    """The gateway's folder of the server that the options before the command name."""
    runtime_dir = target_of(context).runtime_dir or PROJECT / ".run"
    return gateway_directory(RuntimeDirectory(runtime_dir.resolve()))


def _apply(folder: Path, sentence: str) -> None:
    say(sentence if apply_keys(folder) else f"{sentence}, once the gateway runs: `make gateway` starts it")


def _day(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()
