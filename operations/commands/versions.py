"""pixserve register, promote, rollback, scale, retire: one change to what a server serves."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from operations.loading import add_workers
from operations.lock import exclusive_lock
from operations.quiesce import remove, scale_down
from operations.rollout import require_runtime_directory, uninterrupted
from operations.switch import promote as make_default
from operations.switch import roll_back
from pixserve.commands.options import Version, target_of
from pixserve.connection import Connection
from pixserve.errors import ArchiveNotFoundError

Archive = Annotated[Path, typer.Argument(help="An archive in the model store.", show_default=False)]
Workers = Annotated[int, typer.Argument(help="Worker processes.", min=1, show_default=False)]
NewWorkers = Annotated[int | None, typer.Option("--workers", help="Worker processes.", show_default="as the default")]
To = Annotated[str | None, typer.Option(help="The version to go back to.", show_default="the default before")]


def register(context: typer.Context, archive: Archive, workers: NewWorkers = None) -> None:
    """Register an archive of the model store and wait until its workers are ready; it is not made the default.

    \b
    pixserve register cifar10-2.0.mar --workers 2
    """
    connection = target_of(context).connect()
    management = connection.management
    runtime_directory = require_runtime_directory(connection)
    with exclusive_lock(runtime_directory):
        registered = management.register(archive_name(archive, connection))
        count = workers or len(management.describe(registered.model).workers) or 1
        try:
            add_workers(
                management, registered.model, registered.version, workers=count, runtime_directory=runtime_directory
            )
        except BaseException:
            with uninterrupted():
                remove(management, registered.model, registered.version, runtime_directory=runtime_directory)
            raise
    say(f"{registered.model} {registered.version} is registered with {count} workers")


def promote(context: typer.Context, version: Version) -> None:
    """Make a version the default, at once and without a check of its answers: `rollout` checks.

    \b
    pixserve promote 2.0
    """
    target = target_of(context)
    make_default(target.connect(), target.model, version)
    say(f"{target.model} {version} is the default")


def rollback(context: typer.Context, to: To = None) -> None:
    """Undo the last change of the default version, at once; doing it again undoes the change before that.

    \b
    pixserve rollback
    pixserve rollback --to 1.0
    """
    target = target_of(context)
    left, back = roll_back(target.connect(), target.model, to=to)
    say(f"{target.model} {back} is the default; {left} stays registered")


def scale(context: typer.Context, version: Version, workers: Workers) -> None:
    """Give a version more workers or fewer; those that leave first finish what they have.

    \b
    pixserve scale 1.0 4
    """
    target = target_of(context)
    connection = target.connect()
    management = connection.management
    runtime_directory = require_runtime_directory(connection)
    with exclusive_lock(runtime_directory):
        described = management.describe(target.model, version)
        if workers < len(described.workers):
            scale_down(management, described, workers=workers, runtime_directory=runtime_directory)
        else:
            add_workers(management, target.model, version, workers=workers, runtime_directory=runtime_directory)
    say(f"{target.model} {version} has {workers} workers")


def retire(
    context: typer.Context,
    version: Version,
    timeout: Annotated[float, typer.Option(help="How long to wait until nobody asks for it, in seconds.")] = 30,
) -> None:
    """Unregister a version once nobody asks for it; no request is lost. `register` brings it back.

    \b
    pixserve retire 1.0
    """
    target = target_of(context)
    connection = target.connect()
    runtime_directory = require_runtime_directory(connection)
    with exclusive_lock(runtime_directory):
        remove(connection.management, target.model, version, runtime_directory=runtime_directory, timeout_s=timeout)
    say(f"{target.model} {version} is gone")


def archive_name(archive: Path, connection: Connection) -> str:
    """The name TorchServe knows an archive by; a path must lead to the server's own model store.

    Raises:
        ArchiveNotFoundError: the path leads elsewhere, or nowhere.
    """
    store = connection.endpoints.store
    if archive.name == str(archive) or store is None:
        return archive.name
    if not archive.is_file():
        raise ArchiveNotFoundError(f"there is no archive {archive}")
    if archive.resolve().parent != store.resolve():
        raise ArchiveNotFoundError(f"{archive} is not in the server's model store: copy it to {store} first")
    return archive.name


def say(sentence: str) -> None:
    """Tell a person what was done; stdout is for results."""
    print(sentence, file=sys.stderr)
