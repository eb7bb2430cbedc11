"""More workers: started one after the other, so that those at work keep a core, and waited for until each is ready."""

import time

from operations.errors import NotLoadedError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion
from pixserve.runtime_directory import RuntimeDirectory
from pixserve.worker_log import worker_deaths

POLL_S = 0.1
READY_TIMEOUT_S = 60.0


def add_workers(
    management: ManagementClient,
    model: str,
    version: str,
    *,
    workers: int,
    runtime_directory: RuntimeDirectory | None,
    timeout_s: float = READY_TIMEOUT_S,
) -> ModelVersion:
    """Bring a version to `workers` ready workers, which must not be fewer than it has; return its description.

    Args:
        runtime_directory: the server's, whose log says why a worker did not load; None where this machine lacks it.
        timeout_s: how long each worker may take.

    Raises:
        NotLoadedError: one did not load; those that did stay.
    """
    described = management.describe(model, version)
    for count in range(max(1, described.wanted_workers), workers + 1):
        if described.wanted_workers < count:
            management.scale(model, version, workers=count)
        described = _wait_until_ready(
            management, model, version, runtime_directory=runtime_directory, timeout_s=timeout_s
        )
    return described


def _wait_until_ready(
    management: ManagementClient,
    model: str,
    version: str,
    *,
    runtime_directory: RuntimeDirectory | None,
    timeout_s: float,
) -> ModelVersion:
    deadline_s = time.monotonic() + timeout_s
    while not (described := management.describe(model, version)).is_ready:
        loading = {worker.id for worker in described.workers if not worker.ready}
        log = read_worker_log(runtime_directory) if runtime_directory else ""
        for death in worker_deaths(log):
            if death.worker in loading:
                raise NotLoadedError(f"a worker of {model} {version} did not load: {death.reason}")
        if time.monotonic() > deadline_s:
            raise NotLoadedError(f"a worker of {model} {version} was not ready after {timeout_s:.0f} s")
        time.sleep(POLL_S)
    return described


def read_worker_log(runtime_directory: RuntimeDirectory) -> str:
    """Return what the workers have printed; nothing where none has printed yet."""
    try:
        return runtime_directory.worker_log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
