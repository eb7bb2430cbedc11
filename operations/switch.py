"""From one version to another at once: promote, and roll back."""

from operations.errors import NoEarlierVersionError, RolloutError
from operations.history import earlier_defaults
from operations.rollout import require_runtime_directory
from pixserve.connection import Connection
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion
from pixserve.runtime_directory import RuntimeDirectory


def promote(management: ManagementClient, model: str, version: str) -> ModelVersion:
    """Make a version the default; nothing is lost, for what was accepted before stays where it is.

    Raises:
        RolloutError: not all of its workers are ready.
        VersionNotFoundError: it is not registered.
    """
    described = management.describe(model, version)
    if not described.is_ready:
        raise RolloutError(
            f"{model} {version} has {described.ready_workers} of {described.wanted_workers} workers ready: "
            f"`pixserve scale {version} 2` starts some"
        )
    if not described.is_default:
        management.set_default(model, version)
    return described


def roll_back(connection: Connection, model: str, *, to: str | None = None) -> tuple[str, str]:
    """Make the version the default that was it before; return the version left and the one gone back to.

    Raises:
        NoEarlierVersionError: none that was the default before is registered.
        RolloutError: it has no ready workers.
    """
    management = connection.management
    present = management.default_version(model)
    back = to or _earlier(management, model, runtime_directory=require_runtime_directory(connection))
    promote(management, model, back)
    return present, back


def _earlier(management: ManagementClient, model: str, *, runtime_directory: RuntimeDirectory) -> str:
    registered = {version.version for version in management.versions(model)}
    for version in earlier_defaults(runtime_directory, model):
        if version in registered:
            return version
    raise NoEarlierVersionError(
        f"{model} has no earlier default that is still registered; `pixserve models` lists what there is, "
        "`pixserve promote VERSION` chooses one"
    )
