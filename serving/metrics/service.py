"""What TorchServe's management API, the operating system and the launcher know of the service, asked at each scrape."""

import importlib.metadata
import itertools
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator

import psutil
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pixserve.errors import ClientError
from pixserve.management import ManagementClient
from pixserve.records import ModelVersion
from pixserve.rollout_history import RESULTS, RolloutHistory
from serving.metrics.worker_files import Versions
from serving.processes import FRONT_END, WORKER

MODEL = ("model", "version")
KEEP_S = 0.5  # collectors of one scrape share what management said
BUILD = ("pixserve", "torchserve", "openvino")


class ServedVersions(Collector):
    """Versions, workers and queues.

    Args:
        open_management: opens the management API.
    """

    def __init__(self, open_management: Callable[[], ManagementClient]) -> None:
        self._open = open_management
        self._asked_s = float("-inf")
        self._versions: list[ModelVersion] | None = None

    def now(self) -> list[ModelVersion] | None:
        """Every version; None where TorchServe does not answer, as while it starts."""
        if time.monotonic() - self._asked_s > KEEP_S:
            try:
                with self._open() as management:
                    self._versions = management.every_version()
            except (ClientError, OSError):  # OSError: its key file is not there yet
                self._versions = None
            self._asked_s = time.monotonic()
        return self._versions

    def registered(self) -> Versions | None:
        """The names of the versions, likewise."""
        versions = self.now()
        return None if versions is None else frozenset((one.model, one.version) for one in versions)

    def collect(self) -> Iterator[Metric]:
        """A gauge for each fact; without versions while TorchServe does not answer."""
        versions = self.now()
        yield GaugeMetricFamily("pixserve_up", "Whether TorchServe's management answers.", versions is not None)
        facts: dict[str, tuple[str, Callable[[ModelVersion], float]]] = {
            "pixserve_workers_ready": ("Workers that have loaded their model.", lambda one: one.ready_workers),
            "pixserve_workers_wanted": ("Workers that there should be.", lambda one: one.wanted_workers),
            "pixserve_queue_requests": ("Requests that wait for a worker.", lambda one: one.queued),
            "pixserve_queue_capacity_requests": ("Requests that may wait.", lambda one: one.queued + one.queue_room),
            "pixserve_default_version": ("1 for the version that answers by default.", lambda one: one.is_default),
        }
        for name, (text, value) in facts.items():
            family = GaugeMetricFamily(name, text, labels=MODEL)
            for one in versions or ():
                family.add_metric((one.model, one.version), value(one))
            yield family

    def describe(self) -> Iterable[Metric]:
        """Nothing: naming them would ask TorchServe."""
        return []


class Processes(Collector):
    """CPU and memory of the launcher and of every process below it.

    Args:
        versions: tells which version a worker serves.
    """

    def __init__(self, versions: ServedVersions) -> None:
        self._versions = versions

    def collect(self) -> Iterator[Metric]:
        """Series by role and process id: each is of one process, so that a counter never falls."""
        workers = {worker.pid: one for one in self._versions.now() or () for worker in one.workers}
        labels = ("role", "pid", *MODEL)
        cpu = CounterMetricFamily("pixserve_process_cpu_seconds", "CPU time of a process.", labels=labels)
        memory = GaugeMetricFamily("pixserve_process_resident_memory_bytes", "Memory of a process.", labels=labels)
        launcher = psutil.Process(os.getpid())
        for process in [launcher, *launcher.children(recursive=True)]:
            try:
                role = "launcher" if process == launcher else _role(process.cmdline())
                with process.oneshot():
                    times, resident = process.cpu_times(), process.memory_info().rss
            except psutil.Error:  # it has ended this moment
                continue
            if role:
                served = workers.get(process.pid)
                named = (role, str(process.pid), served.model if served else "", served.version if served else "")
                cpu.add_metric(named, times.user + times.system)
                memory.add_metric(named, resident)
        yield cpu
        yield memory

    def describe(self) -> Iterable[Metric]:
        """Nothing, likewise."""
        return []


def _role(command: list[str]) -> str:
    if FRONT_END in command:
        return "torchserve"
    if any(argument.endswith(WORKER) for argument in command):
        return "worker"
    return "front" if command[1:3] == ["-m", "front"] else ""


class Lifecycle(Collector):
    """Starts of TorchServe, rollouts, and what runs.

    Args:
        rollouts: the history of rollouts; those before now do not count.
        versions: tells which models there are.
    """

    def __init__(self, rollouts: RolloutHistory, versions: ServedVersions) -> None:
        self._rollouts = rollouts
        self._versions = versions
        self._since_s = time.time()
        self.restarts = 0  # of TorchServe, after it ended by itself

    def collect(self) -> Iterator[Metric]:
        """Counters from the launcher's start."""
        yield CounterMetricFamily(
            "pixserve_server_restarts", "Times that TorchServe ended by itself and was started again.", self.restarts
        )
        rollouts = CounterMetricFamily(
            "pixserve_rollouts", "Rollouts that have ended, by their result.", labels=("model", "result")
        )
        counts = self._rollouts.counts(since_s=self._since_s)
        models = {one.model for one in self._versions.now() or ()} | {model for model, _ in counts}
        for model, result in itertools.product(sorted(models), RESULTS):  # zeros too: Prometheus sees the first one
            rollouts.add_metric((model, result), counts[model, result])
        yield rollouts
        yield GaugeMetricFamily("pixserve_start_time_seconds", "When the launcher started.", self._since_s)
        info = GaugeMetricFamily("pixserve_build_info", "1, with what runs.", labels=(*BUILD, "python"))
        info.add_metric([*map(_installed, BUILD), platform.python_version()], 1)
        yield info

    def describe(self) -> Iterable[Metric]:
        """Nothing, likewise."""
        return []


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
