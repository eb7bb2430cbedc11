"""Changes of the default version, at once: promote, roll back, restore. Each is recorded in the history of defaults."""

from operations.errors import NoEarlierVersionError, RolloutError
from operations.local_server import require_runtime_directory
from pixserve.connection import Connection
from pixserve.default_history import default_history
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion


def promote(connection: Connection, model: str, version: str) -> ModelVersion:
    """Make a version the default; nothing is lost, for requests accepted before stay in their version's queue.

    Where the server's runtime directory is on another machine, the launcher there records the change.

    Raises:
        RolloutError: not all of its workers are ready.
        VersionNotFoundError: it is not registered.
    """
    directory = connection.endpoints.runtime_directory
    if directory is None:
        return _make_default(connection.management, model, version)
    with default_history(directory) as history:
        history.record(model, connection.management.default_version(model))
        described = _make_default(connection.management, model, version)
        history.record(model, version)
    return described


def roll_back(connection: Connection, model: str, *, to: str | None = None) -> tuple[str, str]:
    """Undo the last change of the default, whoever made it; return the version left and the one gone back to.

    Args:
        to: the version to go back to, instead of the one before the last change.

    Raises:
        NoEarlierVersionError: none that was the default before is registered.
        RolloutError: it has no ready workers.
    """
    management = connection.management
    with default_history(require_runtime_directory(connection)) as history:
        present = management.default_version(model)
        history.record(model, present)
        registered = {version.version for version in management.versions(model)}
        back = to or history.previous(model, registered)
        if back is None:
            raise NoEarlierVersionError(
                f"{model} has no earlier default that is still registered; `pixserve models` lists what there is, "
                "`pixserve promote VERSION` chooses one"
            )
        _make_default(management, model, back)
        history.undo(model, back)
    return present, back


def restore_default(connection: Connection, model: str, version: str) -> None:
    """Make a version the default that was it a moment ago, whatever the state of its workers."""
    with default_history(require_runtime_directory(connection)) as history:
        history.record(model, connection.management.default_version(model))
        connection.management.set_default(model, version)
        history.undo(model, version)


def _make_default(management: ManagementClient, model: str, version: str) -> ModelVersion:
    described = management.describe(model, version)
    if not described.is_ready:
        raise RolloutError(
            f"{model} {version} has {described.ready_workers} of {described.wanted_workers} workers ready: "
            f"`pixserve scale {version} 2` starts some"
        )
    if not described.is_default:
        management.set_default(model, version)
    return described
