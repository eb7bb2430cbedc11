"""pixserve register, promote, rollback, scale, retire: one change to what a server serves."""

from pathlib import Path
from typing import Annotated

import typer

from operations import switch
from operations.loading import add_workers
from operations.local_server import require_runtime_directory, require_store
from operations.lock import exclusive_lock
from operations.quiesce import scale_down, unregister_gracefully
from operations.signals import defer_signals
from pixserve.archive_signatures import require_signature_where_configured
from pixserve.commands.options import Version, target_of
from pixserve.commands.output import quantity, say
from pixserve.connection import Connection
from pixserve.errors import ArchiveNotFoundError
from pixserve.refused_archives import refusal

Archive = Annotated[Path, typer.Argument(help="An archive in the model store.", show_default=False)]
Workers = Annotated[int, typer.Argument(help="Worker processes.", min=1, show_default=False)]
NewWorkers = Annotated[int | None, typer.Option("--workers", help="Worker processes.", show_default="as the default")]
To = Annotated[str | None, typer.Option(help="The version to go back to.", show_default="the default before")]
Last = Annotated[bool, typer.Option("--last", help="Also the model's only version, and so the model.")]


def register(context: typer.Context, archive: Archive, workers: NewWorkers = None) -> None:
    """Register an archive of the model store and wait until its workers are ready; it is not made the default.

    \b
    pixserve register cifar10-2.0.mar --workers 2
    """
    with target_of(context).connect() as connection:
        management = connection.management
        runtime_directory = require_runtime_directory(connection)
        name = archive_name(archive, connection)
        warn_of_refusal(name, connection)
        require_signature_where_configured(require_store(connection) / name, runtime_directory)
        with exclusive_lock(runtime_directory):
            registered = management.register(name)
            model, version = registered.model, registered.version
            count = workers or len(management.describe(model).workers) or 1
            try:
                add_workers(management, model, version, workers=count, runtime_directory=runtime_directory)
            except BaseException:
                with defer_signals():
                    unregister_gracefully(
                        management, model, version, runtime_directory=runtime_directory, even_if_last=True
                    )
                raise
    say(f"{model} {version} is registered with {quantity(count, 'worker')}")


def promote(context: typer.Context, version: Version) -> None:
    """Make a version the default, at once and without a check of its answers: `rollout` checks.

    \b
    pixserve promote 2.0
    """
    target = target_of(context)
    with target.connect() as connection:
        switch.promote(connection, target.model, version)
    say(f"{target.model} {version} is the default")


def rollback(context: typer.Context, to: To = None) -> None:
    """Undo the last change of the default version, at once; doing it again undoes the change before that.

    \b
    pixserve rollback
    pixserve rollback --to 1.0
    """
    target = target_of(context)
    with target.connect() as connection:
        left, back = switch.roll_back(connection, target.model, to=to)
    say(f"{target.model} {back} is the default; {left} stays registered")


def scale(context: typer.Context, version: Version, workers: Workers) -> None:
    """Give a version more workers or fewer; those that are removed first finish what they have.

    \b
    pixserve scale 1.0 4
    """
    target = target_of(context)
    with target.connect() as connection:
        management = connection.management
        runtime_directory = require_runtime_directory(connection)
        with exclusive_lock(runtime_directory):
            described = management.describe(target.model, version)
            if workers < len(described.workers):
                scale_down(management, described, workers=workers, runtime_directory=runtime_directory)
            else:
                add_workers(management, target.model, version, workers=workers, runtime_directory=runtime_directory)
    say(f"{target.model} {version} has {quantity(workers, 'worker')}")


def retire(
    context: typer.Context,
    version: Version,
    timeout: Annotated[float, typer.Option(help="How long to wait until no request comes for it, in seconds.")] = 30,
    last: Last = False,
) -> None:
    """Unregister a version once no request comes for it; none is lost. `register` brings it back.

    The default version is retired only where it is the only one, and with --last.

    \b
    pixserve retire 1.0
    pixserve --model pets retire 1.0 --last
    """
    target = target_of(context)
    with target.connect() as connection:
        runtime_directory = require_runtime_directory(connection)
        with exclusive_lock(runtime_directory):
            unregister_gracefully(
                connection.management,
                target.model,
                version,
                runtime_directory=runtime_directory,
                timeout_s=timeout,
                even_if_last=last,
            )
    say(f"{target.model} {version} is unregistered")


def archive_name(archive: Path, connection: Connection) -> str:
    """Return the name TorchServe knows an archive by; a path must lead to the server's own model store.

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


def warn_of_refusal(archive: str, connection: Connection) -> None:
    """Say on standard error that a rollout refused an archive, if one did."""
    path = connection.endpoints.store and connection.endpoints.store / archive
    if path and path.is_file() and (reason := refusal(path)):
        say(f"warning: a rollout refused {archive}: {reason}")
