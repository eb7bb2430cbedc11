"""Stop without losing a request: TorchServe by itself drops what is in flight when it is told to end.

The order is what matters:

1. Wait for a job at the end of each queue: whatever was accepted before has then left it for a worker.
2. Raise the drain file: from here on, handlers answer 503 `ServerStopping`, and TorchServe closes those connections.
3. Close the port of the inference API: who has connected is let in, new connections are refused.
4. Wait until every worker has answered one more job: it runs one batch at a time, so its earlier ones have ended.

After that nothing is in flight but refusals, and the processes can end.
"""

import sys
import time
from typing import TYPE_CHECKING

from pixserve.errors import ClientError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion
from serving.errors import ServingError
from serving.listeners import close_listener

if TYPE_CHECKING:
    from serving.server import Server

SETTLE_S = 0.2  # for answers on their way from the front end to the client


def drain(server: "Server", *, timeout_s: float) -> None:
    """Refuse new requests and wait until those in flight have been answered, at most `timeout_s` seconds.

    A server that does not answer is not waited for: a warning says that requests may have been lost.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with server.management() as management:
            versions = [version for version in management.every_version() if version.workers]
            for version in versions:
                wait_for_workers(management, version, 1, deadline=deadline)
            server.settings.runtime_directory.draining.touch()
            close_listener(server.pid, int(server.settings.inference.rpartition(":")[2]))
            for version in versions:
                wait_for_workers(management, version, len(version.workers), deadline=deadline)
    except (ServingError, ClientError) as fault:
        print(f"warning: stopping without a drain, requests in flight may be lost: {fault}", file=sys.stderr)
    time.sleep(SETTLE_S)


def wait_for_workers(management: ManagementClient, version: ModelVersion, count: int, *, deadline: float) -> None:
    """Wait until `count` different workers have answered a job sent through the version's queue.

    Raises:
        ServingError: they had not by the deadline (seconds of the monotonic clock).
        ClientError: the server did not answer.
    """
    answered: set[int] = set()
    while len(answered) < count:
        if time.monotonic() > deadline:
            missing = count - len(answered)
            raise ServingError(
                f"{missing} of {count} workers of {version.model} {version.version} did not finish in time"
            )
        answered.add(management.ask_worker(version.model, version.version)["pid"])
