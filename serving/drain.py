"""Stop without losing a request: TorchServe by itself drops what is in flight when it is told to end.

The order is what matters:

1. Wait for a job at the end of each queue: whatever was accepted before has then left it for a worker.
2. Create the draining file: from here on, handlers answer 503 `ServerStopping`, and TorchServe closes those
   connections.
3. Close the port of the inference API: connections that were made are served, new ones are refused.
4. Wait until every worker has answered one more job: it runs one batch at a time, so its earlier ones have ended.

After that nothing is in flight but refusals, and the processes can end.
"""

import time
from collections.abc import Callable
from pathlib import Path

from pixserve.management import ManagementClient
from pixserve.records import ModelVersion
from serving.errors import ServingError

SETTLE_S = 0.2  # for answers on their way from the front end to the client


def drain(
    management: ManagementClient, *, draining: Path, close_inference: Callable[[], object], timeout_s: float
) -> None:
    """Refuse new requests and wait until those in flight have been answered, at most `timeout_s` seconds.

    Args:
        management: the server's management API.
        draining: the file that makes handlers refuse.
        close_inference: closes the port of the inference API.
        timeout_s: how long all of it may take.

    Raises:
        ServingError: some workers did not finish in time; requests may be lost.
        ClientError: the server did not answer; likewise.
    """
    deadline_s = time.monotonic() + timeout_s
    versions = [version for version in management.every_version() if version.workers]
    for version in versions:
        _wait_for_workers(management, version, 1, deadline_s=deadline_s)
    draining.touch()
    close_inference()
    for version in versions:
        _wait_for_workers(management, version, len(version.workers), deadline_s=deadline_s)
    time.sleep(SETTLE_S)


def _wait_for_workers(management: ManagementClient, version: ModelVersion, count: int, *, deadline_s: float) -> None:
    """Wait until `count` different workers have answered a job sent through the version's queue."""
    answered: set[int] = set()
    while len(answered) < count:
        if time.monotonic() > deadline_s:
            missing = count - len(answered)
            raise ServingError(
                f"{missing} of {count} workers of {version.model} {version.version} did not finish in time"
            )
        answered.add(management.ask_worker(version.model, version.version)["pid"])
