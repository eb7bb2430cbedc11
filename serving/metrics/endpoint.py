"""The scrape address: one HTTP server in the launcher, for every metric of the service."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, start_http_server

from pixserve.management import ManagementClient
from pixserve.retries import NO_RETRIES
from pixserve.rollout_history import RolloutHistory
from pixserve.runtime_directory import RuntimeDirectory
from pixserve.tokens import Tokens
from serving.directory import clear_metrics
from serving.listeners import require_free
from serving.metrics.access_log import AccessLog
from serving.metrics.drift import Drift
from serving.metrics.service import Lifecycle, Processes, ServedVersions
from serving.metrics.worker_files import WorkerFiles
from serving.settings import Settings

READ_LOG_EVERY_S = 1.0  # the access log is rotated at 10 MB, and the one before is kept: seconds of the highest load


@contextmanager
def metrics_endpoint(settings: Settings) -> Iterator[Callable[[], None]]:
    """Serve the metrics for as long as the context lasts; yield what to call when TorchServe is started again.

    Counters start at zero. Nothing is served where `enable_metrics_api` is false.

    Raises:
        ServingError: the port is in use.
    """
    directory = settings.runtime_directory
    clear_metrics(directory)
    versions = ServedVersions(lambda: _management(settings, directory))
    lifecycle = Lifecycle(RolloutHistory(directory.rollouts), versions)

    def restarted() -> None:
        lifecycle.restarts += 1

    if not settings.serves_metrics:
        yield restarted
        return
    require_free({"metrics_address": settings.metrics_port})
    registry, log = CollectorRegistry(), AccessLog(directory.access_log)
    counted = Drift(WorkerFiles(directory.metrics, versions.registered), versions.now, settings.store)
    for collector in (counted, log, versions, Processes(versions)):
        registry.register(collector)
    registry.register(lifecycle)
    address = urlsplit(settings.properties["metrics_address"])
    server, thread = start_http_server(settings.metrics_port, addr=str(address.hostname), registry=registry)
    stopping = threading.Event()
    reader = threading.Thread(target=_read_on, args=(log, stopping), name="access-log", daemon=True)
    reader.start()
    try:
        yield restarted
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
        reader.join()
        log.close()


def _read_on(log: AccessLog, stopping: threading.Event) -> None:
    while not stopping.wait(READ_LOG_EVERY_S):
        log.read()


def _management(settings: Settings, directory: RuntimeDirectory) -> ManagementClient:
    tokens = Tokens(directory.key_file, management=settings.management) if settings.tokens else None
    return ManagementClient(settings.management, tokens=tokens, retries=NO_RETRIES, timeout_s=2)
